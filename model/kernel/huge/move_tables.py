# SPDX-License-Identifier: GPL-2.0-only
"""mremap of what a whole page table maps: the table moves, not its entries.

mmap_lock is held for writing.  Left out: a registered VMA, whose entries are looked at one by one
(uffd_supports_page_table_move), and whole tables of PMDs (move_normal_pud).
"""

from __future__ import annotations

from model.hw.arch import arch
from model.hw.objects import Addr, Pmd, Table
from model.lang import kernel, step

from ..locks import spin_lock, spin_lock_nested, spin_unlock
from ..objects import Vma
from ..pgtable import pmd_clear, pmd_none, pmd_populate, pmdp_get_lockless
from ..tlbflush import PTRS_PER_TABLE, flush_tlb_mm, flush_tlb_range, is_whole_mm


@step(traits="ghost")
def entries_map_at(table: Table, old_pmd: Pmd, new_pmd: Pmd) -> None:
    """The addresses of a table's entries follow from the PMD entry that points to it: nothing is
    written.  A world whose tables move says here how they are found at the new place."""


@kernel("mm/mremap.c:move_normal_pmd", "7.3.4")
def move_normal_pmd(vma: Vma, old_addr: Addr, length: int, old_pmd: Pmd, new_pmd: Pmd) -> bool:
    """Whether the table was moved; the flush comes before the locks are dropped."""
    if vma.uffd_wp or vma.uffd_missing:
        return False
    if not arch().moves_tables:
        return False
    if not pmd_none(new_pmd):
        return False
    moved = False
    spin_lock(old_pmd.ptl)
    if new_pmd.ptl != old_pmd.ptl:
        spin_lock_nested(new_pmd.ptl)
    table = pmdp_get_lockless(old_pmd)
    if table is not None:
        pmd_clear(old_pmd)
        entries_map_at(table, old_pmd, new_pmd)
        pmd_populate(new_pmd, table)
        if is_whole_mm(PTRS_PER_TABLE):
            flush_tlb_mm(vma.mm)
        else:
            flush_tlb_range(vma, old_addr, old_addr + length)
        moved = True
    if new_pmd.ptl != old_pmd.ptl:
        spin_unlock(new_pmd.ptl)
    spin_unlock(old_pmd.ptl)
    return moved

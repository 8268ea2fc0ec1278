# SPDX-License-Identifier: GPL-2.0-only
"""mremap of what a whole page table maps: the table moves, not its entries.

mmap_lock is held for writing.  Left out: whole tables of PMDs (move_normal_pud).  The entries of a
registered VMA are looked at one by one (uffd_supports_page_table_move, which asks of both VMAs).
"""

from __future__ import annotations

from model.hw.arch import arch
from model.hw.objects import Addr, Pmd, Table
from model.lang import kernel, step

from ..folio import pinned_there
from ..locks import spin_lock, spin_lock_nested, spin_unlock
from ..objects import Mm, Vma
from ..pgtable import addresses_of, pmd_clear, pmd_none, pmd_populate, pmdp_get_lockless
from ..tlbflush import flush_table_range


@step(traits="ghost")
def entries_map_at(mm: Mm, table: Table | None, old_pmd: Pmd, new_pmd: Pmd) -> None:
    """The entries of a table are those of other addresses, and pins of their pages go along.

    Which address an entry maps follows from the PMD entry that points to its table (`maps_at`), so
    that nothing of the table is written.  A world in which a table has one place at a time says
    here how its entries are found at the new one.
    """
    for old, new in zip(addresses_of(old_pmd), addresses_of(new_pmd), strict=True):
        pinned_there(mm, old, new)


@kernel("mm/mremap.c:move_normal_pmd", "7.3.4")
def move_normal_pmd(vma: Vma, old_addr: Addr, length: int, old_pmd: Pmd, new_pmd: Pmd) -> bool:
    """Whether the table was moved; the flush comes before the locks are dropped."""
    if vma.uffd_wp or vma.uffd_missing:
        return False
    if not arch().moves_tables:
        return False
    if not pmd_none(new_pmd):
        return False
    spin_lock(old_pmd.ptl)
    if new_pmd.ptl != old_pmd.ptl:
        spin_lock_nested(new_pmd.ptl)
    table = pmdp_get_lockless(old_pmd)
    if table is None:  # goto out_unlock
        if new_pmd.ptl != old_pmd.ptl:
            spin_unlock(new_pmd.ptl)
        spin_unlock(old_pmd.ptl)
        return False
    pmd_clear(old_pmd)
    entries_map_at(vma.mm, table, old_pmd, new_pmd)
    pmd_populate(new_pmd, table)
    flush_table_range(vma, old_addr, old_addr + length)
    if new_pmd.ptl != old_pmd.ptl:
        spin_unlock(new_pmd.ptl)
    spin_unlock(old_pmd.ptl)
    return True

# SPDX-License-Identifier: GPL-2.0-only
"""mremap of 5.14 (97113eb39fa7): walks of the reverse map are kept off wherever a table moves.

What the old PMD entry is was looked at before any lock is taken, and is not looked at again.
"""

from __future__ import annotations

from model.hw.arch import arch
from model.hw.objects import Addr, Pmd
from model.kernel.anon.mremap import drop_rmap_locks, move_ptes, take_rmap_locks
from model.kernel.huge.move_tables import entries_map_at
from model.kernel.locks import spin_lock, spin_lock_nested, spin_unlock
from model.kernel.mmap_lock import mmap_write_lock, mmap_write_unlock
from model.kernel.objects import Vma
from model.kernel.pgtable import pmd_clear, pmd_none, pmd_populate, pmdp_get_lockless, pte_alloc
from model.kernel.rmap import pmd_of
from model.kernel.task import reports_moved
from model.kernel.tlbflush import flush_table_range
from model.lang import kernel


@kernel("mm/mremap.c:move_normal_pmd", "97113eb39fa7")
def move_normal_pmd(vma: Vma, old_addr: Addr, old_end: Addr, old_pmd: Pmd, new_pmd: Pmd) -> bool:
    """True if the table was moved."""
    if not pmd_none(new_pmd):
        return False
    spin_lock(old_pmd.ptl)
    if new_pmd.ptl != old_pmd.ptl:
        spin_lock_nested(new_pmd.ptl)
    pmd = pmdp_get_lockless(old_pmd)
    pmd_clear(old_pmd)
    entries_map_at(vma.mm, pmd, old_pmd, new_pmd)
    pmd_populate(new_pmd, pmd)
    flush_table_range(vma, old_addr, old_end)
    if new_pmd.ptl != old_pmd.ptl:
        spin_unlock(new_pmd.ptl)
    spin_unlock(old_pmd.ptl)
    return True


@kernel("mm/mremap.c:move_pgt_entry", "97113eb39fa7")
def move_pgt_entry(vma: Vma, old_addr: Addr, old_end: Addr, old_pmd: Pmd, new_pmd: Pmd) -> bool:
    take_rmap_locks(vma)
    moved = move_normal_pmd(vma, old_addr, old_end, old_pmd, new_pmd)
    drop_rmap_locks(vma)
    return moved


@kernel("mm/mremap.c:move_page_tables", "97113eb39fa7")
def move_page_tables(
    vma: Vma, old_addr: Addr, new_vma: Vma, new_addr: Addr, length: int, extent_is_pmd: bool,
    need_rmap_locks: bool,
) -> None:  # fmt: skip
    old_pmd = pmd_of(vma)
    new_pmd = pmd_of(new_vma)
    old_end: Addr = old_addr + length
    if pmd_none(old_pmd):  # get_old_pmd
        return
    moved = False
    if extent_is_pmd and arch().moves_tables:
        moved = move_pgt_entry(vma, old_addr, old_end, old_pmd, new_pmd)
    if not moved:
        pte_alloc(new_pmd)
        move_ptes(vma, old_pmd, new_pmd, old_addr, new_addr, length, need_rmap_locks)


@kernel("mm/mremap.c:move_vma", "97113eb39fa7")
def move_vma(vma: Vma, new_vma: Vma, extent_is_pmd: bool, need_rmap_locks: bool) -> None:
    mmap_write_lock(vma.mm)
    move_page_tables(
        vma, vma.start, new_vma, new_vma.start, vma.end - vma.start, extent_is_pmd, need_rmap_locks
    )  # fmt: skip
    reports_moved(vma.start, vma.end)
    mmap_write_unlock(vma.mm)

# SPDX-License-Identifier: GPL-2.0-only
"""mremap as posted on 2018-10-12 (v2 2/2): a whole table is moved, and flushed by the caller.

On every architecture alike.  What is not a whole table goes entry by entry as in 4.18.
"""

from __future__ import annotations

from model.hw.objects import Addr, Pmd
from model.kernel.anon.mremap import drop_rmap_locks, take_rmap_locks
from model.kernel.huge.move_tables import entries_map_at
from model.kernel.locks import spin_lock, spin_lock_nested, spin_unlock
from model.kernel.mmap_lock import mmap_write_lock, mmap_write_unlock
from model.kernel.objects import Vma
from model.kernel.pgtable import pmd_clear, pmd_none, pmdp_get_lockless, pte_alloc
from model.kernel.rmap import pmd_of
from model.kernel.task import reports_moved
from model.kernel.tlbflush import flush_tlb_range
from model.lang import kernel

from .by_entry import move_ptes
from .common import set_pmd_at


@kernel("mm/mremap.c:move_normal_pmd", "v2")
def move_normal_pmd(vma: Vma, new_addr: Addr, old_pmd: Pmd, new_pmd: Pmd) -> bool:
    """True if the table was moved; then there is a flush to do (*need_flush)."""
    if not pmd_none(new_pmd):
        return False
    spin_lock(old_pmd.ptl)
    if new_pmd.ptl != old_pmd.ptl:
        spin_lock_nested(new_pmd.ptl)
    pmd = pmdp_get_lockless(old_pmd)
    pmd_clear(old_pmd)
    entries_map_at(vma.mm, pmd, old_pmd, new_pmd)
    set_pmd_at(vma.mm, new_addr, new_pmd, pmd)
    if new_pmd.ptl != old_pmd.ptl:
        spin_unlock(new_pmd.ptl)
    spin_unlock(old_pmd.ptl)
    return True


@kernel("mm/mremap.c:move_page_tables", "v2")
def move_page_tables(
    vma: Vma, old_addr: Addr, new_vma: Vma, new_addr: Addr, length: int, extent_is_pmd: bool,
    need_rmap_locks: bool,
) -> None:  # fmt: skip
    old_pmd = pmd_of(vma)
    new_pmd = pmd_of(new_vma)
    if pmd_none(old_pmd):  # get_old_pmd
        return
    need_flush = False
    if extent_is_pmd:
        if need_rmap_locks:
            take_rmap_locks(vma)
        need_flush = move_normal_pmd(vma, new_addr, old_pmd, new_pmd)
        if need_rmap_locks:
            drop_rmap_locks(vma)
    if not need_flush:
        pte_alloc(new_pmd)
        need_flush = move_ptes(vma, old_pmd, new_pmd, old_addr, new_addr, length, need_rmap_locks)
    if need_flush:
        flush_tlb_range(vma, old_addr, old_addr + length)


@kernel("mm/mremap.c:move_vma", "v2")
def move_vma(vma: Vma, new_vma: Vma, extent_is_pmd: bool, need_rmap_locks: bool) -> None:
    mmap_write_lock(vma.mm)
    move_page_tables(
        vma, vma.start, new_vma, new_vma.start, vma.end - vma.start, extent_is_pmd, need_rmap_locks
    )  # fmt: skip
    reports_moved(vma.start, vma.end)
    mmap_write_unlock(vma.mm)

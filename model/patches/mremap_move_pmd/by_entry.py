# SPDX-License-Identifier: GPL-2.0-only
"""mremap of 4.18: entry by entry; clean ones are flushed at the end, after all locks are dropped.

Read in 5d1904204c99, which brought the flush of dirty entries, and in the lines that eb66ae030829
and the patch of 2018-10-12 show.  Where a table is gone it returns, as later versions do; in its
time nobody took one away beside mremap.
"""

from __future__ import annotations

from model.hw.objects import Addr, Pmd
from model.kernel.anon.mremap import drop_rmap_locks, moved_pte, take_rmap_locks
from model.kernel.errno import PAGE_SIZE
from model.kernel.folio import pins_go_along
from model.kernel.locks import spin_lock_nested, spin_unlock
from model.kernel.mmap_lock import mmap_write_lock, mmap_write_unlock
from model.kernel.objects import Vma
from model.kernel.pgtable import (
    next_pte,
    pmd_none,
    pte_alloc,
    pte_none,
    pte_offset_map,
    pte_offset_map_lock,
    pte_present,
    pte_unmap,
    pte_unmap_unlock,
    ptep_get,
    ptep_get_and_clear,
    set_pte_at,
)
from model.kernel.rmap import pmd_of
from model.kernel.task import reports_moved
from model.kernel.tlbflush import flush_tlb_batched_pending, flush_tlb_range
from model.lang import kernel


@kernel("mm/mremap.c:move_ptes", "5d1904204c99")
def move_ptes(
    vma: Vma, old_pmd: Pmd, new_pmd: Pmd, old_addr: Addr, new_addr: Addr, length: int,
    need_rmap_locks: bool,
) -> bool:  # fmt: skip
    """True if the caller has a flush to do (*need_flush): of dirty entries it is done here, after
    the lock of the new table is dropped."""
    force_flush = False
    start = old_addr
    old_end: Addr = old_addr + length
    if need_rmap_locks:
        take_rmap_locks(vma)
    old_pte = pte_offset_map_lock(old_pmd, old_addr)
    if old_pte is None:
        if need_rmap_locks:
            drop_rmap_locks(vma)
        return False
    new_pte = pte_offset_map(new_pmd, new_addr)
    if new_pte is None:
        pte_unmap_unlock(old_pte)
        if need_rmap_locks:
            drop_rmap_locks(vma)
        return False
    old_ptl = old_pte.table.ptl
    new_ptl = new_pte.table.ptl
    if new_ptl != old_ptl:
        spin_lock_nested(new_ptl)
    flush_tlb_batched_pending(vma.mm)
    while True:
        pte = ptep_get(old_pte)
        if not pte_none(pte):
            pte = ptep_get_and_clear(vma.mm, old_addr, old_pte)
            if pte_present(pte) and pte.dirty:
                force_flush = True
            pins_go_along(vma.mm, old_addr, new_addr)
            set_pte_at(vma.mm, new_addr, new_pte, moved_pte(pte, False))
        old_addr += PAGE_SIZE
        if old_addr == old_end:
            break
        new_addr += PAGE_SIZE
        old_pte = next_pte(old_pte)
        new_pte = next_pte(new_pte)
    if new_ptl != old_ptl:
        spin_unlock(new_ptl)
    pte_unmap(new_pte)
    if force_flush:
        flush_tlb_range(vma, start, old_end)
    pte_unmap_unlock(old_pte)
    if need_rmap_locks:
        drop_rmap_locks(vma)
    return not force_flush


@kernel("mm/mremap.c:move_page_tables", "5d1904204c99")
def move_page_tables(
    vma: Vma, old_addr: Addr, new_vma: Vma, new_addr: Addr, length: int, need_rmap_locks: bool
) -> None:  # fmt: skip
    old_pmd = pmd_of(vma)
    new_pmd = pmd_of(new_vma)
    if pmd_none(old_pmd):  # get_old_pmd
        return
    pte_alloc(new_pmd)
    need_flush = move_ptes(vma, old_pmd, new_pmd, old_addr, new_addr, length, need_rmap_locks)
    if need_flush:
        flush_tlb_range(vma, old_addr, old_addr + length)


@kernel("mm/mremap.c:move_vma", "5d1904204c99")
def move_vma(vma: Vma, new_vma: Vma, extent_is_pmd: bool, need_rmap_locks: bool) -> None:
    """All of the VMA, whether that is a whole table or not."""
    mmap_write_lock(vma.mm)
    move_page_tables(
        vma, vma.start, new_vma, new_vma.start, vma.end - vma.start, need_rmap_locks
    )  # fmt: skip
    reports_moved(vma.start, vma.end)
    mmap_write_unlock(vma.mm)

# SPDX-License-Identifier: GPL-2.0-only
"""mremap: entries of one table are moved into another, flushed before the locks are dropped.

mmap_lock is held for writing.  Left out: huge leaves, batches of one large folio.  Whole tables:
`huge.move_tables`.
"""

from __future__ import annotations

from dataclasses import replace

from model.hw.objects import Addr, Pmd, PteVal
from model.lang import kernel, pure

from ..errno import EAGAIN, PAGE_SIZE
from ..folio import pins_go_along
from ..locks import (
    anon_vma_lock_write,
    anon_vma_unlock_write,
    i_mmap_lock_write,
    i_mmap_unlock_write,
    spin_lock_nested,
    spin_unlock,
)
from ..objects import Vma
from ..pgtable import (
    NONE,
    is_uffd_wp_marker,
    next_pte,
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
from ..tlbflush import flush_tlb_batched_pending, flush_tlb_range


@pure
def moved_pte(pte: PteVal, clear_uffd_wp: bool) -> PteVal:
    """move_soft_dirty_pte; uffd-wp goes if the new VMA is not registered any more."""
    if clear_uffd_wp and is_uffd_wp_marker(pte):
        return NONE
    return replace(pte, soft_dirty=True, uffd_wp=pte.uffd_wp and not clear_uffd_wp)


@kernel("mm/mremap.c:take_rmap_locks", "7.2")
def take_rmap_locks(vma: Vma) -> None:
    """Keep walks of the reverse map away from both VMAs, which have one anon_vma or file."""
    if vma.file is not None:
        i_mmap_lock_write(vma.file)
    if vma.anon_vma is not None:
        anon_vma_lock_write(vma.anon_vma)


@kernel("mm/mremap.c:drop_rmap_locks", "7.2")
def drop_rmap_locks(vma: Vma) -> None:
    if vma.anon_vma is not None:
        anon_vma_unlock_write(vma.anon_vma)
    if vma.file is not None:
        i_mmap_unlock_write(vma.file)


@kernel("mm/mremap.c:move_ptes", "7.3.4")
def move_ptes(
    vma: Vma, old_pmd: Pmd, new_pmd: Pmd, old_addr: Addr, new_addr: Addr, length: int,
    need_rmap_locks: bool,
) -> int:  # fmt: skip
    """0, or -EAGAIN if a table is gone.

    Both ranges, of `length` pages, lie in one table each.  A registration with a userfaultfd that
    is not told of mremap ends with it (vma_has_uffd_without_event_remap).
    """
    force_flush = False
    start = old_addr
    old_end: Addr = old_addr + length
    if need_rmap_locks:
        take_rmap_locks(vma)
    old_pte = pte_offset_map_lock(old_pmd, old_addr)
    if old_pte is None:
        if need_rmap_locks:
            drop_rmap_locks(vma)
        return -EAGAIN
    new_pte = pte_offset_map(new_pmd, new_addr)
    if new_pte is None:
        pte_unmap_unlock(old_pte)
        if need_rmap_locks:
            drop_rmap_locks(vma)
        return -EAGAIN
    old_ptl = old_pte.table.ptl
    new_ptl = new_pte.table.ptl
    if new_ptl != old_ptl:
        spin_lock_nested(new_ptl)
    flush_tlb_batched_pending(vma.mm)
    while True:
        pte = ptep_get(old_pte)
        if not pte_none(pte):
            if pte_present(pte):
                force_flush = True
            pte = ptep_get_and_clear(vma.mm, old_addr, old_pte)
            pins_go_along(vma.mm, old_addr, new_addr)
            set_pte_at(vma.mm, new_addr, new_pte, moved_pte(pte, vma.uffd_wp or vma.uffd_missing))
        old_addr += PAGE_SIZE
        if old_addr == old_end:
            break
        new_addr += PAGE_SIZE
        old_pte = next_pte(old_pte)
        new_pte = next_pte(new_pte)
    if force_flush:
        flush_tlb_range(vma, start, old_end)
    if new_ptl != old_ptl:
        spin_unlock(new_ptl)
    pte_unmap(new_pte)
    pte_unmap_unlock(old_pte)
    if need_rmap_locks:
        drop_rmap_locks(vma)
    return 0

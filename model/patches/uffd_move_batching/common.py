# SPDX-License-Identifier: GPL-2.0-only
"""The parts of UFFDIO_MOVE that the batching patch leaves alone.

Left out, in all variants: MMU notifiers (no secondary MMU in any cast); flush_cache_range (no
modelled architecture has aliasing caches); a source that is a huge PMD or in the middle of
one; a request that crosses the end of a page table (the loop starts anew there); signals;
map_changing_lock, which is taken for reading, and mmap_changing.
"""

from __future__ import annotations

from dataclasses import replace

from model.hw.objects import Addr, Entry, Frame, Pmd, Pte, PteKind, PteVal, SpinLock, Table
from model.kernel.anon.uffd import uffd_lock_vma
from model.kernel.errno import EAGAIN, ENOENT, PAGE_SIZE
from model.kernel.folio import folio_move_anon_rmap, linear_page_index, set_folio_index
from model.kernel.locks import spin_lock, spin_lock_nested, spin_unlock
from model.kernel.mmap_lock import (
    lock_vma_under_rcu,
    mmap_read_lock,
    mmap_read_unlock,
    vma_end_read,
    vma_lookup,
    vma_start_read_locked,
)
from model.kernel.objects import Folio, Mm, Vma
from model.kernel.pgtable import (
    pmdp_get_lockless,
    pte_same,
    ptep_clear_flush,
    ptep_get,
    ptep_get_and_clear,
    set_pte_at,
)
from model.kernel.swap import folio_swap_entry, swap_has_cache
from model.lang import kernel, pure


@pure
def in_address_order(ptl1: SpinLock, ptl2: SpinLock) -> tuple[SpinLock, SpinLock]:
    return (ptl2, ptl1) if ptl1.rank > ptl2.rank else (ptl1, ptl2)


@kernel("mm/userfaultfd.c:double_pt_lock", "6.18")
def double_pt_lock(ptl1: SpinLock, ptl2: SpinLock) -> None:
    ptl1, ptl2 = in_address_order(ptl1, ptl2)
    spin_lock(ptl1)
    if ptl1 != ptl2:
        spin_lock_nested(ptl2)


@kernel("mm/userfaultfd.c:double_pt_unlock", "6.18")
def double_pt_unlock(ptl1: SpinLock, ptl2: SpinLock) -> None:
    spin_unlock(ptl1)
    if ptl1 != ptl2:
        spin_unlock(ptl2)


@kernel("mm/userfaultfd.c:is_pte_pages_stable", "6.18")
def is_pte_pages_stable(
    dst_pte: Pte, src_pte: Pte, orig_dst_pte: PteVal, orig_src_pte: PteVal,
    dst_pmd: Pmd, dst_pmdval: Table,
) -> bool:  # fmt: skip
    src_now = ptep_get(src_pte)
    if not pte_same(src_now, orig_src_pte):
        return False
    dst_now = ptep_get(dst_pte)
    if not pte_same(dst_now, orig_dst_pte):
        return False
    pmd_now = pmdp_get_lockless(dst_pmd)
    return pmd_now == dst_pmdval


@pure
def moved_pte(frame: Frame | None, dst_vma: Vma, orig_src_pte: PteVal) -> PteVal:
    """The entry for the destination: folio_mk_pte, soft-dirty, dirty if it was, pte_mkwrite."""
    return PteVal(
        kind=PteKind.PRESENT, frame=frame, soft_dirty=True, dirty=orig_src_pte.dirty,
        write=dst_vma.writable,
    )  # fmt: skip


@kernel("mm/userfaultfd.c:move_zeropage_pte", "6.18")
def move_zeropage_pte(
    mm: Mm, dst_vma: Vma, src_vma: Vma, dst_addr: Addr, src_addr: Addr, dst_pte: Pte, src_pte: Pte,
    orig_dst_pte: PteVal, orig_src_pte: PteVal, dst_pmd: Pmd, dst_pmdval: Table,
) -> int:  # fmt: skip
    double_pt_lock(dst_pte.table.ptl, src_pte.table.ptl)
    if not is_pte_pages_stable(dst_pte, src_pte, orig_dst_pte, orig_src_pte, dst_pmd, dst_pmdval):
        double_pt_unlock(dst_pte.table.ptl, src_pte.table.ptl)
        return -EAGAIN
    zero_pte = PteVal(kind=PteKind.PRESENT, frame=orig_src_pte.frame)
    ptep_clear_flush(src_vma, src_addr, src_pte)
    set_pte_at(mm, dst_addr, dst_pte, zero_pte)
    double_pt_unlock(dst_pte.table.ptl, src_pte.table.ptl)
    return PAGE_SIZE


@kernel("mm/userfaultfd.c:move_swap_pte", "6.18")
def move_swap_pte(
    mm: Mm, dst_vma: Vma, dst_addr: Addr, src_addr: Addr, dst_pte: Pte, src_pte: Pte,
    orig_dst_pte: PteVal, orig_src_pte: PteVal, dst_pmd: Pmd, dst_pmdval: Table,
    src_folio: Folio | None, entry: Entry,
) -> int:  # fmt: skip
    if src_folio is not None:
        now = folio_swap_entry(src_folio)
        if now != entry:
            return -EAGAIN
    double_pt_lock(dst_pte.table.ptl, src_pte.table.ptl)
    if not is_pte_pages_stable(dst_pte, src_pte, orig_dst_pte, orig_src_pte, dst_pmd, dst_pmdval):
        double_pt_unlock(dst_pte.table.ptl, src_pte.table.ptl)
        return -EAGAIN
    if src_folio is not None:
        folio_move_anon_rmap(src_folio, dst_vma)
        set_folio_index(src_folio, linear_page_index(dst_vma, dst_addr))
    elif swap_has_cache(entry):
        double_pt_unlock(dst_pte.table.ptl, src_pte.table.ptl)
        return -EAGAIN
    orig_src_pte = ptep_get_and_clear(mm, src_addr, src_pte)
    orig_src_pte = replace(orig_src_pte, soft_dirty=True)
    set_pte_at(mm, dst_addr, dst_pte, orig_src_pte)
    double_pt_unlock(dst_pte.table.ptl, src_pte.table.ptl)
    return PAGE_SIZE


# -- the call around it ----------------------------------------------------------------------------


@kernel("mm/userfaultfd.c:uffd_move_lock", "6.18")
def uffd_move_lock(mm: Mm, dst_vma: Vma, src_vma: Vma) -> int:
    """Both VMAs locked for reading: 0, or -ENOENT if there is one no more.

    The second one is only tried while the first is held, for a writer may wait for that one.
    """
    if not uffd_lock_vma(dst_vma):
        return -ENOENT
    if src_vma == dst_vma:
        return 0
    if lock_vma_under_rcu(src_vma):
        return 0
    vma_end_read(dst_vma)
    mmap_read_lock(mm)
    found = vma_lookup(dst_vma)  # find_vmas_mm_locked
    if found:
        found = vma_lookup(src_vma)
    if found:
        vma_start_read_locked(dst_vma)
        vma_start_read_locked(src_vma)
    mmap_read_unlock(mm)
    return 0 if found else -ENOENT


@kernel("mm/userfaultfd.c:uffd_move_unlock", "6.18")
def uffd_move_unlock(dst_vma: Vma, src_vma: Vma) -> None:
    vma_end_read(src_vma)
    if src_vma != dst_vma:
        vma_end_read(dst_vma)

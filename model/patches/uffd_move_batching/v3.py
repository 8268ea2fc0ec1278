# SPDX-License-Identifier: GPL-2.0-only
"""The batching patch as posted, version 3 (20250807103902.2242717-1); version 2 is an edit of it.

Against the merged form: the reference to the first folio is put by the caller, at the end; the
folio that is still locked when the batch ends is unlocked after both page-table locks are dropped.
"""

from __future__ import annotations

from model.hw.objects import Addr, Pmd, Pte, PteVal, Table
from model.kernel.errno import EAGAIN, EBUSY, PAGE_SIZE
from model.kernel.folio import (
    PageAnonExclusive,
    folio_maybe_dma_pinned,
    folio_move_anon_rmap,
    folio_put,
    folio_test_large,
    linear_page_index,
    set_folio_index,
    vm_normal_folio,
)
from model.kernel.locks import folio_trylock, folio_unlock
from model.kernel.objects import AnonVma, Folio, Mm, Vma
from model.kernel.pgtable import (
    is_zero_page,
    next_pte,
    pte_none,
    pte_present,
    ptep_get,
    ptep_get_and_clear,
    set_pte_at,
)
from model.kernel.rmap import folio_anon_vma
from model.kernel.tlbflush import flush_tlb_range
from model.lang import kernel

from .common import double_pt_lock, double_pt_unlock, is_pte_pages_stable, moved_pte


@kernel("mm/userfaultfd.c:check_ptes_for_batched_move", "v3")
def check_ptes_for_batched_move(src_pte: Pte, dst_pte: Pte, src_anon_vma: AnonVma) -> Folio | None:
    """The next folio, locked, if it can join the batch."""
    orig_dst_pte = ptep_get(dst_pte)
    if not pte_none(orig_dst_pte):
        return None
    orig_src_pte = ptep_get(src_pte)
    if pte_none(orig_src_pte) or not pte_present(orig_src_pte) or is_zero_page(orig_src_pte):
        return None
    folio = vm_normal_folio(orig_src_pte)
    if folio is None or not folio_trylock(folio):
        return None
    if (
        not PageAnonExclusive(folio)
        or folio_test_large(folio)
        or folio_anon_vma(folio) != src_anon_vma
    ):
        folio_unlock(folio)
        return None
    return folio


@kernel("mm/userfaultfd.c:move_present_ptes", "v3")
def move_present_ptes(
    mm: Mm, dst_vma: Vma, src_vma: Vma, dst_addr: Addr, src_addr: Addr, dst_pte: Pte, src_pte: Pte,
    orig_dst_pte: PteVal, orig_src_pte: PteVal, dst_pmd: Pmd, dst_pmdval: Table,
    first_src_folio: Folio, length: int, src_anon_vma: AnonVma,
) -> int:  # fmt: skip
    """Bytes moved, or an error; the folio is unlocked in any case."""
    err = 0
    src_folio: Folio | None
    src_folio = first_src_folio
    src_start = src_addr
    src_end: Addr = src_addr + length
    dst_ptl = dst_pte.table.ptl
    src_ptl = src_pte.table.ptl
    double_pt_lock(dst_ptl, src_ptl)
    while True:  # once; `break` is goto out
        if not is_pte_pages_stable(
            dst_pte, src_pte, orig_dst_pte, orig_src_pte, dst_pmd, dst_pmdval
        ):
            err = -EAGAIN
            break
        if (
            folio_test_large(src_folio)
            or folio_maybe_dma_pinned(src_folio)
            or not PageAnonExclusive(src_folio)
        ):
            err = -EBUSY
            break
        while True:
            orig_src_pte = ptep_get_and_clear(mm, src_addr, src_pte)
            if folio_maybe_dma_pinned(src_folio):
                set_pte_at(mm, src_addr, src_pte, orig_src_pte)
                err = -EBUSY
                break
            folio_move_anon_rmap(src_folio, dst_vma)
            set_folio_index(src_folio, linear_page_index(dst_vma, dst_addr))
            set_pte_at(mm, dst_addr, dst_pte, moved_pte(src_folio.frame, dst_vma, orig_src_pte))
            src_addr += PAGE_SIZE
            if src_addr == src_end:
                break
            dst_pte = next_pte(dst_pte)
            src_pte = next_pte(src_pte)
            folio_unlock(src_folio)
            src_folio = check_ptes_for_batched_move(src_pte, dst_pte, src_anon_vma)
            if src_folio is None:
                break
            dst_addr += PAGE_SIZE
        if src_addr > src_start:
            flush_tlb_range(src_vma, src_start, src_addr)
        break
    double_pt_unlock(dst_ptl, src_ptl)
    if src_folio is not None:
        folio_unlock(src_folio)
    return src_addr - src_start if src_addr > src_start else err


@kernel("mm/userfaultfd.c:move_pages_ptes", "v3")
def move_and_put_first(
    mm: Mm, dst_vma: Vma, src_vma: Vma, dst_addr: Addr, src_addr: Addr, dst_pte: Pte, src_pte: Pte,
    orig_dst_pte: PteVal, orig_src_pte: PteVal, dst_pmd: Pmd, dst_pmdval: Table,
    src_folio: Folio, length: int, src_anon_vma: AnonVma,
) -> tuple[int, Folio | None]:  # fmt: skip
    """The call as move_pages_ptes makes it: the first folio is put when it comes back."""
    ret = move_present_ptes(
        mm, dst_vma, src_vma, dst_addr, src_addr, dst_pte, src_pte, orig_dst_pte, orig_src_pte,
        dst_pmd, dst_pmdval, src_folio, length, src_anon_vma,
    )  # fmt: skip
    folio_put(src_folio)
    return ret, None

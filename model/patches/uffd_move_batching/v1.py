# SPDX-License-Identifier: GPL-2.0-only
"""The batching patch as first posted (20250731104726.103071-1): a single page is not batched.

Against version 2: where more than one page is asked for, batched unmaps are flushed first, each
next entry is cleared where the loop goes on to it, and one flush ends the batch.  A single page is
cleared and flushed at once, as before the patch, and nothing is flushed at the end.  Any anon_vma
may be in a batch, the first folio is put by the caller, and move_pages goes on after -EAGAIN as
that of `per_page` does; all that as in version 2.

Left out: lazy MMU mode, which puts nothing off that a modelled architecture does to user entries.
"""

from __future__ import annotations

from model.hw.objects import Addr, Pmd, Pte, PteVal, Table
from model.kernel.errno import EAGAIN, EBUSY, PAGE_SIZE
from model.kernel.folio import (
    PageAnonExclusive,
    folio_maybe_dma_pinned,
    folio_move_anon_rmap,
    folio_test_large,
    linear_page_index,
    set_folio_index,
)
from model.kernel.locks import folio_unlock
from model.kernel.objects import AnonVma, Folio, Mm, Vma
from model.kernel.pgtable import next_pte, ptep_clear_flush, ptep_get_and_clear, set_pte_at
from model.kernel.tlbflush import flush_tlb_batched_pending, flush_tlb_range
from model.lang import kernel

from .common import double_pt_lock, double_pt_unlock, is_pte_pages_stable, moved_pte
from .v3 import check_ptes_for_batched_move


@kernel("mm/userfaultfd.c:move_present_ptes", "v1")
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
        if length > PAGE_SIZE:
            flush_tlb_batched_pending(mm)
            orig_src_pte = ptep_get_and_clear(mm, src_addr, src_pte)
        else:
            orig_src_pte = ptep_clear_flush(src_vma, src_addr, src_pte)
        while True:
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
            src_pte = next_pte(src_pte)
            dst_pte = next_pte(dst_pte)
            folio_unlock(src_folio)
            src_folio = check_ptes_for_batched_move(src_pte, dst_pte, src_anon_vma)
            if src_folio is None:
                break
            orig_src_pte = ptep_get_and_clear(mm, src_addr, src_pte)
            dst_addr += PAGE_SIZE
        if length > PAGE_SIZE and src_addr > src_start:
            flush_tlb_range(src_vma, src_start, src_addr)
        break
    double_pt_unlock(dst_ptl, src_ptl)
    if src_folio is not None:
        folio_unlock(src_folio)
    return src_addr - src_start if src_addr > src_start else err

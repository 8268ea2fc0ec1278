# SPDX-License-Identifier: GPL-2.0-only
"""UFFDIO_MOVE before the patch (6.13 to 6.17): one page a time, flushed as its entry is cleared.

move_pages_pte differs from move_pages_ptes of `merged` in what it calls here, and in returning 0
where that returns the bytes moved; its caller then goes on by one page.  Its caller also forgets
an -EAGAIN when the next try succeeds, which that of `merged` does not.
"""

from __future__ import annotations

from model.hw.objects import Addr, Pmd, Pte, PteVal, Table
from model.kernel.errno import EAGAIN, EBUSY, ENOENT, PAGE_SIZE
from model.kernel.folio import (
    PageAnonExclusive,
    folio_maybe_dma_pinned,
    folio_move_anon_rmap,
    folio_test_large,
    linear_page_index,
    set_folio_index,
)
from model.kernel.objects import AnonVma, Folio, Mm, Vma
from model.kernel.pgtable import pmd_none, pte_alloc, ptep_clear_flush, set_pte_at
from model.kernel.task import reports_pages
from model.lang import kernel

from .common import (
    double_pt_lock,
    double_pt_unlock,
    is_pte_pages_stable,
    moved_pte,
    uffd_move_lock,
    uffd_move_unlock,
)
from .merged import move_pages_ptes


@kernel("mm/userfaultfd.c:move_present_pte", "6.17")
def move_present_pte(
    mm: Mm, dst_vma: Vma, src_vma: Vma, dst_addr: Addr, src_addr: Addr, dst_pte: Pte, src_pte: Pte,
    orig_dst_pte: PteVal, orig_src_pte: PteVal, dst_pmd: Pmd, dst_pmdval: Table,
    src_folio: Folio, length: int, src_anon_vma: AnonVma,
) -> tuple[int, Folio | None]:  # fmt: skip
    """One page, or an error; the folio stays with the caller."""
    dst_ptl = dst_pte.table.ptl
    src_ptl = src_pte.table.ptl
    double_pt_lock(dst_ptl, src_ptl)
    if not is_pte_pages_stable(dst_pte, src_pte, orig_dst_pte, orig_src_pte, dst_pmd, dst_pmdval):
        double_pt_unlock(dst_ptl, src_ptl)
        return -EAGAIN, src_folio
    if (
        folio_test_large(src_folio)
        or folio_maybe_dma_pinned(src_folio)
        or not PageAnonExclusive(src_folio)
    ):
        double_pt_unlock(dst_ptl, src_ptl)
        return -EBUSY, src_folio
    orig_src_pte = ptep_clear_flush(src_vma, src_addr, src_pte)
    if folio_maybe_dma_pinned(src_folio):
        set_pte_at(mm, src_addr, src_pte, orig_src_pte)
        double_pt_unlock(dst_ptl, src_ptl)
        return -EBUSY, src_folio
    folio_move_anon_rmap(src_folio, dst_vma)
    set_folio_index(src_folio, linear_page_index(dst_vma, dst_addr))
    set_pte_at(mm, dst_addr, dst_pte, moved_pte(src_folio.frame, dst_vma, orig_src_pte))
    double_pt_unlock(dst_ptl, src_ptl)
    return PAGE_SIZE, src_folio


@kernel("mm/userfaultfd.c:move_pages", "6.17")
def move_pages(
    mm: Mm, dst_vma: Vma, src_vma: Vma, dst_start: Addr, src_start: Addr, length: int,
    allow_src_holes: bool,
) -> int:  # fmt: skip
    """The ioctl's work: pages moved, or an error if none was."""
    moved = 0
    src_pmd = mm.root.pmds[src_start]  # mm_find_pmd: the same for the whole request
    dst_pmd = mm.root.pmds[dst_start]
    src_addr = src_start
    dst_addr = dst_start
    src_end: Addr = src_start + length
    err = uffd_move_lock(mm, dst_vma, src_vma)
    if err != 0:
        reports_pages(err)
        return err
    while src_addr < src_end:
        if pmd_none(src_pmd):
            if not allow_src_holes:
                err = -ENOENT
                break
            pte_alloc(src_pmd)
        pte_alloc(dst_pmd)
        ret = move_pages_ptes(
            mm, dst_pmd, src_pmd, dst_vma, src_vma, dst_addr, src_addr, src_end - src_addr,
            allow_src_holes,
        )  # fmt: skip
        if ret == -EAGAIN:
            continue
        if ret < 0:
            err = ret
            break
        dst_addr += ret
        src_addr += ret
        moved += ret
    uffd_move_unlock(dst_vma, src_vma)
    result = moved if moved != 0 else err
    reports_pages(result)
    return result

# SPDX-License-Identifier: GPL-2.0-only
"""UFFDIO_MOVE of PMD leaves: moved as a whole where source and destination are whole PMDs, split
otherwise.  The batching patch leaves this alone.
"""

from __future__ import annotations

from model.hw.objects import Addr, Pmd, PteKind, PteVal
from model.kernel.anon.mremap import moved_pte
from model.kernel.errno import EAGAIN, EBUSY, EEXIST
from model.kernel.folio import (
    PageAnonExclusive,
    folio_get,
    folio_maybe_dma_pinned,
    folio_move_anon_rmap,
    folio_put,
    linear_page_index,
    set_folio_index,
)
from model.kernel.huge.memory import split_huge_pmd
from model.kernel.huge.pmd import (
    addrs_of_pmd,
    is_huge_zero_pmd,
    pmd_folio,
    pmd_none_at_all,
    pmd_trans_huge,
    pmdp_get_leaf,
    pmdp_get_leaf_lockless,
    pmdp_huge_clear_flush,
    set_pmd_at,
)
from model.kernel.locks import folio_lock, folio_unlock, spin_lock, spin_unlock
from model.kernel.objects import Folio, Vma
from model.kernel.pgtable import pte_same
from model.lang import kernel, pure

from .common import double_pt_lock, double_pt_unlock


@pure
def moved_pmd(folio: Folio, dst_vma: Vma) -> PteVal:
    """folio_mk_pmd, dirty and writable."""
    return PteVal(
        kind=PteKind.PRESENT, frame=folio.frame, write=dst_vma.writable, dirty=True,
        soft_dirty=True,
    )  # fmt: skip


@kernel("mm/huge_memory.c:move_pages_huge_pmd", "7.3.4")
def move_pages_huge_pmd(
    dst_pmd: Pmd, src_pmd: Pmd, dst_vma: Vma, src_vma: Vma, dst_addr: Addr, src_addr: Addr,
) -> int:  # fmt: skip
    """0, or an error; the lock of the source is held at first, and then is not."""
    src_pmdval = pmdp_get_leaf(src_pmd)
    folio: Folio | None = None
    if not is_huge_zero_pmd(src_pmdval):
        folio = pmd_folio(src_pmdval)
        if not PageAnonExclusive(folio):
            spin_unlock(src_pmd.ptl)
            return -EBUSY
        folio_get(folio)
    spin_unlock(src_pmd.ptl)
    if folio is not None:
        folio_lock(folio)
    err = 0
    double_pt_lock(src_pmd.ptl, dst_pmd.ptl)
    now = pmdp_get_leaf(src_pmd)
    if not pte_same(now, src_pmdval) or not pmd_none_at_all(dst_pmd):
        err = -EAGAIN
    elif folio is None:
        src_pmdval = pmdp_huge_clear_flush(src_vma, src_addr, src_pmd)
        set_pmd_at(dst_vma.mm, dst_addr, dst_pmd, moved_pte(src_pmdval, True))
    elif folio_maybe_dma_pinned(folio) or not PageAnonExclusive(folio):
        err = -EBUSY
    else:
        src_pmdval = pmdp_huge_clear_flush(src_vma, src_addr, src_pmd)
        if folio_maybe_dma_pinned(folio):
            set_pmd_at(src_vma.mm, src_addr, src_pmd, src_pmdval)
            err = -EBUSY
        else:
            folio_move_anon_rmap(folio, dst_vma)
            set_folio_index(folio, linear_page_index(dst_vma, dst_addr))
            set_pmd_at(dst_vma.mm, dst_addr, dst_pmd, moved_pmd(folio, dst_vma))
    double_pt_unlock(src_pmd.ptl, dst_pmd.ptl)
    if folio is not None:
        folio_unlock(folio)
        folio_put(folio)
    return err


@pure
def move_splits_huge_pmd(dst_vma: Vma, dst_pmd: Pmd, dst_addr: Addr, length: int) -> bool:
    """Not from the beginning of a PMD to that of one, or less than one."""
    addrs = addrs_of_pmd(dst_vma.mm, dst_pmd)
    return dst_addr != addrs[0] or length < len(addrs)


@kernel("mm/userfaultfd.c:move_pages", "6.18")
def move_pages_leaf(
    dst_pmd: Pmd, src_pmd: Pmd, dst_vma: Vma, src_vma: Vma, dst_addr: Addr, src_addr: Addr,
    length: int,
) -> int:  # fmt: skip
    """Its loop where either may be a leaf: pages moved, an error, or 0: go on with entries.

    `length` is what is left of the request.
    """
    dst_pmdval = pmdp_get_leaf_lockless(dst_pmd)
    if pmd_trans_huge(dst_pmdval):
        return -EEXIST
    spin_lock(src_pmd.ptl)
    src_pmdval = pmdp_get_leaf(src_pmd)
    if not pmd_trans_huge(src_pmdval):
        spin_unlock(src_pmd.ptl)
        return 0
    addrs = addrs_of_pmd(src_vma.mm, src_pmd)
    splits = src_addr != addrs[0] or move_splits_huge_pmd(dst_vma, dst_pmd, dst_addr, length)
    if splits or not pmd_none_at_all(dst_pmd):
        if not is_huge_zero_pmd(src_pmdval) and not PageAnonExclusive(pmd_folio(src_pmdval)):
            spin_unlock(src_pmd.ptl)
            return -EBUSY
        spin_unlock(src_pmd.ptl)
        split_huge_pmd(src_vma, src_pmd, addrs[0])
        return 0
    err = move_pages_huge_pmd(dst_pmd, src_pmd, dst_vma, src_vma, dst_addr, src_addr)
    return err if err != 0 else len(addrs)

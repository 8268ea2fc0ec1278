# SPDX-License-Identifier: GPL-2.0-only
"""Reclaim of one anonymous page: try_to_unmap to swap, with the flush put off, then the free.

Isolation from the LRU holds a reference, and nobody else can isolate the folio.  Left out: asking
whether the page was referenced (it only decides to keep it), writeback that takes time, the LRU,
KSM, mlock.
"""

from __future__ import annotations

from model.hw.arch import arch
from model.hw.memory import smp_mb, smp_rmb
from model.hw.objects import Addr, Pte, PteKind, PteVal
from model.lang import kernel

from ..folio import (
    PageAnonExclusive,
    folio_isolate_lru,
    folio_mapcount,
    folio_mapped,
    folio_mark_dirty,
    folio_maybe_dma_pinned,
    folio_put,
    folio_putback_lru,
    folio_ref_count,
    folio_ref_freeze,
    folio_ref_unfreeze,
    folio_remove_rmap_pte,
    folio_set_swapbacked,
    folio_test_dirty,
    folio_test_large,
    folio_test_lazyfree,
    folio_try_share_anon_rmap_pte,
    free_frozen_folio,
)
from ..locks import anon_vma_unlock_read, folio_trylock, folio_unlock
from ..objects import Folio, Mm, Vma
from ..pgtable import pte_unmap_unlock, ptep_clear_flush, ptep_get_and_clear, set_pte_at
from ..rmap import (
    folio_lock_anon_vma_read,
    folio_pgoff,
    in_tree,
    page_vma_mapped_walk,
    vmas,
    walk_begins,
    walk_ends,
)
from ..swap import (
    folio_alloc_swap,
    folio_free_swap,
    folio_put_swap,
    folio_swap_entry,
    swap_cache_del_folio,
    swap_duplicate,
    swap_writeout,
)
from ..tlbflush import set_tlb_ubc_flush_pending, try_to_unmap_flush


@kernel("mm/rmap.c:ttu_anon_swapbacked_folio", "7.3.4")
def ttu_anon_swapbacked(mm: Mm, folio: Folio, addr: Addr, pte: Pte, pteval: PteVal) -> bool:
    """The entry is cleared: put a swap entry in, unless the folio is pinned."""
    anon_exclusive = PageAnonExclusive(folio)
    entry = swap_duplicate(folio)
    if anon_exclusive and not folio_try_share_anon_rmap_pte(folio):
        folio_put_swap(folio)
        return False
    swp_pte = PteVal(
        kind=PteKind.SWAP, entry=entry, exclusive=anon_exclusive, soft_dirty=pteval.soft_dirty,
        uffd_wp=pteval.uffd_wp,
    )  # fmt: skip
    set_pte_at(mm, addr, pte, swp_pte)
    return True


@kernel("mm/rmap.c:ttu_anon_lazyfree_folio", "7.3.4")
def ttu_anon_lazyfree(folio: Folio) -> bool:
    """The entry is cleared: whether the page may be thrown away, being clean and unused."""
    smp_mb()
    ref_count = folio_ref_count(folio)
    map_count = folio_mapcount(folio)
    smp_rmb()
    if folio_test_dirty(folio):
        folio_set_swapbacked(folio)
        return False
    return ref_count == map_count + 1


@kernel("mm/rmap.c:try_to_unmap_one", "7.3.4")
def try_to_unmap_one(folio: Folio, vma: Vma, addr: Addr) -> tuple[bool, bool, bool]:
    """Unmap one place; whether the walk goes on, whether a flush was put off, and whether that is
    one of a dirty entry."""
    mm = vma.mm
    deferred = False
    pte = page_vma_mapped_walk(folio, vma, addr, False)
    if pte is None:
        return True, False, False
    if arch().batches_unmap:
        pteval = ptep_get_and_clear(mm, addr, pte)
        deferred = set_tlb_ubc_flush_pending(mm, addr, pteval)
    else:
        pteval = ptep_clear_flush(vma, addr, pte)
    if pteval.dirty:
        folio_mark_dirty(folio)
    if folio_test_lazyfree(folio):
        gone = ttu_anon_lazyfree(folio)
    else:
        gone = ttu_anon_swapbacked(mm, folio, addr, pte, pteval)
    if not gone:
        set_pte_at(mm, addr, pte, pteval)
        pte_unmap_unlock(pte)
        return False, deferred, deferred and pteval.dirty
    folio_remove_rmap_pte(folio)
    folio_put(folio)
    pte_unmap_unlock(pte)
    return True, deferred, deferred and pteval.dirty


@kernel("mm/rmap.c:try_to_unmap", "7.3.4")
def try_to_unmap(folio: Folio) -> tuple[frozenset[Mm], bool]:
    """rmap_walk with the folio locked; the address spaces whose flush was put off, and whether it
    is one of an entry that may have been written through (tlb_ubc->writable)."""
    deferred: frozenset[Mm] = frozenset()
    writable = False
    anon_vma = folio_lock_anon_vma_read(folio, False)
    if anon_vma is None:
        return deferred, writable
    walk_begins(folio, True)
    index = folio_pgoff(folio)
    going = True
    for vma in vmas():
        if going and in_tree(vma, anon_vma, index):
            going, again, dirty = try_to_unmap_one(folio, vma, index + vma.shift)
            if again:
                deferred = deferred | {vma.mm}
            if dirty:
                writable = True
    walk_ends(folio, going)
    anon_vma_unlock_read(anon_vma)
    return deferred, writable


@kernel("mm/vmscan.c:shrink_folio_list", "7.3.4")
def shrink_folio_list(folio: Folio) -> None:
    """One folio, from isolation to its free or its way back to the LRU."""
    if not folio_isolate_lru(folio):
        return
    if not folio_trylock(folio):
        folio_putback_lru(folio)
        return
    if folio_test_large(folio) or not folio_mapped(folio):
        folio_unlock(folio)
        folio_putback_lru(folio)
        return
    swapbacked = not folio_test_lazyfree(folio)
    if swapbacked:
        entry = folio_swap_entry(folio)
        if entry == 0 and not folio_alloc_swap(folio):
            folio_unlock(folio)
            folio_putback_lru(folio)
            return
    deferred, writable = try_to_unmap(folio)
    keep = folio_mapped(folio)
    if not keep:
        keep = folio_maybe_dma_pinned(folio)
    if keep:
        folio_free_swap(folio)
        folio_unlock(folio)
        try_to_unmap_flush(deferred)
        folio_putback_lru(folio)
        return
    if swapbacked and folio_test_dirty(folio):
        if writable:  # try_to_unmap_flush_dirty
            try_to_unmap_flush(deferred)
            deferred = frozenset()
        swap_writeout(folio)
    expected = 2 if swapbacked else 1
    frozen = folio_ref_freeze(folio, expected)
    if frozen and folio_test_dirty(folio):
        folio_ref_unfreeze(folio, expected)
        frozen = False
    if not frozen:
        folio_unlock(folio)
        try_to_unmap_flush(deferred)
        folio_putback_lru(folio)
        return
    if swapbacked:
        swap_cache_del_folio(folio, True)
    folio_unlock(folio)
    try_to_unmap_flush(deferred)
    free_frozen_folio(folio)

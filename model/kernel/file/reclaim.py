# SPDX-License-Identifier: GPL-2.0-only
"""Pages of a memfd that go: unmapped by a zap, or reclaimed to swap.

A dirty entry makes the page dirty when it is cleared; a page that never was is thrown away, for it
holds what a new one would.  Left out: large folios, writeback that takes time, SHM_LOCK.
"""

from __future__ import annotations

from model.hw.arch import arch
from model.hw.objects import Addr, Pte, PteVal
from model.lang import kernel, step

from ..folio import (
    folio_isolate_lru,
    folio_mapped,
    folio_mark_dirty,
    folio_maybe_dma_pinned,
    folio_put,
    folio_putback_lru,
    folio_ref_freeze,
    folio_remove_rmap_pte,
    folio_test_anon,
    folio_test_dirty,
    free_frozen_folio,
    vm_normal_folio,
)
from ..locks import folio_trylock, folio_unlock, i_mmap_lock_read, i_mmap_unlock_read
from ..mmu_gather import tlb_remove_tlb_entry
from ..objects import Folio, Mapping, Mm, Vma
from ..pgtable import (
    NONE,
    UFFD_WP_MARKER,
    is_uffd_wp_marker,
    pte_none,
    pte_offset_map_lock,
    pte_present,
    pte_unmap_unlock,
    ptep_clear_flush,
    ptep_get,
    ptep_get_and_clear,
    set_pte_at,
)
from ..rmap import pmd_of
from ..swap import (
    folio_alloc_swap,
    is_swap_entry,
    swap_cache_del_folio,
    swap_duplicate,
    swap_free,
    swap_writeout,
)
from ..tlbflush import flush_tlb_batched_pending, set_tlb_ubc_flush_pending, try_to_unmap_flush
from .filemap import i_mmap


@kernel("mm/memory.c:cond_install_uffd_wp_ptes", "7.3.4")
def cond_install_uffd_wp_pte(vma: Vma, addr: Addr, pte: Pte, old: PteVal) -> None:
    """An entry of a file was cleared: if it was write-protected, that is remembered."""
    if vma.uffd_wp and old.uffd_wp:
        set_pte_at(vma.mm, addr, pte, UFFD_WP_MARKER)


@kernel("mm/memory.c:zap_pte_range", "7.3.4")
def zap_file_pte(vma: Vma, addr: Addr, drop_markers: bool) -> Folio | None:
    """Clear one entry of a VMA of a file; the folio to put after the flush.
    Of the others, with fewer steps, it is `zap.zap_pte`.

    Write protection stays as a marker, unless the VMA goes (ZAP_FLAG_DROP_MARKER).
    """
    pte = pte_offset_map_lock(pmd_of(vma), addr)
    if pte is None:
        return None
    flush_tlb_batched_pending(vma.mm)
    folio: Folio | None = None
    ptent = ptep_get(pte)
    if pte_present(ptent):
        ptent = ptep_get_and_clear(vma.mm, addr, pte)
        tlb_remove_tlb_entry(addr)
        folio = vm_normal_folio(ptent)
        if folio is not None:
            if ptent.dirty and not folio_test_anon(folio):
                folio_mark_dirty(folio)
            folio_remove_rmap_pte(folio)
        if not drop_markers:
            cond_install_uffd_wp_pte(vma, addr, pte, ptent)
    elif is_swap_entry(ptent):
        swap_free(ptent.entry)
        set_pte_at(vma.mm, addr, pte, NONE)
        if not drop_markers:
            cond_install_uffd_wp_pte(vma, addr, pte, ptent)
    elif not pte_none(ptent) and (drop_markers or not is_uffd_wp_marker(ptent)):
        set_pte_at(vma.mm, addr, pte, NONE)
    pte_unmap_unlock(pte)
    return folio


@kernel("mm/rmap.c:try_to_unmap_one", "7.3.4")
def try_to_unmap_file_one(folio: Folio, vma: Vma, addr: Addr) -> tuple[bool, bool]:
    """Unmap one place; whether a flush was put off, and whether that is one of a dirty entry."""
    mm = vma.mm
    deferred = False
    pte = pte_offset_map_lock(pmd_of(vma), addr)
    if pte is None:
        return False, False
    pteval: PteVal = ptep_get(pte)
    if not pte_present(pteval) or vm_normal_folio(pteval) != folio:
        pte_unmap_unlock(pte)
        return False, False
    if arch().batches_unmap:
        pteval = ptep_get_and_clear(mm, addr, pte)
        deferred = set_tlb_ubc_flush_pending(mm, addr, pteval)
    else:
        pteval = ptep_clear_flush(vma, addr, pte)
    cond_install_uffd_wp_pte(vma, addr, pte, pteval)
    if pteval.dirty:
        folio_mark_dirty(folio)
    folio_remove_rmap_pte(folio)
    folio_put(folio)
    pte_unmap_unlock(pte)
    return deferred, deferred and pteval.dirty


@kernel("mm/rmap.c:try_to_unmap", "7.3.4")
def try_to_unmap_file(folio: Folio, cache: Mapping, index: Addr) -> tuple[frozenset[Mm], bool]:
    """rmap_walk_file with the folio locked; the address spaces whose flush was put off, and whether
    it is one of an entry that may have been written through."""
    deferred: frozenset[Mm] = frozenset()
    writable = False
    i_mmap_lock_read(cache)
    for vma in i_mmap(cache):
        addr = index + vma.shift
        if vma.start <= addr and addr < vma.end:
            again, dirty = try_to_unmap_file_one(folio, vma, addr)
            if again:
                deferred = deferred | {vma.mm}
            if dirty:
                writable = True
    i_mmap_unlock_read(cache)
    return deferred, writable


@step("mm/shmem.c:shmem_delete_from_page_cache", "7.3.4", order="full",
      several="a swap entry in the place of the folio, under the xarray's lock")  # fmt: skip
def shmem_delete_from_page_cache(folio: Folio, cache: Mapping, index: Addr) -> None:
    """The page cache's reference goes with it."""
    cache.pages[index] = None
    cache.swapped[index] = folio.swap.number if folio.swap is not None else 0
    folio.refcount = folio.refcount - 1


@step("mm/filemap.c:__filemap_remove_folio", "7.3.4", order="full",
      several="under the xarray's lock, the references being frozen")  # fmt: skip
def filemap_remove_frozen(cache: Mapping, index: Addr) -> None:
    cache.pages[index] = None


@kernel("mm/shmem.c:shmem_writeout", "7.3.4")
def shmem_writeout(folio: Folio, cache: Mapping, index: Addr) -> bool:
    """A locked folio that nothing maps goes from the page cache to swap; false if swap is full."""
    if not folio_alloc_swap(folio):
        return False
    swap_duplicate(folio)
    shmem_delete_from_page_cache(folio, cache, index)
    swap_writeout(folio)
    return True


@kernel("mm/vmscan.c:shrink_folio_list", "7.3.4")
def shrink_file_folio(folio: Folio, cache: Mapping, index: Addr) -> None:
    """One folio of the file, from isolation to its free or its way back to the LRU."""
    if not folio_isolate_lru(folio):
        return
    if not folio_trylock(folio):
        folio_putback_lru(folio)
        return
    deferred, writable = try_to_unmap_file(folio, cache, index)
    swapped = False
    keep = folio_mapped(folio)
    if not keep:
        keep = folio_maybe_dma_pinned(folio)
    if not keep and folio_test_dirty(folio):
        if writable:  # try_to_unmap_flush_dirty
            try_to_unmap_flush(deferred)
            deferred = frozenset()
        swapped = shmem_writeout(folio, cache, index)
        keep = not swapped
    if not keep and folio_ref_freeze(folio, 2):
        if swapped:
            swap_cache_del_folio(folio, True)
        else:
            filemap_remove_frozen(cache, index)
        folio_unlock(folio)
        try_to_unmap_flush(deferred)
        free_frozen_folio(folio)
        return
    folio_unlock(folio)
    try_to_unmap_flush(deferred)
    folio_putback_lru(folio)

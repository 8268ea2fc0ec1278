# SPDX-License-Identifier: GPL-2.0-only
"""MADV_FREE of large folios: all of one may be thrown away, or it is split first.

Left out: the swap cache, and that other processes map a folio by leaves while this one has
entries (then it is left alone, as when they map entries).
"""

from __future__ import annotations

from dataclasses import replace

from model.hw.objects import Addr, Pmd
from model.lang import kernel

from ..anon.madvise import clear_young_dirty_pte
from ..errno import PAGE_SIZE
from ..folio import (
    folio_clear_dirty,
    folio_get,
    folio_mapcount,
    folio_mark_lazyfree,
    folio_put,
    folio_test_dirty,
    vm_normal_folio,
)
from ..locks import folio_trylock, folio_unlock, spin_lock, spin_unlock
from ..mmu_gather import tlb_remove_pmd_tlb_entry, tlb_remove_tlb_entry
from ..objects import Folio, Vma
from ..pgtable import next_pte, pte_offset_map_lock, pte_present, pte_unmap_unlock, ptep_get
from ..rmap import pmd_of
from ..tlbflush import flush_tlb_batched_pending
from .pmd import (
    is_huge_zero_pmd,
    pmd_folio,
    pmd_trans_huge,
    pmdp_get_leaf,
    pmdp_invalidate,
    set_pmd_at,
)
from .split import folio_mapped_shared, split_large_folio


@kernel("mm/madvise.c:madvise_free_pte_range", "7.3.4")
def split_for_free(folio: Folio) -> bool:
    """Of a large folio a part alone is freed: whether it could be split.  No lock is held."""
    if folio_mapped_shared(folio) or not folio_trylock(folio):
        return False
    folio_get(folio)
    err = split_large_folio(folio)
    folio_unlock(folio)
    folio_put(folio)
    return err == 0


@kernel("mm/madvise.c:madvise_free_pte_range", "7.3.4")
def free_all_of(folio: Folio, entries: int) -> bool:
    """All `entries` of a large folio are in the range: whether they may be cleaned."""
    if folio_test_dirty(folio):
        if not folio_trylock(folio):
            return False
        maps = folio_mapcount(folio)
        if maps != entries:
            folio_unlock(folio)
            return False
        folio_clear_dirty(folio)
        folio_unlock(folio)
    return True


@kernel("mm/madvise.c:madvise_free_pte_range", "7.3.4")
def madvise_free_ptes(vma: Vma, addr: Addr, end: Addr) -> None:
    """Entries of a folio that may be cleaned."""
    pte = pte_offset_map_lock(pmd_of(vma), addr)
    if pte is None:
        return
    flush_tlb_batched_pending(vma.mm)
    first = pte
    while True:
        ptent = ptep_get(pte)
        if ptent.young or ptent.dirty:
            clear_young_dirty_pte(vma, addr, pte)
            tlb_remove_tlb_entry(addr)
        if pte_present(ptent):
            folio = vm_normal_folio(ptent)
            if folio is not None:
                folio_mark_lazyfree(folio)
        addr += PAGE_SIZE
        if addr == end:
            break
        pte = next_pte(pte)
    pte_unmap_unlock(first)


@kernel("mm/huge_memory.c:madvise_free_huge_pmd", "7.3.4")
def madvise_free_huge_pmd(vma: Vma, pmd: Pmd, haddr: Addr, whole: bool) -> None:
    """A leaf.  If the range has not the whole of it, its folio is split
    and the caller goes on with entries, if it could be."""
    spin_lock(pmd.ptl)
    orig_pmd = pmdp_get_leaf(pmd)
    if not pmd_trans_huge(orig_pmd) or is_huge_zero_pmd(orig_pmd):
        spin_unlock(pmd.ptl)
        return
    folio = pmd_folio(orig_pmd)
    maps = folio_mapcount(folio)
    if maps > 1 and folio_mapped_shared(folio):
        spin_unlock(pmd.ptl)
        return
    if not folio_trylock(folio):
        spin_unlock(pmd.ptl)
        return
    if not whole:
        folio_get(folio)
        spin_unlock(pmd.ptl)
        split_large_folio(folio)
        folio_unlock(folio)
        folio_put(folio)
        return
    folio_clear_dirty(folio)
    folio_unlock(folio)
    if orig_pmd.young or orig_pmd.dirty:
        pmdp_invalidate(vma, haddr, pmd)
        set_pmd_at(vma.mm, haddr, pmd, replace(orig_pmd, young=False, dirty=False))
        tlb_remove_pmd_tlb_entry(pmd)
    folio_mark_lazyfree(folio)
    spin_unlock(pmd.ptl)

# SPDX-License-Identifier: GPL-2.0-only
"""MADV_COLLAPSE: what page-table entries map is copied into a new huge page, which a leaf maps.

mmap_lock is held for writing while it is done.  Left out: khugepaged's own limits, swapped pages
(which are read in first), files, folios of other orders, and that no folio is on a list of the LRU
meanwhile.
"""

from __future__ import annotations

from model.hw.objects import Addr, Pmd, PteVal
from model.lang import kernel

from ..folio import (
    copy_page,
    folio_mapcount,
    folio_put,
    folio_ref_count,
    folio_remove_rmap_pte,
    vm_normal_folio,
)
from ..locks import anon_vma_lock_write, anon_vma_unlock_write, spin_lock, spin_unlock
from ..objects import Vma
from ..pgtable import (
    NONE,
    is_zero_page,
    pmd_populate,
    pmdp_get_lockless,
    pte_none,
    pte_present,
    ptep_get,
    set_pte_at,
)
from .memory import folio_alloc_pmd, map_anon_folio_pmd
from .pmd import addrs_of_pmd, pmd_trans_huge, pmdp_collapse_flush, pmdp_get_leaf

SUCCEED, PMD_MAPPED, NO_PTE_TABLE, FAIL, PTE_UFFD, PAGE_COUNT, EXCEED_NONE, ALLOC_FAIL = range(8)
"""enum scan_result, as far as there are reasons here."""

UNMAPPED = 8
"""What is not present: it is read in once the scan has found nothing against it."""


@kernel("mm/khugepaged.c:collapse_scan_pmd", "7.3.4")
def collapse_scan_pte(vma: Vma, pteval: PteVal) -> int:
    """One entry: SUCCEED if it may be collapsed, UNMAPPED if what it stands for must come first."""
    if pte_none(pteval) or (pte_present(pteval) and is_zero_page(pteval)):
        return EXCEED_NONE if vma.uffd_missing or vma.uffd_wp else SUCCEED
    if pteval.uffd_wp:
        return PTE_UFFD
    if not pte_present(pteval):
        return UNMAPPED
    folio = vm_normal_folio(pteval)
    if folio is None:
        return FAIL
    maps = folio_mapcount(folio)
    refs = folio_ref_count(folio)
    return SUCCEED if maps == refs else PAGE_COUNT


@kernel("mm/khugepaged.c:collapse_huge_page", "7.3.4")
def collapse_huge_page(vma: Vma, pmd: Pmd, haddr: Addr) -> int:
    """All entries of a table."""
    now = pmdp_get_leaf(pmd)
    if pmd_trans_huge(now):
        return PMD_MAPPED
    table = pmdp_get_lockless(pmd)
    if table is None:
        return NO_PTE_TABLE
    folio = folio_alloc_pmd()
    if folio is None:
        return ALLOC_FAIL
    anon_vma_lock_write(vma.anon_vma)
    spin_lock(pmd.ptl)
    pmdp_collapse_flush(vma, pmd)
    spin_unlock(pmd.ptl)
    result = SUCCEED
    unmapped = False
    for addr in addrs_of_pmd(vma.mm, pmd):
        pteval = ptep_get(table.slots[addr])
        if result == SUCCEED:
            result = collapse_scan_pte(vma, pteval)
            if result == UNMAPPED:
                unmapped = True
                result = SUCCEED
    if result == SUCCEED and unmapped:
        result = FAIL  # it is a marker, and what reads it in fails
    if result != SUCCEED:
        spin_lock(pmd.ptl)
        pmd_populate(pmd, table)
        spin_unlock(pmd.ptl)
        anon_vma_unlock_write(vma.anon_vma)
        folio_put(folio)
        return result
    anon_vma_unlock_write(vma.anon_vma)
    for place, addr in enumerate(addrs_of_pmd(vma.mm, pmd)):
        pteval = ptep_get(table.slots[addr])
        spin_lock(table.ptl)
        set_pte_at(vma.mm, addr, table.slots[addr], NONE)
        spin_unlock(table.ptl)
        if pte_present(pteval):
            src = vm_normal_folio(pteval)
            if src is not None:
                copy_page(folio.pages[place], src)
                folio_remove_rmap_pte(src)
                folio_put(src)
    spin_lock(pmd.ptl)
    map_anon_folio_pmd(folio, pmd, vma, haddr)
    spin_unlock(pmd.ptl)
    return SUCCEED

# SPDX-License-Identifier: GPL-2.0-only
"""Faults on huge pages of hugetlb.

Hold the VMA lock (or mmap_lock) for reading; the anon_vma of a private mapping is prepared
(vmf_anon_prepare).  A private mapping has a page of its own also where it only reads a hole.
Left out: as in `tables`, and unmap_ref_private, which takes a page from a child when the pool is
empty and the parent had reserved it.
"""

from __future__ import annotations

from dataclasses import replace

from model.hw.objects import Addr, Pte, PteKind, PteVal
from model.lang import current, effect, kernel, pure, step, wait_until

from ...hw.orders import TRY_GET
from ..errno import VM_FAULT_SIGBUS
from ..folio import (
    PageAnonExclusive,
    SetPageAnonExclusive,
    copy_page,
    folio_add_file_rmap_pte,
    folio_add_new_anon_rmap,
    folio_alloc,
    folio_get,
    folio_mapcount,
    folio_move_anon_rmap,
    folio_put,
    folio_remove_rmap_pte,
    folio_test_anon,
    linear_page_index,
    vm_normal_folio,
)
from ..locks import (
    down_write,
    folio_lock,
    folio_trylock,
    folio_unlock,
    spin_lock,
    spin_unlock,
    up_write,
)
from ..objects import Folio, Mapping, Vma
from ..pgtable import (
    pte_none,
    pte_present,
    pte_same,
    ptep_clear_flush,
    ptep_get,
    ptep_get_lockless,
    ptep_set_access_flags,
    set_pte_at,
)
from .tables import huge_pte_alloc, hugetlb_vma_lock_read, hugetlb_vma_unlock_read, hugetlb_walk


@kernel("mm/hugetlb.c:hugetlb_fault_mutex_hash", "7.3.4")
def hugetlb_fault_mutex_lock(mapping: Mapping, index: Addr) -> None:
    """One fault at a time for a page of the file.  Left out: that pages may hash to one mutex."""
    down_write(mapping.fault_mutexes[index])


@kernel("mm/hugetlb.c:hugetlb_fault_mutex_hash", "7.3.4")
def hugetlb_fault_mutex_unlock(mapping: Mapping, index: Addr) -> None:
    up_write(mapping.fault_mutexes[index])


@step("mm/filemap.c:__filemap_get_folio_mpol", "7.3.4", order=TRY_GET, traits="sleeps",
      several="lookup, reference and lock, tried again if the entry changed")  # fmt: skip
def filemap_lock_hugetlb_folio(mapping: Mapping, index: Addr) -> Folio | None:
    """The page of the file, locked and with a reference; None if it has none there."""
    folio = mapping.pages[index]
    wait_until(folio is None or folio.locked_by is None)
    if folio is not None:
        folio.refcount = folio.refcount + 1
        folio.locked_by = current()
    return folio


@effect
def into_cache(folio: Folio, mapping: Mapping, index: Addr) -> None:
    """The page cache has a reference of its own."""
    mapping.pages[index] = folio
    folio.refcount = folio.refcount + 1
    folio.dirty = True


@step("mm/hugetlb.c:hugetlb_add_to_page_cache", "7.3.4", order="full",
      several="nobody sees it before; the fault mutex keeps others from the index")  # fmt: skip
def hugetlb_add_to_page_cache(folio: Folio, mapping: Mapping, index: Addr) -> None:
    folio.locked_by = current()
    into_cache(folio, mapping, index)


@pure
def make_huge_pte(vma: Vma, folio: Folio, try_mkwrite: bool) -> PteVal:
    write = try_mkwrite and vma.writable
    return PteVal(kind=PteKind.PRESENT, frame=folio.frame, write=write, dirty=write, young=True)


@kernel("mm/hugetlb.c:hugetlb_wp", "7.3.4")
def hugetlb_wp(vma: Vma, addr: Addr, pte: Pte) -> int:
    """A write to a page that is mapped read-only.  The page-table lock is held, and dropped while a
    page is allocated; an anonymous page is locked."""
    orig = ptep_get(pte)
    if vma.shared:
        ptep_set_access_flags(vma, addr, pte, replace(orig, write=vma.writable, dirty=True))
        return 0
    old_folio = vm_normal_folio(orig)
    if old_folio is None:
        return 0
    maps = folio_mapcount(old_folio)
    if maps == 1 and folio_test_anon(old_folio):
        if not PageAnonExclusive(old_folio):
            folio_move_anon_rmap(old_folio, vma)
            SetPageAnonExclusive(old_folio)
        ptep_set_access_flags(vma, addr, pte, replace(orig, write=vma.writable, dirty=True))
        return 0
    folio_get(old_folio)
    spin_unlock(pte.table.ptl)
    new_folio = folio_alloc()
    if new_folio is None:
        folio_put(old_folio)
        spin_lock(pte.table.ptl)
        return VM_FAULT_SIGBUS
    copy_page(new_folio, old_folio)
    spin_lock(pte.table.ptl)
    again = hugetlb_walk(vma, addr)
    now = ptep_get(pte)
    if again is None or not pte_same(now, orig):
        folio_put(new_folio)
        folio_put(old_folio)
        return 0
    ptep_clear_flush(vma, addr, pte)
    folio_remove_rmap_pte(old_folio)
    folio_add_new_anon_rmap(new_folio, vma, addr, True)
    set_pte_at(vma.mm, addr, pte, make_huge_pte(vma, new_folio, True))
    folio_put(old_folio)
    folio_put(old_folio)
    return 0


@kernel("mm/hugetlb.c:hugetlb_no_page", "7.3.4")
def hugetlb_no_page(
    vma: Vma, mapping: Mapping, addr: Addr, write: bool, pte: Pte, orig: PteVal
) -> int:
    """Nothing is mapped.  The mutex and the VMA's lock are held, and the caller's to drop (the
    kernel drops them here)."""
    index = linear_page_index(vma, addr)
    anon = False
    folio = filemap_lock_hugetlb_folio(mapping, index)
    if folio is None:
        if vma.uffd_missing:
            return VM_FAULT_SIGBUS
        folio = folio_alloc()
        if folio is None:
            return VM_FAULT_SIGBUS
        if vma.shared:
            hugetlb_add_to_page_cache(folio, mapping, index)
        else:
            folio_lock(folio)
            anon = True
    spin_lock(pte.table.ptl)
    now = ptep_get(pte)
    if not pte_same(now, orig):
        spin_unlock(pte.table.ptl)
        folio_unlock(folio)
        folio_put(folio)
        return 0
    if anon:
        folio_add_new_anon_rmap(folio, vma, addr, True)
    else:
        folio_add_file_rmap_pte(folio)
    set_pte_at(vma.mm, addr, pte, make_huge_pte(vma, folio, vma.shared))
    ret = 0
    if write and not vma.shared:
        if not anon:
            folio_unlock(folio)
        ret = hugetlb_wp(vma, addr, pte)
        if anon:
            folio_unlock(folio)
    else:
        folio_unlock(folio)
    spin_unlock(pte.table.ptl)
    return ret


@kernel("mm/hugetlb.c:hugetlb_fault", "7.3.4")
def hugetlb_fault(vma: Vma, mapping: Mapping, addr: Addr, write: bool) -> int:
    """0, after which the access is tried again, or VM_FAULT_*."""
    index = linear_page_index(vma, addr)
    hugetlb_fault_mutex_lock(mapping, index)
    hugetlb_vma_lock_read(vma)
    pte = huge_pte_alloc(vma, mapping, addr)
    orig = ptep_get_lockless(pte)
    if pte_none(orig):
        ret = hugetlb_no_page(vma, mapping, addr, write, pte, orig)
        hugetlb_vma_unlock_read(vma)
        hugetlb_fault_mutex_unlock(mapping, index)
        return ret
    ret = hugetlb_fault_present(vma, addr, write, pte, orig)
    hugetlb_vma_unlock_read(vma)
    hugetlb_fault_mutex_unlock(mapping, index)
    return ret


@kernel("mm/hugetlb.c:hugetlb_fault", "7.3.4")
def hugetlb_fault_present(vma: Vma, addr: Addr, write: bool, pte: Pte, orig: PteVal) -> int:
    """The second half, of a page that is mapped.  Left out: the wait for a page that somebody else
    has locked, or migrates (the fault is tried again)."""
    ret = 0
    spin_lock(pte.table.ptl)
    now = ptep_get(pte)
    if not pte_same(now, orig) or not pte_present(now):
        spin_unlock(pte.table.ptl)
        return 0
    folio = vm_normal_folio(now)
    if folio is None:
        spin_unlock(pte.table.ptl)
        return 0
    if write and not orig.write:
        anon = folio_test_anon(folio)
        if anon and not folio_trylock(folio):
            spin_unlock(pte.table.ptl)
            return 0
        folio_get(folio)
        ret = hugetlb_wp(vma, addr, pte)
        if anon:
            folio_unlock(folio)
        folio_put(folio)
    else:
        entry = replace(orig, young=True, dirty=orig.dirty or write)
        ptep_set_access_flags(vma, addr, pte, entry)
    spin_unlock(pte.table.ptl)
    return ret

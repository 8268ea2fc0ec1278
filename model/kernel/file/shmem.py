# SPDX-License-Identifier: GPL-2.0-only
"""Faults on pages of a memfd, mapped privately or shared.

Hold the VMA lock (or mmap_lock) for reading.  The page cache holds one reference to each of its
folios.  Left out: large folios, the end of the file (a memfd is as long
as its mappings), writenotify (shmem has no page_mkwrite), userfaultfd on files.
"""

from __future__ import annotations

from dataclasses import replace

from model.hw.objects import Addr, Entry, PteKind, PteVal
from model.lang import current, effect, kernel, pure, step, wait_until

from ...hw.orders import TRY_GET
from ..errno import VM_FAULT_OOM, VM_FAULT_SIGBUS
from ..folio import (
    copy_page,
    folio_add_file_rmap_pte,
    folio_add_new_anon_rmap,
    folio_alloc,
    folio_get,
    folio_mark_dirty,
    folio_put,
    linear_page_index,
    new_folio,
    vm_normal_folio,
)
from ..locks import folio_lock, folio_unlock
from ..objects import Folio, Mapping, Vma
from ..pgtable import (
    NONE,
    is_uffd_wp_marker,
    pte_alloc,
    pte_none,
    pte_offset_map_lock,
    pte_present,
    pte_unmap_unlock,
    ptep_get,
    ptep_set_access_flags,
    set_pte_at,
)
from ..rmap import pmd_of
from ..swap import swap_cache_del_folio, swap_cache_get_folio, swap_free, swap_read_folio


@effect
def new_page(cache: Mapping, index: Addr) -> Folio | None:
    """A zeroed folio in the page cache, which holds a reference; the caller's is another one."""
    got = new_folio()
    if got is not None:
        got.refcount = 2
        got.lru = True
        cache.pages[index] = got
    return got


@step("mm/shmem.c:shmem_get_folio_gfp", "7.3.4", order="full", traits="sleeps",
      several="lookup, or a new folio that nobody else sees, under the xarray's lock")  # fmt: skip
def shmem_get_folio_unswapped(cache: Mapping, index: Addr) -> Folio | None:
    """The folio at an index, locked and with a reference; a new one if there was none."""
    folio = cache.pages[index]
    wait_until(folio is None or folio.locked_by is None)
    if folio is None:
        folio = new_page(cache, index)
    else:
        folio.refcount = folio.refcount + 1
    if folio is not None:
        folio.locked_by = current()
    return folio


@step("mm/shmem.c:shmem_get_folio_gfp", "7.3.4", order="full")
def shmem_swap_entry(cache: Mapping, index: Addr) -> Entry:
    """filemap_get_entry of what may be a value: the swap entry at an index, 0 if there is none."""
    return cache.swapped[index]


@step("mm/shmem.c:shmem_add_to_page_cache", "7.3.4", order="full",
      several="the swap entry is replaced, under the xarray's lock")  # fmt: skip
def shmem_add_from_swap(folio: Folio, cache: Mapping, index: Addr) -> None:
    cache.swapped[index] = 0
    cache.pages[index] = folio
    folio.refcount = folio.refcount + 1


@kernel("mm/shmem.c:shmem_swapin_folio", "7.3.4")
def shmem_swapin_folio(cache: Mapping, index: Addr, entry: Entry) -> Folio | None:
    """A page of the file that is in swap, back in the page cache: locked, with a reference."""
    folio = swap_cache_get_folio(entry)
    if folio is None:
        folio = folio_alloc()
        if folio is None:
            return None
        folio_lock(folio)
        if not swap_read_folio(folio, entry):
            folio_unlock(folio)
            folio_put(folio)
            return None
    else:
        folio_lock(folio)
    shmem_add_from_swap(folio, cache, index)
    swap_free(entry)
    swap_cache_del_folio(folio, False)
    folio_mark_dirty(folio)
    return folio


@step("mm/shmem.c:shmem_get_folio_gfp", "7.3.4", order="full")
def shmem_is_missing(vma: Vma, cache: Mapping, index: Addr) -> bool:
    """A page that is neither in the page cache nor in swap, in a VMA that is registered for that
    (handle_userfault, which is SIGBUS here)."""
    return vma.uffd_missing and cache.pages[index] is None and cache.swapped[index] == 0


@kernel("mm/shmem.c:shmem_get_folio_gfp", "7.3.4")
def shmem_get_folio(cache: Mapping, index: Addr) -> Folio | None:
    """The folio at an index, locked and with a reference; from swap, or new, if need be."""
    entry = shmem_swap_entry(cache, index)
    if entry != 0:
        return shmem_swapin_folio(cache, index, entry)
    return shmem_get_folio_unswapped(cache, index)


@step("mm/filemap.c:next_uptodate_folio", "7.3.4", order=TRY_GET, traits="tryget trylock",
      several="lookup, reference and trylock, tried again if the entry changed")  # fmt: skip
def next_uptodate_folio(cache: Mapping, index: Addr) -> Folio | None:
    """The folio at an index, locked and with a reference; None if there is none to be had."""
    folio = cache.pages[index]
    if folio is None or folio.locked_by is not None:
        return None
    folio.refcount = folio.refcount + 1
    folio.locked_by = current()
    return folio


@pure
def file_pte(vma: Vma, folio: Folio, write: bool) -> PteVal:
    """set_pte_range: a page of the file with the protection of the VMA (vm_page_prot), which is
    read-only where a userfaultfd protects (vma_wants_writenotify)."""
    writable = vma.shared and vma.writable and (write or not vma.uffd_wp)
    return PteVal(
        kind=PteKind.PRESENT, frame=folio.frame, write=writable, dirty=write,
        protnone=not vma.readable,
    )  # fmt: skip


@pure
def marked(now: PteVal, val: PteVal) -> PteVal:
    """set_pte_range where a marker was: what is put in its place is write-protected."""
    return replace(val, write=False, uffd_wp=True) if is_uffd_wp_marker(now) else val


@kernel("mm/filemap.c:filemap_map_pages", "7.3.4")
def filemap_map_pages(vma: Vma, cache: Mapping, start: Addr, end: Addr) -> None:
    """Map what the page cache has of [start, end), where nothing is mapped (fault-around)."""
    pte_alloc(pmd_of(vma))
    pte = pte_offset_map_lock(pmd_of(vma), start)
    if pte is None:
        return
    table = pte.table
    addr = start
    while addr < end:
        folio = next_uptodate_folio(cache, linear_page_index(vma, addr))
        if folio is not None:
            now = ptep_get(table.slots[addr])
            if pte_none(now):
                folio_add_file_rmap_pte(folio)
                set_pte_at(vma.mm, addr, table.slots[addr], file_pte(vma, folio, False))
                folio_unlock(folio)
            else:
                folio_unlock(folio)
                folio_put(folio)
        addr += 1
    pte_unmap_unlock(pte)


@kernel("mm/memory.c:do_shared_fault", "7.3.4")
def do_file_fault(vma: Vma, cache: Mapping, addr: Addr, write: bool) -> int:
    """The page of the file itself: do_read_fault behind fault-around, do_shared_fault."""
    if shmem_is_missing(vma, cache, linear_page_index(vma, addr)):
        return VM_FAULT_SIGBUS
    folio = shmem_get_folio(cache, linear_page_index(vma, addr))
    if folio is None:
        return VM_FAULT_OOM
    pte_alloc(pmd_of(vma))
    pte = pte_offset_map_lock(pmd_of(vma), addr)
    if pte is None:
        folio_unlock(folio)
        folio_put(folio)
        return 0
    now = ptep_get(pte)
    if not pte_none(now) and not is_uffd_wp_marker(now):
        pte_unmap_unlock(pte)
        folio_unlock(folio)
        folio_put(folio)
        return 0
    folio_add_file_rmap_pte(folio)
    set_pte_at(vma.mm, addr, pte, marked(now, file_pte(vma, folio, write)))
    pte_unmap_unlock(pte)
    folio_unlock(folio)
    return 0


@kernel("mm/memory.c:do_cow_fault", "7.3.4")
def do_cow_fault(vma: Vma, cache: Mapping, addr: Addr) -> int:
    """A write to a page of a private mapping that is not mapped: a copy of the file's page."""
    new_folio = folio_alloc()
    if new_folio is None:
        return VM_FAULT_OOM
    if shmem_is_missing(vma, cache, linear_page_index(vma, addr)):
        folio_put(new_folio)
        return VM_FAULT_SIGBUS
    folio = shmem_get_folio(cache, linear_page_index(vma, addr))
    if folio is None:
        folio_put(new_folio)
        return VM_FAULT_OOM
    copy_page(new_folio, folio)
    pte_alloc(pmd_of(vma))
    pte = pte_offset_map_lock(pmd_of(vma), addr)
    if pte is None:
        folio_unlock(folio)
        folio_put(folio)
        folio_put(new_folio)
        return 0
    now = ptep_get(pte)
    if not pte_none(now) and not is_uffd_wp_marker(now):
        pte_unmap_unlock(pte)
        folio_unlock(folio)
        folio_put(folio)
        folio_put(new_folio)
        return 0
    folio_add_new_anon_rmap(new_folio, vma, addr, True)
    entry = PteVal(
        kind=PteKind.PRESENT, frame=new_folio.frame, write=vma.writable, dirty=True,
        soft_dirty=True,
    )  # fmt: skip
    set_pte_at(vma.mm, addr, pte, marked(now, entry))
    pte_unmap_unlock(pte)
    folio_unlock(folio)
    folio_put(folio)
    return 0


@kernel("mm/memory.c:wp_page_shared", "7.3.4")
def wp_page_shared(vma: Vma, addr: Addr) -> int:
    """A write to a page of a shared mapping that is mapped read-only: make it writable."""
    pte = pte_offset_map_lock(pmd_of(vma), addr)
    if pte is None:
        return 0
    now = ptep_get(pte)
    if not pte_present(now):
        pte_unmap_unlock(pte)
        return 0
    folio = vm_normal_folio(now)
    if folio is None:
        pte_unmap_unlock(pte)
        return 0
    folio_get(folio)
    entry = PteVal(
        kind=PteKind.PRESENT, frame=now.frame, write=vma.writable, dirty=True,
        soft_dirty=now.soft_dirty, uffd_wp=now.uffd_wp,
    )  # fmt: skip
    ptep_set_access_flags(vma, addr, pte, entry)
    pte_unmap_unlock(pte)
    folio_put(folio)
    return 0


@kernel("mm/memory.c:pte_marker_clear", "7.3.4")
def clear_marker(vma: Vma, addr: Addr) -> None:
    """A marker of a VMA that is not registered any more goes, and the fault is tried again."""
    pte = pte_offset_map_lock(pmd_of(vma), addr)
    if pte is None:
        return
    now = ptep_get(pte)
    if is_uffd_wp_marker(now):
        set_pte_at(vma.mm, addr, pte, NONE)
    pte_unmap_unlock(pte)

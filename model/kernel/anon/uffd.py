# SPDX-License-Identifier: GPL-2.0-only
"""UFFDIO_COPY, _ZEROPAGE and _POISON: something new where nothing was mapped.

Left out: copying in from the user (the page holds its first token), hugetlb, UFFDIO_CONTINUE.
"""

from __future__ import annotations

from model.hw.objects import Addr, PteKind, PteVal
from model.lang import current, kernel, step

from ...hw.orders import XARRAY
from ..errno import EAGAIN, EEXIST
from ..folio import (
    folio_add_file_rmap_pte,
    folio_add_new_anon_rmap,
    folio_alloc,
    folio_put,
    linear_page_index,
)
from ..locks import folio_unlock
from ..mmap_lock import (
    lock_vma_under_rcu,
    mmap_read_lock,
    mmap_read_unlock,
    vma_lookup,
    vma_start_read_locked,
)
from ..objects import Folio, Mapping, Vma
from ..pgtable import (
    is_uffd_wp_marker,
    pte_alloc,
    pte_none,
    pte_offset_map_lock,
    pte_unmap_unlock,
    ptep_get,
    set_pte_at,
)
from ..rmap import pmd_of


@kernel("mm/userfaultfd.c:uffd_lock_vma", "7.3.4")
def uffd_lock_vma(vma: Vma) -> bool:
    """Lock a VMA for reading, under mmap_lock if it cannot be had at once; false if there is
    none."""
    if lock_vma_under_rcu(vma):
        return True
    mmap_read_lock(vma.mm)
    found = vma_lookup(vma)
    if found:
        vma_start_read_locked(vma)
    mmap_read_unlock(vma.mm)
    return found


@kernel("mm/userfaultfd.c:mfill_atomic_install_pte", "7.3.4")
def mfill_atomic_install_pte(
    vma: Vma, addr: Addr, folio: Folio, wp: bool, over_markers: bool
) -> int:
    """Map a new anonymous folio: 0, -EEXIST, or -EAGAIN if the table is gone.

    On success the entry has the caller's reference.  `over_markers`: 6.18 lets it take the place
    of any marker (pte_none_mostly), 7.3.4 only of one for write protection.
    """
    pte = pte_offset_map_lock(pmd_of(vma), addr)
    if pte is None:
        return -EAGAIN
    now = ptep_get(pte)
    if not pte_none(now) and not (over_markers and now.kind == PteKind.MARKER):
        pte_unmap_unlock(pte)
        return -EEXIST
    folio_add_new_anon_rmap(folio, vma, addr, True)
    entry = PteVal(
        kind=PteKind.PRESENT, frame=folio.frame, write=vma.writable and not wp, dirty=True,
        soft_dirty=True, uffd_wp=wp, protnone=not vma.readable,
    )  # fmt: skip
    set_pte_at(vma.mm, addr, pte, entry)
    pte_unmap_unlock(pte)
    return 0


@kernel("mm/userfaultfd.c:mfill_atomic_pte_copy", "7.3.4")
def uffdio_copy(vma: Vma, addr: Addr) -> None:
    """One page."""
    folio = folio_alloc()
    if folio is None:
        return
    pte_alloc(pmd_of(vma))
    err = mfill_atomic_install_pte(vma, addr, folio, False, False)
    if err != 0:
        folio_put(folio)


@kernel("mm/userfaultfd.c:mfill_atomic_pte_zeropage", "7.3.4")
def mfill_atomic_pte(vma: Vma, addr: Addr, val: PteVal) -> int:
    """Put in the zero page, or a poison marker (mfill_atomic_pte_poison): 0, -EEXIST or -EAGAIN."""
    pte_alloc(pmd_of(vma))
    pte = pte_offset_map_lock(pmd_of(vma), addr)
    if pte is None:
        return -EAGAIN
    now = ptep_get(pte)
    if not pte_none(now):
        pte_unmap_unlock(pte)
        return -EEXIST
    set_pte_at(vma.mm, addr, pte, val)
    pte_unmap_unlock(pte)
    return 0


@kernel("mm/userfaultfd.c:mfill_atomic_install_pte", "7.3.4")
def mfill_install_shared(vma: Vma, addr: Addr, folio: Folio, wp: bool, over_markers: bool) -> int:
    """The same of a page of the file, in a shared mapping."""
    pte = pte_offset_map_lock(pmd_of(vma), addr)
    if pte is None:
        return -EAGAIN
    now = ptep_get(pte)
    free = pte_none(now) or is_uffd_wp_marker(now)
    if not free and not (over_markers and now.kind == PteKind.MARKER):
        pte_unmap_unlock(pte)
        return -EEXIST
    folio_add_file_rmap_pte(folio)
    entry = PteVal(
        kind=PteKind.PRESENT, frame=folio.frame, write=vma.writable and not wp, dirty=True,
        uffd_wp=wp, protnone=not vma.readable,
    )  # fmt: skip
    set_pte_at(vma.mm, addr, pte, entry)
    pte_unmap_unlock(pte)
    return 0


@step("mm/shmem.c:shmem_mfill_filemap_add", "7.3.4", order=XARRAY,
      several="an index that is empty is taken, under the xarray's lock")  # fmt: skip
def shmem_add_new(folio: Folio, cache: Mapping, index: Addr) -> bool:
    """A new folio, locked with it; false if a page is there, or in swap."""
    free = cache.pages[index] is None and cache.swapped[index] == 0
    if free:
        folio.locked_by = current()
        folio.lru = True
        folio.refcount = folio.refcount + 1
        cache.pages[index] = folio
    return free


@step("mm/shmem.c:shmem_mfill_filemap_remove", "7.3.4", order="full",
      several="under the xarray's lock, with the folio locked")  # fmt: skip
def shmem_take_back(folio: Folio, cache: Mapping, index: Addr) -> None:
    cache.pages[index] = None
    folio.refcount = folio.refcount - 1


@kernel("mm/userfaultfd.c:__mfill_atomic_pte", "7.3.4")
def shmem_mfill_atomic_pte(
    vma: Vma, cache: Mapping, addr: Addr, folio: Folio, wp: bool, over_markers: bool
) -> int:
    """UFFDIO_COPY and _ZEROPAGE in a shared mapping: 0, -EEXIST or -EAGAIN.  On success the entry
    has the caller's reference."""
    index = linear_page_index(vma, addr)
    if not shmem_add_new(folio, cache, index):
        return -EEXIST
    pte_alloc(pmd_of(vma))
    err = mfill_install_shared(vma, addr, folio, wp, over_markers)
    if err != 0:
        shmem_take_back(folio, cache, index)
    folio_unlock(folio)
    return err

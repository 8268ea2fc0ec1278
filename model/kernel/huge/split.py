# SPDX-License-Identifier: GPL-2.0-only
"""Large folios: copy-on-write of their pages, pins, and the split into folios of one page each.

The routines of small folios take a page of a large one as a Folio too: what the kernel keeps in
the head (references, lock, mapping) is the head's then, what it keeps a page (map count of the
page, PageAnonExclusive) the page's.

Left out: files, the swap cache, splits to another order than 0, the deferred split queue.
"""

from __future__ import annotations

from model.hw.memory import smp_mb__after_atomic
from model.hw.objects import Addr, Pmd, PteKind, PteVal
from model.lang import kernel, primitive, step, unmodelled

from ...hw.orders import ATOMIC
from ..anon.anonymous import zero_page
from ..anon.migrate import try_to_migrate_one
from ..errno import EAGAIN, EBUSY
from ..folio import (
    PageAnonExclusive,
    folio_add_anon_rmap_pte,
    folio_get,
    folio_mapcount,
    folio_put,
    folio_ref_count,
    folio_ref_freeze,
    folio_test_large,
    folio_try_get,
    gup_put_folio,
    pinned,
)
from ..gup import pte_access_permitted
from ..locks import anon_vma_lock_write, anon_vma_unlock_write, folio_unlock, spin_lock, spin_unlock
from ..objects import GUP_PIN, AnonVma, Folio, Mm, Vma
from ..pgtable import pte_unmap_unlock, ptep_get, set_pte_at
from ..rmap import (
    folio_get_anon_vma,
    folio_pgoff,
    in_tree,
    page_vma_mapped_walk_sync,
    pmd_of,
    put_anon_vma,
    vmas,
)
from .memory import split_huge_pmd_locked
from .pmd import addrs_of_pmd, pmd_folio, pmd_trans_huge, pmdp_get_leaf, pmdp_get_leaf_lockless

# -- pins ------------------------------------------------------------------------------------------


@step("mm/gup.c:try_grab_folio", "7.3.4", order=ATOMIC, traits="ref",
      several="_pincount of a large folio is written after its count")  # fmt: skip
def folio_add_pin(folio: Folio) -> None:
    """A reference becomes a pin: of a large folio it is counted apart."""
    if folio.large:
        folio.pincount = folio.pincount + 1
    else:
        folio.refcount = folio.refcount + (GUP_PIN - 1)


@step("include/linux/mm.h:folio_maybe_dma_pinned", "7.3.4", order="relaxed")
def maybe_dma_pinned(folio: Folio) -> bool:
    return folio.pincount > 0 if folio.large else folio.refcount >= GUP_PIN


@kernel("mm/gup.c:gup_fast_pmd_leaf", "7.3.4")
def gup_fast_pmd_leaf(mm: Mm, pmd: Pmd, page: Folio, addr: Addr, write: bool) -> None:
    """Pin one page of what a leaf maps, with interrupts off."""
    orig = pmdp_get_leaf_lockless(pmd)
    if not pte_access_permitted(orig, write) or not folio_try_get(page):
        return
    folio_add_pin(page)
    smp_mb__after_atomic()
    now = pmdp_get_leaf_lockless(pmd)
    if now != orig:
        gup_put_folio(page)
        return
    if not orig.write and not PageAnonExclusive(pmd_folio(orig)):
        gup_put_folio(page)
        return
    pinned(mm, page, addr)


# -- copy-on-write ---------------------------------------------------------------------------------


@step("mm/memory.c:__wp_can_reuse_large_anon_folio", "7.3.4", order="relaxed",
      several="_large_mapcount is both together")  # fmt: skip
def folio_has_one_mapping(folio: Folio) -> bool:
    """folio_large_mapcount(folio) <= 1: the last page is copied, so that the folio goes."""
    return folio.mapcount + folio.entire_mapcount <= 1


@primitive("include/linux/mm.h:folio_maybe_mapped_shared", "7.3.4")
def folio_mapped_shared(folio: Folio) -> bool:
    """FOLIO_MM_IDS_SHARED: more than one mm may map it.  The reference MM keeps that; no cast."""
    unmodelled("which mms map a large folio")
    return folio.large


@kernel("mm/memory.c:__wp_can_reuse_large_anon_folio", "7.3.4")
def wp_can_reuse_large_anon_folio(folio: Folio) -> bool:
    """Whether all references are of entries of this mm.  Left out: the swap cache, and the second
    look under the lock of the map count."""
    if folio_has_one_mapping(folio):
        return False
    if folio_mapped_shared(folio):
        return False
    maps = folio_mapcount(folio)
    refs = folio_ref_count(folio)
    return maps == refs


# -- split -----------------------------------------------------------------------------------------


@step("mm/huge_memory.c:__split_unmapped_folio", "7.3.4", order="full", traits="ref",
      several="the references are frozen at 0, nothing maps it, and it is locked")  # fmt: skip
def split_unmapped_folio(folio: Folio) -> None:
    """Each page is a folio: with one reference, locked, and found where it was."""
    for place, page in enumerate(folio.pages):
        page.refcount = 1
        page.locked_by = folio.locked_by
        page.mapping = folio.mapping
        page.index = folio.index + place
        page.dirty = folio.dirty
        page.lru = True
        page.large = False


@kernel("mm/huge_memory.c:unmap_folio", "7.3.4")
def unmap_folio(folio: Folio, anon_vma: AnonVma) -> None:
    """Migration entries in the place of all that maps it; leaves are split on the way."""
    for vma in vmas():
        spin_lock(pmd_of(vma).ptl)
        now = pmdp_get_leaf(pmd_of(vma))
        if pmd_trans_huge(now) and now.frame == folio.frame:
            haddr = addrs_of_pmd(vma.mm, pmd_of(vma))[0]
            split_huge_pmd_locked(vma, pmd_of(vma), haddr, True)
        spin_unlock(pmd_of(vma).ptl)
    for page in folio.pages:
        index = folio_pgoff(page)
        for vma in vmas():
            if in_tree(vma, anon_vma, index):
                try_to_migrate_one(page, vma, index + vma.shift)


@kernel("mm/migrate.c:try_to_map_unused_to_zeropage", "7.3.4")
def remap_pte(page: Folio, vma: Vma, addr: Addr) -> None:
    """remove_migration_pte of a page that is a folio by now, or, if it holds nothing, the zero
    page in its place.

    `value` 0 is a page of zeroes.  Left out: mlock, which keeps such a page.
    """
    pte = page_vma_mapped_walk_sync(page, vma, addr, True)
    if pte is None:
        return
    old_pte = ptep_get(pte)
    if page.frame.value == 0:
        new_pte = PteVal(
            kind=PteKind.PRESENT, frame=zero_page(), soft_dirty=old_pte.soft_dirty,
            uffd_wp=old_pte.uffd_wp, protnone=not vma.readable,
        )  # fmt: skip
    else:
        folio_get(page)
        new_pte = PteVal(
            kind=PteKind.PRESENT, frame=page.frame, write=old_pte.write, dirty=old_pte.dirty,
            young=old_pte.young, soft_dirty=old_pte.soft_dirty, uffd_wp=old_pte.uffd_wp,
            protnone=not vma.readable,
        )  # fmt: skip
        folio_add_anon_rmap_pte(page, old_pte.exclusive)
    set_pte_at(vma.mm, addr, pte, new_pte)
    pte_unmap_unlock(pte)


@kernel("mm/huge_memory.c:remap_page", "7.3.4")
def remap_page(folio: Folio, anon_vma: AnonVma) -> None:
    for page in folio.pages:
        index = folio_pgoff(page)
        for vma in vmas():
            if in_tree(vma, anon_vma, index):
                remap_pte(page, vma, index + vma.shift)


@kernel("mm/huge_memory.c:__folio_split", "7.3.4")
def split_large_folio(folio: Folio) -> int:
    """split_folio of a locked folio: 0, -EBUSY, or -EAGAIN if anybody else has a reference.

    The head stays locked; pages that nothing maps are freed.
    """
    if not folio_test_large(folio):
        return 0
    anon_vma = folio_get_anon_vma(folio)
    if anon_vma is None:
        return -EBUSY
    anon_vma_lock_write(anon_vma)
    maps = folio_mapcount(folio)
    refs = folio_ref_count(folio)
    if refs != maps + 1:
        anon_vma_unlock_write(anon_vma)
        put_anon_vma(anon_vma)
        return -EAGAIN
    unmap_folio(folio, anon_vma)
    frozen = folio_ref_freeze(folio, 1)
    if frozen:
        split_unmapped_folio(folio)
    remap_page(folio, anon_vma)
    for page in folio.pages:
        if frozen and page != folio:
            folio_unlock(page)
            folio_put(page)
    anon_vma_unlock_write(anon_vma)
    put_anon_vma(anon_vma)
    return 0 if frozen else -EAGAIN

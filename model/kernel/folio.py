# SPDX-License-Identifier: GPL-2.0-only
"""Folios: references, pins, map counts, exclusivity, and where the reverse map finds them.

A folio of a memfd is one whose mapping is no anon_vma.  Left out: large folios but for the flag
(a large one is refused, split, or left alone by the routines modelled here), the LRU but for the
reference that isolation holds, memory cgroups.
"""

from __future__ import annotations

from model.hw.memory import smp_mb, smp_mb__after_atomic
from model.hw.objects import Addr, PteKind, PteVal, Thread
from model.lang import check, current, effect, primitive, pure, static, step

from ..hw.orders import ATOMIC, CMPXCHG, ISOLATE_LRU, TRY_GET
from .errno import EAGAIN
from .objects import GUP_PIN, AnonVma, Folio, Mm, Vma


@pure
def vm_normal_folio(val: PteVal) -> Folio | None:
    """The folio of an entry, which must be present, for the bits of any other would be taken for a
    frame; None for the zero page (mm/memory.c:vm_normal_page)."""
    check(val.kind == PteKind.PRESENT, "model:present")
    return None if val.frame is None or val.frame.zero else val.frame.folio


# -- references ------------------------------------------------------------------------------------


@step("include/linux/mm.h:folio_get", "7.3.4", order=ATOMIC, traits="ref")
def folio_get(folio: Folio) -> None:
    folio.refcount = folio.refcount + 1


@effect
def release(folio: Folio, count: int) -> None:
    """Drop references; the last one gives the page back, and the allocator resets it."""
    left = folio.refcount - count
    folio.refcount = left
    if left == 0:
        folio.free = True
        folio.lru = False
        folio.mapping = None
        folio.anon_exclusive = False
        folio.dirty = False
        folio.lazyfree = False
        folio.copy_of = None


FREEING = "the last reference gives the page back, which nobody else can watch"


@step("include/linux/mm.h:folio_put", "7.3.4", order="full", traits="ref put", several=FREEING)
def folio_put(folio: Folio, count: int = 1) -> None:
    release(folio, count)


@step("mm/gup.c:gup_put_folio", "7.3.4", order="full", traits="ref put", several=FREEING)
def gup_put_folio(folio: Folio, count: int = GUP_PIN) -> None:
    """Take back a pin."""
    release(folio, count)


@step("include/linux/page_ref.h:folio_try_get", "7.3.4", order=TRY_GET, traits="tryget")
def folio_try_get(folio: Folio) -> bool:
    got = folio.refcount > 0
    if got:
        folio.refcount = folio.refcount + 1
    return got


@step("include/linux/page_ref.h:folio_ref_add", "7.3.4", order=ATOMIC, traits="ref")
def folio_ref_add_pin(folio: Folio) -> None:
    """A reference becomes a pin: GUP_PIN_COUNTING_BIAS - 1 more."""
    folio.refcount = folio.refcount + (GUP_PIN - 1)


@step("include/linux/page_ref.h:folio_ref_count", "7.3.4", order="relaxed")
def folio_ref_count(folio: Folio) -> int:
    return folio.refcount


@step("include/linux/page_ref.h:folio_ref_freeze", "7.3.4", order=CMPXCHG, traits="ref")
def folio_ref_freeze(folio: Folio, count: int) -> bool:
    """If the count is this, make it 0: nobody can take a reference any more."""
    frozen = folio.refcount == count
    if frozen:
        folio.refcount = 0
    return frozen


@step("mm/page_alloc.c:free_frozen_pages", "7.3.4", order="release", traits="ref put",
      several=FREEING)  # fmt: skip
def free_frozen_folio(folio: Folio, count: int = 0) -> None:
    """Give back a page whose count was frozen at 0; it gets to others through the allocator's
    locks."""
    release(folio, count)


@step("include/linux/page_ref.h:folio_ref_unfreeze", "7.3.4", order="release", traits="ref")
def folio_ref_unfreeze(folio: Folio, count: int) -> None:
    folio.refcount = count


@static
def all_folios() -> tuple[Folio, ...]:
    """Every folio, spare ones last."""
    found: tuple[Folio, ...] = current().world.all(Folio)
    return found


@effect
def new_folio() -> Folio | None:
    """A free page, one that was freed before if there is one; None when there is no memory."""
    got: Folio | None = None
    for folio in all_folios():
        if got is None and folio.free:
            got = folio
    if got is not None:
        got.free = False
        got.refcount = 1
        got.mapcount = 0
        got.locked_by = None
        got.large = False
        got.frame.modified = False
    return got


@step("mm/page_alloc.c:__folio_alloc_noprof", "7.3.4", order="plain", traits="alloc",
      several="the page allocator hands out a page that nobody else can see")  # fmt: skip
def folio_alloc() -> Folio | None:
    """A new page with one reference."""
    return new_folio()


@step("mm/vmscan.c:folio_isolate_lru", "7.3.4", order=ISOLATE_LRU, traits="ref tryget",
      several="PG_lru and the reference, under the lruvec lock")  # fmt: skip
def folio_isolate_lru(folio: Folio) -> bool:
    """Take the folio off its list, with a reference; only one can have it."""
    got = folio.lru and folio.refcount > 0
    if got:
        folio.lru = False
        folio.refcount = folio.refcount + 1
    return got


@step("include/linux/page-flags.h:folio_test_lru", "7.2", order="relaxed",
      traits="maybe-free")  # fmt: skip
def folio_test_lru(folio: Folio) -> bool:
    return folio.lru


@step("mm/vmscan.c:folio_putback_lru", "7.3.4", order="full", traits="ref put", several=FREEING)
def folio_putback_lru(folio: Folio, count: int = 1) -> None:
    """Back on its list; the reference of isolation goes."""
    folio.lru = folio.refcount > 1
    release(folio, count)


@step("include/linux/mm.h:folio_maybe_dma_pinned", "7.3.4", order="relaxed")
def folio_maybe_dma_pinned(folio: Folio) -> bool:
    return folio.refcount >= GUP_PIN


@step("include/linux/page-flags.h:PageAnonExclusive", "7.3.4", order="relaxed")
def PageAnonExclusive(folio: Folio) -> bool:
    return folio.anon_exclusive


@step("include/linux/page-flags.h:folio_test_large", "7.3.4", order="relaxed")
def folio_test_large(folio: Folio) -> bool:
    return folio.large


@step("include/linux/mm.h:folio_mapcount", "7.3.4", order="relaxed")
def folio_mapcount(folio: Folio) -> int:
    return folio.mapcount


@step("include/linux/page-flags.h:folio_test_dirty", "7.3.4", order="relaxed")
def folio_test_dirty(folio: Folio) -> bool:
    return folio.dirty


@step("include/linux/page-flags.h:folio_test_swapbacked", "7.3.4", order="relaxed")
def folio_test_lazyfree(folio: Folio) -> bool:
    """Not swap-backed: MADV_FREE has been at it."""
    return folio.lazyfree


@step("mm/folio.c:folio_mark_lazyfree", "7.3.4", order=ATOMIC)
def folio_mark_lazyfree(folio: Folio) -> None:
    """Left out: that it passes over a folio in the swap cache.  Reclaim keeps that one anyway: it
    is dirty, or has the reference of the swap cache."""
    folio.lazyfree = True


@step("include/linux/page-flags.h:folio_set_swapbacked", "7.3.4", order=ATOMIC)
def folio_set_swapbacked(folio: Folio) -> None:
    folio.lazyfree = False


@step("mm/page-writeback.c:folio_mark_dirty", "7.3.4", order="relaxed")
def folio_mark_dirty(folio: Folio) -> None:
    folio.dirty = True


@step("include/linux/page-flags.h:folio_clear_dirty", "7.3.4", order=ATOMIC)
def folio_clear_dirty(folio: Folio) -> None:
    """MADV_FREE: what the page holds may be lost."""
    folio.dirty = False
    folio.frame.modified = False


@step("include/linux/mm.h:folio_mapped", "7.3.4", order="relaxed")
def folio_mapped(folio: Folio) -> bool:
    return folio.mapcount > 0


@step("mm/rmap.c:folio_lock_anon_vma_read", "6.12", order="once", traits="lockless")
def folio_mapping_lockless(folio: Folio) -> AnonVma | None:
    """READ_ONCE(folio->mapping) of an anonymous folio that is not locked."""
    return folio.mapping


@step("mm/rmap.c:folio_get_anon_vma", "7.3.4", order="once")
def folio_mapping(folio: Folio) -> AnonVma | None:
    """READ_ONCE(folio->mapping) of an anonymous folio that the caller has locked."""
    return folio.mapping


# -- where rmap finds it ---------------------------------------------------------------------------


@step("mm/rmap.c:folio_move_anon_rmap", "7.3.4", order="once", traits="mapping")
def folio_move_anon_rmap(folio: Folio, vma: Vma) -> None:
    folio.mapping = vma.anon_vma


@step("mm/userfaultfd.c:move_present_ptes", "7.3.4", order="plain", traits="index")
def set_folio_index(folio: Folio, index: Addr) -> None:
    folio.index = index


@pure
def linear_page_index(vma: Vma, addr: Addr) -> Addr:
    return addr - vma.shift


@step("mm/huge_memory.c:__folio_split", "7.3.4", order=CMPXCHG, traits="sleeps",
      several="unmaps, freezes the references, splits and maps again, folio locked")  # fmt: skip
def split_folio(folio: Folio) -> int:
    """Fails while somebody else holds a reference.

    A large folio is one page of the model with a flag; splitting clears the flag.  The order is
    that of folio_ref_freeze, which decides.
    """
    alone = folio.refcount == folio.mapcount + 1
    if alone:
        folio.large = False
    return 0 if alone else -EAGAIN


# -- map counts and exclusivity --------------------------------------------------------------------


@step("mm/rmap.c:folio_add_new_anon_rmap", "7.3.4", order="plain", traits="rmap new",
      several="the folio is not visible to anybody yet")  # fmt: skip
def folio_add_new_anon_rmap(folio: Folio, vma: Vma, addr: Addr, exclusive: bool) -> None:
    """The first mapping of a folio; one that others may map as well gets the oldest anon_vma, in
    whose tree all of them are (__folio_set_anon)."""
    folio.mapping = vma.anon_vma if exclusive else vma.trees[0]
    folio.index = linear_page_index(vma, addr)
    folio.mapcount = 1
    folio.anon_exclusive = exclusive
    folio.lru = True


@step("mm/rmap.c:folio_add_anon_rmap_ptes", "7.3.4", order=ATOMIC, traits="rmap",
      several="_mapcount is the atomic; PG_anon_exclusive is set under the same lock")  # fmt: skip
def folio_add_anon_rmap_pte(folio: Folio, exclusive: bool) -> None:
    """One more mapping of a folio that has its mapping and index already."""
    folio.mapcount = folio.mapcount + 1
    if exclusive:
        folio.anon_exclusive = True


@step("mm/rmap.c:folio_remove_rmap_ptes", "7.3.4", order="full", traits="rmap")
def folio_remove_rmap_pte(folio: Folio) -> None:
    folio.mapcount = folio.mapcount - 1


@step("include/linux/page-flags.h:SetPageAnonExclusive", "7.3.4", order=ATOMIC)
def SetPageAnonExclusive(folio: Folio) -> None:
    folio.anon_exclusive = True


@step("include/linux/page-flags.h:ClearPageAnonExclusive", "7.3.4", order=ATOMIC,
      traits="share")  # fmt: skip
def ClearPageAnonExclusive(folio: Folio) -> None:
    folio.anon_exclusive = False


@step("include/linux/page-flags.h:folio_test_anon", "7.3.4", order="relaxed")
def folio_test_anon(folio: Folio) -> bool:
    """Its mapping is an anon_vma: it is not a page of a file."""
    return folio.mapping is not None


@step("include/linux/rmap.h:folio_add_file_rmap_pte", "7.3.4", order=ATOMIC, traits="rmap")
def folio_add_file_rmap_pte(folio: Folio) -> None:
    """One more mapping of a page of a file."""
    folio.mapcount = folio.mapcount + 1


@primitive("include/linux/rmap.h:folio_try_dup_anon_rmap_pte", "7.3.4")
def folio_try_dup_anon_rmap_pte(folio: Folio) -> bool:
    """One more mapping, by a child, after which the folio is not exclusive; not if it is pinned.

    The kernel returns 0 or -EBUSY.  Left out: MMF_HAS_PINNED (folio_needs_cow_for_dma asks only
    for an mm that has ever pinned something, and of a folio that is exclusive only that mm has).
    """
    if PageAnonExclusive(folio) and folio_maybe_dma_pinned(folio):
        return False
    ClearPageAnonExclusive(folio)
    folio_add_file_rmap_pte(folio)
    return True


@primitive("include/linux/rmap.h:folio_try_share_anon_rmap_pte", "7.3.4")
def folio_try_share_anon_rmap_pte(folio: Folio) -> bool:
    """After the entry is cleared: if the folio is not pinned it is no longer exclusive.

    True if it could be shared.  The kernel returns 0 or -EBUSY.
    """
    smp_mb()
    if folio_maybe_dma_pinned(folio):
        return False
    ClearPageAnonExclusive(folio)
    smp_mb__after_atomic()
    return True


# -- pins that user space relies on ----------------------------------------------------------------


@step("mm/gup.c:gup_fast_pte_range", "7.3.4", traits="ghost pin")
def pinned(mm: Mm, folio: Folio, addr: Addr) -> None:
    """GUP returns the page: from here on it may be relied on, where user space has it by now."""
    at = mm.moved_to[addr] if mm.moved[addr] else addr
    folio.pinned_at[at] = folio.pinned_at[at] + 1


@static
def folios() -> tuple[Folio, ...]:
    """Every folio."""
    me: Thread = current()
    return me.world.all(Folio)


@effect
def pinned_there(mm: Mm, old: Addr, new: Addr) -> None:
    """User space has asked for what is at one address to be at another: the page that it has
    pinned is expected there, and so is what GUP is about to return."""
    mm.moved[old] = True
    mm.moved[new] = False
    mm.moved_to[old] = new
    for folio in folios():
        if folio.pinned_at[old] > 0:
            folio.pinned_at[new] = folio.pinned_at[new] + folio.pinned_at[old]
            folio.pinned_at[old] = 0


@step(traits="ghost")
def pins_go_along(mm: Mm, old: Addr, new: Addr) -> None:
    """Pins of what is at an address are for another one from now on."""
    pinned_there(mm, old, new)


# -- contents --------------------------------------------------------------------------------------


@step("mm/memory.c:__wp_page_copy_user", "7.3.4", order="plain", traits="copy",
      several="the new page is not visible to anybody yet")  # fmt: skip
def copy_page(new: Folio, old: Folio) -> None:
    """Copy what the page holds, as one: user stores come before or after."""
    new.frame.value = old.frame.value
    new.frame.modified = old.frame.modified
    new.copy_of = old

# SPDX-License-Identifier: GPL-2.0-only
"""Swap entries and the swap cache.

A slot is a number that may be used again: two entries that are equal may have been different
pages in between.  Left out: swap devices going away (get_swap_device never fails), cluster
allocation, read errors.
"""

from __future__ import annotations

from model.hw.objects import Entry, PteKind, PteVal
from model.lang import current, pure, static, step, wait_until

from ..hw.orders import CLUSTER, SWAP_CACHE_GET
from .objects import Folio, Swap


@static
def slots() -> tuple[Swap | None, ...]:
    """The slots by number; number 0 is no slot."""
    found: tuple[Swap, ...] = current().world.all(Swap)
    return (None, *found)


@pure
def slot_of(entry: Entry) -> Swap:
    """swp_entry_t to the slot that it names."""
    return slots()[entry]  # type: ignore[return-value]  # an entry in use names one


@pure
def is_swap_entry(val: PteVal) -> bool:
    return val.kind == PteKind.SWAP


@pure
def is_migration_entry(val: PteVal) -> bool:
    return val.kind == PteKind.MIGRATION


@step("mm/swap_state.c:swap_cache_get_folio", "7.3.4", order=SWAP_CACHE_GET,
      several="filemap_get_entry: look up, take a reference, look up again, as one")  # fmt: skip
def swap_cache_get_folio(entry: Entry) -> Folio | None:
    """The folio in the swap cache for an entry, with a reference.

    filemap_get_entry looks again while the count is 0, that is frozen.
    """
    folio = slot_of(entry).folio
    wait_until(folio is None or folio.refcount > 0)
    if folio is not None:
        folio.refcount = folio.refcount + 1
    return folio


@step("mm/userfaultfd.c:move_swap_pte", "6.18", order="once")
def swap_has_cache(entry: Entry) -> bool:
    """READ_ONCE(si->swap_map[offset]) & SWAP_HAS_CACHE."""
    return slot_of(entry).folio is not None


@step("include/linux/page-flags.h:folio_test_swapcache", "7.3.4", order="relaxed")
def folio_swap_entry(folio: Folio) -> Entry:
    """folio->swap of a locked folio while it is in the swap cache, else 0."""
    return folio.swap.number if folio.swap is not None else 0


@step("include/linux/page-flags.h:folio_test_swapcache", "7.3.4", order="relaxed",
      traits="lockless")  # fmt: skip
def folio_swap_entry_lockless(folio: Folio) -> Entry:
    """The same of a folio that is not locked."""
    return folio.swap.number if folio.swap is not None else 0


@step("mm/swapfile.c:swap_put_entries_direct", "7.3.4", order=CLUSTER,
      several="swap_map and the swap cache, under the cluster lock")  # fmt: skip
def swap_free(entry: Entry) -> None:
    """One page-table entry fewer names the slot.

    Left out: that the last one also tries to drop the folio from the swap cache.
    """
    slot = slot_of(entry)
    slot.count = slot.count - 1


@static
def all_slots() -> tuple[Swap, ...]:
    found: tuple[Swap, ...] = current().world.all(Swap)
    return found


@step("mm/swapfile.c:folio_alloc_swap", "7.3.4", order=CLUSTER,
      several="a free slot, under the cluster lock, with the folio locked")  # fmt: skip
def folio_alloc_swap(folio: Folio) -> bool:
    """Put a locked folio into the swap cache, with a reference; false if swap is full."""
    got: Swap | None = None
    for slot in all_slots():
        if got is None and slot.count == 0 and slot.folio is None:
            got = slot
    if got is not None:
        got.folio = folio
        folio.swap = got
        folio.refcount = folio.refcount + 1
        folio.dirty = True
    return got is not None


@step("mm/swapfile.c:folio_dup_swap", "7.3.4", order=CLUSTER, several="under the cluster lock")
def swap_duplicate(folio: Folio) -> Entry:
    """One page-table entry more will name the folio's slot."""
    slot = folio.swap
    if slot is None:
        return 0
    slot.count = slot.count + 1
    return slot.number


@step("mm/swapfile.c:swap_dup_entry_direct", "7.3.4", order=CLUSTER,
      several="under the cluster lock")  # fmt: skip
def swap_dup_entry_direct(entry: Entry) -> None:
    """One page-table entry more names the slot, which another one names already."""
    slot = slot_of(entry)
    slot.count = slot.count + 1


@step("mm/swapfile.c:folio_put_swap", "7.3.4", order=CLUSTER, several="under the cluster lock")
def folio_put_swap(folio: Folio) -> None:
    """Undo swap_duplicate."""
    slot = folio.swap
    if slot is not None:
        slot.count = slot.count - 1


@step("mm/swap_state.c:swap_cache_del_folio", "7.3.4", order=CLUSTER,
      several="under the cluster lock, with the folio locked")  # fmt: skip
def swap_cache_del_folio(folio: Folio, frozen: bool) -> None:
    """Take a locked folio out of the swap cache, and the cache's reference with it."""
    slot = folio.swap
    if slot is not None:
        slot.folio = None
        folio.swap = None
        if not frozen:
            folio.refcount = folio.refcount - 1


@step("mm/swapfile.c:folio_free_swap", "7.3.4", order=CLUSTER,
      several="under the cluster lock, with the folio locked")  # fmt: skip
def folio_free_swap(folio: Folio) -> bool:
    """If no page-table entry names the slot any more, take the folio out of the swap cache."""
    slot = folio.swap
    if slot is None or slot.count > 0:
        return False
    slot.folio = None
    folio.swap = None
    folio.refcount = folio.refcount - 1
    folio.dirty = True
    return True


@step("mm/page_io.c:swap_writeout", "7.3.4", order="plain",
      several="the device holds what the page held")  # fmt: skip
def swap_writeout(folio: Folio) -> None:
    """Clear dirty, then write.  Left out: that the write takes time (writeback)."""
    slot = folio.swap
    folio.dirty = False
    if slot is not None:
        slot.value = folio.frame.value
        folio.frame.modified = False


@step("mm/page_io.c:swap_read_folio", "7.3.4", order="plain",
      several="the new folio is locked and was not in the cache")  # fmt: skip
def swap_read_folio(folio: Folio, entry: Entry) -> bool:
    """Put a new, locked folio into the swap cache and read it; false if another is there."""
    slot = slot_of(entry)
    first = slot.folio is None and slot.count > 0
    if first:
        slot.folio = folio
        folio.swap = slot
        folio.refcount = folio.refcount + 1
        folio.lru = True
        folio.frame.value = slot.value
    return first

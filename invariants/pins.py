# SPDX-License-Identifier: GPL-2.0-only
"""Pins and PageAnonExclusive (Documentation/core-api/pin_user_pages.rst)."""

from __future__ import annotations

from model.cast.view import View, before, throws_away
from model.hw.objects import Pte, PteKind, PteVal, Thread
from model.kernel.objects import Folio

from .registry import at_step


@at_step(
    "set_pte_at",
    "a pinned page is not moved: it stays at the address that it was pinned for",
    relied_on="a device that does DMA to the page for user space",
    witness=("pin", "a page is pinned"),
    mutants=(
        "pin check before the PTE is cleared",
        "no pin check",
        "a shared page pinned for reading",
    ),
    why="{thread} sets the PTE at {pte} to {val} {row}, but {folio} is pinned (FOLL_PIN) through "
    "its mapping at {at:addr} {folio.pinned_at[at]:by}.",
    then="The device keeps reading and writing {folio}, but {moved_away(s, folio, at, pte):said}.",
)
def a_pinned_page_is_not_moved(s: View, thread: Thread, pte: Pte, val: PteVal) -> bool:
    """Such a page is not mapped elsewhere, and no other takes its place.  MADV_DONTNEED may take it
    away, and something new may come there then.  User space may have it moved itself (mremap), and
    its pin with it."""
    return all(
        val.kind != PteKind.PRESENT
        or folio.pinned_at[at] == 0
        or (pte.addr != at and pte.elsewhere != at) == (val.frame != folio.frame)
        or ((pte.addr == at or pte.elsewhere == at) and before(thread, pte).frame != folio.frame)
        for folio in s.folios
        for at in s.addresses
    )


@at_step(
    "folio_remove_rmap_pte",
    "a pinned page is not thrown away by a walk (MADV_FREE): it stays where it was pinned",
    relied_on="mm/rmap.c:ttu_anon_lazyfree_folio, which looks for references after the clear",
    after=("walk_begins", "a folio is walked"),
    witness=("pin", "a page is pinned"),
    mutants=("pinned page thrown away",),
    why="{thread} discards {folio} {row}, but it is pinned (FOLL_PIN) through its mapping at "
    "{addr:addr} {folio.pinned_at[addr]:by}.",
    then="The device keeps writing to {folio}, and user space faults in another page there, "
    "without that data.",
)
def a_pinned_page_is_not_thrown_away(s: View, thread: Thread, folio: Folio) -> bool:
    """User space may throw it away itself (MADV_DONTNEED)."""
    return not throws_away(s, thread, folio) or all(
        folio.pinned_at[addr] == 0 for addr in s.addresses
    )


@at_step(
    "share",
    "a pinned page is not shared: PageAnonExclusive stays while it is pinned",
    relied_on="include/linux/rmap.h:folio_try_share_anon_rmap_pte",
    witness=("pin", "a page is pinned"),
    mutants=("no pin check before sharing",),
    why="{thread} clears PageAnonExclusive of {folio} {row}, but it is pinned (FOLL_PIN) through "
    "its mapping at {addr:addr} {folio.pinned_at[addr]:by}.",
    then="The next write fault copies the page: the device keeps the old page, and user space uses "
    "the new one.",
)
def a_pinned_page_is_not_shared(s: View, thread: Thread, folio: Folio) -> bool:
    return all(folio.pinned_at[addr] == 0 for addr in s.addresses)


@at_step(
    "set_pte_at ptep_set_access_flags",
    "a writable entry maps an exclusive page",
    relied_on="mm/gup.c: a writable PTE is assumed to map an exclusive page",
    mutants=("PageAnonExclusive not looked at",),
    why="{thread} writes {val} in {step} {row}, but {val.frame} is not PageAnonExclusive "
    "{val.frame.folio.anon_exclusive:set}.",
    then="Stores go to a page that may be shared, and GUP assumes that it is exclusive.",
)
def a_writable_page_is_exclusive(s: View, thread: Thread, val: PteVal) -> bool:
    return (
        val.kind != PteKind.PRESENT
        or not val.write
        or val.frame is None
        or val.frame.folio is None
        or val.frame.folio.anon_exclusive
    )


@at_step(
    "pte",
    "a swap or migration entry refers to no page that is PageAnonExclusive: that was cleared as "
    "the page was unmapped",
    relied_on="mm/memory.c:do_swap_page (BUG_ON): the entry alone says who gets it exclusive again",
    mutants=("exclusive when it is unmapped", "exclusive when it is migrated"),
    why="{thread} writes {written} {row}, but {folio} is still PageAnonExclusive "
    "{folio.anon_exclusive:set}.",
    then="The entry alone must say who gets the page exclusive again: do_swap_page() has a BUG_ON "
    "for a page that is PageAnonExclusive.",
)
def an_unmapped_page_is_not_exclusive(s: View, thread: Thread, written: PteVal) -> bool:
    return all(
        not folio.anon_exclusive
        or (
            (written.kind != PteKind.MIGRATION or written.frame != folio.frame)
            and (
                written.kind != PteKind.SWAP
                or folio.swap is None
                or written.entry != folio.swap.number
            )
        )
        for folio in s.folios
    )


@at_step(
    "SetPageAnonExclusive",
    "an exclusive page is mapped once, and no swap entry leads to it besides",
    relied_on="mm/memory.c:do_wp_page: the page is reused without a copy",
    mutants=("reuse without counting references", "reuse of a page that is still in swap"),
    why="{thread} sets PageAnonExclusive of {folio} {row}, but {shared_by(s, folio)}.",
    then="The next write goes to the page without a copy, and the other mappings see it.",
)
def an_exclusive_page_is_mapped_once(s: View, thread: Thread, folio: Folio) -> bool:
    return folio.mapcount <= 1 and (folio.swap is None or folio.swap.count == 0)

# SPDX-License-Identifier: GPL-2.0-only
"""mover: one batch after another, with three that race, as a system of guarded commands.

A mover takes pages from the source table to the destination under the anon_vma lock and both
page-table locks, with one flush for a batch.  GUP-fast pins a page without a lock and looks at the
entry again; the walk locks a folio, then its anon_vma, then the page-table lock of the side that
the folio names; the zap clears entries at the destination, flushes and frees.  The three go on for
ever, each with any page; the mover is done when it has come to the last page.

Asks: may GUP-fast or a TLB name a free page, may a folio move while a walk holds its anon_vma?
It is tests/bench/mover.pml, rule by transition, so that SPIN's counts are the same:
tests/checks/engine/test_mover.py.  It is far coarser than the models of patches, and a yardstick.
"""

from __future__ import annotations

from model.lang import World, pure

from ..example import Example, Param
from .move import MOVE
from .objects import Gup, GupAt, Mover, Page, Range, Walk, WalkAt, Zap
from .others import OTHERS


@pure
def gup_uses_no_free_page(g: Gup) -> bool:
    """GUP-fast takes no page that is free."""
    return g.at != GupAt.USE or not g.page.freed


@pure
def folio_stays_during_a_walk(w: Walk) -> bool:
    """A folio is not moved while a walk of it holds its anon_vma."""
    return w.at != WalkAt.LOCKED or w.to_dst == w.page.at_dst


@pure
def walk_finds_one_entry(w: Walk) -> bool:
    """A page that a walk finds at the destination is not at the source."""
    return w.at != WalkAt.LOOK or not w.to_dst or not w.page.src or not w.page.dst


@pure
def no_translation_to_a_free_page(r: Range) -> bool:
    """No TLB holds a translation to a page that is free."""
    return all(not p.freed or (not p.stale_src and not p.stale_dst) for p in r.pages)


def world(pages: int = 2, *, flushes: bool = True) -> World:
    """All pages at the source, all of them in TLBs."""
    w = World()
    above: Page | None = None
    made: list[Page] = []
    for number in reversed(range(pages)):
        above = w.new(Page, f"p{number}", next=above)
        made.insert(0, above)
    first = made[0]
    w.new(Range, "range", first=first, pages=tuple(made), flushes=flushes)
    w.new(Mover, "mover", page=first, batch=first)
    w.new(Gup, "gup", page=first)
    w.new(Walk, "walk", page=first)
    w.new(Zap, "zap", page=first)
    return w


MOVER = Example(
    "mover", {"pages": Param(1, 4, 2)}, {"no_flush": {"flushes": False}}, world, (*MOVE, *OTHERS),
    (
        gup_uses_no_free_page, folio_stays_during_a_walk, walk_finds_one_entry,
        no_translation_to_a_free_page,
    ),
)  # fmt: skip

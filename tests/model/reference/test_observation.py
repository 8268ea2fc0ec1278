# SPDX-License-Identifier: GPL-2.0-only
"""What the comparison of two machines notices, and what it has to leave alone."""

from __future__ import annotations

import pytest

from model.reference.programs.observation import (
    Capability,
    Comparison,
    Kind,
    Observation,
    Page,
    VmaView,
)


def seen(*pages: Page | None, prot: str = "rw") -> Observation:
    return Observation({0: pages}, {0: (VmaView(0, len(pages), prot),)})


def anon(frame: int, **fields: int | bool) -> Page:
    return Page(Kind.ANON, frame, **fields)  # type: ignore[arg-type]  # fields of Page


NOTHING = Page()


@pytest.mark.parametrize(
    ("one", "two", "what"),
    [
        (seen(NOTHING), seen(None), "p0 page 0: mapped expected, not mapped seen"),
        (seen(NOTHING), seen(anon(1)), "p0 page 0: none expected, anon seen"),
        (seen(anon(1, mapcount=1)), seen(anon(9, mapcount=2)), "mapcount 1 expected, 2 seen"),
        (seen(anon(1, value=3)), seen(anon(9, value=4)), "value 3 expected, 4 seen"),
        (seen(anon(1), anon(1)), seen(anon(8), anon(9)), "shared with an earlier page expected"),
        (seen(anon(1), anon(2)), seen(anon(9), anon(9)), "a frame of its own expected"),
        (seen(NOTHING), seen(NOTHING, prot="r"), "0-1:rw expected, 0-1:r seen"),
        (seen(anon(1)), seen(anon(9)), ""),
        (seen(anon(1, exclusive=True)), seen(anon(9)), ""),
    ],
)
def test_one_observation(one: Observation, two: Observation, what: str) -> None:
    found = Comparison(frozenset(Capability)).difference(one, two)
    assert what in found
    assert bool(what) == bool(found)


def test_what_is_not_seen_by_both_is_not_compared() -> None:
    blind = Comparison(frozenset())
    assert not blind.difference(seen(anon(1), anon(1)), seen(anon(8), anon(9)))
    assert not blind.difference(seen(Page(Kind.ZERO)), seen(anon(9)))


def test_a_frame_that_stays_stays() -> None:
    comparison = Comparison(frozenset(Capability))
    assert not comparison.difference(seen(anon(1), NOTHING), seen(anon(9), NOTHING))
    moved = comparison.difference(seen(NOTHING, anon(1)), seen(NOTHING, anon(8)))
    assert moved == "p0 page 1: the frame that was there before the step expected, another seen"


@pytest.mark.parametrize("frees", [True, False])
def test_a_frame_may_be_used_again_only_where_one_was_freed(frees: bool) -> None:
    comparison = Comparison(frozenset(Capability))
    assert not comparison.difference(seen(anon(1)), seen(anon(9)))
    again = comparison.difference(seen(anon(2)), seen(anon(9)), frees=frees)
    assert bool(again) is not frees

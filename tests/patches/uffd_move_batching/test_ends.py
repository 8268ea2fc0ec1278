# SPDX-License-Identifier: GPL-2.0-only
"""Where a move comes to a good end."""

from __future__ import annotations

import pytest

from checks.engine.search import Limits
from checks.play.play import Play, Theatre
from checks.stage.ends import End
from checks.stage.stage import Role
from tests.families import MOVE

SUCCEEDS = {
    "all_at_src", "read_only", "clean", "large", "last_large", "zero_page", "swapped_out",
    "swap_cached", "other_anon_vma",
}  # fmt: skip
"""States in which one page can be moved."""


@pytest.mark.parametrize("state", [i.name for i in MOVE.casts.initial if i.fits({"pages": 1})])
def test_a_move_succeeds_where_there_is_a_page_to_move(state: str) -> None:
    cast = MOVE.casts.cast((), state, pages=1)
    play = Play(cast, Role(MOVE.variant("merged")), "x86_64")
    found = Theatre(()).play(play, Limits())
    assert found.violated == {}
    best = End.MORE if state in SUCCEEDS else End.ERROR
    assert [(t.routine, t.end) for t in found.tested] == [("move_pages", best)]

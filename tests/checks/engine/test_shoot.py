# SPDX-License-Identifier: GPL-2.0-only
"""The explorers count what other checkers count on `shoot`.

SPIN, TLC, rumur and a plain Python program gave these numbers, without symmetry.  A rule that is
translated wrongly, a state that is packed wrongly or a transition that is lost changes them.
"""

from __future__ import annotations

import pytest

from checks.engine.engines import Engine, search
from checks.engine.native import extension
from checks.engine.search import Limits, Search
from checks.examples.example import explorer_of, system_of

INVARIANT = "no_free_frame_is_named"

SIZES = [
    (2, 1, 2, 189, 442),
    (2, 2, 2, 1_389, 4_044),
    (2, 2, 3, 8_565, 28_740),
    (3, 1, 2, 2_705, 9_369),
    (3, 2, 2, 22_853, 92_634),
    (3, 2, 3, 472_687, 2_317_014),
]
MORE = [(4, 2, 2, 369_769, 1_987_288), (3, 3, 3, 2_781_040, 14_814_603)]
"""SPIN and TLC count the initial state as one more transition."""

needs_native = pytest.mark.skipif(not extension.present(), reason="it was not built")


def searched(
    size: tuple[int, int, int], engine: Engine, limits: Limits = Limits(), *, acked: bool = True
) -> Search:
    """The states of a size of `shoot`, with its invariant."""
    system, initial = system_of(*size, acked=acked)
    return search(explorer_of(system), initial, limits, engine)


def check_counts(size: tuple[int, int, int, int, int], engine: Engine) -> None:
    *sizes, states, transitions = size
    found = searched((sizes[0], sizes[1], sizes[2]), engine)
    assert found.why == ""
    assert found.violations == {}
    assert (found.states, found.transitions) == (states, transitions)


@pytest.mark.parametrize("size", SIZES)
def test_counts(size: tuple[int, int, int, int, int]) -> None:
    check_counts(size, Engine.REFERENCE)


@needs_native
@pytest.mark.parametrize("size", SIZES + MORE)
def test_counts_native(size: tuple[int, int, int, int, int]) -> None:
    check_counts(size, Engine.NATIVE)


@pytest.mark.parametrize("engine", [Engine.REFERENCE, Engine.AUTO])
@pytest.mark.parametrize("size", [(2, 1, 2), (2, 2, 3), (3, 2, 3)])
def test_frame_freed_before_the_acknowledgements(
    size: tuple[int, int, int], engine: Engine
) -> None:
    limits = Limits(states=20_000)  # level by level: the first is a nearest one
    found = searched(size, engine, limits, acked=False)
    violation = found.violations[INVARIANT]
    assert violation.depth == 7
    assert len(found.path(violation.state)) == 8

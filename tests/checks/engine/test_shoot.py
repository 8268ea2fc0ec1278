# SPDX-License-Identifier: GPL-2.0-only
"""The reference explorer counts what other checkers count on `shoot`.

SPIN, TLC, rumur and a plain Python program gave these numbers, without symmetry.  A rule that is
translated wrongly, a state that is packed wrongly or a transition that is lost changes them.
"""

from __future__ import annotations

import pytest

from checks.engine.layout import Layout
from checks.engine.reference import Explorer, Limits, Press, Search
from checks.reduce.usage import Part, Regions, constant_index, judged_cells
from model.examples import shoot
from model.lang import World, compose
from model.lang.frontend.body import run_pure
from model.lang.frontend.source import Context
from model.lang.ir import StateCheck, System

INVARIANT = "no_free_frame_is_named"


def searched(world: World, limits: Limits = Limits()) -> Search:
    """The states of a world of `shoot`, with its invariant."""
    ctx = Context(world)
    rules = compose.rules(ctx, shoot.RULES)
    (machine,) = world.all(shoot.Machine)
    body = run_pure(ctx, shoot.no_free_frame_is_named, [machine], fields=True)
    checks = (StateCheck(INVARIANT, body.truth(body.result, body.tree)),)
    computed = {c.var for c in judged_cells(checks) if constant_index(c) is None}
    whole = Regions.of_parts([Part(None, rules=rules)]).whole | computed
    system = System("shoot", world.variables(), (), rules, checks)
    explorer = Explorer(system, Press(Layout(system.variables, whole)))
    return explorer.run(compose.initial_state(ctx), limits)


@pytest.mark.parametrize(
    ("cpus", "pages", "frames", "states", "transitions"),
    [
        (2, 1, 2, 189, 442),
        (2, 2, 2, 1_389, 4_044),
        (2, 2, 3, 8_565, 28_740),
        (3, 1, 2, 2_705, 9_369),
        (3, 2, 2, 22_853, 92_634),
        (3, 2, 3, 472_687, 2_317_014),
    ],
)
def test_counts(cpus: int, pages: int, frames: int, states: int, transitions: int) -> None:
    search = searched(shoot.world(cpus, pages, frames))
    assert search.why == ""
    assert search.violations == {}
    assert (search.states, search.transitions) == (states, transitions)


@pytest.mark.parametrize(("cpus", "pages", "frames"), [(2, 1, 2), (2, 2, 3), (3, 2, 3)])
def test_frame_freed_before_the_acknowledgements(cpus: int, pages: int, frames: int) -> None:
    world = shoot.world(cpus, pages, frames, acked=False)
    search = searched(world, Limits(states=20_000))  # level by level: the first is a nearest one
    found = search.violations[INVARIANT]
    assert found.depth == 7
    assert len(search.path(found.state)) == 8

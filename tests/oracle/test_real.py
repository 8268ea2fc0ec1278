# SPDX-License-Identifier: GPL-2.0-only
"""Casts of families and mutants: every pass set leaves what the oracle finds of them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from checks.mutate.played import cast_of, role
from checks.stage.stage import Role, Setting, Stage
from tests.families import EVERY, MOVE, archs_of, smallest

from . import real
from .compare import UNREDUCED
from .naive import Naive
from .real import Side, compare_side, some_casts, some_mutants

SMALL = [UNREDUCED, "merge, movers", "all"]
STATES = 20_000
ALONE = [
    cast for cast in MOVE.casts.full(MOVE.variant("merged").neighbours_from)
    if cast.axes["pages"] == 1 and not cast.others and not cast.few
]  # fmt: skip
BESIDE = [
    cast for cast in MOVE.casts.full(MOVE.variant("merged").neighbours_from)
    if cast.axes["pages"] == 1 and len(cast.others) == 1 and cast.few
    and cast.initial.name == "all_at_src"
]  # fmt: skip
MUTANTS = {m.name: m for m in MOVE.mutants}


def differing(side: Side) -> tuple[int, dict[str, object]]:
    """How many casts of a side were compared, and those that differ."""
    outcomes = list(compare_side(side, SMALL, STATES))
    compared = sum(outcome.states is not None for _, outcome in outcomes)
    return compared, {name: o.differences for name, o in outcomes if o.differences}


@pytest.mark.parametrize(
    ("variant", "arch", "anytime"),
    [("merged", "x86_64", False), ("v3", "arm64", True), ("folio_lock_only", "s390", False)],
)
def test_casts_without_neighbours(variant: str, arch: str, anytime: bool) -> None:
    side = Side(Role(MOVE.variant(variant)), arch, anytime, tuple(ALONE[:5]))
    assert differing(side) == (5, {})


@pytest.mark.parametrize("name", [name for name in EVERY if name != MOVE.name])
def test_the_smallest_cast_of_another_family(name: str) -> None:
    family = EVERY[name]
    variant = family.variant(family.after)
    side = Side(Role(variant), archs_of(family)[-1], False, (smallest(family),))
    assert differing(side) == (1, {})


def test_casts_with_a_neighbour() -> None:
    """Every third neighbour; some are too large."""
    side = Side(Role(MOVE.variant("per_page")), "arm64", False, tuple(BESIDE[::3]))
    compared, different = differing(side)
    assert different == {}
    assert compared >= 6


@pytest.mark.parametrize(
    ("name", "anytime"),
    [
        ("no flush", False), ("folio lock left held", False), ("index not updated", False),
        ("zero page without a page", True),  # nor do TLBs hold what maps nothing
    ],
)  # fmt: skip
def test_mutants(name: str, anytime: bool) -> None:
    """Violations of mutants are found by the oracle as well."""
    mutant = MUTANTS[name]
    side = Side(role(MOVE, mutant), mutant.archs[0], anytime, (cast_of(MOVE, mutant),))
    ((_, outcome),) = compare_side(side, SMALL, 10 * STATES)
    assert outcome.differences == ()
    assert set(mutant.breaks) <= outcome.violated


def test_a_difference_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The oracle explores the mutant, and the tool decides the patch as it is."""
    mutant = MUTANTS["no flush"]
    cast, played = cast_of(MOVE, mutant), role(MOVE, mutant)
    stage = Stage(Setting.of(cast), "x86_64", real.EVERY)
    oracle = Naive(stage.system(cast, played), stage.initial(cast), lenient=True)
    monkeypatch.setattr(real, "Naive", lambda *_, **__: oracle)
    as_it_is = Side(replace(played, edits=(), mutant=""), "x86_64", False, (cast,))
    ((_, outcome),) = compare_side(as_it_is, ["all"], STATES)
    assert any("not found violated" in d.what for d in outcome.differences)


@pytest.mark.parametrize("family", EVERY)
def test_what_is_drawn_is_of_every_kind(family: str) -> None:
    of = EVERY[family]
    sides = some_casts(150, 1, of)
    assert sum(len(side.casts) for side in sides) == 150
    assert {side.anytime for side in sides} == {False, True}
    assert {side.role.variant.name for side in sides} == {v.name for v in of.variants}
    assert {side.arch for side in sides} == set(archs_of(of))
    mutants = some_mutants(240, 1, of)
    assert {side.role.mutant for side in mutants} >= {m.name for m in of.mutants}
    assert sum(len(side.casts) for side in mutants) == 240

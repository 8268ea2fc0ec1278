# SPDX-License-Identifier: GPL-2.0-only
"""Orbits are counted as rumur and TLC count them, and what is not symmetric is refused."""

from __future__ import annotations

import itertools
from random import Random

import pytest

from checks.engine.engines import Engine, search
from checks.engine.native import extension
from checks.engine.native.explorer import Native
from checks.engine.orbits import Orbits
from checks.engine.search import Limits
from checks.examples.example import explorer_of, system_of
from checks.reduce.symmetry import symmetric_classes
from checks.trace.shortest import concrete, rule_between
from model.lang.ir import StateCheck as Check
from model.lang.ir import System

from ...command import run

needs_native = pytest.mark.skipif(not extension.present(), reason="it was not built")

Size = tuple[int, int, int]


@pytest.mark.parametrize("engine", [Engine.REFERENCE, Engine.AUTO])
@pytest.mark.parametrize(("size", "orbits"), [((3, 2, 3), 6_765), ((3, 3, 3), 13_663)])
def test_counts(size: Size, orbits: int, engine: Engine) -> None:
    system, initial = system_of(*size)
    classes, refused = symmetric_classes(system, initial)
    assert classes == dict(zip(("Cpu", "Page", "Frame"), size, strict=True))
    assert refused == {}
    found = search(explorer_of(system, classes), initial, Limits(), engine)
    assert (found.states, found.why, found.violations) == (orbits, "", {})


@needs_native
@pytest.mark.parametrize("size", [(2, 2, 3), (3, 1, 2)])
def test_both_explorers_choose_the_same_states(size: Size) -> None:
    system, initial = system_of(*size, acked=False)
    classes, _ = symmetric_classes(system, initial)
    explorer = explorer_of(system, classes)
    expected = explorer_of(system, classes).run(initial)
    found = Native(explorer, initial).run()
    assert (found.states, found.transitions) == (expected.states, expected.transitions)
    assert found.violations == expected.violations
    assert found.violations
    for violation in found.violations.values():
        assert found.path(violation.state) == expected.path(violation.state)


def test_every_state_of_an_orbit_has_the_same_to_stand_for_it() -> None:
    """By brute force: whichever way objects are exchanged."""
    system, initial = system_of(3, 2, 2)
    classes, _ = symmetric_classes(system, initial)
    explorer = explorer_of(system, classes)
    states = sorted(explorer_of(system).run(initial).parents)
    orbits = explorer.orbits(initial)
    assert orbits is not None
    plain = {
        tuple(sorted({_exchanged(s, number, orbits) for number in range(len(orbits.places))}))
        for s in Random(1).sample(states, 300)
    }
    for orbit in plain:
        assert len({orbits.stands_for(s) for s in orbit}) == 1
        assert orbits.stands_for(orbit[0]) in orbit


def _exchanged(state: int, number: int, orbits: Orbits) -> int:
    chosen = list(itertools.product(*orbits.orders))[number]
    made = 0
    for field, there in zip(orbits.fields, orbits.places[number], strict=True):
        code = state >> field.offset & (1 << field.width) - 1
        held = code if field.holds < 0 else chosen[field.holds][code]
        made |= held << orbits.fields[there].offset
    return made


def test_a_path_of_orbits_becomes_one_of_states() -> None:
    system, initial = system_of(3, 2, 3, acked=False)
    classes, _ = symmetric_classes(system, initial)
    explorer = explorer_of(system, classes)
    found = explorer.run(initial, Limits(2_000))
    (violation,) = found.violations.values()
    path = concrete(explorer, initial, found.path(violation.state))
    assert violation.depth == 7
    assert path[0] == explorer.pack(initial)
    for before, after in itertools.pairwise(path):
        assert rule_between(explorer, before, after) >= 0
    assert explorer.fails(path[-1], violation.invariant)


def test_what_is_not_symmetric_is_refused() -> None:
    system, initial = system_of(2, 2, 2)
    one_less = System(system.name, system.variables, (), system.rules[1:], system.checks)
    assert "rules are not the same" in symmetric_classes(one_less, initial)[1]["Cpu"]
    (check,) = system.checks
    odd = Check("odd", next(iter(system.rules)).op.guard)
    judged = System(system.name, system.variables, (), system.rules, (check, odd))
    assert "what is judged" in symmetric_classes(judged, initial)[1]["Page"]
    used = [k for k in initial if getattr(k, "var", "") == "Frame.used"]
    first = {**initial, used[0]: 1}
    assert "differs at first" in symmetric_classes(system, first)[1]["Frame"]


def test_the_command() -> None:
    ran = run("example:shoot", "--symmetry")
    assert ran.stdout.splitlines()[1:] == [
        "example   shoot(3,2,3)",
        "symmetry  3 of Cpu, 3 of Frame, 2 of Page are exchanged",
        "orbits    6765 orbits, 33226 transitions, 21 levels",
    ]
    broken = run("example:shoot", "--symmetry", "--variant", "no_ack_wait", "--max-states", "2000")
    assert broken.exit_code == 1
    assert "trace     7 steps (shortest)" in broken.stdout
    refused = run("uffd_move_batching", "--symmetry")
    assert refused.exit_code == 2
    assert "not exchanged yet" in refused.stderr


def test_what_is_not_exchanged_is_said() -> None:
    size = [
        word
        for k, n in {"cpus": 4, "pages": 4, "frames": 6}.items()
        for word in ("--param", f"{k}={n}")
    ]
    said = run("example:shoot", "--symmetry", *size, "--max-states", "100").stdout
    assert "\nsymmetry  4 of Cpu, 4 of Page are exchanged\n" in said
    assert "\n          not Frame: there would be more than 5040 orders\n" in said

# SPDX-License-Identifier: GPL-2.0-only
"""Random systems, unreduced: the reference and the native engine find what the oracle finds."""

from __future__ import annotations

import pytest

from checks.engine.engines import Engine
from checks.engine.native import extension
from model.lang.expr import Cell, Const
from model.lang.ir import Kind, Op, System

from .casetext import case_text, read_case
from .compare import UNREDUCED, compare, compare_system, expected
from .generate import program
from .shrink import shrink
from .statements import Body, Do, Program
from .write import system_of

PROGRAMS = 400


@pytest.mark.parametrize("first", range(0, PROGRAMS, 100))
def test_reference(first: int) -> None:
    decided = 0
    for seed in range(first, first + 100):
        outcome = compare(program(seed), [UNREDUCED])
        assert outcome.differences == (), seed
        decided += outcome.states is not None
    assert decided > 90


@pytest.mark.skipif(not extension.present(), reason="the native engine was not built")
def test_native() -> None:
    """Unreduced and reduced."""
    outcomes = [
        compare(program(seed), [UNREDUCED, "all"], engine=Engine.NATIVE)
        for seed in range(1000, 1100)
    ]
    assert [o.differences for o in outcomes] == [()] * len(outcomes)
    assert any(o.undisciplined for o in outcomes)


# -- the programs ----------------------------------------------------------------------------------


def systems(count: int) -> list[System]:
    return [system_of(program(seed))[0] for seed in range(count)]


def test_a_seed_always_gives_the_same_program() -> None:
    """Expressions are nodes that are there once, so equal programs are equal."""
    assert program(7) == program(7)
    assert program(7) != program(8)


def test_they_are_worth_exploring() -> None:
    """Not one state each, few too large or without meaning, some with nothing wrong."""
    outcomes = [expected(*system_of(program(seed))) for seed in range(300)]
    explored = [o for o in outcomes if o is not None]
    assert len(explored) > 285
    assert sum(o.states for o in explored) / len(explored) > 100
    assert sum(not o.violated for o in explored) > 30
    assert 20 < sum("no_deadlock" in o.violated for o in explored) < 150
    assert sum(bool(o.halted) for o in explored) > 5


def test_every_kind_of_operation_is_among_them() -> None:
    """Of the IR's kinds all but those that no random program is about."""
    kinds = {op.kind for system in systems(100) for op in system.ops()}
    assert set(Kind) - kinds == {Kind.BARRIER, Kind.UNMODELLED, Kind.MERGED}


def test_every_variable_is_used_and_written() -> None:
    used = {c.var for s in systems(300) for op in s.ops() for c in op.cells}
    written = {
        u.place.var for s in systems(300) for op in s.ops() for u in op.updates
        if isinstance(u.place, Cell)
    }  # fmt: skip
    every = {v.name for v in systems(1)[0].variables}
    assert used == every
    assert written == every


# -- what is printed of one that fails -------------------------------------------------------------


@pytest.mark.parametrize("seed", range(12))
def test_the_text_of_a_program_means_the_same(seed: int) -> None:
    system, initial = system_of(program(seed))
    again = read_case(case_text(system, initial))
    assert expected(*again) == expected(system, initial)


def test_a_program_is_shrunk_as_far_as_it_fails() -> None:
    """A program shrinks to the one statement that is asked for."""

    def operations(body: Body) -> list[Op]:
        return [s.op for s in body if isinstance(s, Do)]

    def fails(candidate: Program) -> bool:
        ops = [op for body in candidate.threads for op in operations(body)]
        return any("Box.n" in {getattr(u.place, "var", "") for u in op.updates} for op in ops)

    seed = next(n for n in range(100) if fails(program(n)))
    small = shrink(program(seed), fails)
    assert [len(body) for body in small.threads] == [1]
    assert (small.rules, small.checks, small.finals, small.initial) == ((), (), (), ())
    (op,) = operations(small.threads[0])
    assert len(op.updates) == 1
    assert isinstance(op.updates[0].value, Const)


def test_a_pasted_program_is_compared() -> None:
    system, initial = system_of(program(3))
    assert compare_system(system, initial, [UNREDUCED], most=1).states is None

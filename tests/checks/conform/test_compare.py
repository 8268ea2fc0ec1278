# SPDX-License-Identifier: GPL-2.0-only
"""Comparing two machines, and making what differs small: on toys, so that it runs anywhere."""

from __future__ import annotations

import random

import pytest

from checks.conform.compare import Pair, compare, renumbered, shrink
from checks.conform.generate import random_program
from model.reference.programs.observation import Capability
from model.reference.programs.program import Operation, Program, check_program, parse

from .toy import Toy


def _toys(forgets: int = -1) -> Pair:
    return lambda program: (Toy(program.arena), Toy(program.arena, forgets))


def _random_toy_program(seed: int) -> Program:
    chance = random.Random(seed)
    used, ops = 1, []
    living = [0]
    for _ in range(60):
        name = chance.choice(("read", "write", "write", "fork", "exit", "mmap"))
        proc = chance.choice(living)
        if name == "fork":
            ops.append(Operation("fork", proc, target=used))
            living.append(used)
            used += 1
        elif name != "exit":
            ops.append(
                Operation(name, proc, chance.randrange(2, 6), token=chance.randrange(1, 256))
            )
        elif proc:
            ops.append(Operation("exit", proc))
            living.remove(proc)
    return Program(tuple(ops))


def test_equal_machines_agree_and_what_is_refused_is_counted() -> None:
    program = parse("p0 write 1 = 5\np0 mmap 0+1 rw anon\np0 fork -> p1\np1 read 1")
    compared = compare(program, _toys())
    assert compared.difference is None
    assert compared.steps == 3
    assert compared.refused == ("mmap: a toy does not",)


def test_a_difference_is_seen_at_its_step() -> None:
    program = parse("p0 write 3 = 5\np0 write 4 = 6\np0 read 4")
    found = compare(program, _toys(4)).difference
    assert found is not None
    assert (found.step, found.what) == (1, "p0 page 4: value 6 expected, 0 seen")


def test_a_failed_check_of_the_reference_is_a_difference() -> None:
    found = compare(parse("p0 read 0"), _toys(), lambda _: "it is broken").difference
    assert found is not None
    assert found.what == "it is broken"


@pytest.mark.parametrize("seed", range(30))
def test_a_difference_shrinks_to_what_is_needed(seed: int) -> None:
    program = _random_toy_program(seed)
    found = compare(program, _toys(4)).difference
    if found is None:
        return
    small = shrink(found, _toys(4))
    check_program(small.program)
    assert [op.name for op in small.program.ops if op.name != "fork"] == ["write", "write"]
    assert small.program.ops[-1].page == 4
    assert compare(small.program, _toys(4)).difference == small


def test_some_of_those_programs_differ() -> None:
    differ = [compare(_random_toy_program(s), _toys(4)).difference for s in range(30)]
    assert sum(d is not None for d in differ) > 5


def test_children_are_numbered_anew() -> None:
    ops = parse("p0 fork -> p1\np1 fork -> p2\np2 read 0\np1 exit\np2 read 1").ops
    assert [str(op) for op in renumbered(ops[1:])] == []
    assert [str(op) for op in renumbered((ops[0], *ops[2:]))] == ["p0 fork -> p1", "p1 exit"]
    with_two = parse("p0 fork -> p1\np0 fork -> p2\np2 read 0").ops
    assert [str(op) for op in renumbered(with_two[1:])] == ["p0 fork -> p1", "p1 read 0"]


def test_a_random_program_depends_on_its_seed_and_number_alone() -> None:
    every = [random_program(7, n, 30, frozenset(Capability)) for n in range(10)]
    again = [random_program(7, n, 30, frozenset(Capability)) for n in reversed(range(10))]
    assert every == again[::-1]
    assert len(set(map(str, every))) == 10
    assert {len(p.ops) for p in every} == {30}
    assert random_program(8, 0, 30, frozenset(Capability)) != every[0]


def test_without_leaves_out() -> None:
    names = {
        op.name
        for n in range(20)
        for op in random_program(7, n, 30, frozenset(), ("fork", "mlock")).ops
    }
    assert not names & {"fork", "exit", "mlock", "move", "pin", "pageout"}
    assert {"mremap", "mprotect", "write"} <= names

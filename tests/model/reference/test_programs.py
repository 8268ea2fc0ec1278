# SPDX-License-Identifier: GPL-2.0-only
"""Random programs on the reference MM: the flat oracle and the structural checks after each step.

And the same with a deliberate error in it, which must be noticed.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from model.hw.archs import DEFAULT
from model.reference.calls.processes import MOST_LIVING
from model.reference.machine.check import broken
from model.reference.machine.machine import Reference
from model.reference.programs.generate import Generator
from model.reference.programs.observation import Capability, Comparison
from model.reference.programs.program import (
    Arena,
    Program,
    Refused,
    parse,
    parse_op,
)
from model.reference.programs.system_calls import often_in
from model.reference.state.behaviour import Behaviour
from tests.families import MOVE
from tests.model.reference.mutants import MUTANTS, Mutant
from tests.model.reference.oracle import NotToldError, Oracle

PROGRAMS = 200
ARENAS = (Arena(16), Arena(16, boundary=8))

DIRTY_AFTER_FREE = parse("""
p0 mmap 0+4 rw anon
p0 register 2+2 wp
p0 write 0 = 1
p0 free 0+1
p0 write 0 = 2
p0 move 0+1 -> 2
p0 pageout 2+1
p0 read 2
""")
"""A page that MADV_FREE has been at is only as good as its dirty bit."""


PROTECTED_THEN_MOVED = parse("""
p0 mmap 0+8 rw anon
p0 register 0+8 missing wp
p0 copy 0+2 = 5 wp
p0 move 0+1 -> 4
p0 mremap 1+1 -> 12+1 maymove fixed
""")
"""Write protection stays behind in either way to move a page."""

FILE_IN_SWAP = parse("""
p0 mmap 0+2 rw shared
p0 write 0 = 5
p0 write 1 = 6
p0 dontneed 1+1
p0 mmap 4+2 rw file
p0 read 5
p0 pageout 0+6
p0 read 0
p0 read 1
""")
"""What a file holds goes to swap, also where only an entry that is gone was dirty."""

PINNED_BUT_INACCESSIBLE = parse("""
p0 mmap 0+2 rw anon
p0 pin 0+1 slot 0
p0 mprotect 0+1 none
p0 fork -> p1
""")
"""What fork copies at once is no more accessible than its VMA."""


def programs() -> Iterator[Program]:
    yield from (DIRTY_AFTER_FREE, PROTECTED_THEN_MOVED, FILE_IN_SWAP, PINNED_BUT_INACCESSIBLE)
    for seed in range(PROGRAMS):
        arena = ARENAS[seed % 2]
        yield Generator(seed, arena, set(Capability)).program(30)


def run(program: Program, mutant: Mutant | None = None, kernel: Behaviour = Behaviour()) -> str:
    """What goes wrong, with the program up to there; "" if nothing does."""
    machine = Reference(program.arena, kernel, mutant.swaps if mutant else None)
    oracle = Oracle(program.arena)
    for n, op in enumerate(program.ops):
        try:
            result = machine.run(op)
            what = broken(machine) or oracle.wrong(op, result, machine.observe())
        except Refused:
            continue
        except NotToldError:
            break
        except Exception as error:
            if mutant is None:
                raise
            what = repr(error)
        if what:
            return f"{what}\n{Program(program.ops[: n + 1], program.arena)}"
    return ""


def test_programs_agree_with_the_oracle_and_leave_everything_sound() -> None:
    for program in programs():
        wrong = run(program)
        assert not wrong, wrong


@pytest.mark.parametrize("mutant", [m for m in MUTANTS if m.seen], ids=lambda m: m.name)
def test_an_error_is_noticed(mutant: Mutant) -> None:
    assert any(run(program, mutant) for program in programs())


@pytest.mark.parametrize("mutant", [m for m in MUTANTS if not m.seen], ids=lambda m: m.name)
def test_an_error_that_is_sound_shows_beside_the_reference_itself(mutant: Mutant) -> None:
    """Only another implementation can tell: the reference without the error stands for one."""
    assert any(with_mutant(program, mutant) for program in programs())


@pytest.mark.parametrize("name", [v.name for v in MOVE.variants if v.name != "merged"])
def test_one_thread_cannot_tell_the_versions_of_the_move(name: str) -> None:
    """A batch does what as many single pages do."""
    weights = {**often_in("plain"), "move": 60, "register": 10, "copy": 10}
    for seed in range(40):
        arena = ARENAS[seed % 2]
        program = Generator(seed, arena, set(Capability), weights=weights).program(30)
        other = Reference(arena, Behaviour(versions={MOVE.name: name}))
        assert not differs(program, Reference(arena), other)


@pytest.mark.parametrize("arch", DEFAULT)
def test_every_architecture_flushes_what_has_to_be(arch: str) -> None:
    for seed in range(40):
        arena = ARENAS[seed % 2]
        program = Generator(seed, arena, set(Capability)).program(30)
        wrong = run(program, kernel=Behaviour(arch=arch))
        assert not wrong, wrong


def with_mutant(program: Program, mutant: Mutant) -> str:
    other = Reference(program.arena, swaps=mutant.swaps)
    return differs(program, Reference(program.arena), other)


def differs(program: Program, whole: Reference, wrong: Reference) -> str:
    comparison = Comparison(whole.can)
    for op in program.ops:
        try:
            one, two = whole.run(op), wrong.run(op)
        except Refused:
            continue
        what = "" if one == two else f"{op}: {one} expected, {two} seen"
        frees = op.call.frees_first
        what = what or comparison.difference(whole.observe(), wrong.observe(), frees=frees)
        if what:
            return what
    return ""


def test_what_is_refused_changes_nothing() -> None:
    machine = Reference(Arena(16))
    for n in range(1, MOST_LIVING):
        machine.run(parse_op(f"p0 fork -> p{n}"))
    before = machine.observe()
    with pytest.raises(Refused):
        machine.run(parse_op(f"p0 fork -> p{MOST_LIVING}"))
    assert machine.observe() == before

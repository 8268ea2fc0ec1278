# SPDX-License-Identifier: GPL-2.0-only
"""Random programs with huge pages on the reference MM: the flat oracle and the structural checks
after each step; and the same with a deliberate error, which must be noticed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from model.hw.archs import DEFAULT
from model.reference.machine.check import broken
from model.reference.machine.machine import Reference
from model.reference.programs.generate_huge import HugeGenerator
from model.reference.programs.observation import Capability
from model.reference.programs.program import Arena, BadProgramError, Program, Refused, parse
from model.reference.state.behaviour import Behaviour
from model.reference.state.compound import MmIds, PageOf
from model.reference.state.universe import Universe
from tests.model.reference.mutants import Mutant
from tests.model.reference.mutants_huge import HUGE_MUTANTS

from .test_programs import run, with_mutant

PROGRAMS = 80
ARENA = Arena(24, huge=8)


def programs(count: int = PROGRAMS, arena: Arena = ARENA) -> Iterator[Program]:
    for seed in range(count):
        yield HugeGenerator(seed, arena, set(Capability)).program(30)


def test_programs_agree_with_the_oracle_and_leave_everything_sound() -> None:
    for program in programs():
        wrong = run(program)
        assert not wrong, wrong


@pytest.mark.parametrize("arena", [Arena(8, huge=2), Arena(16, huge=4), Arena(12, pud=4)], ids=str)
def test_so_do_those_with_other_pages(arena: Arena) -> None:
    for program in programs(30, arena):
        wrong = run(program)
        assert not wrong, wrong


@pytest.mark.parametrize("mutant", [m for m in HUGE_MUTANTS if m.seen], ids=lambda m: m.name)
def test_an_error_is_noticed(mutant: Mutant) -> None:
    assert any(run(program, mutant) for program in programs())


@pytest.mark.parametrize("mutant", [m for m in HUGE_MUTANTS if not m.seen], ids=lambda m: m.name)
def test_an_error_that_is_sound_shows_beside_the_reference_itself(mutant: Mutant) -> None:
    assert any(with_mutant(program, mutant) for program in programs())


@pytest.mark.parametrize("arch", DEFAULT)
def test_every_architecture_flushes_what_has_to_be(arch: str) -> None:
    for program in programs(30):
        wrong = run(program, kernel=Behaviour(arch=arch))
        assert not wrong, wrong


@pytest.mark.parametrize("huge_zero", [False, True])
def test_other_kernels(huge_zero: bool) -> None:
    for program in programs(30):
        kernel = Behaviour(huge_zero=huge_zero, table_reclaim=not huge_zero)
        wrong = run(program, kernel=kernel)
        assert not wrong, wrong


@pytest.mark.parametrize("op", ["pageout", "populate_read", "mlock", "munlock"])
def test_what_is_refused(op: str) -> None:
    head = "arena 12 pud 4" if op == "populate_read" else "arena 24 huge 8"
    program = parse(f"{head}\np0 mmap 0+8 rw anon\np0 {op} 0+8")
    machine = Reference(program.arena)
    machine.run(program.ops[0])
    with pytest.raises(Refused):
        machine.run(program.ops[1])


@pytest.mark.parametrize(
    "text",
    ["arena 20 huge 8", "arena 24 huge 3", "arena 24 boundary 8 huge 8", "arena 512 huge 64",
     "arena 10 pud 4", "arena 16 huge 4 pud 4", "arena 24\np0 huge_write 0+1"],
)  # fmt: skip
def test_no_arena_with_huge_pages(text: str) -> None:
    with pytest.raises(BadProgramError):
        parse(text)


def test_an_arena_is_read_as_it_is_written() -> None:
    assert parse(str(Program((), ARENA))).arena == ARENA
    assert ARENA.tables == ((0, 8), (8, 16), (16, 24))
    assert Arena(16, boundary=6).tables == ((0, 6), (6, 16))
    assert ARENA.scale == 64


def _forked() -> Reference:
    machine = Reference(ARENA)
    for op in parse(f"{ARENA}\np0 mmap 0+8 rw anon\np0 huge_write 0+1\np0 fork -> p1").ops:
        machine.run(op)
    assert broken(machine) == ""
    return machine


def _head(machine: Reference) -> PageOf:
    head = machine.universe.folios()[0]
    assert isinstance(head, PageOf)
    return head


def test_a_wrong_count_of_leaves_is_noticed() -> None:
    machine = _forked()
    _head(machine).__dict__["entire_mapcount"] = 1
    assert broken(machine).startswith("the map count is the number of entries")
    for page in _head(machine).group:
        page.__dict__["maps"] = 1
    assert broken(machine).startswith("a leaf counts as one mapping")


def test_a_leaf_that_two_vmas_have_is_noticed() -> None:
    machine = _forked()
    space = machine.spaces[0]
    space.areas[0].put(end=4)
    space.insert(4, 8, 0, space.areas[0].flags, like=space.areas[0])
    assert broken(machine).startswith("a leaf counts as one mapping")


def test_who_maps_a_large_folio_is_held_against_the_entries() -> None:
    machine = _forked()
    _head(machine).ids.shared = False
    assert broken(machine).startswith("one process that maps a large folio is told from several")


def test_a_third_mm_makes_two_slots_inexact() -> None:
    universe = Universe(ARENA, Behaviour())
    one, two, three = (universe.mm(f"p{n}")[0] for n in range(3))
    ids = MmIds()
    ids.add(one, 1)
    assert not ids.shared
    ids.add(two, 1)
    ids.sub(one, 1)
    assert not ids.shared
    ids.add(one, 1)
    ids.add(three, 1)
    ids.sub(one, 1)
    ids.sub(two, 1)
    assert ids.shared, "the third alone has it, which was never told"

# SPDX-License-Identifier: GPL-2.0-only
"""Huge pages and shared PMD tables: random programs against the flat oracle and the structural
checks, with and without an error in the reference MM."""

from __future__ import annotations

from collections import Counter

import pytest

from model.reference.machine.machine import Reference
from model.reference.programs.generate_hugetlb import ARENA, HugetlbGenerator
from model.reference.programs.observation import Capability, Kind
from model.reference.programs.program import BadProgramError, Program, Refused, Result, parse
from model.reference.state.behaviour import Behaviour
from tests.model.reference.mutants import Mutant
from tests.model.reference.mutants_hugetlb import HUGETLB_MUTANTS
from tests.model.reference.test_programs import run, with_mutant

PROGRAMS = 200
EVERYTHING = frozenset(Capability)


def program(seed: int) -> Program:
    return HugetlbGenerator(seed, EVERYTHING).program(30)


def test_programs_agree_with_the_oracle_and_leave_everything_sound() -> None:
    for seed in range(PROGRAMS):
        wrong = run(program(seed))
        assert not wrong, wrong


def test_programs_do_what_they_are_for() -> None:
    """Tables are shared and left, private pages copied, calls fail in every way that there is."""
    seen: Counter[str] = Counter()
    for seed in range(100):
        made = program(seed)
        machine = Reference(ARENA)
        for op in made.ops:
            try:
                result = machine.run(op)
            except Refused:
                continue
            seen[f"{op.name} {result.errno or 'OK'}"] += 1
            puds = [p for s in machine.spaces.values() for p in s.mm.root.pmds]
            seen["shared"] += any(p.table is not None and p.table.sharers for p in puds)
    assert seen["shared"] > 500
    expected = ("mprotect OK", "mprotect ENOMEM", "mremap OK", "mremap EINVAL", "mremap EFAULT",
                "munmap OK", "dontneed OK", "write OK", "write EFAULT", "move EINVAL",
                "free EINVAL", "exit OK")  # fmt: skip
    assert not [what for what in expected if seen[what] < 5], seen


@pytest.mark.parametrize("mutant", [m for m in HUGETLB_MUTANTS if m.seen], ids=lambda m: m.name)
def test_an_error_is_noticed(mutant: Mutant) -> None:
    assert any(run(program(seed), mutant) for seed in range(PROGRAMS))


@pytest.mark.parametrize("mutant", [m for m in HUGETLB_MUTANTS if not m.seen], ids=lambda m: m.name)
def test_an_error_that_is_sound_shows_beside_the_reference_itself(mutant: Mutant) -> None:
    assert any(with_mutant(program(seed), mutant) for seed in range(PROGRAMS))


def test_a_kernel_without_sharing() -> None:
    """CONFIG_HUGETLB_PMD_PAGE_TABLE_SHARING off: tables are apart, and memory holds the same."""
    apart = Behaviour(pmd_sharing=False)
    for seed in range(60):
        wrong = run(program(seed), kernel=apart)
        assert not wrong, wrong
    machine = Reference(ARENA, apart)
    for op in parse("""
        arena 12 hugetlb
        p0 mmap 0+4 rw shared @ 0
        p0 write 0 = 7
        p0 fork -> p1
        p1 read 1
    """).ops:
        assert machine.run(op) == Result()
    page = machine.observe().pages[1][0]
    assert page is not None
    assert page.kind is Kind.NONE


def test_the_pool_has_an_end_and_what_is_refused_changes_nothing() -> None:
    machine = Reference(ARENA)
    for op in parse("arena 12 hugetlb\np0 mmap 0+12 rw file @ 0\np0 fork -> p1").ops:
        machine.run(op)
    pages = [(proc, page) for proc in (0, 1) for page in range(12)]
    writes = parse("\n".join(["arena 12 hugetlb", "p0 fork -> p1"] + [
        f"p{proc} write {page} = 5" for proc, page in pages
    ])).ops[1:]  # fmt: skip
    for op in writes[:16]:
        assert machine.run(op) == Result()
    before = machine.observe()
    with pytest.raises(Refused, match="16 huge pages"):
        machine.run(writes[16])
    assert machine.observe() == before


@pytest.mark.parametrize("text", [
    "p0 mmap 0+8 rw shared @ 0\np0 write 0 = 1\np0 mremap 0+4 -> 8+4 maymove fixed",
    "p0 mmap 0+8 rw file @ 0\np0 write 4 = 1\np0 mremap 2+4 -> 9+3 maymove fixed",
])  # fmt: skip
def test_what_harms_kernels_is_refused(text: str) -> None:
    machine = Reference(ARENA)
    *before, last = parse("arena 12 hugetlb\n" + text).ops
    for op in before:
        machine.run(op)
    seen = machine.observe()
    with pytest.raises(Refused):
        machine.run(last)
    assert machine.observe() == seen


def test_an_arena_of_huge_pages_maps_its_file_alone() -> None:
    with pytest.raises(BadProgramError, match="its memfd alone"):
        parse("arena 12 hugetlb\np0 mmap 0+4 rw anon")
    assert str(parse("arena 12 hugetlb\np0 fork -> p1")) == "arena 12 hugetlb\np0 fork -> p1\n"

# SPDX-License-Identifier: GPL-2.0-only
"""What induction says is true of every state is, and would not be if steps were encoded wrongly."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest
import z3

from checks.engine.reference import Explorer
from checks.engine.search import Limits, Search
from checks.examples.example import built, explorer_of
from checks.prove.clauses_on_instance import clauses_of
from checks.prove.cores import shoot
from checks.prove.decode import Decoder
from checks.prove.instance import Instance
from checks.prove.refinement import Comparison
from checks.symbolic.encode import Encoding, Step
from checks.symbolic.induction import Fact, Induction, by_induction
from checks.symbolic.solver import Term
from checks.symbolic.unroll import Bundle
from model.examples.shoot import SHOOT
from model.lang.sorts import Set

from ...command import run
from .agreement import MOST, Case
from .cases import random_case, random_programs, shoot_case

FEW = 100
"""Random programs, of which those that are not reduced are taken, if they have few states; one in
which something is wrong must tell each error."""


def codes(encoding: Encoding, state: int) -> list[int]:
    """What each field holds in a state."""
    layout = encoding.explorer.layout
    return [layout.value(state, f.slot) - f.slot.lowest for f in encoding.fields]


def held(encoding: Encoding, state: int) -> dict[Any, Term]:
    fields = zip(encoding.fields, codes(encoding, state), strict=True)
    return {field: field.held(code) for field, code in fields}


@dataclass(frozen=True)
class Pair(Fact):
    """Where the field of one number has a code, another has one of these."""

    one: int
    code: int
    two: int
    then: frozenset[int]

    def holds(self, row: Sequence[int]) -> bool:
        return row[self.one] != self.code or row[self.two] in self.then


def pairs(encoding: Encoding, states: Sequence[int]) -> Iterator[Pair]:
    """What is true in some states of each two fields."""
    rows = [codes(encoding, state) for state in states]
    fields = [(n, f) for n, f in enumerate(encoding.fields) if not isinstance(f.sort, Set)]
    for (k, one), (m, two) in itertools.permutations(fields, 2):
        for code in one.sort.codes():
            then = frozenset(row[m] for row in rows if row[k] == code)
            if len(then) < len(two.sort.codes()):
                is_two = z3.Or(*(two.term == two.held(c) for c in sorted(then)))
                term = z3.Implies(one.term == one.held(code), is_two)
                yield Pair(f"{one.name} {code}: {two.name}", term, k, code, m, then)


def induced(case: Case) -> tuple[Induction, Encoding, Explorer, Search]:
    """What is found, from facts about half of the states: some of them are false."""
    explorer = case.make()
    found = explorer.run(case.initial, Limits(MOST))
    encoding = Encoding(explorer, case.initial)
    states = list(found.parents)
    candidates = pairs(encoding, states[: len(states) // 2 + 1])
    return by_induction(encoding, candidates, Limits()), encoding, explorer, found


def check(case: Case) -> bool:
    """That all of it is true; whether nothing is wrong by it."""
    induction, encoding, _, found = induced(case)
    if not induction.why:
        assert not found.violations
    for state in found.parents:
        row = codes(encoding, state)
        assert all(fact.holds(row) for fact in induction.facts if isinstance(fact, Pair))
    return not induction.why


def cases(count: int) -> list[Case]:
    programs = enumerate(random_programs(count, 0))
    every = [random_case(p, n) for n, p in programs if n % 4 < 3]
    return [c for c in every if c.make().run(c.initial, Limits(150)).why == ""]


@pytest.mark.slow
def test_random_programs() -> None:
    """Where nothing is wrong by induction, the explorer finds nothing; that happens, and not
    always."""
    assert {check(case) for case in cases(FEW)} == {True, False}


_make_step = Encoding._step

ERRORS: dict[str, Callable[[Step], Step]] = {
    "no write": lambda step: replace(step, writes={}),
    "no such step": lambda step: replace(step, guard=z3.BoolVal(False)),
    "no check": lambda step: replace(step, checks=()),
}


@pytest.mark.slow
@pytest.mark.parametrize("error", ERRORS)
def test_an_error_in_the_steps_is_told(error: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(self: Encoding, *args: Any) -> Step:
        return ERRORS[error](_make_step(self, *args))

    wrong_ones = [c for c in cases(FEW) if c.make().run(c.initial, Limits(MOST)).violations]
    monkeypatch.setattr(Encoding, "_step", wrong)
    with pytest.raises(AssertionError):
        sum(check(case) for case in wrong_ones)


@pytest.mark.parametrize(
    ("variant", "lost"),
    [("", set()), ("no_ack_wait", {"stale_is_awaited"}), ("no_local_flush", {"stale_is_awaited"})],
)
@pytest.mark.parametrize("size", [(2, 1, 2), (2, 2, 2), (3, 1, 2)])
def test_the_clauses_of_shoot(size: tuple[int, int, int], variant: str, lost: set[str]) -> None:
    """All are inductive, but for the one that a variant breaks."""
    system, initial = built(SHOOT, dict(zip(SHOOT.params, size, strict=True)), variant)
    encoding = Encoding(explorer_of(system), initial)
    clauses = list(clauses_of(shoot.core().clauses, shoot.abstraction(*size), encoding))
    found = by_induction(encoding, [Fact(*c) for c in clauses], Limits())
    assert {name for name, _ in clauses} - {f.name for f in found.facts} == lost
    assert bool(found.why) is bool(lost)


def test_a_clause_says_as_a_formula_what_it_says_in_python() -> None:
    """In each state that the explorer visits; some break a clause."""
    case = shoot_case((2, 2, 2), 1, acked=False)
    explorer = case.make()
    encoding, to = Encoding(explorer, case.initial), shoot.abstraction(2, 2, 2)
    clauses = shoot.core().clauses
    formulas = Bundle(term for _, term in clauses_of(clauses, to, encoding))
    compare, decode = Comparison(shoot.core(), to), Decoder(explorer, case.initial)
    instance = Instance(shoot.core(), to.objects)
    told = set()
    for state in explorer.run(case.initial, Limits(MOST)).parents:
        view = instance.view(compare.state(decode(state)))
        said = [z3.is_true(term) for term in formulas.where(held(encoding, state))]
        assert said == [c.holds(instance.logic, view) for c in clauses]
        told |= set(said)
    assert told == {True, False}


def test_what_takes_too_long_is_said() -> None:
    case = shoot_case((2, 1, 2), 1)
    encoding = Encoding(case.make(), case.initial)
    found = by_induction(encoding, [Fact("true", z3.BoolVal(True))], Limits(until=0))
    assert (found.facts, found.why) == ((), "stopped at --timeout")


def test_the_command() -> None:
    ran = run("example:shoot", "--engine", "symbolic")
    assert ran.exit_code == 0
    assert ran.stdout.splitlines() == [
        "HOLDS     Neither a TLB nor the page table names a frame that is free.",
        "example   shoot(3,2,3)",
        "induction no state was visited; true at first, and kept by every rule: mapped_is_used, "
        "mapped_once,",
        "          old_is_used, old_is_not_mapped, freed_by_one, stale_is_awaited",
    ]
    broken = run("example:shoot", "--engine", "symbolic", "--variant", "no_local_flush")
    assert broken.exit_code == 1
    assert "trace     9 steps (shortest)" in broken.stdout

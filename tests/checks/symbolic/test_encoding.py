# SPDX-License-Identifier: GPL-2.0-only
"""Z3 and the explorers agree, and would not if anything were encoded wrongly.

CHECK_INVARIANTS_PROGRAMS=5000 takes more random programs;
`python -m tests.checks.symbolic.everything` takes every cast of every variant.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import z3
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from checks.engine.search import DEADLOCK
from checks.symbolic.bounded import ReplayError
from checks.symbolic.encode import RULE, Encoding, Step, code_of, holding
from checks.symbolic.solver import Term
from checks.symbolic.unroll import Unrolling
from checks.symbolic.values import Values
from model.lang.expr import Apply, Cell, Expr, evaluate
from model.lang.ir import Kind

from ...model.lang.strategies import SORTS, VARIABLES, Env, Sample, environment, samples, seeds
from .agreement import Case, agree
from .cases import BUILT_IN, random_case, random_programs

PROGRAMS = int(os.environ.get("CHECK_INVARIANTS_PROGRAMS", "150"))
AT_ONCE = 50
FEW = 120
"""Random programs, of which one must tell each error."""


@pytest.mark.slow
@pytest.mark.parametrize("batch", range(-(-PROGRAMS // AT_ONCE)))
def test_random_programs(batch: int) -> None:
    for number, program in enumerate(random_programs(min(AT_ONCE, PROGRAMS), batch)):
        agree(random_case(program, number))


@pytest.mark.slow
@pytest.mark.parametrize("name", BUILT_IN)
def test_built_in_models(name: str) -> None:
    agree(BUILT_IN[name]())


def test_there_is_every_kind_of_edge() -> None:
    assert all(_having(kind) for kind in Kind)


def _expressions(most: int) -> Callable[[], None]:
    """A check on so many random expressions, which ends with the first that differs."""

    @settings(max_examples=most, deadline=None, derandomize=True, phases=[Phase.generate],
              report_multiple_bugs=False, suppress_health_check=list(HealthCheck))  # fmt: skip
    @given(st.sampled_from(SORTS).flatmap(samples), st.lists(seeds, min_size=2, max_size=2))
    def check(sample: Sample, numbers: list[int]) -> None:
        sort = sample.expr.sort
        for number in numbers:
            env = environment(number)

            def held(place: Expr, env: Env = env) -> Term | None:
                return holding(env[place] - place.sort.lowest, place.sort) if place in env else None

            values = Values(held, {v.name: v for v in VARIABLES})
            code = code_of(values.stored(sample.expr, sort))
            assert code + sort.lowest == evaluate(sample.expr, env.__getitem__)

    return check


def test_expressions() -> None:
    """An expression has the same value in both, whatever its leaves hold."""
    _expressions(500)()


# -- deliberate errors -----------------------------------------------------------------------------


@functools.cache
def _random() -> list[Case]:
    return [random_case(p, n) for n, p in enumerate(random_programs(FEW, 0))]


@functools.cache
def _having(kind: Kind) -> list[Case]:
    """Those of them with an edge of a kind; an error in such edges changes no other."""
    return [c for c in _random() if any(op.kind is kind for op in c.make().system.ops())]


def told(cases: list[Case]) -> bool:
    """Whether one of the cases tells that something is wrong."""
    for case in cases:
        try:
            agree(case)
        except (AssertionError, KeyError, ReplayError):
            return True
    return False


Change = Callable[[Step], Step]

_make_step = Encoding._step


def _without(step: Step, *, moves: bool) -> Step:
    """A step without what it writes, or without its move to another location."""
    kept = {f: t for f, t in step.writes.items() if f.name.startswith("pc ") != moves}
    return replace(step, writes=kept)


ERRORS: dict[str, Change] = {
    "no guard": lambda s: replace(s, guard=z3.BoolVal(True)),
    "the wrong guard": lambda s: replace(s, guard=z3.Not(s.guard)),
    "no write": lambda s: _without(s, moves=False),
    "no move": lambda s: _without(s, moves=True),
    "no check": lambda s: replace(s, checks=tuple((c, z3.BoolVal(True)) for c, _ in s.checks)),
    "no such step": lambda s: replace(s, guard=z3.BoolVal(False)),
}
EDGES = {
    Kind.LET: ("no write", "no move", "no such step"),
    Kind.ASSUME: ("no guard", "the wrong guard", "no move"),
    Kind.LOAD: ("no guard", "no write", "no move"),
    Kind.STORE: ("no write", "no move"),
    Kind.RMW: ("no guard", "the wrong guard", "no write"),
    Kind.PRIMITIVE: ("no check", "no such step"),
    Kind.CHOICE: ("no move", "no such step"),
    Kind.BARRIER: ("no move", "no such step"),
    Kind.ASSERT: ("no check", "no move"),
    Kind.UNMODELLED: ("no check", "no such step"),
    Kind.MERGED: ("no guard", "no write", "no check", "no move"),
}


@pytest.mark.parametrize(("kind", "error"), [(k, e) for k, es in EDGES.items() for e in es])
def test_an_error_in_a_kind_of_edge_is_told(
    kind: Kind, error: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wrong(self: Encoding, thread: int, number: int, *rest: Any) -> Step:
        step = _make_step(self, thread, number, *rest)
        op = rest[2]
        return ERRORS[error](step) if thread != RULE and op.kind is kind else step

    monkeypatch.setattr(Encoding, "_step", wrong)
    assert told(_having(kind))


@pytest.mark.parametrize("error", ["no guard", "the wrong guard", "no write", "no such step"])
def test_an_error_in_a_rule_is_told(error: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(self: Encoding, thread: int, number: int, *rest: Any) -> Step:
        step = _make_step(self, thread, number, *rest)
        return ERRORS[error](step) if thread == RULE else step

    monkeypatch.setattr(Encoding, "_step", wrong)
    assert told(_random())


_operation = Values.operation


def _like(e: Apply, args: tuple[Expr, ...], name: str = "") -> Apply:
    """Another node, which is none of those that are interned."""
    return Apply(e.sort, name or e.name, args, e.data)


OPERATORS: dict[str, Callable[[Values, Apply], Term]] = {
    "not": lambda v, e: v.term(e.args[0]),
    "and": lambda v, e: z3.Or(*map(v.term, e.args)),
    "or": lambda v, e: z3.And(*map(v.term, e.args)),
    "ite": lambda v, e: _operation(v, _like(e, (e.args[0], e.args[2], e.args[1]))),
    "eq": lambda v, e: z3.Not(_operation(v, e)),
    "lt": lambda v, e: z3.Not(_operation(v, _like(e, e.args[::-1]))),
    "add": lambda v, e: _operation(v, _like(e, e.args, "sub")),
    "sub": lambda v, e: _operation(v, _like(e, e.args, "add")),
    "narrow": lambda v, e: _operation(v, e) + 1,
    "get": lambda v, e: _flipped(_operation(v, e)),
    "record": lambda v, e: _operation(v, e) ^ 1,
    "table": lambda v, e: _flipped(_operation(v, e)),
    "union": lambda v, e: _operation(v, _like(e, e.args, "inter")),
    "inter": lambda v, e: _operation(v, _like(e, e.args, "union")),
    "diff": lambda v, e: v.term(e.args[0]),
    "single": lambda v, e: _operation(v, e) << 1,
    "has": lambda v, e: z3.Not(_operation(v, e)),
}


def _flipped(value: Term) -> Term:
    return z3.Not(value) if z3.is_bool(value) else value ^ 1


@pytest.mark.parametrize("name", OPERATORS)
def test_an_error_in_an_operator_is_told(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(self: Values, e: Apply) -> Term:
        return OPERATORS[name](self, e) if e.name == name else _operation(self, e)

    monkeypatch.setattr(Values, "operation", wrong)
    with pytest.raises(AssertionError):
        _expressions(10_000)()


_elements, _wrong = Values.elements, Encoding.wrong


def _next_element(self: Values, place: Cell) -> list[tuple[Cell, Term]]:
    found = _elements(self, place)
    return [(cell, when) for (cell, _), (_, when) in zip(found, found[1:] + found[:1], strict=True)]


STRUCTURE: dict[str, tuple[type, str, Any]] = {
    "a computed index": (Values, "elements", _next_element),
    "what nobody writes": (Unrolling, "_stays", lambda *_: None),
    "several steps at once": (Unrolling, "_at_most_one", lambda *_: None),
    "where threads are": (Unrolling, "_is_at", lambda *_: z3.BoolVal(True)),
    "where threads can be": (Unrolling, "_move", lambda *_: None),
    "deadlock": (Encoding, "wrong", lambda s: [x for x in _wrong(s) if x[0] != DEADLOCK]),
    "what is wrong with a state": (Encoding, "wrong", lambda s: list(_wrong(s))[len(s.checks):]),
    "what is wrong at the end": (
        Encoding, "wrong", lambda s: [(n, z3.BoolVal(False) if n in dict(s.finals) else t)
                                      for n, t in _wrong(s)],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", STRUCTURE)
def test_an_error_in_what_holds_it_together_is_told(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(*STRUCTURE[name])
    assert told(_random())

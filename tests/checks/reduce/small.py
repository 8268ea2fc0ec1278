# SPDX-License-Identifier: GPL-2.0-only
"""Systems that fit on a screen, searched as they are and reduced."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from checks.engine.codegen.code_cache import CodeCache
from checks.engine.codegen.layout import Layout
from checks.engine.reference import Explorer
from checks.engine.search import Search
from checks.play.play import weakened
from checks.reduce.liveness import live_locals
from checks.reduce.reducer import Group, Passes, Reducer
from model.lang import expr as ex
from model.lang.expr import Cell, Expr, Local
from model.lang.ir import (
    Call,
    Check,
    Edge,
    Kind,
    Op,
    Rule,
    State,
    StateCheck,
    System,
    Thread,
    Update,
    Variable,
)  # fmt: skip
from model.lang.traits import Trait
from tests.oracle.naive import Naive


def thread(name: str, *steps: Op | tuple[Op, frozenset[Trait]]) -> Thread:
    """A thread of steps one after another; those without traits use fields without a lock."""
    edges = []
    for n, step in enumerate(steps):
        op, traits = step if isinstance(step, tuple) else (step, frozenset({Trait.LOCKLESS}))
        edges.append(Edge(n, n + 1, op, call=Call("step", (), traits), number=n))
    places = {p for e in edges for p in e.op.reads} | {u.place for e in edges for u in e.op.updates}
    own = tuple(sorted((p for p in places if isinstance(p, Local)), key=lambda p: p.name))
    return Thread(name, name, own, tuple(edges), 0, len(edges), len(edges) + 1)


def put(place: Cell | Local, value: Expr, *checks: Check, when: Expr = ex.TRUE) -> Op:
    """A step that waits until `when` and writes one place."""
    return Op(Kind.RMW, when, (Update(place, value),), checks)


def wait(when: Expr) -> Op:
    """A step that waits and does nothing."""
    return Op(Kind.LOAD, when)


def look(name: str, cond: Expr) -> Op:
    """A step that checks something."""
    return Op(Kind.PRIMITIVE, checks=(Check(name, cond),))


@dataclass(frozen=True)
class Small:
    """A small system, with where it begins and what its passes are told."""

    variables: tuple[Variable, ...]
    threads: tuple[Thread, ...]
    initial: State
    rules: tuple[Rule, ...] = ()
    checks: tuple[StateCheck, ...] = ()
    locked: frozenset[str] = frozenset()
    word: Expr = ex.TRUE
    freeable: frozenset[str] = frozenset()
    free: Expr = ex.FALSE
    finals: tuple[StateCheck, ...] = ()

    @property
    def system(self) -> System:
        return System("small", self.variables, self.threads, self.rules, self.checks, self.finals)

    @functools.cached_property
    def _reducer(self) -> Reducer:
        """The reducer of all searches: what one set of passes made is there for the next."""
        return Reducer(self.variables)

    def oracle(self) -> frozenset[str]:
        """The invariants that fail, as the oracle finds, which knows of no passes."""
        found = Naive(self.system, self.initial).explore(10_000)
        assert found is not None
        return found.violated

    def search(self, passes: Passes = Passes()) -> Search:
        """The search of the reduced system."""
        family = Group(
            [[t] for t in self.threads], self.rules, self.checks, self.finals, [self.initial],
            self.locked, lambda _: self.word, self.freeable, lambda _: ex.not_(self.free),
        )  # fmt: skip
        reduced = self._reducer.by(passes).reduce(family)
        layout = Layout(self.variables, reduced.regions.whole, len(self.threads))
        live = live_locals if passes.merge else None
        return Explorer(reduced.of(self.system), CodeCache(layout, live)).run(self.initial)

    def decided(self, passes: Passes = Passes()) -> frozenset[str]:
        """The invariants that fail, by as many of these passes as what they find allows."""
        search = self.search(passes)
        weaker = weakened(passes, search)
        return frozenset(search.violations) if weaker is None else self.decided(weaker)

    def violated(self, passes: Passes = Passes()) -> frozenset[str]:
        """The invariants that fail in the reduced system."""
        return frozenset(self.search(passes).violations)


SETS: Sequence[Passes] = (
    Passes(fold=False, erase=False, merge=False, movers=False),
    Passes(erase=False, merge=False, movers=False),
    Passes(fold=False, merge=False, movers=False),
    Passes(fold=False, erase=False, movers=False),
    Passes(fold=False, erase=False),
    Passes(),
    Passes(apart=True),
)
"""No pass, each alone, with movers, all."""


def agree(small: Small, sets: Iterable[Passes] = SETS) -> frozenset[str]:
    """The invariants that fail; every set of passes has to find these and no others."""
    expected = small.oracle()
    for passes in sets:
        assert small.violated(passes) == expected, passes
    return expected

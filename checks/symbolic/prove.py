# SPDX-License-Identifier: GPL-2.0-only
"""Proof obligations of a core: its invariant holds at first, every action keeps every clause of it,
and every theorem follows from it.

The state after an action is an expression of the one before it, so an obligation speaks of one
state only: the invariant, the guard, and that the clause is false after the action, have no model.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

import z3

from .core import Action, Clause, Core, View
from .logic import Symbolic, Term

LARGEST = 4
"""Objects of a sort in a counterexample, at most, before any number is allowed."""


class Result(StrEnum):
    """What became of an obligation."""

    PROVED = "proved"
    FAILED = "FAILED"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Obligation:
    """`what`: initial, the name of an action, or theorem; `clause`: what has to hold after it."""

    what: str
    clause: str


@dataclass(frozen=True)
class Proved:
    """An obligation, what became of it, and the seconds that it took.

    `cause` are the lines of a counterexample to induction with as few objects as possible: a state
    of the invariant, which need not be one that is reached, and the action.
    """

    obligation: Obligation
    result: Result
    seconds: float
    cause: tuple[str, ...] = ()


class Prover:
    """Discharges the obligations of a core; `without` leaves clauses out."""

    def __init__(self, core: Core, *, seconds: float = 10, without: Sequence[str] = ()) -> None:
        self.core, self._seconds = core, seconds
        self._g = Symbolic(core.sorts, core.enums)
        self._functions = {
            name: z3.Function(
                name, *(self._g.sorts[a] for a in f.args.split()), self._g.sorts[f.value]
            )
            for name, f in core.functions.items()
        }
        self._before = View(self._g, self._functions)
        self._clauses = [c for c in core.clauses if c.name not in without]

    def run(self) -> Iterator[Proved]:
        """Every obligation, in the order of the text."""
        for clause in self._clauses:
            yield self._proved(
                Obligation("initial", clause.name),
                [self.core.initial(self._g, self._before)], clause.holds(self._g, self._before), [],
            )  # fmt: skip
        for action in self.core.actions:
            for clause in self._clauses:
                yield self.keeps(action, clause)
        for theorem in self.core.theorems:
            yield self._proved(
                Obligation("theorem", theorem.name), self._invariant(),
                theorem.holds(self._g, self._before), [],
            )  # fmt: skip

    def keeps(self, action: Action, clause: Clause) -> Proved:
        """That an action keeps a clause."""
        params = [self._g.variable(sort) for sort in action.params.split()]
        assumed = [*self._invariant(), *self._may_fire(action, params)]
        after = action.after(self._g, self._before, *params)
        return self._proved(
            Obligation(action.name, clause.name), assumed, clause.holds(self._g, after), params
        )

    def can_fire(self, action: Action) -> bool:
        """Whether an action is possible at all in a state of the invariant: else what it keeps is
        kept for nothing."""
        params = [self._g.variable(sort) for sort in action.params.split()]
        solver = self._solver([*self._invariant(), *self._may_fire(action, params)])
        return bool(solver.check() == z3.sat)

    def _invariant(self) -> list[Term]:
        return [c.holds(self._g, self._before) for c in self._clauses]

    def _may_fire(self, action: Action, params: Sequence[Term]) -> list[Term]:
        real = [p != self._g.none(s) for p, s in zip(params, action.params.split(), strict=True)]
        return [*real, action.guard(self._g, self._before, *params)]

    def _solver(self, assumed: Sequence[Term]) -> z3.Solver:
        solver = z3.Solver()
        solver.set("timeout", int(self._seconds * 1000))
        axioms = (c.holds(self._g, self._before) for c in self.core.axioms)
        solver.add(*self._g.distinct, *axioms, *assumed)
        return solver

    def _proved(
        self, obligation: Obligation, assumed: Sequence[Term], wanted: Term, params: Sequence[Term]
    ) -> Proved:
        began = time.monotonic()
        solver = self._solver([*assumed, z3.Not(wanted)])
        found = solver.check()
        seconds = time.monotonic() - began
        if found == z3.unsat:
            return Proved(obligation, Result.PROVED, seconds)
        if found == z3.unknown:
            return Proved(obligation, Result.UNKNOWN, seconds, (solver.reason_unknown(),))
        return Proved(obligation, Result.FAILED, seconds, tuple(self._smallest(solver, params)))

    # -- counterexamples -------------------------------------------------------------------------

    def _smallest(self, solver: z3.Solver, params: Sequence[Term]) -> Iterator[str]:
        """The lines of a model with as few objects of each sort as can be."""
        model = solver.model()
        for size in range(1, LARGEST + 1):
            solver.push()
            for sort in self.core.sorts:
                solver.add(self._at_most(sort, size))
            if solver.check() == z3.sat:
                model = solver.model()
                break
            solver.pop()
        yield from _lines(self.core, self._g, self._functions, model, params)

    def _at_most(self, sort: str, size: int) -> Term:
        some = [z3.Const(f"{sort} {n}", self._g.sorts[sort]) for n in range(size)]
        x = z3.Const(f"any {sort}", self._g.sorts[sort])
        return z3.ForAll([x], z3.Or(x == self._g.none(sort), *(x == s for s in some)))


def _lines(
    core: Core, g: Symbolic, functions: dict[str, z3.FuncDeclRef], model: z3.ModelRef,
    params: Sequence[Term],
) -> Iterator[str]:  # fmt: skip
    names = _names(core, g, model)

    def show(value: Term) -> str:
        text = str(value.sexpr())
        return names.get(text, text)

    if params:
        yield "with   " + ", ".join(show(model.eval(p, model_completion=True)) for p in params)
    for name, function in core.functions.items():
        values = []
        for args in _tuples(function.args.split(), g, model, names):
            value = show(model.eval(functions[name](*args), model_completion=True))
            if value not in ("-", "False"):
                where = ", ".join(map(show, args))
                here = f"{name}({where})" if args else name
                values.append(here if value == "True" else f"{here} = {value}")
        if values:
            yield "       " + "; ".join(values)


def _names(core: Core, g: Symbolic, model: z3.ModelRef) -> dict[str, str]:
    """What values are called: objects by sort and number, "-" for none."""
    found: dict[str, str] = {}
    for sort in core.sorts:
        nothing = model.eval(g.none(sort), model_completion=True).sexpr()
        found[nothing] = "-"
        values = [v.sexpr() for v in model.get_universe(g.sorts[sort]) or []]
        for n, value in enumerate(v for v in values if v != nothing):
            found[value] = f"{sort.lower()}{n}"
    for sort, words in core.enums.items():
        for word in words:
            found[model.eval(g.word(sort, word), model_completion=True).sexpr()] = word
    return found | {"true": "True", "false": "False"}


def _tuples(
    sorts: list[str], g: Symbolic, model: z3.ModelRef, names: dict[str, str]
) -> Iterator[tuple[Term, ...]]:
    if not sorts:
        yield ()
        return
    for value in model.get_universe(g.sorts[sorts[0]]) or []:
        if names[value.sexpr()] != "-":
            for rest in _tuples(sorts[1:], g, model, names):
                yield (value, *rest)

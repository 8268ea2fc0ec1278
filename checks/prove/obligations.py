# SPDX-License-Identifier: GPL-2.0-only
"""Proof obligations of a core: its invariant holds at first, every action keeps every clause of it,
and every theorem follows from it.

The state after an action is an expression of the one before it, so an obligation speaks of one
state only: the invariant, the guard, and that the clause is false after the action, have no model.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from ..symbolic.solver import z3
from .core import Action, Clause, Core, View
from .instance import Frozen, Instance, Value
from .logic import Symbolic, Term

EFFORT = 20_000_000
"""How much Z3 does for an obligation at most, in its own units, which unlike seconds are the same
on every machine; about ten seconds."""

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
class Snapshot:
    """A state of a core over named objects, and the parameters of the action taken in it."""

    objects: Mapping[str, tuple[str, ...]]
    state: Frozen
    params: tuple[Value, ...]


@dataclass(frozen=True)
class Proved:
    """An obligation, what became of it, and the seconds that it took.

    `shot` is a counterexample to induction with as few objects as possible: a state of the
    invariant, which need not be one that is reached.  `why` Z3 does not know.
    """

    obligation: Obligation
    result: Result
    seconds: float
    why: str = ""
    shot: Snapshot | None = None


class UndecidedError(Exception):
    """Z3 does not know, and why."""


class Prover:
    """Discharges the obligations of a core; `without` leaves clauses out, `more` are added."""

    def __init__(
        self, core: Core, *, effort: int = EFFORT, without: Sequence[str] = (),
        more: Sequence[Clause] = (),
    ) -> None:  # fmt: skip
        self.core, self._effort = core, effort
        self._g = Symbolic(core.sorts, core.enums)
        self._functions = {
            name: z3.Function(
                name, *(self._g.sorts[a] for a in f.args.split()), self._g.sorts[f.value]
            )
            for name, f in core.functions.items()
        }
        self._before = View(self._g, self._functions)
        self._clauses = [*(c for c in core.clauses if c.name not in without), *more]

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

    def begins_without(self, clause: Clause) -> Snapshot | None:
        """A first state in which a clause does not hold."""
        first = self.core.initial(self._g, self._before)
        return self.refuted([first, z3.Not(clause.holds(self._g, self._before))])

    def breaks(self, action: Action, clause: Clause) -> Snapshot | None:
        """A state of the invariant and of a clause, in which an action breaks that clause."""
        params = [self._g.variable(sort) for sort in action.params.split()]
        after = clause.holds(self._g, action.after(self._g, self._before, *params))
        holds = clause.holds(self._g, self._before)
        assumed = [*self._invariant(), holds, *self._may_fire(action, params), z3.Not(after)]
        return self.refuted(assumed, params)

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
        solver.set("rlimit", self._effort)
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
            why = solver.reason_unknown()
            small = self._small(solver)
            if small is None:
                return Proved(obligation, Result.UNKNOWN, seconds, why)
            return Proved(
                obligation, Result.FAILED, seconds, shot=self._snapshot(small, params)
            )  # fmt: skip
        return Proved(obligation, Result.FAILED, seconds, shot=self._smallest(solver, params))

    # -- counterexamples -------------------------------------------------------------------------

    def first_states(self, sizes: Mapping[str, int], count: int) -> Iterator[Snapshot]:
        """First states over so many objects of each sort, that differ in what never changes."""
        solver = self._solver([self.core.initial(self._g, self._before)])
        fixed: list[tuple[Term, ...]] = []
        for sort, size in sizes.items():
            some = [z3.Const(f"{sort} {n}", self._g.sorts[sort]) for n in range(size)]
            solver.add(self._at_most(sort, size), z3.Distinct(*some, self._g.none(sort)))
        for name, f in self.core.functions.items():
            if f.fixed or f.value not in ("bool", *self.core.enums):
                objects = ([z3.Const(f"{s} {n}", self._g.sorts[s]) for n in range(sizes[s])]
                           for s in f.args.split())  # fmt: skip
                fixed += [self._functions[name](*args) for args in itertools.product(*objects)]
        if any(z3.is_bool(term) for term in fixed):  # else nothing is related to anything
            solver.add(z3.Or(*(term for term in fixed if z3.is_bool(term))))
        for _ in range(count):
            if solver.check() != z3.sat:
                return
            model = solver.model()
            yield self._snapshot(model, ())
            values = (model.eval(term, model_completion=True) for term in fixed)
            solver.add(z3.Or(*(t != v for t, v in zip(fixed, values, strict=True))))

    def refuted(self, assumed: Sequence[Term], params: Sequence[Term] = ()) -> Snapshot | None:
        """A state in which all of this holds, with few objects; None if there is none.
        UndecidedError if Z3 does not know."""
        solver = self._solver(assumed)
        found = solver.check()
        if found == z3.unknown:
            why = solver.reason_unknown()
            small = self._small(solver)
            if small is None:
                raise UndecidedError(why)
            return self._snapshot(small, params)
        return self._smallest(solver, params) if found == z3.sat else None

    def _smallest(self, solver: z3.Solver, params: Sequence[Term]) -> Snapshot:
        """A model with as few objects of each sort as can be."""
        any_size = solver.model()
        return self._snapshot(self._small(solver) or any_size, params)

    def _small(self, solver: z3.Solver) -> z3.ModelRef | None:
        """The same, if there is one with few: Z3 finds it where it does not know of any number."""
        for size in range(1, LARGEST + 1):
            solver.push()
            for sort in self.core.sorts:
                solver.add(self._at_most(sort, size))
            if solver.check() == z3.sat:
                return self._fewest(solver, size)
            solver.pop()
        return None

    def _fewest(self, solver: z3.Solver, size: int) -> z3.ModelRef:
        """Sort by sort, with fewer objects of it than of the sort that needs most."""
        model = solver.model()
        for sort in self.core.sorts:
            for fewer in range(size):
                solver.push()
                solver.add(self._at_most(sort, fewer))
                if solver.check() == z3.sat:
                    model = solver.model()
                    break
                solver.pop()
        return model

    def _at_most(self, sort: str, size: int) -> Term:
        some = [z3.Const(f"{sort} {n}", self._g.sorts[sort]) for n in range(size)]
        x = z3.Const(f"any {sort}", self._g.sorts[sort])
        return z3.ForAll([x], z3.Or(x == self._g.none(sort), *(x == s for s in some)))

    def _snapshot(self, model: z3.ModelRef, params: Sequence[Term]) -> Snapshot:
        names: dict[str, Value] = {"true": True, "false": False}
        objects: dict[str, tuple[str, ...]] = {}
        terms: dict[str, Term] = {}
        for sort in self.core.sorts:
            nothing = model.eval(self._g.none(sort), model_completion=True).sexpr()
            values = [v for v in model.get_universe(self._g.sorts[sort]) or []
                      if v.sexpr() != nothing]  # fmt: skip
            objects[sort] = tuple(f"{sort.lower()}{n}" for n in range(len(values)))
            terms |= dict(zip(objects[sort], values, strict=True))
            names[nothing] = None
            names |= {v.sexpr(): o for v, o in zip(values, objects[sort], strict=True)}
        for sort, words in self.core.enums.items():
            for word in words:
                shown = model.eval(self._g.word(sort, word), model_completion=True).sexpr()
                names[shown] = word

        def value(term: Term) -> Value:
            return names[model.eval(term, model_completion=True).sexpr()]

        state = tuple(
            tuple(value(self._functions[name](*(terms[a] for a in args))) for args in places)
            for name, places in Instance(self.core, objects).places.items()
        )
        return Snapshot(objects, state, tuple(value(p) for p in params))


def snapshot_lines(core: Core, shot: Snapshot) -> Iterator[str]:
    """A state as text: what is neither none nor false."""
    if shot.params:
        yield "with   " + ", ".join(map(str, shot.params))
    for (name, places), values in zip(
        Instance(core, shot.objects).places.items(), shot.state, strict=True
    ):
        said = []
        for args, value in zip(places, values, strict=True):
            here = f"{name}({', '.join(args)})" if args else name
            if value:
                said.append(here if value is True else f"{here} = {value}")
        if said:
            yield "       " + "; ".join(said)

# SPDX-License-Identifier: GPL-2.0-only
"""Proofs by induction about one finite system, of which no state is visited.

Candidates are facts that may be true of every state.  Those that are false at first, or that a step
makes false although all the others are true before it, are dropped until none is: what is left is
true of every state (Houdini, Flanagan and Leino 2001).  If nothing can be wrong with a state of
which all that is true, nothing is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from model.lang.sorts import Enum, Int, Ref

from ..engine.search import Limits
from .encode import Encoding, Field, Step
from .solver import StoppedError, Term, interruptible, model_of, solver_for, z3
from .unroll import Bundle
from .values import as_bits


@dataclass(frozen=True)
class Fact:
    """Something that may be true of every state: its name, and the formula."""

    name: str
    term: Term


@dataclass(frozen=True)
class Induction:
    """The candidates that are true of every state; `why` it does not follow from them that nothing
    is wrong, or that Z3 was `stopped`."""

    facts: tuple[Fact, ...]
    why: str = ""
    stopped: bool = False


def by_induction(encoding: Encoding, candidates: Iterable[Fact], limits: Limits) -> Induction:
    """Whether nothing can be wrong with a state, nor at a step, by those candidates that hold."""
    return _Induction(encoding, candidates, limits).run()


class _Induction:
    def __init__(self, encoding: Encoding, candidates: Iterable[Fact], limits: Limits) -> None:
        self._encoding, self._limits = encoding, limits
        first = {f: f.held(f.initial) for f in encoding.fields}
        self._values = [
            Fact(f"{f.name} has a value", _is_a_value(f))
            for f in encoding.fields if isinstance(f.sort, Int | Enum | Ref)
        ]  # fmt: skip
        every = [*candidates, *self._values]
        holds = Bundle(f.term for f in every).where(first) if every else []
        self._facts = {
            z3.Bool(f"fact {n}"): fact
            for n, (fact, at_first) in enumerate(zip(every, holds, strict=True))
            if z3.is_true(at_first)
        }
        self._solver = solver_for(limits)
        for name, fact in self._facts.items():
            self._solver.add(z3.Implies(name, fact.term))
        self._steps = [s for place in encoding.places() for s in encoding.leaving(*place)]
        self._about = _by_field(encoding, self._facts.items())

    def run(self) -> Induction:
        """Drop what does not hold, then ask whether the rest is enough."""
        try:
            with interruptible():
                while sum(self._drops(step) for step in self._steps):
                    pass
                wrong = [*(t for _, t in self._encoding.wrong()), *self._fails()]
                why = ""
                if wrong and self._model(z3.Or(*wrong)) is not None:
                    why = f"it does not follow from the {len(self._facts)} facts that were found"
        except StoppedError as stopped:
            return Induction((), str(stopped), stopped=True)
        return Induction(tuple(f for f in self._facts.values() if f not in self._values), why)

    def _fails(self) -> Iterator[Term]:
        """That a check of a step fails."""
        for step in self._steps:
            for _, holds in step.checks:
                if not z3.is_true(holds):
                    yield z3.And(self._encoding.enabled(step), z3.Not(holds))

    def _drops(self, step: Step) -> int:
        """Drop facts that a step makes false, as long as there are any: how many that were."""
        about = {n: None for field in step.writes for n in self._about[field] if n in self._facts}
        after = Bundle(self._facts[n].term for n in about).where(dict(step.writes))
        kept = {n: then for n, then in zip(about, after, strict=True) if not z3.is_true(then)}
        happens = [self._encoding.enabled(step), *(h for c, h in step.checks if c.halts)]
        before = len(self._facts)
        self._solver.push()
        self._solver.add(*happens)
        while kept:
            model = self._model(z3.Or(*(z3.Not(then) for then in kept.values())))
            if model is None:
                break
            for name, then in list(kept.items()):
                if not z3.is_true(model.eval(then, model_completion=True)):
                    del kept[name], self._facts[name]
        self._solver.pop()
        return before - len(self._facts)

    def _model(self, wanted: Term) -> z3.ModelRef | None:
        """A state of which all facts are true and this as well; None if there is none."""
        return model_of(self._solver, self._limits, *self._facts, wanted)


def _is_a_value(field: Field) -> Term:
    """That a field holds the code of a value; a local may hold none at first."""
    codes = field.sort.codes()
    bits = as_bits(field.term)
    return z3.And(z3.UGE(bits, codes[0]), z3.ULE(bits, codes[-1]))


def _by_field(encoding: Encoding, facts: Iterable[tuple[Term, Fact]]) -> dict[Field, list[Term]]:
    """The names of the facts that are about each field."""
    fields = {f.term.get_id(): f for f in encoding.fields}
    found: dict[Field, list[Term]] = {f: [] for f in encoding.fields}
    for name, fact in facts:
        for number in _variables(fact.term):
            found[fields[number]].append(name)
    return found


def _variables(term: Term) -> set[int]:
    found, seen, todo = set(), set(), [term]
    while todo:
        one = todo.pop()
        if one.get_id() in seen:
            continue
        seen.add(one.get_id())
        if z3.is_const(one) and one.decl().kind() == z3.Z3_OP_UNINTERPRETED:
            found.add(one.get_id())
        todo += one.children()
    return found

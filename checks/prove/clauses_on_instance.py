# SPDX-License-Identifier: GPL-2.0-only
"""The clauses of a core as formulas about the variables of one finite system.

A value of the core is known by cases: which it may be, and when.  The functions of an abstraction
are plain Python that reads cells: they are carried out for every value that a cell may have.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping

from model.lang.expr import Cell

from ..symbolic.encode import Encoding, Field
from ..symbolic.solver import z3
from .core import Clause, View
from .decode import Seen, named_cell, value_of
from .instance import Value
from .logic import Term
from .refinement import Abstraction

Cases = Mapping[Value, Term]
"""When a value is which."""


class Cased:
    """Formulas over the objects that there are, with values by cases."""

    def __init__(self, abstraction: Abstraction) -> None:
        self._objects = abstraction.objects

    def both(self, *parts: Term) -> Term:
        return z3.And(*map(_truth, parts))

    def either(self, *parts: Term) -> Term:
        return z3.Or(*map(_truth, parts))

    def no(self, part: Term) -> Term:
        return z3.Not(_truth(part))

    def implies(self, first: Term, then: Term) -> Term:
        return z3.Implies(_truth(first), _truth(then))

    def same(self, one: Term, two: Term) -> Term:
        left, right = _cases(one), _cases(two)
        return z3.Or(
            *(z3.And(when, right[value]) for value, when in left.items() if value in right)
        )

    def choose(self, test: Term, one: Term, two: Term) -> Term:
        return _joined([(_truth(test), _cases(one)), (z3.Not(_truth(test)), _cases(two))])

    def none(self, sort: str) -> Term:  # noqa: ARG002
        return {None: z3.BoolVal(True)}

    def word(self, sort: str, name: str) -> Term:  # noqa: ARG002
        return {name: z3.BoolVal(True)}

    def every(self, sorts: str, body: Callable[..., Term]) -> Term:
        return self.both(*(body(*objects) for objects in self._tuples(sorts)))

    def some(self, sorts: str, body: Callable[..., Term]) -> Term:
        return self.either(*(body(*objects) for objects in self._tuples(sorts)))

    def _tuples(self, sorts: str) -> Iterable[tuple[Cases, ...]]:
        lists: Iterable[list[Cases]] = (
            [{o: z3.BoolVal(True)} for o in self._objects[s]] for s in sorts.split()
        )
        return itertools.product(*lists)


def clauses_of(
    clauses: Iterable[Clause], abstraction: Abstraction, encoding: Encoding
) -> Iterator[tuple[str, Term]]:
    """Each clause by its name, as a formula about the fields of an encoding."""
    g = Cased(abstraction)
    reader = _Reader(encoding)
    view = View(g, {
        name: reader.function(function) for name, function in abstraction.values.items()
    })  # fmt: skip
    for clause in clauses:
        yield clause.name, z3.simplify(_truth(clause.holds(g, view)))


class _Reader:
    """Carries functions of a state out on every value of the cells that they read."""

    def __init__(self, encoding: Encoding) -> None:
        dims = {v.name: v.dims for v in encoding.explorer.system.variables}
        self._fixed = {named_cell(c, dims[c.var]): value_of(code, c.sort)
                       for c, code in encoding.initial.items() if isinstance(c, Cell)}  # fmt: skip
        self._fields = {named_cell(c, dims[c.var]): f for c, f in encoding.cells.items()}

    def function(self, function: Callable[..., Value]) -> Callable[..., Cases]:
        """The function, of values by cases."""
        known: dict[tuple[Value, ...], Cases] = {}

        def of(args: tuple[Value, ...]) -> Cases:
            if args not in known:
                found = self._carried_out(function, args)
                known[args] = _joined((when, {v: z3.BoolVal(True)}) for when, v in found)
            return known[args]

        def all_cases(*args: Term) -> Cases:
            choices = itertools.product(*(_cases(a).items() for a in args))
            return _joined(
                (z3.And(*(when for _, when in chosen)), of(tuple(v for v, _ in chosen)))
                for chosen in choices
            )

        return all_cases

    def _carried_out(
        self, function: Callable[..., Value], args: tuple[Value, ...]
    ) -> Iterator[tuple[Term, Value]]:
        """When it has which value: nothing is said of None."""
        if None in args:
            return
        todo: list[dict[tuple[str, ...], int]] = [{}]
        while todo:
            codes = todo.pop()
            seen = _Asking(self._fixed, self._fields, codes)
            try:
                value = function(seen, *args)
            except _AskError as asked:
                field = self._fields[asked.name]
                todo += [codes | {asked.name: code} for code in field.sort.codes()]
                continue
            held = (self._fields[n] for n in codes)
            when = (f.term == f.held(c) for f, c in zip(held, codes.values(), strict=True))
            yield z3.And(*when), value


class _AskError(Exception):
    def __init__(self, name: tuple[str, ...]) -> None:
        super().__init__(name)
        self.name = name


class _Asking(Seen):
    """A state of which only some cells are known: it asks for the others."""

    def __init__(
        self, fixed: Mapping[tuple[str, ...], Value], fields: Mapping[tuple[str, ...], Field],
        codes: Mapping[tuple[str, ...], int],
    ) -> None:  # fmt: skip
        super().__init__(fixed, ())
        self._fields, self._codes = fields, codes

    def __call__(self, variable: str, *index: str) -> Value:
        name = (variable, *index)
        if name not in self._fields:
            return super().__call__(variable, *index)
        if name not in self._codes:
            raise _AskError(name)
        field = self._fields[name]
        return value_of(self._codes[name], field.sort)


def _truth(value: Term) -> Term:
    if isinstance(value, Mapping):
        return value.get(True, z3.BoolVal(False))
    return z3.BoolVal(value) if isinstance(value, bool) else value


def _cases(value: Term) -> Cases:
    if isinstance(value, Mapping):
        return value
    truth = _truth(value)
    return {True: truth, False: z3.Not(truth)}


def _joined(parts: Iterable[tuple[Term, Cases]]) -> Cases:
    found: dict[Value, list[Term]] = {}
    for when, cases in parts:
        for value, here in cases.items():
            found.setdefault(value, []).append(z3.And(when, here))
    return {value: z3.Or(*terms) for value, terms in found.items()}

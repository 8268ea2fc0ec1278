# SPDX-License-Identifier: GPL-2.0-only
"""One text of a core, read two ways: as formulas for Z3 about any number of objects, and as plain
Python about the objects of one state.

A sort of objects has "none" as well, for what refers to nothing.  `every` and `some` range over the
objects, without it.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from ..symbolic.solver import z3

Term = Any
"""A Z3 expression, or a Python value."""


class Logic(Protocol):
    """What formulas are made of."""

    def both(self, *parts: Term) -> Term:
        """All of the parts; true if there are none."""

    def either(self, *parts: Term) -> Term:
        """One of the parts at least."""

    def no(self, part: Term) -> Term:
        """Not the part."""

    def implies(self, first: Term, then: Term) -> Term:
        """If the first, then the other."""

    def same(self, one: Term, two: Term) -> Term:
        """Equality."""

    def choose(self, test: Term, one: Term, two: Term) -> Term:
        """One or the other, by a test."""

    def none(self, sort: str) -> Term:
        """What refers to nothing."""

    def word(self, sort: str, name: str) -> Term:
        """A value of an enumeration."""

    def every(self, sorts: str, body: Callable[..., Term]) -> Term:
        """For all objects of these sorts, with blanks between them."""

    def some(self, sorts: str, body: Callable[..., Term]) -> Term:
        """For some objects of these sorts."""


class Symbolic:
    """Formulas for Z3.  `enums` are the words of each enumeration."""

    def __init__(self, sorts: Sequence[str], enums: Mapping[str, Sequence[str]]) -> None:
        self.sorts: dict[str, z3.SortRef] = {"bool": z3.BoolSort()}
        self.sorts |= {name: z3.DeclareSort(name) for name in sorts}
        self._none = {name: z3.Const(f"no {name}", self.sorts[name]) for name in sorts}
        self._words: dict[tuple[str, str], Term] = {}
        self.distinct: list[Term] = []
        for name, words in enums.items():
            # an uninterpreted sort with named values: enumerations of Z3 cannot be declared twice
            sort = self.sorts[name] = z3.DeclareSort(name)
            values = [z3.Const(f"{name}.{word}", sort) for word in words]
            self._words |= {(name, w): v for w, v in zip(words, values, strict=True)}
            x = z3.Const("x", sort)
            self.distinct += [
                z3.Distinct(*values),
                z3.ForAll([x], z3.Or(*(x == v for v in values))),
            ]
        self._fresh = itertools.count()

    def both(self, *parts: Term) -> Term:
        return z3.And(*parts)

    def either(self, *parts: Term) -> Term:
        return z3.Or(*parts)

    def no(self, part: Term) -> Term:
        return z3.Not(part)

    def implies(self, first: Term, then: Term) -> Term:
        return z3.Implies(first, then)

    def same(self, one: Term, two: Term) -> Term:
        return one == two

    def choose(self, test: Term, one: Term, two: Term) -> Term:
        return z3.If(test, one, two)

    def none(self, sort: str) -> Term:
        return self._none[sort]

    def word(self, sort: str, name: str) -> Term:
        return self._words[sort, name]

    def every(self, sorts: str, body: Callable[..., Term]) -> Term:
        names, real = self._bound(sorts)
        return z3.ForAll(names, z3.Implies(real, body(*names)))

    def some(self, sorts: str, body: Callable[..., Term]) -> Term:
        names, real = self._bound(sorts)
        return z3.Exists(names, z3.And(real, body(*names)))

    def _bound(self, sorts: str) -> tuple[list[Term], Term]:
        names = [self.variable(sort) for sort in sorts.split()]
        return names, z3.And(
            *(n != self._none[s] for n, s in zip(names, sorts.split(), strict=True))
        )

    def variable(self, sort: str) -> Term:
        """A new name for an object."""
        return z3.Const(f"{sort.lower()}{next(self._fresh)}", self.sorts[sort])


class Concrete:
    """Plain Python, over the objects that there are."""

    def __init__(self, objects: Mapping[str, Sequence[Any]]) -> None:
        self.objects = objects

    def both(self, *parts: Term) -> Term:
        return all(parts)

    def either(self, *parts: Term) -> Term:
        return any(parts)

    def no(self, part: Term) -> Term:
        return not part

    def implies(self, first: Term, then: Term) -> Term:
        return not first or then

    def same(self, one: Term, two: Term) -> Term:
        return one == two

    def choose(self, test: Term, one: Term, two: Term) -> Term:
        return one if test else two

    def none(self, sort: str) -> Term:  # noqa: ARG002
        return None

    def word(self, sort: str, name: str) -> Term:  # noqa: ARG002
        return name

    def every(self, sorts: str, body: Callable[..., Term]) -> Term:
        return all(body(*objects) for objects in self.tuples(sorts))

    def some(self, sorts: str, body: Callable[..., Term]) -> Term:
        return any(body(*objects) for objects in self.tuples(sorts))

    def tuples(self, sorts: str) -> itertools.product[tuple[Any, ...]]:
        """All choices of objects of these sorts."""
        return itertools.product(*(self.objects[sort] for sort in sorts.split()))

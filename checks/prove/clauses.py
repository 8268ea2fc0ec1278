# SPDX-License-Identifier: GPL-2.0-only
"""Clauses as data: what is true of a few objects, and that parts of it never are together."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from .core import Clause, Core, View
from .instance import Instance, Value
from .logic import Logic, Term
from .obligations import Snapshot


@dataclass(frozen=True)
class Part:
    """A literal: the value of a function at variables, a name by sort and number, is `value`, or
    is not.  The value is a variable, a word, a truth value or None; an argument may be `SOME`."""

    function: str
    args: tuple[str, ...]
    value: Value
    true: bool = True

    def holds(self, g: Logic, s: View, names: Mapping[str, Term], core: Core) -> Term:
        """The literal as a formula."""
        at = getattr(s, self.function)(*(names[a] for a in self.args))
        sort = core.functions[self.function].value
        if sort == "bool":
            said = at if self.value else g.no(at)
        elif self.value is None:
            said = g.same(at, g.none(sort))
        else:
            assert isinstance(self.value, str)
            word = sort in core.enums
            said = g.same(at, g.word(sort, self.value) if word else names[self.value])
        return said if self.true else g.no(said)

    def variables(self, core: Core) -> set[str]:
        """The variables that it is about."""
        sort = core.functions[self.function].value
        named = isinstance(self.value, str) and sort not in core.enums
        return {*self.args, *([str(self.value)] if named else [])}

    def shown(self) -> str:
        """As a reader has it."""
        here = f"{self.function}({', '.join(self.args)})" if self.args else self.function
        if isinstance(self.value, bool):
            return here if self.value is self.true else f"not {here}"
        return f"{here} {'=' if self.true else '!='} {self.value or 'none'}"


SOME = "some"


@dataclass(frozen=True)
class Some:
    """That an object of a sort has all of these parts, and those of one of the cases."""

    sort: str
    parts: frozenset[Part]
    cases: tuple[frozenset[Part], ...]

    def holds(self, g: Logic, s: View, names: Mapping[str, Term], core: Core) -> Term:
        """The whole as a formula."""

        def one(witness: Term) -> Term:
            known = {**names, SOME: witness}
            cases = [g.both(*(p.holds(g, s, known, core) for p in case)) for case in self.cases]
            return g.both(*(p.holds(g, s, known, core) for p in self.parts), g.either(*cases))

        return g.some(self.sort, one)

    def without(self, parts: Iterable[Part]) -> Some:
        """Weaker: without some parts."""
        gone = frozenset(parts)
        return replace(
            self, parts=self.parts - gone, cases=tuple(c - gone for c in self.cases)
        )  # fmt: skip

    def shown(self) -> str:
        """As a reader has it."""
        own = sorted(p.shown() for p in self.parts)
        cases = [" and ".join(sorted(p.shown() for p in c)) for c in self.cases if c]
        if cases and len(cases) == len(self.cases):
            own.append(cases[0] if len(cases) == 1 else "(" + " or ".join(cases) + ")")
        return f"some {self.sort} has " + " and ".join(own).replace(SOME, "it")


@dataclass(frozen=True)
class Found:
    """A clause as data: these parts are never true together, but where `some`thing is so."""

    parts: tuple[Part, ...]
    some: Some | None = None

    def clause(self, core: Core) -> Clause:
        """The clause; variables of one sort are different objects."""
        names = sorted(set().union(*(p.variables(core) for p in self.parts)))
        sorts = [sort_of(core, n) for n in names]

        def holds(g: Logic, s: View) -> Term:
            def body(*values: Term) -> Term:
                known = dict(zip(names, values, strict=True))
                pairs = itertools.combinations(zip(sorts, values, strict=True), 2)
                differ = [g.no(g.same(a, b)) for (one, a), (two, b) in pairs if one == two]
                premise = g.both(*differ, *(p.holds(g, s, known, core) for p in self.parts))
                if self.some is None:
                    return g.no(premise)
                return g.implies(premise, self.some.holds(g, s, known, core))

            return g.every(" ".join(sorts), body)

        return Clause(f"inferred: {self.shown()}", self.shown(), holds)

    def shown(self) -> str:
        """As a reader has it."""
        premise = " and ".join(p.shown() for p in self.parts)
        return f"never {premise}" if self.some is None else f"if {premise}: {self.some.shown()}"


def sort_of(core: Core, variable: str) -> str:
    return next(s for s in core.sorts if variable.rstrip("0123456789") == s.lower())


def diagram(core: Core, shot: Snapshot) -> Iterator[Part]:
    """All that is true of the objects of a state, what is there before what is not."""
    absent = []
    for (name, places), values in zip(
        Instance(core, shot.objects).places.items(), shot.state, strict=True
    ):
        sort = core.functions[name].value
        for args, value in zip(places, values, strict=True):
            if value is False:
                absent.append(Part(name, args, False))
                continue
            yield Part(name, args, value)
            if sort in core.sorts:
                others = (o for o in shot.objects[sort] if o != value)
                absent += [Part(name, args, other, true=False) for other in others]
    yield from absent


def namings(
    wanted: Mapping[str, Sequence[str]], objects: Mapping[str, Sequence[str]]
) -> Iterator[dict[str, str]]:
    """Each way to give different objects to the names of each sort."""
    ways = [itertools.permutations(objects[sort], len(names)) for sort, names in wanted.items()]
    flat = [name for names in wanted.values() for name in names]
    for picked in itertools.product(*ways):
        yield dict(zip(flat, itertools.chain.from_iterable(picked), strict=True))


def connected(core: Core, parts: Sequence[Part]) -> bool:
    """Whether the parts have to do with one another."""
    groups = [p.variables(core) for p in parts]
    reached = groups.pop(0)
    while groups:
        near = next((g for g in groups if g & reached), None)
        if near is None:
            return False
        groups.remove(near)
        reached = reached | near
    return True

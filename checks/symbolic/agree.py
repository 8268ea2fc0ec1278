# SPDX-License-Identifier: GPL-2.0-only
"""That a core is an abstraction of a model: every state of an enumerated system is one of the core,
and every step leads where an action of the core leads, or changes nothing that the core knows.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from model.lang.expr import Cell, Const
from model.lang.ir import Edge, State
from model.lang.sorts import BOOL, Ref, Set, Sort

from ..engine.reference import Explorer
from .core import Core
from .instance import Frozen, Instance, Value


class Seen:
    """A state of a model: its cells by variable and names of objects."""

    def __init__(self, cells: Mapping[tuple[str, ...], Value]) -> None:
        self._cells = cells

    def __call__(self, variable: str, *index: str) -> Value:
        """The value of a cell: the name of an object or None, a truth value, the set of what is in
        it, or as it is shown."""
        return self._cells[variable, *index]


@dataclass(frozen=True)
class Abstraction:
    """What of a model is what of a core: its objects by sort, the variables of the model that
    matter, and the value of each function."""

    objects: Mapping[str, tuple[str, ...]]
    variables: frozenset[str]
    values: Mapping[str, Callable[..., Value]]
    """Functions of a `Seen` and of arguments."""


@dataclass(frozen=True)
class Disagreement:
    """A state or a step of the model that the core has not; `where` a step stands in the model."""

    what: str
    before: Frozen
    after: Frozen | None = None
    where: str = ""


@dataclass
class Agreement:
    """How much was compared."""

    states: int = 0
    steps: int = 0
    used: frozenset[str] = frozenset()
    """Actions of the core that some step was."""


class Comparison:
    """A core beside an abstraction of one system to it."""

    def __init__(self, core: Core, abstraction: Abstraction) -> None:
        self.core, self._to = core, abstraction
        self._of = Instance(core, abstraction.objects)
        self._g, self._places = self._of.logic, self._of.places
        self.agreement = Agreement()

    def state(self, seen: Seen) -> Frozen:
        """What a state of the model is in the core."""
        return tuple(
            tuple(self._to.values[name](seen, *args) for args in places)
            for name, places in self._places.items()
        )

    def compare(
        self, explorer: Explorer, initial: State, states: Iterable[int]
    ) -> Disagreement | None:
        """Look at states of a system, and at the steps from them; the first that does not agree."""
        decode = Decoder(explorer, initial)
        mask = decode.mask(self._to.variables)
        known: set[tuple[int, int]] = set()
        frozen: dict[int, Frozen] = {}
        judged: set[Frozen] = set()
        used: set[str] = set()

        def here(packed: int) -> Frozen:
            if packed not in frozen:
                frozen[packed] = self.state(decode(packed))
            return frozen[packed]

        first = here(explorer.pack(initial) & mask)
        if not self.core.initial(self._g, self._of.view(first)):
            return Disagreement("the first state is no first state of the core", first)
        for packed, then, where in _steps(explorer, states):
            before, after = packed & mask, then & mask
            if (before, after) in known:
                continue
            known.add((before, after))
            one = here(before)
            if one not in judged:
                judged.add(one)
                self.agreement.states += 1
                broken = self._broken(one)
                if broken:
                    return Disagreement(f"clause {broken} does not hold", one)
            two = here(after)
            if one == two:
                continue
            self.agreement.steps += 1
            actions = self._between(one, two)
            if actions is None:
                return Disagreement("no action of the core is this step", one, two, where())
            used |= actions
        self.agreement.used = frozenset(used)
        return None

    def differences(
        self, found: Disagreement
    ) -> Iterator[tuple[str, tuple[Any, ...], Value, Value]]:
        """What is not none or false before or after: the function, its arguments, both values."""
        after = found.after or found.before
        for (name, places), one, two in zip(self._places.items(), found.before, after, strict=True):
            for place, old, new in zip(places, one, two, strict=True):
                if old or new:
                    yield name, place, old, new

    def _between(self, before: Frozen, after: Frozen) -> set[str] | None:
        """The actions that a step is: one, or none, and then those by which relations fade."""
        known = self._of.after(before)
        if after in known:
            return {known[after]}
        for state, name in itertools.chain([(before, "")], known.items()):
            faded = self._faded(state, after)
            if faded is not None:
                return faded | ({name} if name else set())
        return None

    def _faded(self, before: Frozen, after: Frozen) -> set[str] | None:
        """The actions by which relations fade from one state to another, if only that happens."""
        view, found = self._of.view(after), set()
        for (name, places), one, two in zip(self._places.items(), before, after, strict=True):
            if one == two:
                continue
            if name not in self.core.fades:
                return None
            action = self.core.action(self.core.fades[name])
            for place, had, has in zip(places, one, two, strict=True):
                if had != has and (has or not action.guard(self._g, view, *place)):
                    return None
            found.add(action.name)
        return found

    def _broken(self, state: Frozen) -> str:
        view = self._of.view(state)
        wrong = (
            c.name for c in (*self.core.axioms, *self.core.clauses) if not c.holds(self._g, view)
        )
        return next(wrong, "")


# -- states of an explored system ------------------------------------------------------------------


class Decoder:
    """Cells of packed states, by name; those that are not packed never change."""

    def __init__(self, explorer: Explorer, initial: State) -> None:
        dims = {v.name: v.dims for v in explorer.system.variables}
        self.fixed = {
            _name(cell, dims[cell.var]): _value(code, cell.sort)
            for cell, code in initial.items()
            if isinstance(cell, Cell)
        }
        self._slots = []
        for cell in explorer.cells(initial):
            slot = explorer.layout.slot(cell)
            if slot is not None:
                self._slots.append((_name(cell, dims[cell.var]), slot.offset, slot.mask, cell.sort))

    def __call__(self, packed: int) -> Seen:
        now = {n: _value(packed >> at & mask, sort) for n, at, mask, sort in self._slots}
        return Seen({**self.fixed, **now})

    def mask(self, variables: Collection[str]) -> int:
        """The bits of the cells of some variables."""
        bits = (mask << at for name, at, mask, _ in self._slots if name[0] in variables)
        return functools.reduce(int.__or__, bits, 0)

    def codes(self, variable: str, states: Iterable[int]) -> set[int]:
        """The codes that cells of a variable have in some states."""
        places = [(at, mask) for name, at, mask, _ in self._slots if name[0] == variable]
        return {state >> at & mask for state in states for at, mask in places}


def _name(cell: Cell, dims: Sequence[Sort]) -> tuple[str, ...]:
    values = (i.value if isinstance(i, Const) else 0 for i in cell.index)
    return cell.var, *(d.show(v - d.lowest) for d, v in zip(dims, values, strict=True))


def _value(code: int, sort: Sort) -> Value:
    if sort == BOOL:
        return bool(code)
    if isinstance(sort, Ref) and not code:
        return None
    if isinstance(sort, Set):
        return frozenset(sort.elem.show(e) for e in sort.elem.codes() if code >> e & 1)
    return sort.show(code)


_Step = tuple[int, int, Callable[[], str]]
"""A state, one after it, and where the step stands."""


def _steps(explorer: Explorer, states: Iterable[int]) -> Iterator[_Step]:
    """The steps of a system from these states, and each state as a step to itself."""
    for state in states:
        yield state, state, str
        for code in explorer.codes:
            at = explorer.layout.value(state, code.seat.pc)
            for number, after in code.moves(state, at).taken:
                yield state, after, functools.partial(_place, code.thread.edges[number])
        if explorer.rules is not None:
            for number, after in explorer.rules.moves(state).taken:
                yield state, after, functools.partial(str, explorer.system.rules[number].name)


def _place(edge: Edge) -> str:
    if edge.site is None:
        return ""
    site = edge.site.shown()
    return f"{site.function} {site.line}  {edge.call.name if edge.call is not None else ''}"

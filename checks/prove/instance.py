# SPDX-License-Identifier: GPL-2.0-only
"""A core over a few named objects, carried out in plain Python: its states as values, and the steps
from them."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from .core import Action, Core, View
from .logic import Concrete

Value = str | bool | frozenset[str] | None
Frozen = tuple[tuple[Value, ...], ...]
"""A state of a core: the values of its functions, in the order of the text."""

Taken = tuple[Action, tuple[Any, ...]]
"""An action and its parameters."""

Objects = Mapping[str, Sequence[str]]
"""By sort, what there is."""


class Instance:
    """A core over these objects.  `places` are the arguments of each function, in order."""

    def __init__(self, core: Core, objects: Objects) -> None:
        self.core, self.logic = core, Concrete(objects)
        self.places = {name: list(self.logic.tuples(f.args)) for name, f in core.functions.items()}
        self._after: dict[Frozen, dict[Frozen, list[Taken]]] = {}

    def view(self, state: Frozen) -> View:
        """A state as formulas read it."""
        tables = {
            name: dict(zip(places, values, strict=True))
            for (name, places), values in zip(self.places.items(), state, strict=True)
        }
        return View(self.logic, {name: _lookup(table) for name, table in tables.items()})

    def frozen(self, view: View) -> Frozen:
        """A state as values."""
        return tuple(
            tuple(getattr(view, name)(*args) for args in places)
            for name, places in self.places.items()
        )

    def after(self, state: Frozen) -> dict[Frozen, list[Taken]]:
        """The states that actions lead to, with the actions that do and their parameters."""
        if state not in self._after:
            view = self.view(state)
            found: dict[Frozen, list[Taken]] = {}
            for action in self.core.actions:
                for params in self.logic.tuples(action.params):
                    if action.guard(self.logic, view, *params):
                        then = action.after(self.logic, view, *params)
                        found.setdefault(self.frozen(then), []).append((action, params))
            self._after[state] = found
        return self._after[state]

    def reached(self, first: Sequence[Frozen], most: int) -> dict[Frozen, Frozen | None]:
        """The states that are reached from these, nearest first, each with one before it; about
        `most` of them at most."""
        found: dict[Frozen, Frozen | None] = dict.fromkeys(first)
        todo = list(found)
        for state in todo:
            if len(found) >= most:
                break
            for then in self.after(state):
                if then not in found:
                    found[then] = state
                    todo.append(then)
        return found

    def first(self, fixed: Frozen, most: int) -> list[Frozen] | None:
        """The initial states in which functions that never change are as in a state; None if more
        than `most` states would have to be looked at."""
        choices: list[list[Value]] = []
        count = 1
        for (name, places), values in zip(self.places.items(), fixed, strict=True):
            function = self.core.functions[name]
            own = self._values(function.value)
            for value in values:
                choices.append([value] if function.fixed else own)
                count *= len(choices[-1])
            if count > most:
                return None
            assert len(places) == len(values)
        return [s for s in self._states(choices) if self.core.initial(self.logic, self.view(s))]

    def _values(self, sort: str) -> list[Value]:
        if sort == "bool":
            return [False, True]
        if sort in self.core.enums:
            return list(self.core.enums[sort])
        return [None, *self.logic.objects[sort]]

    def _states(self, choices: Sequence[Sequence[Value]]) -> Iterator[Frozen]:
        for values in itertools.product(*choices):
            rest = iter(values)
            yield tuple(tuple(itertools.islice(rest, len(p))) for p in self.places.values())


def _lookup(table: Mapping[tuple[Any, ...], Value]) -> Callable[..., Value]:
    return lambda *args: table.get(args)

# SPDX-License-Identifier: GPL-2.0-only
"""Which elements of an array a computed index may name.

An analysis of one thread that does not follow control: for each local the values that it is given
anywhere.  What another thread does to one page-table lock is then no conflict with a step that can
only mean another.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping

from model.lang import expr as ex
from model.lang.expr import Cell, Const, Expr, Local
from model.lang.ir import State, Update
from model.lang.sorts import Rec, Ref, Set, Sort

from .usage import Part, Region

Values = frozenset[int]
Held = Mapping[Cell, Values]
"""The values that cells with constant indices may have."""

_MOST = 64
"""Sorts of more values than this are not followed."""


class Elements:
    """The elements that the cells of one part may be, given what shared cells may hold."""

    def __init__(self, part: Part, held: Held) -> None:
        self._held = held
        self._locals: dict[str, Values | None] = {}
        self._memo: dict[Expr, Values | None] = {}
        self._regions: dict[Cell, tuple[Region, ...]] = {}
        if part.thread is not None:
            for local in part.thread.locals:
                self._locals[local.name] = frozenset({local.sort.lowest})
        self._follow([u for op in part.ops for u in op.updates if isinstance(u.place, Local)])

    def _follow(self, updates: list[Update]) -> None:
        """Give each local the values that flow into it, until nothing new does."""
        readers: dict[str, list[Update]] = {}
        for update in updates:
            for leaf in ex.leaves(update.value):
                if isinstance(leaf, Local):
                    readers.setdefault(leaf.name, []).append(update)
        todo = updates[::-1]
        while todo:
            update = todo.pop()
            assert isinstance(update.place, Local)
            name = update.place.name
            old = self._locals[name]
            if old is None:
                continue
            self._memo.clear()
            new = self.values(update.value)
            both = None if new is None or len(old | new) > _MOST else old | new
            if both != old:
                self._locals[name] = both
                todo.extend(readers.get(name, ()))
        self._memo.clear()

    def values(self, e: Expr) -> Values | None:
        """Every value that an expression of this part may have; None if they are not known."""
        if e not in self._memo:
            found = self._values(e)
            self._memo[e] = _all_of(e.sort) if found is None else found
        return self._memo[e]

    def _values(self, e: Expr) -> Values | None:
        if isinstance(e, Const):
            return frozenset({e.value})
        if isinstance(e, Local):
            return self._locals.get(e.name)
        if isinstance(e, Cell):
            return self._held.get(e)
        assert isinstance(e, ex.Apply)
        if e.name == "ite":
            yes, no = self.values(e.args[1]), self.values(e.args[2])
            return None if yes is None or no is None else yes | no
        if e.name != "table":
            return None
        choices = [self.values(a) for a in e.args]
        known = [c for c in choices if c is not None]
        if len(known) < len(choices):
            return None
        found = set()
        for case in itertools.product(*known):
            args = tuple(ex.const(v, a.sort) for v, a in zip(case, e.args, strict=True))
            value = ex.rebuild(e, args)
            assert isinstance(value, Const)
            found.add(value.value)
        return frozenset(found)

    def of(self, cell: Cell) -> tuple[Region, ...]:
        """Every element that a cell may be.  Fields of None are none: a check comes first."""
        found = self._regions.get(cell)
        if found is None:
            named = [self._index(i) for i in cell.index]
            found = tuple((cell.var, index) for index in itertools.product(*named))
            self._regions[cell] = found
        return found

    def _index(self, index: Expr) -> list[int]:
        values = self.values(index)
        if values is None:  # a sort too large to follow
            values = frozenset(c + index.sort.lowest for c in index.sort.codes())
        if isinstance(index.sort, Ref) and len(values) > 1:
            values -= {0}
        return sorted(values)


def _all_of(sort: Sort) -> Values | None:
    if isinstance(sort, Rec | Set):
        return None
    codes = sort.codes()
    return frozenset(c + sort.lowest for c in codes) if len(codes) <= _MOST else None


Written = Mapping[Cell, Values | None]
"""The values that a part gives cells with constant indices; None if they are not known."""


def written_by(part: Part) -> tuple[Written, frozenset[str]]:
    """What a part writes, whatever others do; and the arrays that it writes at computed indices."""
    elements = Elements(part, {})
    found: dict[Cell, Values | None] = {}
    computed: set[str] = set()
    for place, value in part.written:
        if not all(isinstance(i, Const) for i in place.index):
            computed.add(place.var)
        elif isinstance(place.sort, Ref):
            old, new = found.get(place, frozenset()), elements.values(value)
            found[place] = None if old is None or new is None else old | new
    return found, frozenset(computed)


def held(
    written: Iterable[tuple[Written, frozenset[str]]], initial: Iterable[State]
) -> dict[Cell, Values]:
    """The values that pointers may have in a family, by cell: at first, and by being written."""
    found: dict[Cell, Values | None] = {}
    for state in initial:
        for cell, value in state.items():
            if isinstance(cell, Cell) and isinstance(cell.sort, Ref):
                old = found.setdefault(cell, frozenset())
                assert old is not None
                found[cell] = old | {value}
    computed: set[str] = set()
    for cells, arrays in written:
        computed |= arrays
        for cell, values in cells.items():
            old = found.get(cell)
            found[cell] = None if old is None or values is None else old | values
    return {c: v for c, v in found.items() if v is not None and c.var not in computed}

# SPDX-License-Identifier: GPL-2.0-only
"""Folding: cells that never change are replaced by their value, and what can never fire goes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from model.lang import expr as ex
from model.lang.expr import Cell, Expr
from model.lang.ir import Check, Edge, Op, Rule, StateCheck, Thread, Update

from .usage import Part, constant_index

Content = tuple[Expr, tuple[Update, ...], tuple[Check, ...]]
"""Content of an operation: its guard, updates and checks."""

Memo = dict[object, Content]

Known = Mapping[Cell, int]
Tables = Mapping[str, tuple[int, ...]]
"""Arrays with one index all of whose elements are known: values by object code."""


def keeps(place: Cell, value: Expr, known: Known, tables: Tables) -> bool:
    """Whether writing a value leaves a known cell, or an element of a known array, as it is."""
    if not isinstance(value, ex.Const):
        return False
    if constant_index(place) is not None:
        return known.get(place) == value.value
    return set(tables.get(place.var, ())) == {value.value}


class Folder:
    """Replaces known cells throughout operations."""

    def __init__(self, known: Known, tables: Tables, cells: Iterable[Cell] | None = None) -> None:
        """`cells`: all that occur in what is folded, if they are at hand."""
        self._known, self._tables = known, tables
        self._memo: dict[Expr, Expr] = {}
        self._arrays: dict[str, object] = {}
        self._among = None
        if cells is not None:
            self._among = frozenset(c for c in cells if c in known or c.var in tables)

    def expr(self, e: Expr) -> Expr:
        return ex.substitute(e, self._swap, self._memo, self._among)

    def _swap(self, e: Expr) -> Expr | None:
        if not isinstance(e, Cell):
            return None
        if e in self._known:
            return ex.const(self._known[e], e.sort)
        values = self._tables.get(e.var)
        return None if values is None else ex.table(values, e.index, e.sort)

    def op(self, op: Op, memo: Memo) -> Op:
        """The operation with known cells put in; `memo` is for all that have like content."""
        if self._among is not None and op.cells.isdisjoint(self._among):
            return op
        known, computed = self._known, op.computed
        values = frozenset((c, known[c]) for c in op.cells if c in known)
        arrays = frozenset(map(self._array, computed)) if computed else None
        key = op.guard, op.updates, op.checks, values, arrays
        if key not in memo:
            memo[key] = self._content(op)
        return op.doing(*memo[key])

    def _array(self, var: str) -> object:
        """Everything known of an array: an index that is computed may be any of them, once it is
        known itself."""
        found = self._arrays.get(var)
        if found is None:
            elements = frozenset((c, v) for c, v in self._known.items() if c.var == var)
            found = self._arrays[var] = (var, elements, self._tables.get(var))
        return found

    def _content(self, op: Op) -> Content:
        """The guard, updates and checks of an operation with known cells put in."""
        checks = tuple(
            c.with_cond(cond) for c in op.checks if (cond := self.expr(c.cond)) is not ex.TRUE
        )
        updates = []
        for u in op.updates:
            value, place = self.expr(u.value), u.place
            if isinstance(place, Cell):
                place = ex.cell(place.var, tuple(self.expr(i) for i in place.index), place.sort)
            if value is place or (isinstance(place, Cell) and self._keeps(place, value)):
                continue
            updates.append(Update(place, value))
        return self.expr(op.guard), tuple(updates), checks

    def _keeps(self, place: Cell, value: Expr) -> bool:
        return keeps(place, value, self._known, self._tables)

    def judge(self, judge: StateCheck) -> StateCheck:
        return replace(judge, cond=self.expr(judge.cond))


def fold_part(part: Part, known: Known, tables: Tables, memo: Memo) -> Part:
    """The part with known cells put in, without edges and rules that can never fire.

    `memo` has what operations were made into before, of this part or others.
    """
    folder = Folder(known, tables, part.cells)
    if part.thread is None:
        rules = (replace(r, op=folder.op(r.op, memo)) for r in part.rules)
        return Part(None, part.number, tuple(r for r in rules if _can_fire(r)))
    edges = [e.with_op(folder.op(e.op, memo)) for e in part.thread.edges]
    kept = [e for e in edges if e.op.guard is not ex.FALSE]
    return Part(reachable(part.thread, kept), part.number)


def _can_fire(rule: Rule) -> bool:
    return rule.op.guard is not ex.FALSE and bool(rule.op.updates or rule.op.checks)


def reachable(thread: Thread, edges: list[Edge]) -> Thread:
    """The thread with those of `edges` that its entry leads to."""
    leaving: dict[int, list[int]] = {}
    for e in edges:
        leaving.setdefault(e.source, []).append(e.target)
    reached, todo = {thread.entry}, [thread.entry]
    while todo:
        for target in leaving.get(todo.pop(), []):
            if target not in reached:
                reached.add(target)
                todo.append(target)
    return thread.with_edges(tuple(e for e in edges if e.source in reached))


def changes(part: Part, known: Known, tables: Tables) -> tuple[set[Cell], set[str]]:
    """What a part may give another value: cells of `known`, and arrays at a computed index."""
    cells: set[Cell] = set()
    arrays: set[str] = set()
    for place, value in part.written:
        if keeps(place, value, known, tables):
            continue
        if constant_index(place) is None:
            arrays.add(place.var)
        elif place in known:
            cells.add(place)
    return cells, arrays

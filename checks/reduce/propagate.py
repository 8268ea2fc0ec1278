# SPDX-License-Identifier: GPL-2.0-only
"""Propagation: what a thread's own steps make certain.

A forward analysis of one thread: at each location, for each local and for each cell that only
this thread writes, the set of values that it may have there, or nothing known.  What a guard says
of any other cell is true for the instant of its step, and is forgotten behind it.  Expressions
that can have one value only become that value, and edges that cannot be taken are dropped; so go
most checks for NULL, nesting counts of RCU, and variables that say what is held.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from model.lang import expr as ex
from model.lang.expr import Cell, Expr, Local
from model.lang.ir import Op, Thread, Update

from .fold import reachable
from .liveness import live_locals

_MOST = 6
"""More values than this count as anything."""

_COMBINATIONS = 24
"""Expressions over more combinations of known values than this are left alone."""

_KEPT = 200_000
"""Results of more expressions than this are not kept from thread to thread."""

Facts = dict[Expr, frozenset[int]]
Known = tuple[frozenset[int] | None, ...]
Effect = tuple[tuple[Expr, frozenset[int] | None], ...]


def dead_locals(thread: Thread) -> list[frozenset[Local]]:
    """For each location, the locals that nobody needs there."""
    every = frozenset(thread.locals)
    return [every - alive for alive in live_locals(thread)]


def propagate(thread: Thread, own: Mapping[Cell, int], dead: Sequence[frozenset[Local]]) -> Thread:
    """The thread with what is certain put in; `own` are cells that only it writes, with the value
    at the start, and `dead` are locals that nobody needs at a location."""
    tables: Iterable[dict[Any, Any]] = (
        _places, _computed, _simple, _values, _cannot, _reads, _effects, _put_in,
    )  # fmt: skip
    if sum(map(len, tables)) > _KEPT:
        for table in tables:
            table.clear()
    facts = _analyse(thread, own, dead)
    edges = []
    for edge in thread.edges:
        before = facts.get(edge.source)
        if before is None:
            continue
        view = _View(before)
        op = view.op(edge.op)
        if op.guard is not ex.FALSE:
            edges.append(edge.with_op(op))
    return reachable(thread, edges)


def _analyse(
    thread: Thread, own: Mapping[Cell, int], dead: Sequence[frozenset[Local]]
) -> dict[int, Facts]:
    """The facts at each location that can be reached, about places that are read later."""
    start: Facts = {
        v: frozenset({v.sort.lowest}) for v in thread.locals if v not in dead[thread.entry]
    }
    start |= {cell: frozenset({value}) for cell, value in own.items()}
    facts: dict[int, Facts] = {thread.entry: start}
    leaving = thread.leaving()
    todo = [thread.entry]  # a heap: locations are numbered about as control flows
    waiting = {thread.entry}
    while todo:
        at = heapq.heappop(todo)
        waiting.remove(at)
        view = _View(facts[at])
        for edge in leaving[at]:
            after = view.after(edge.op, own)
            if after is None:
                continue
            target = edge.target
            if not dead[target].isdisjoint(after):
                unneeded = dead[target]
                after = {p: values for p, values in after.items() if p not in unneeded}
            old = facts.get(target)
            new = after if old is None else _widened(old, after)
            if new is not None:
                facts[target] = new
                if target not in waiting:
                    waiting.add(target)
                    heapq.heappush(todo, target)
    return facts


def _widened(old: Facts, more: Facts) -> Facts | None:
    """What is known if either holds; None if that is what is known of `old`."""
    if old is more:
        return None
    joined: Facts | None = None
    for place, values in old.items():
        other = more.get(place)
        if other is values or (other is not None and other <= values):
            continue
        if joined is None:
            joined = dict(old)
        both = values | other if other is not None else None
        if both is None or len(both) > _MOST:
            del joined[place]
        else:
            joined[place] = both
    return joined


_places: dict[Expr, tuple[Expr, ...]] = {}
_computed: dict[Expr, frozenset[Expr]] = {}
_simple: dict[tuple[Expr, Known], Expr] = {}
_values: dict[tuple[Expr, Known], frozenset[int] | None] = {}
_cannot: dict[tuple[Expr, Expr, int], bool] = {}
_reads: dict[Op, tuple[Expr, ...]] = {}
_effects: dict[tuple[Op, Known], Effect | None] = {}
_put_in: dict[tuple[Op, Known], Op] = {}
"""What was worked out, by expression and what is known of its leaves: locations, threads and
architectures ask the same again and again."""


class _View:
    """Judges expressions at one location."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts

    def _known(self, e: Expr) -> Known:
        """What is known of each leaf."""
        places = _places.get(e)
        if places is None:
            places = _places[e] = tuple(ex.leaves(e))
        return tuple(map(self._facts.get, places))

    def simple(self, e: Expr) -> Expr:
        """With single values put in, and decided if the several ones all agree."""
        known = self._known(e)
        if not any(known):
            return e
        key = (e, known)
        found = _simple.get(key)
        if found is None:
            singles = {
                place: ex.const(next(iter(values)), place.sort)
                for place, values in zip(_places[e], known, strict=True)
                if values is not None and len(values) == 1
            }
            found = _simple[key] = ex.substitute(e, singles.get, {}, singles.keys())
        # Not kept with it: an index that is a constant now names a leaf that `known` is not about.
        if isinstance(found, ex.Const):
            return found
        decided = self._by_cases(found)
        computed = _computed_in(decided)
        return ex.substitute(decided, self._named, {}, computed) if computed else decided

    def _named(self, e: Expr) -> Expr | None:
        """An element whose index can be one thing only, where others than it may be unknown."""
        if not isinstance(e, Cell) or not _is_computed(e):
            return None
        return ex.cell(e.var, tuple(map(self._by_cases, e.index)), e.sort)

    def _by_cases(self, e: Expr) -> Expr:
        values = self.values(e)
        if values is not None and len(values) == 1:
            return ex.const(next(iter(values)), e.sort)
        return e

    def values(self, e: Expr) -> frozenset[int] | None:
        """Every value that the expression can have, or None if that is not known."""
        known = self._known(e)
        key = (e, known)
        if key not in _values:
            _values[key] = _in_all_cases(e, known)
        return _values[key]

    def op(self, op: Op) -> Op:
        """The operation with what is certain put in: in its guard, and where the guard holds."""
        if op.computed:
            return self._with_all(op)
        key = op, self._read_by(op)
        if key not in _put_in:
            _put_in[key] = self._with_all(op)
        return _put_in[key]

    def _read_by(self, op: Op) -> Known:
        """Facts about all that an operation reads, in one order for all equal operations."""
        places = _reads.get(op)
        if places is None:
            places = _reads[op] = tuple(op.reads)
        return tuple(map(self._facts.get, places))

    def _with_all(self, op: Op) -> Op:
        guard = self.simple(op.guard)
        facts = self._refined(guard)
        if facts is None:
            return op.doing(ex.FALSE, op.updates, op.checks)
        if op.reads.isdisjoint(facts):
            return op
        view = self if facts is self._facts else _View(facts)
        checks = tuple(
            c.with_cond(cond) for c in op.checks if (cond := view.simple(c.cond)) is not ex.TRUE
        )
        updates = []
        for u in op.updates:
            place = u.place
            if isinstance(place, Cell):
                place = ex.cell(place.var, tuple(map(view.simple, place.index)), place.sort)
            updates.append(Update(place, view.simple(u.value)))
        return op.doing(guard, tuple(updates), checks)

    def after(self, op: Op, own: Mapping[Cell, int]) -> Facts | None:
        """The facts behind an operation; None if it cannot be taken."""
        if op.computed:
            return self._after(op, own)
        key = op, self._read_by(op)
        if key not in _effects:
            _effects[key] = self._effect(op)
        effect = _effects[key]
        if effect is None or not effect:
            return None if effect is None else self._facts
        new = dict(self._facts)
        for place, values in effect:
            if _lasts(place, own):
                if values is None:
                    new.pop(place, None)
                else:
                    new[place] = values
        return new

    def _effect(self, op: Op) -> Effect | None:
        """Facts that places get if the operation is taken, in order; None if it cannot be."""
        guard = self.simple(op.guard)
        facts = self._refined(guard) if guard is not ex.FALSE else None
        if facts is None:
            return None
        view = self if facts is self._facts else _View(facts)
        told = [(p, v) for p, v in facts.items() if self._facts.get(p) is not v]
        return (*told, *((u.place, view.values(u.value)) for u in op.updates))

    def _after(self, op: Op, own: Mapping[Cell, int]) -> Facts | None:
        """As `after`, where a place is known only by what is known of its index."""
        guard = self.simple(op.guard)
        if guard is ex.FALSE:
            return None
        facts = self._refined(guard)
        if facts is None:
            return None
        if facts is self._facts:
            view, new = self, dict(facts)
        else:
            # The guard may have told something of a cell that others write, under an index that is
            # known only here, so that the text of the guard does not name it.
            view, new = _View(facts), dict(facts)
            for place in facts.keys() - self._facts.keys():
                if not _lasts(place, own):
                    del new[place]
        for u in op.updates:
            if isinstance(u.place, Cell) and u.place not in own:
                _forget(new, u.place)
                continue
            values = view.values(u.value)
            if values is None:
                new.pop(u.place, None)
            else:
                new[u.place] = values
        return new

    def _refined(self, guard: Expr) -> Facts | None:
        """The facts where the guard holds besides; None if it cannot."""
        facts = self._facts
        for part in ex.conjuncts(guard):
            leaves = ex.leaves(part)
            if len(leaves) != 1:
                continue
            place = next(iter(leaves))
            known = facts.get(place)
            if known is None:
                known = _from_guard(part, place)
                if known is None:
                    continue
            else:
                known = frozenset(v for v in known if _can_hold(part, place, v))
            if not known:
                return None
            if facts is self._facts:
                facts = dict(facts)
            facts[place] = known
        return facts


def _lasts(place: Expr, own: Mapping[Cell, int]) -> bool:
    """True if what is known of a place stays true whatever the others do."""
    return isinstance(place, Local) or place in own


def _is_computed(place: Expr) -> bool:
    return isinstance(place, Cell) and not all(isinstance(i, ex.Const) for i in place.index)


def _computed_in(e: Expr) -> frozenset[Expr]:
    """The leaves of an expression that have a computed index."""
    found = _computed.get(e)
    if found is None:
        found = _computed[e] = frozenset(filter(_is_computed, ex.leaves(e)))
    return found


def _in_all_cases(e: Expr, known: Known) -> frozenset[int] | None:
    """The values of an expression, by each combination of what its leaves may be; None if one of
    them is not known or they are many."""
    places = _places[e]
    choices = []
    count = 1
    for place, values in zip(places, known, strict=True):
        if values is None:
            return None
        count *= len(values)
        if count > _COMBINATIONS:
            return None
        choices.append([ex.const(v, place.sort) for v in sorted(values)])
    found = set()
    for case in itertools.product(*choices):
        value = ex.substitute(e, dict(zip(places, case, strict=True)).get, {})
        if not isinstance(value, ex.Const):
            return None
        found.add(value.value)
    return frozenset(found) if len(found) <= _MOST else None


def _can_hold(part: Expr, place: Expr, value: int) -> bool:
    key = (part, place, value)
    if key not in _cannot:
        swapped = {place: ex.const(value, place.sort)}
        _cannot[key] = ex.substitute(part, swapped.get, {}) is ex.FALSE
    return not _cannot[key]


def _forget(facts: Facts, place: Cell) -> None:
    """An element at a computed index was written: nothing is known of the array any more."""
    for other in [c for c in facts if isinstance(c, Cell) and c.var == place.var]:
        if all(
            a is b or not isinstance(b, ex.Const)
            for a, b in zip(other.index, place.index, strict=True)
        ):
            del facts[other]


def _from_guard(part: Expr, place: Expr) -> frozenset[int] | None:
    """What a guard alone says of a place: `x == c`, or a flag or its negation."""
    if part is place:
        return frozenset({1})
    if isinstance(part, ex.Apply) and part.name == "not" and part.args[0] is place:
        return frozenset({0})
    if isinstance(part, ex.Apply) and part.name == "eq" and part.args[0] is place:
        right = part.args[1]
        if isinstance(right, ex.Const):
            return frozenset({right.value})
    return None

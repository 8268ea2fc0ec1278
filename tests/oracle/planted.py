# SPDX-License-Identifier: GPL-2.0-only
"""The hands that put faults into the reductions: each gives what `faults` lists."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from typing import Any
from unittest.mock import patch

from checks.engine.reference import Explorer
from checks.engine.search import Search
from checks.play.play import weakened
from checks.reduce import (
    liveness,
    lock_words,
    merge,
    propagate,
    reducer,
)
from checks.reduce.conflicts import Others
from checks.reduce.reducer import Passes, Reducer
from checks.reduce.usage import Part, Regions
from checks.reduce.uses import Classifier, Uses
from model.lang import expr as ex
from model.lang.expr import Cell, Const
from model.lang.ir import Op, State, Storage, System

from . import compare

Put = Callable[[], AbstractContextManager[Any]]
"""Puts a fault in for as long as the context lasts."""


def always(value: Any) -> Callable[..., Any]:
    return lambda *_, **__: value


def instead(owner: Any, name: str, value: Any) -> Put:
    return lambda: patch.object(owner, name, value)


@contextmanager
def facts_outlive() -> Iterator[None]:
    """Facts that a guard tells of a cell go only if the guard names the cell in its text."""
    kept = propagate._View.after

    def after(self: Any, op: Op, own: Mapping[Cell, int]) -> Any:
        told = kept(self, op, own)
        if told is not None:
            told = {p: v for p, v in told.items() if p not in op.cells or p in own}
        return told

    with (
        patch.object(propagate, "_lasts", always(True)),
        patch.object(propagate._View, "after", after),
    ):
        yield


@contextmanager
def ghosts_without_time() -> Iterator[None]:
    """Ghosts are written whenever it suits."""
    kept = Others._conflict

    def conflict(self: Others, mine: Uses, roles: Mapping[str, Storage]) -> bool:
        def real(regions: frozenset[Any]) -> frozenset[Any]:
            return frozenset(r for r in regions if roles[r[0]] is not Storage.GHOST)

        return kept(
            self,
            replace(mine, writes=real(mine.writes), shrinks=real(mine.shrinks)),
            roles,
        )

    with patch.object(Others, "_conflict", conflict):
        yield


@contextmanager
def ghosts_commute() -> Iterator[None]:
    """Two writes to a ghost commute; only a look at it has a time."""
    kept = Others._conflict

    def conflict(self: Others, mine: Uses, roles: Mapping[str, Storage]) -> bool:
        looked_at = self.uses.reads
        writes = frozenset(
            r for r in mine.writes if roles[r[0]] is not Storage.GHOST or r in looked_at
        )
        return kept(self, replace(mine, writes=writes), roles)

    with patch.object(Others, "_conflict", conflict):
        yield


def without(field: str) -> Put:
    """Decide again by fewer passes only for the other reason."""

    def less(passes: Passes, search: Search) -> Passes | None:
        found = weakened(passes, search)
        if found is None or getattr(found, field) == getattr(passes, field):
            return found
        return None

    return instead(compare, "weakened", less)


@contextmanager
def hardware_by_place() -> Iterator[None]:
    """A rule is hardware's if it writes nothing else."""
    kept = compare.explorer_of

    def explorer(system: System, initial: State, passes: Passes, by: Reducer) -> Explorer:
        roles = {v.name: v.storage for v in system.variables}
        rules = tuple(
            replace(rule, hardware=all(
                isinstance(u.place, Cell) and roles[u.place.var] is Storage.HARDWARE
                for u in rule.op.updates
            ))
            for rule in system.rules
        )  # fmt: skip
        return kept(replace(system, rules=rules), initial, passes, by)

    with patch.object(compare, "explorer_of", explorer):
        yield


def steady_unseen(kinds: Classifier, part: Part, uses: Iterable[tuple[Uses, Uses]]) -> Uses:
    if part.thread is None:
        return kinds.rules(part)
    return Uses.of_all(every for every, _ in uses)


def judged_unseen(parts: Any, _: Any = ()) -> Regions:
    return _of_parts(parts)


_of_parts = Regions.of_parts


@contextmanager
def checks_under_locks() -> Iterator[None]:
    """Checks look under the locks of the step that they are a part of."""
    kept = Classifier._judge

    def judge(self: Classifier, found: Any, cond: Any, who: int) -> None:
        free = set(found.free_reads)
        kept(self, found, cond, who)
        found.free_reads = free | {r for r in found.free_reads if r[0] not in self.locked}

    with patch.object(Classifier, "_judge", judge):
        yield


def believed(*_: object) -> bool:
    return True


def any_number(self: Classifier, e: Any, who: int) -> bool:
    word, value = e.args[0], e.args[1]
    lock = isinstance(word, Cell) and self.storage[word.var] is Storage.LOCK
    return (lock and isinstance(value, Const) and value.value == who) or _asks(self, e, who)


_asks = Classifier._asks_if_mine


def only_movers(self: Any, _: object) -> Mapping[str, Storage]:
    return reducer._as_memory(self._storage, () if self._passes.movers else self._storage)


@contextmanager
def entry_waits() -> Iterator[None]:
    """A step at the entry that may only come earlier comes later."""
    kept = merge._Merger._join_entry

    def join(self: Any) -> None:
        moves = self._moves
        self._moves = {at: replace(m, right=m.right or m.left) for at, m in moves.items()}
        kept(self)
        self._moves = {**self._moves, **moves}

    with patch.object(merge._Merger, "_join_entry", join):
        yield


@contextmanager
def taken_unasked() -> Iterator[None]:
    """To take a lock without waiting for it is no look at it."""
    kept = Classifier._op

    def op(self: Classifier, op: Op, who: int, free: bool) -> Any:
        found = kept(self, op, who, free)
        bare = kept(self, replace(op, updates=()), who, free)
        found.looks = (found.looks - found.gains) | bare.looks
        return found

    with patch.object(Classifier, "_op", op):
        yield


@contextmanager
def careful_writes() -> Iterator[None]:
    """Nobody but who reads is taken for somebody who may touch a free object."""
    kept = Classifier.edge

    def edge(self: Classifier, edge: Any, who: int, *, checks: bool = True) -> Uses:
        found = kept(self, edge, who, checks=checks)
        return replace(found, careless=found.careless - (found.writes - found.reads))

    with patch.object(Classifier, "edge", edge):
        yield


def takes_any(word: Cell, value: Any, who: int) -> bool:
    if isinstance(value, ex.Apply) and value.name == "union":
        value = value.args[1]
    return _takes(word, value, who)


_takes = lock_words.takes


@contextmanager
def asked_of_what_is_free() -> Iterator[None]:
    """Who asks whether the lock of an object is its own does not mind that the object is freed."""
    kept, judged = Classifier.edge, Classifier._judge

    def edge(self: Classifier, edge: Any, who: int, *, checks: bool = True) -> Uses:
        found = kept(self, edge, who, checks=checks)
        return replace(found, careless=found.careless - (found.asks - found.looks))

    def judge(self: Classifier, found: Any, cond: Any, who: int) -> None:
        before = set(found.careless)
        judged(self, found, cond, who)
        found.careless = before | (found.careless - (found.asks - found.looks - found.reads))

    with patch.object(Classifier, "edge", edge), patch.object(Classifier, "_judge", judge):
        yield


def no_checks_read(thread: Any) -> Any:
    bare = tuple(replace(e, op=replace(e.op, checks=())) for e in thread.edges)
    return _live_locals(replace(thread, edges=bare))


_live_locals = liveness.live_locals

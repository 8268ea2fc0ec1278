# SPDX-License-Identifier: GPL-2.0-only
"""Faults of the reductions, put in one at a time: how many random programs until one shows it.

What an oracle never catches, it need not have been asked.  Each fault leaves out what sees to one
condition of `docs/reductions.md`, or is how it was before it was mended.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from typing import Any
from unittest.mock import patch

from checks.decide import weakened
from checks.engine.reference import Explorer, Search
from checks.reduce import (
    erase,
    free,
    liveness,
    lock_words,
    merge,
    propagate,
    reducer,
    usage,
    uses,
)
from checks.reduce.conflicts import Others
from checks.reduce.reducer import Family, Passes
from checks.reduce.usage import Part, Regions
from checks.reduce.uses import Classifier, Uses
from model.lang import expr as ex
from model.lang.expr import Cell, Const
from model.lang.ir import Op, Role, State, System

from . import compare
from .generate import program

Put = Callable[[], AbstractContextManager[Any]]


@dataclass(frozen=True)
class Fault:
    """A fault with the function, as ``module:name``, that sees to it that there is none."""

    name: str
    where: str
    put: Put


def _always(value: Any) -> Callable[..., Any]:
    return lambda *_, **__: value


def _instead(owner: Any, name: str, value: Any) -> Put:
    return lambda: patch.object(owner, name, value)


@contextmanager
def _facts_outlive() -> Iterator[None]:
    """Facts that a guard tells of a cell go only if the guard names the cell in its text."""
    kept = propagate._View.after

    def after(self: Any, edge: Any, own: Mapping[Cell, int]) -> Any:
        told = kept(self, edge, own)
        if told is not None:
            told = {p: v for p, v in told.items() if p not in edge.op.cells or p in own}
        return told

    with (
        patch.object(propagate, "_lasts", _always(True)),
        patch.object(propagate._View, "after", after),
    ):
        yield


@contextmanager
def _ghosts_without_time() -> Iterator[None]:
    """Ghosts are written whenever it suits."""
    kept = Others._conflict

    def conflict(self: Others, mine: Uses, roles: Mapping[str, Role]) -> bool:
        def real(regions: frozenset[Any]) -> frozenset[Any]:
            return frozenset(r for r in regions if roles[r[0]] is not Role.GHOST)

        return kept(
            self,
            replace(mine, writes=real(mine.writes), shrinks=real(mine.shrinks)),
            roles,
        )

    with patch.object(Others, "_conflict", conflict):
        yield


@contextmanager
def _ghosts_commute() -> Iterator[None]:
    """Two writes to a ghost commute; only a look at it has a time."""
    kept = Others._conflict

    def conflict(self: Others, mine: Uses, roles: Mapping[str, Role]) -> bool:
        looked_at = self.uses.reads
        writes = frozenset(
            r for r in mine.writes if roles[r[0]] is not Role.GHOST or r in looked_at
        )
        return kept(self, replace(mine, writes=writes), roles)

    with patch.object(Others, "_conflict", conflict):
        yield


def _without(field: str) -> Put:
    """Decide again by fewer passes only for the other reason."""

    def less(passes: Passes, search: Search) -> Passes | None:
        found = weakened(passes, search)
        if found is None or getattr(found, field) == getattr(passes, field):
            return found
        return None

    return _instead(compare, "weakened", less)


@contextmanager
def _hardware_by_place() -> Iterator[None]:
    """A rule is hardware's if it writes nothing else."""
    kept = compare.explorer_of

    def explorer(system: System, initial: State, passes: Passes) -> Explorer:
        roles = {v.name: v.role for v in system.variables}
        rules = tuple(
            replace(rule, hardware=all(
                isinstance(u.place, Cell) and roles[u.place.var] is Role.HARDWARE
                for u in rule.op.updates
            ))
            for rule in system.rules
        )  # fmt: skip
        return kept(replace(system, rules=rules), initial, passes)

    with patch.object(compare, "explorer_of", explorer):
        yield


def _steady_unseen(kinds: Classifier, part: Part) -> Uses:
    if part.thread is None:
        return kinds.rules(part)
    return Uses.of_all(every for every, _ in kinds.edges(part))


def _judged_unseen(parts: Any, _: Any = ()) -> Regions:
    return _of_parts(parts)


_of_parts = Regions.of_parts


@contextmanager
def _checks_under_locks() -> Iterator[None]:
    """Checks look under the locks of the step that they are a part of."""
    kept = Classifier._judge

    def judge(self: Classifier, found: Any, cond: Any, who: int) -> None:
        free = set(found.free_reads)
        kept(self, found, cond, who)
        found.free_reads = free | {r for r in found.free_reads if r[0] not in self.locked}

    with patch.object(Classifier, "_judge", judge):
        yield


def _believed(*_: object) -> bool:
    return True


def _any_number(self: Classifier, e: Any, who: int) -> bool:
    word, value = e.args[0], e.args[1]
    lock = isinstance(word, Cell) and self.roles[word.var] is Role.LOCK
    return (lock and isinstance(value, Const) and value.value == who) or _asks(self, e, who)


_asks = Classifier._asks_if_mine


def _only_movers(self: Any, _: object) -> Mapping[str, Role]:
    return reducer._as_memory(self._roles, () if self._passes.movers else self._roles)


@contextmanager
def _entry_waits() -> Iterator[None]:
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
def _taken_unasked() -> Iterator[None]:
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
def _careful_writes() -> Iterator[None]:
    """Nobody but who reads is taken for somebody who may touch a free object."""
    kept = Classifier.edge

    def edge(self: Classifier, edge: Any, who: int, *, checks: bool = True) -> Uses:
        found = kept(self, edge, who, checks=checks)
        return replace(found, careless=found.careless - (found.writes - found.reads))

    with patch.object(Classifier, "edge", edge):
        yield


def _takes_any(word: Cell, value: Any, who: int) -> bool:
    if isinstance(value, ex.Op) and value.name == "union":
        value = value.args[1]
    return _takes(word, value, who)


_takes = lock_words.takes


@contextmanager
def _asked_of_what_is_free() -> Iterator[None]:
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


def _no_checks_read(thread: Any) -> Any:
    bare = tuple(replace(e, op=replace(e.op, checks=())) for e in thread.edges)
    return _live_locals(replace(thread, edges=bare))


_live_locals = liveness.live_locals


FAULTS: Sequence[Fault] = (
    Fault(
        "a wait that takes nothing is a right mover",
        "checks.reduce.conflicts:Others.overtaken",
        _instead(Others, "overtaken", _always(False)),
    ),
    Fault(
        "who takes what another waits for is a left mover",
        "checks.reduce.conflicts:Others.held_up",
        _instead(Others, "held_up", _always(False)),
    ),
    Fault(
        "a fact about a shared cell outlives the step",
        "checks.reduce.propagate:_lasts",
        _facts_outlive,
    ),
    Fault("ghosts have no time", "checks.reduce.conflicts:Others.conflict", _ghosts_without_time),
    Fault("writes to a ghost commute", "checks.reduce.conflicts:Others.conflict", _ghosts_commute),
    Fault(
        "what was merged before a halting check is lost",
        "checks.decide:weakened",
        _without("apart"),
    ),
    Fault(
        "movers are kept though a discipline is broken",
        "checks.decide:weakened",
        _without("movers"),
    ),
    Fault(
        "a use of what is free is not noticed",
        "checks.reduce.merge:_in_use",
        _instead(merge, "_in_use", _always(())),
    ),
    Fault(
        "a lock that another lets go of is not noticed",
        "checks.reduce.merge:_words",
        _instead(merge, "_words", _always(())),
    ),
    Fault(
        "a lock is taken from another unseen", "checks.reduce.uses:Classifier._op", _taken_unasked
    ),
    Fault(
        "a depth or a set is asked whether it is mine",
        "checks.reduce.uses:Classifier._asks_if_mine",
        _instead(Classifier, "_asks_if_mine", _any_number),
    ),
    Fault(
        "a release at the entry comes later",
        "checks.reduce.merge:_Merger._join_entry",
        _entry_waits,
    ),
    Fault(
        "a step that says it frees is believed",
        "checks.reduce.free:is_unseen",
        _instead(uses, "is_unseen", _believed),
    ),
    Fault(
        "a plain write to what may be free is not seen",
        "checks.reduce.uses:Classifier.edge",
        _careful_writes,
    ),
    Fault(
        "a step that frees moves the pointer to what it writes",
        "checks.reduce.free:is_unseen",
        _instead(free, "_may_write", _always(False)),
    ),
    Fault(
        "who takes a lock may bring others with it",
        "checks.reduce.lock_words:takes",
        _instead(uses, "takes", _takes_any),
    ),
    Fault(
        "who asks about a lock does not mind that its object is freed",
        "checks.reduce.uses:Classifier._judge",
        _asked_of_what_is_free,
    ),
    Fault(
        "what movers rest on may change",
        "checks.reduce.merge:moves_of",
        _instead(Classifier, "judging", _always(Uses())),
    ),
    Fault(
        "a rule writes lock words",
        "checks.reduce.reducer:Reducer._roles_of_words",
        _instead(reducer.Reducer, "_roles_of_words", _only_movers),
    ),
    Fault(
        "a field without its lock is not noticed",
        "checks.reduce.merge:_discipline",
        _instead(merge, "_discipline", _always(())),
    ),
    Fault(
        "what movers rest on is erased",
        "checks.reduce.reducer:Family.relied_on",
        _instead(Family, "relied_on", _always(frozenset())),
    ),
    Fault(
        "hardware is guessed from what a rule writes",
        "checks.engine.reference:Explorer._learn",
        _hardware_by_place,
    ),
    Fault(
        "a rule of software is erased",
        "checks.reduce.erase:_progress",
        _instead(erase, "_progress", _always(frozenset())),
    ),
    Fault(
        "what makes a steady check hold may come first",
        "checks.reduce.uses:Classifier.shown",
        _instead(Classifier, "shown", _steady_unseen),
    ),
    Fault(
        "what breaks a discipline may come later than who notices it",
        "checks.reduce.uses:Classifier._relied_on",
        _instead(Classifier, "_relied_on", _always(())),
    ),
    Fault("a check looks under locks", "checks.reduce.uses:Classifier._judge", _checks_under_locks),
    Fault(
        "a computed index in an invariant is not seen",
        "checks.reduce.usage:Regions.of_parts",
        _instead(usage.Regions, "of_parts", staticmethod(_judged_unseen)),
    ),
    Fault(
        "what changes is folded",
        "checks.reduce.fold:changes",
        _instead(reducer, "changes", _always((frozenset(), frozenset()))),
    ),
    Fault(
        "a local that a check reads is dead",
        "checks.reduce.liveness:live_locals",
        _instead(compare, "live_locals", _no_checks_read),
    ),
)


_PASSES = ("merge, movers", "all")
"""The sets of passes with which each fault shows, if it does with any."""


def programs_until(fault: Fault, most: int, seed: int = 0) -> int | None:
    """The number of programs until one differs; None if none does."""
    with fault.put():
        for number in range(most):
            if compare.compare(program(seed + number), _PASSES).differences:
                return number + 1
    return None

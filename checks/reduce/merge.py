# SPDX-License-Identifier: GPL-2.0-only
"""Merging: steps that nobody can tell from one are made one.

A location is removed, each way in being joined with each way out, when every way out is taken at
once (it never waits and is no free choice), and either

* every way out is a left mover (`conflicts`): it may as well have been a part of the way in; or
* every way in is a right mover: it may as well happen just before the way out.  It is one if what
  others do after it may as well be done before it: taking a lock is, and what needs it.  Its own
  checks do not matter, for the other order is a run as well, and they fail there if they fail at
  all.

What is made of several is a mover of a kind if all its parts are, so that a step ends up as right
movers, one step of any kind, left movers (Lipton).
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from model.lang import expr as ex
from model.lang.expr import Cell, Expr
from model.lang.ir import Check, Edge, Kind, Op, Thread

from .conflicts import DISCIPLINE, Others
from .sequence import behind, one_after_the_other
from .uses import Classifier, Uses

_LARGEST = 150
"""A location is kept where joining would make more edges than this: only size is at stake."""

_LONGEST = 3000
"""So it is where an operation would be written with more nodes than this."""


_KEPT = 50_000
"""More operations, or expressions, than this are not kept from thread to thread."""


@dataclass(frozen=True, slots=True)
class Moves:
    """What may be done with an edge, if `checks` hold there besides its own."""

    left: bool
    right: bool
    at_once: bool
    checks: tuple[Check, ...] = ()


def moves_of(
    edge: Edge, number: int, uses: tuple[Uses, Uses], kinds: Classifier, others: Others, *,
    apart: bool = False,
) -> Moves:  # fmt: skip
    """The ways to merge an edge of thread `number`; `uses` are with and without its checks.

    `apart`: a step that may halt stays as it is.  What comes before it is seen by others, also
    where it halts; and what comes after it happens only where it did not.
    """
    every, bare = uses
    assumed = (
        *_discipline(edge, number, bare, kinds, others),
        *_words(edge, number, kinds, others),
        *_in_use(edge, kinds, others),
    )
    if assumed:
        judged = kinds.judging([check.cond for check in assumed], number + 1)
        every = Uses.of_all([every, judged])
    stays = apart and any(check.halts for check in edge.op.checks)
    at_once = _at_once(edge) and not stays
    left = at_once and not others.held_up(every) and not others.conflict(every, kinds.storage)
    right = (
        edge.op.kind not in (Kind.CHOICE, Kind.UNMODELLED)
        and not stays
        and not kinds.releases(edge.op, number + 1)
        and not others.overtaken(bare)
        and not others.conflict(bare, kinds.storage)
    )
    return Moves(left, right, at_once, tuple(dict.fromkeys(assumed)))


def merge_thread(thread: Thread, moves: Sequence[Moves]) -> Thread:
    """The thread with movers merged into the steps beside them; `moves` has one for each edge."""
    edges, known = [], {}
    for edge, found in zip(thread.edges, moves, strict=True):
        if found.checks:
            op = edge.op
            edge = edge.with_op(op.doing(op.guard, op.updates, (*op.checks, *found.checks)))
        known[id(edge)] = found
        edges.append(edge)
    return _Merger(replace(thread, edges=tuple(edges)), known).run()


def _at_once(edge: Edge) -> bool:
    return edge.op.kind not in (Kind.CHOICE, Kind.UNMODELLED) and not _waits_at_all(edge.op)


def _waits_at_all(op: Op) -> bool:
    """Whether the guard looks at shared state, so that the step may have to wait."""
    return any(isinstance(leaf, Cell) for leaf in ex.leaves(op.guard))


def _discipline(
    edge: Edge, number: int, uses: Uses, kinds: Classifier, others: Others
) -> tuple[Check, ...]:
    """Checks that it uses under their locks the fields that others use as well; `uses` without
    what its own checks look at, which is without a lock."""
    read = (uses.reads - uses.free_reads) & others.uses.writes
    written = (uses.writes - uses.free_writes) & (others.uses.writes | others.uses.reads)
    if not read and not written:
        return ()
    shared, elements = read | written, kinds.elements
    cells = (c for c in kinds.under_locks(edge) if not shared.isdisjoint(elements.of(c)))
    return tuple(dict.fromkeys(Check(DISCIPLINE, kinds.holds(c, number + 1)) for c in cells))


def _words(edge: Edge, number: int, kinds: Classifier, others: Others) -> tuple[Check, ...]:
    """Checks that it changes nothing but its own part in lock words that others use as well."""
    used = others.uses.writes | others.uses.looks | others.uses.waits | others.uses.asks
    return tuple(
        Check(DISCIPLINE, own)
        for word, own in kinds.words_at(edge, number + 1)
        if own is not ex.TRUE and not used.isdisjoint(kinds.elements.of(word))
    )


def _in_use(edge: Edge, kinds: Classifier, others: Others) -> tuple[Check, ...]:
    """Checks that the objects which it uses are not free, where others may free or allocate them
    without being seen to write to them."""
    unseen = others.uses.unseen
    cells = [c for c in kinds.used(edge) if not unseen.isdisjoint(kinds.elements.of(c))]
    conditions = dict.fromkeys(map(kinds.in_use, sorted(cells, key=ex.show)))
    return tuple(Check(DISCIPLINE, cond) for cond in conditions if cond is not ex.TRUE)


class _Merger:
    def __init__(self, thread: Thread, moves: dict[int, Moves]) -> None:
        _ops.forget()
        self._thread, self._moves = thread, moves
        self._ops = {id(edge): _ops.number(edge.op) for edge in thread.edges}
        self._leaving: dict[int, list[Edge]] = {}
        self._entering: dict[int, list[Edge]] = {}
        for edge in thread.edges:
            self._leaving.setdefault(edge.source, []).append(edge)
            self._entering.setdefault(edge.target, []).append(edge)
        self._total = {
            at for at, out in self._leaving.items()
            if ex.or_(*(e.op.guard for e in out)) is ex.TRUE
        }  # fmt: skip

    def run(self) -> Thread:
        ends = (self._thread.entry, self._thread.end)
        for at in range(self._thread.locations):
            ways_in, ways_out = self._entering.get(at, []), self._leaving.get(at, [])
            if at not in ends and at in self._total and self._removable(ways_in, ways_out):
                self._remove(at, ways_in, ways_out)
        self._join_entry()
        edges = [e for at in sorted(self._leaving) for e in self._leaving[at]]
        return _renumber(replace(self._thread, edges=tuple(edges)))

    def _removable(self, ways_in: list[Edge], ways_out: list[Edge]) -> bool:
        if not ways_in or not ways_out:
            return False
        if len(ways_in) * len(ways_out) > max(_LARGEST, len(ways_in) + len(ways_out)):
            return False
        if any(e.target == e.source for e in ways_out):
            return False
        return all(self._moves[id(e)].at_once for e in ways_out) and (
            all(self._moves[id(e)].left for e in ways_out)
            or all(self._moves[id(e)].right for e in ways_in)
        )

    def _remove(self, at: int, ways_in: list[Edge], ways_out: list[Edge]) -> None:
        made = [self._join(first, second) for first in ways_in for second in ways_out]
        joined = [e for e in made if e is not None]
        if any(_ops.size(self._ops[id(e)]) > _LONGEST for e in joined):
            return
        for edge in ways_out:
            self._entering[edge.target].remove(edge)
        for edge in ways_in:
            self._leaving[edge.source].remove(edge)
        for edge in joined:
            self._leaving[edge.source].append(edge)
            self._entering[edge.target].append(edge)
        self._entering[at], self._leaving[at] = [], []

    def _join_entry(self) -> None:
        """Quiet steps at the entry happen together with the step after them: they may come later as
        well as earlier.  If that may have to wait, only those without checks, for it may have to
        wait for ever."""
        thread, leaving, entering = self._thread, self._leaving, self._entering
        first = leaving.get(thread.entry, [])
        targets = {e.target for e in first}
        if entering.get(thread.entry) or thread.end in targets or thread.entry in targets:
            return
        alone = all(e.source == thread.entry for at in targets for e in entering[at])
        moves = [self._moves[id(e)] for e in first]
        if not first or not alone or not all(m.left and m.right for m in moves):
            return
        for edge in first:
            then = leaving.get(edge.target, [])
            at_once = edge.target in self._total and all(self._moves[id(e)].at_once for e in then)
            if not then or (edge.op.checks and not at_once):
                return
        joined = [self._join(e, after) for e in first for after in leaving[e.target]]
        for at in targets:
            leaving[at] = []
        leaving[thread.entry] = [e for e in joined if e is not None]

    def _join(self, first: Edge, second: Edge) -> Edge | None:
        number = _ops.joined(self._ops[id(first)], self._ops[id(second)])
        op = _ops.op(number)
        if op.guard is ex.FALSE:
            return None
        made = Edge(
            first.source, second.target, op, first.site, first.call, first.choice, first.number,
            (*first.origin(), *second.origin()),
        )  # fmt: skip
        self._ops[id(made)] = number
        one, two = self._moves[id(first)], self._moves[id(second)]
        self._moves[id(made)] = Moves(
            one.left and two.left, one.right and two.right, one.at_once and two.at_once
        )
        return made


class _Operations:
    """Operations by number, the same number for the same content, and what pairs of them make:
    families and architectures join the same ones."""

    def __init__(self) -> None:
        self._empty()

    def _empty(self) -> None:
        self._numbers: dict[object, int] = {}
        self._ops: list[Op] = []
        self._sizes: list[int] = []
        self._joined: dict[tuple[int, int], int] = {}
        self._behind: tuple[int, Callable[[Expr], Expr]] | None = None

    def forget(self) -> None:
        """Begin anew if there are too many; numbers of before mean nothing then."""
        if len(self._ops) > _KEPT:
            self._empty()

    def number(self, op: Op) -> int:
        """The number of an operation; its note has no part in it."""
        content = op.kind, op.guard, op.updates, op.checks, op.access
        found = self._numbers.get(content)
        if found is None:
            found = self._numbers[content] = len(self._ops)
            self._ops.append(Op(*content) if op.note else op)
            self._sizes.append(_size(op))
        return found

    def op(self, number: int) -> Op:
        """An operation of this number."""
        return self._ops[number]

    def size(self, number: int) -> int:
        """How many nodes it is written with."""
        return self._sizes[number]

    def joined(self, first: int, second: int) -> int:
        """One operation that does the first and then the second."""
        found = self._joined.get((first, second))
        if found is None:
            if self._behind is None or self._behind[0] != first:
                self._behind = first, behind(self._ops[first])  # it is joined with all after it
            made = one_after_the_other(self._ops[first], self._ops[second], self._behind[1])
            found = self._joined[first, second] = self.number(made)
        return found


_ops = _Operations()


def _size(op: Op) -> int:
    parts = [op.guard, *(c.cond for c in op.checks), *(u.value for u in op.updates)]
    return sum(_nodes(p) for p in parts)


@functools.lru_cache(_KEPT)
def _nodes(e: Expr) -> int:
    return 1 + sum(_nodes(child) for child in ex.children(e))


def _renumber(thread: Thread) -> Thread:
    """Number the locations that are left as control flows, so that threads that do the same are
    the same."""
    leaving: dict[int, list[Edge]] = {}
    for e in thread.edges:
        leaving.setdefault(e.source, []).append(e)
    for ways in leaving.values():
        ways.sort(key=lambda e: _shown(e.op.guard))
    new = {thread.entry: 0}
    todo = [thread.entry]
    edges: list[Edge] = []
    for at in todo:
        for e in leaving.get(at, []):
            if e.target not in new:
                new[e.target] = len(new)
                todo.append(e.target)
            edges.append(e.between(new[at], new[e.target]))
    end = new.setdefault(thread.end, len(new))
    return replace(thread, edges=tuple(edges), entry=0, end=end, locations=len(new))


_shown = functools.lru_cache(_KEPT)(ex.show)

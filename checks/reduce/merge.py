# SPDX-License-Identifier: GPL-2.0-only
"""Merging: what nobody else can see happens together with the step before it.

An edge is *local* when it reads nothing that others write and writes nothing that others, rules
or invariants look at, and never waits.  Ghost updates have no time of their own either.  A
location all of whose exits are local is no interleaving point: it is removed, each way in being
joined with each way out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from model.lang import expr as ex
from model.lang.expr import Cell, Expr, Local
from model.lang.ir import Edge, Kind, Op, Role, Thread, Update

from .usage import Region, Regions, constant_index, op_cells

_LARGEST = 40
"""A location is kept where joining would make more edges than this: only size is at stake."""


class Locality:
    """Which edges of one thread are local.

    `stable` are the regions that it reads and nobody else writes, `hidden` those that it writes
    and neither another thread, a rule nor an invariant looks at.
    """

    def __init__(
        self, regions: Regions, stable: frozenset[Region], hidden: frozenset[Region],
        roles: Mapping[str, Role],
    ) -> None:  # fmt: skip
        self._regions, self._stable, self._hidden, self._roles = regions, stable, hidden, roles

    def is_local(self, edge: Edge) -> bool:
        """Whether nobody else can tell when the edge is taken."""
        op = edge.op
        if op.kind in (Kind.CHOICE, Kind.UNMODELLED):
            return False
        cells = [c for c in op.reads() if isinstance(c, Cell)]
        if not all(self._regions.of(c) in self._stable for c in cells):
            return False
        return all(self._quiet(u.place) for u in op.updates)

    def _quiet(self, place: Cell | Local) -> bool:
        if isinstance(place, Local):
            return True
        return self._regions.of(place) in self._hidden or self._roles[place.var] is Role.GHOST


def merge_thread(thread: Thread, judge: Locality) -> Thread:
    """The thread with local steps merged into the steps before them."""
    leaving: dict[int, list[Edge]] = {}
    entering: dict[int, list[Edge]] = {}
    for edge in thread.edges:
        leaving.setdefault(edge.source, []).append(edge)
        entering.setdefault(edge.target, []).append(edge)
    todo = [at for at in range(thread.locations) if at not in (thread.entry, thread.end)]
    for at in todo:
        ways_in, ways_out = entering.get(at, []), leaving.get(at, [])
        if not ways_in or not ways_out or not _removable(ways_in, ways_out, judge):
            continue
        for edge in ways_out:
            entering[edge.target].remove(edge)
        for first in ways_in:
            leaving[first.source].remove(first)
            for second in ways_out:
                joined = _join(first, second)
                if joined is not None:
                    leaving[first.source].append(joined)
                    entering[joined.target].append(joined)
        entering[at], leaving[at] = [], []
    _join_entry(thread, leaving, entering, judge)
    edges = [e for at in sorted(leaving) for e in leaving[at]]
    return _renumber(replace(thread, edges=tuple(edges)))


def _join_entry(
    thread: Thread, leaving: dict[int, list[Edge]], entering: dict[int, list[Edge]],
    judge: Locality,
) -> None:  # fmt: skip
    """Local steps at the entry happen together with the step after them."""
    first = leaving.get(thread.entry, [])
    targets = {e.target for e in first}
    if entering.get(thread.entry) or thread.end in targets or thread.entry in targets:
        return
    alone = all(e.source == thread.entry for at in targets for e in entering[at])
    if not first or not alone or not all(judge.is_local(e) for e in first):
        return
    joined = [_join(e, after) for e in first for after in leaving[e.target]]
    for at in targets:
        leaving[at] = []
    leaving[thread.entry] = [e for e in joined if e is not None]


def _removable(ways_in: list[Edge], ways_out: list[Edge], judge: Locality) -> bool:
    if len(ways_in) * len(ways_out) > max(_LARGEST, len(ways_in) + len(ways_out)):
        return False
    if any(e.target == e.source for e in ways_out):
        return False
    if not all(judge.is_local(e) for e in ways_out):
        return False
    if any(_clash(one.op, two.op) for one in ways_in for two in ways_out):
        return False
    return ex.or_(*(e.op.guard for e in ways_out)) is ex.TRUE


def _join(first: Edge, second: Edge) -> Edge | None:
    op = compose(first.op, second.op)
    if op.guard is ex.FALSE:
        return None
    return Edge(
        first.source, second.target, op, first.site, first.call, first.choice,
        (*first.origin(), *second.origin()),
    )  # fmt: skip


def compose(first: Op, second: Op) -> Op:
    """One operation that does the first and then the second.

    The second may read cells only with constant index, or ones that the first does not write.
    """
    written = {u.place: u.value for u in first.updates}

    def after(e: Expr) -> Expr | None:
        return written.get(e) if isinstance(e, Cell | Local) else None

    memo: dict[Expr, Expr] = {}

    def post(e: Expr) -> Expr:
        return ex.substitute(e, after, memo)

    updates = dict(written)
    for u in second.updates:
        place = u.place
        if isinstance(place, Cell):
            place = ex.cell(place.var, tuple(post(i) for i in place.index), place.sort)
        updates[place] = post(u.value)
    guard = ex.and_(first.guard, post(second.guard))
    checks = (*first.checks, *(replace(c, cond=post(c.cond)) for c in second.checks))
    checks = tuple(c for c in checks if c.cond is not ex.TRUE)
    kind = first.kind if _is_nothing(second) else second.kind if _is_nothing(first) else Kind.MERGED
    new = tuple(Update(p, v) for p, v in updates.items() if p is not v)
    return Op(kind, guard, new, tuple(dict.fromkeys(checks)), first.access or second.access)


def _clash(first: Op, second: Op) -> bool:
    """Whether one writes an element by computed index of an array that the other uses."""
    for one, two in ((first, second), (second, first)):
        computed = {
            u.place.var for u in one.updates
            if isinstance(u.place, Cell) and constant_index(u.place) is None
        }  # fmt: skip
        if computed and any(c.var in computed for c in op_cells(two)):
            return True
    return False


def _is_nothing(op: Op) -> bool:
    return op.kind in (Kind.LET, Kind.ASSUME) and not op.updates and not op.checks


def _renumber(thread: Thread) -> Thread:
    """Number the locations that are left, in order."""
    used = sorted({thread.entry, thread.end, *(e.source for e in thread.edges)}
                  | {e.target for e in thread.edges})  # fmt: skip
    new = {at: n for n, at in enumerate(used)}
    edges = tuple(replace(e, source=new[e.source], target=new[e.target]) for e in thread.edges)
    return replace(
        thread, edges=edges, entry=new[thread.entry], end=new[thread.end], locations=len(used)
    )



# SPDX-License-Identifier: GPL-2.0-only
"""Liveness: a local that will not be read again is reset, so that states differ in less."""

from __future__ import annotations

from dataclasses import replace

from model.lang import expr as ex
from model.lang.expr import Local
from model.lang.ir import Edge, Thread, Update


def reset_dead(thread: Thread) -> Thread:
    """The thread with every dead local at its lowest value."""
    live = live_locals(thread)
    edges = []
    for edge in thread.edges:
        after = live[edge.target]
        kept = [u for u in edge.op.updates if not isinstance(u.place, Local) or u.place in after]
        written = {u.place for u in kept}
        dying = [v for v in thread.locals if v in live[edge.source] and v not in after]
        resets = [Update(v, ex.const(v.sort.lowest, v.sort)) for v in dying if v not in written]
        edges.append(replace(edge, op=replace(edge.op, updates=(*kept, *resets))))
    ever = frozenset().union(*live)
    return replace(thread, edges=tuple(edges), locals=tuple(v for v in thread.locals if v in ever))


def live_locals(thread: Thread) -> list[frozenset[Local]]:
    """For each location, the locals that may be read before they are written."""
    live: list[frozenset[Local]] = [frozenset()] * thread.locations
    entering: dict[int, list[Edge]] = {}
    for edge in thread.edges:
        entering.setdefault(edge.target, []).append(edge)
    needs = {id(e): frozenset(v for v in e.op.reads() if isinstance(v, Local))
             for e in thread.edges}  # fmt: skip
    todo = list(range(thread.locations))
    while todo:
        at = todo.pop()
        for edge in entering.get(at, []):
            written = {u.place for u in edge.op.updates if isinstance(u.place, Local)}
            before = live[edge.source] | needs[id(edge)] | (live[at] - written)
            if before != live[edge.source]:
                live[edge.source] = before
                todo.append(edge.source)
    return live

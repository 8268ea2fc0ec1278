# SPDX-License-Identifier: GPL-2.0-only
"""Liveness: a local that nothing depends on any more is reset, so that states differ in less.

Layouts let locals share bits that are never alive together, so a dead local must have been reset:
both sides take `live_locals` of the thread at hand, which resetting does not change.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from model.lang import expr as ex
from model.lang.expr import Local
from model.lang.ir import Edge, Op, Thread, Update


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
        op = edge.op.doing(edge.op.guard, (*kept, *resets), edge.op.checks)
        edges.append(edge.with_op(op))
    ever = frozenset().union(*live)
    return replace(thread, edges=tuple(edges), locals=tuple(v for v in thread.locals if v in ever))


def live_locals(thread: Thread) -> list[frozenset[Local]]:
    """For each location, the locals on which something depends that happens later.

    A local that is only copied to one that is dead is dead itself.
    """
    return backward(thread, _needed)


def backward(
    thread: Thread, before: Callable[[Op, frozenset[Local]], frozenset[Local]]
) -> list[frozenset[Local]]:
    """The least sets of locals, by location, that have what `before` makes, of each operation that
    leaves the location, of the set behind it."""
    found: list[frozenset[Local]] = [frozenset()] * thread.locations
    entering: dict[int, list[Edge]] = {}
    for edge in thread.edges:
        entering.setdefault(edge.target, []).append(edge)
    todo = list(range(thread.locations))
    waiting = [True] * thread.locations
    while todo:
        at = todo.pop()
        waiting[at] = False
        after = found[at]
        for edge in entering.get(at, ()):
            more, source = before(edge.op, after), edge.source
            if not more <= found[source]:
                found[source] |= more
                if not waiting[source]:
                    waiting[source] = True
                    todo.append(source)
    return found


def _needed(op: Op, after: frozenset[Local]) -> frozenset[Local]:
    """The locals that an operation needs, or leaves alone, if `after` are alive after it."""
    always, assigned = op.local_flow
    for place, sources in assigned:
        if place in after:
            always |= sources
    kept = after.difference(op.assigned) if assigned else after
    return kept if always <= kept else kept | always

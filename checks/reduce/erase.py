# SPDX-License-Identifier: GPL-2.0-only
"""Erasure: a variable goes when no guard, check or invariant depends on it, however indirectly.

What a rule of software writes stays: whoever waits is in no deadlock while such a rule can still
change something.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from model.lang import expr as ex
from model.lang.expr import Cell, Expr, Local
from model.lang.ir import Op

from .usage import Part, Region, Regions

Key = Region | str
"""A region of shared state, or a local of one thread by name."""


@dataclass(frozen=True)
class Flow:
    """How values flow in one part: what decides anything, and what each place is made from.

    Locals are closed over already: `feeds` speaks of regions only, except that a local that is
    itself needed for a decision is in `locals`.
    """

    needed: frozenset[Region]
    feeds: dict[Region, frozenset[Region]]


def flow_of(part: Part, regions: Regions) -> Flow:
    """The flow of a part, with its locals eliminated."""
    needed: set[Key] = set()
    feeds: dict[Key, set[Key]] = {}
    for op in part.ops:
        needed |= _keys(op.guard, regions)
        for check in op.checks:
            needed |= _keys(check.cond, regions)
        for u in op.updates:
            into = _key(u.place, regions)
            feeds.setdefault(into, set()).update(_sources(u.place, u.value, regions))
    needed |= _progress(part, regions)
    closed = _closure(needed, feeds)
    region_feeds: dict[Region, frozenset[Region]] = {}
    for key in feeds:
        if not isinstance(key, str):
            reach = _closure(feeds[key], {k: v for k, v in feeds.items() if isinstance(k, str)})
            region_feeds[key] = frozenset(k for k in reach if not isinstance(k, str))
    return Flow(frozenset(k for k in closed if not isinstance(k, str)), region_feeds)


def live_regions(flows: Iterable[Flow], judged: Iterable[Region]) -> frozenset[Region]:
    """The regions that something depends on."""
    flows = list(flows)
    live = set(judged).union(*(f.needed for f in flows))
    todo = list(live)
    while todo:
        region = todo.pop()
        for flow in flows:
            for source in flow.feeds.get(region, ()):
                if source not in live:
                    live.add(source)
                    todo.append(source)
    return frozenset(live)


def erase_part(part: Part, live: frozenset[Region], regions: Regions) -> Part:
    """The part without updates of dead regions and of locals that are then not needed."""
    feeds: dict[Key, set[Key]] = {}
    needed: set[Key] = set()
    for op in part.ops:
        needed |= _keys(op.guard, regions)
        for check in op.checks:
            needed |= _keys(check.cond, regions)
        for u in op.updates:
            key = _key(u.place, regions)
            sources = _sources(u.place, u.value, regions)
            feeds.setdefault(key, set()).update(sources)
            if not isinstance(key, str) and key in live:
                needed |= sources
    keep = _closure(needed, feeds) | live

    def slim(op: Op) -> Op:
        kept = tuple(u for u in op.updates if _key(u.place, regions) in keep)
        return op.doing(op.guard, kept, op.checks)

    if part.thread is None:
        rules = (replace(r, op=slim(r.op)) for r in part.rules)
        return Part(None, part.number, tuple(r for r in rules if r.op.updates or r.op.checks))
    edges = tuple(e.with_op(slim(e.op)) for e in part.thread.edges)
    names = tuple(v for v in part.thread.locals if v.name in keep)
    return Part(replace(part.thread, edges=edges, locals=names), part.number)


def _progress(part: Part, regions: Regions) -> set[Key]:
    """The places whose change by a rule is progress."""
    ops = (r.op for r in part.rules if not r.hardware)
    return {_key(u.place, regions) for op in ops for u in op.updates}


def _key(place: Expr, regions: Regions) -> Key:
    if isinstance(place, Local):
        return place.name
    assert isinstance(place, Cell)
    return regions.of(place)


def _keys(e: Expr, regions: Regions) -> set[Key]:
    return {_key(leaf, regions) for leaf in ex.leaves(e)}


def _sources(place: Expr, value: Expr, regions: Regions) -> set[Key]:
    found = _keys(value, regions)
    if isinstance(place, Cell):
        for index in place.index:
            found |= _keys(index, regions)
    return found


def _closure(start: Iterable[Key], feeds: dict[Key, set[Key]]) -> set[Key]:
    reached = set(start)
    todo = list(reached)
    while todo:
        for source in feeds.get(todo.pop(), ()):
            if source not in reached:
                reached.add(source)
                todo.append(source)
    return reached

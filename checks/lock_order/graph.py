# SPDX-License-Identifier: GPL-2.0-only
"""The graph of which locks are taken while which are held, and its cycles.

A lock that is only tried makes no edge: who does not get it does not wait.  A cycle is one of
orders of which each ends in the lock that the next one begins with, where one of the two does not
take it for reading.  Of locks of different kinds, kinds are compared; of locks of one kind (two pte
locks), the locks of the scenarios.  That a cycle can block is for the explorer to say: a lock that
is held throughout, or the order in which things happen, may rule it out.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import networkx as nx

from .observed import Order

LONGEST = 4
"""Orders of a cycle of locks, at most; one of locks of several kinds is one of kinds as well, and
those may be of any length."""


@dataclass(frozen=True)
class Cycle:
    """Orders that form one."""

    orders: tuple[Order, ...]

    @property
    def kinds(self) -> tuple[str, ...]:
        return tuple(o.first.lock.kind for o in self.orders)


def _names(order: Order) -> tuple[str, str]:
    return order.first.lock.name, order.then.lock.name


def _kinds(order: Order) -> tuple[str, str]:
    return order.first.lock.kind, order.then.lock.kind


def by_kind(orders: Iterable[Order]) -> dict[tuple[str, str], list[Order]]:
    """The orders of each two kinds of lock, sorted."""
    found: dict[tuple[str, str], list[Order]] = {}
    for order in sorted(orders):
        found.setdefault(_kinds(order), []).append(order)
    return dict(sorted(found.items()))


def waiting(orders: Iterable[Order]) -> list[Order]:
    """Those whose second lock is waited for."""
    return [o for o in orders if not o.then.tried]


def tree(orders: Iterable[Order]) -> nx.DiGraph[str] | None:
    """The kinds, outermost first, without orders that follow from others; None if there is a
    cycle."""
    graph: nx.DiGraph[str] = nx.DiGraph()
    graph.add_edges_from(pair for pair in by_kind(waiting(orders)) if pair[0] != pair[1])
    if not nx.is_directed_acyclic_graph(graph):
        return None
    return nx.transitive_reduction(graph)


def cycles(orders: Iterable[Order]) -> list[Cycle]:
    """The cycles, of locks first, then of kinds that no cycle of locks has; each once."""
    all_orders = waiting(orders)
    found: list[Cycle] = []
    for key in (_names, _kinds):
        known = {frozenset(c.kinds) for c in found}
        between: dict[tuple[str, str], dict[tuple[str, str], Order]] = {}
        for order in sorted(all_orders):
            modes = between.setdefault(key(order), {})
            modes.setdefault((order.first.mode, order.then.mode), order)
        graph: nx.DiGraph[str] = nx.DiGraph()
        graph.add_edges_from(pair for pair in between if pair[0] != pair[1])
        bound = LONGEST if key is _names else None
        for nodes in sorted(map(_from_the_least, nx.simple_cycles(graph, length_bound=bound))):
            pairs = zip(nodes, [*nodes[1:], nodes[0]], strict=True)
            hops = [list(between[pair].values()) for pair in pairs]
            cycle = next(_that_block(hops), None)
            if cycle is not None and frozenset(cycle.kinds) not in known:
                found.append(cycle)
    return found


def _from_the_least(nodes: list[str]) -> list[str]:
    """A cycle of nodes, which may begin anywhere, in one way."""
    at = nodes.index(min(nodes))
    return nodes[at:] + nodes[:at]


def _that_block(hops: Sequence[Sequence[Order]]) -> Iterator[Cycle]:
    for chosen in itertools.product(*hops):
        pairs = zip(chosen, [*chosen[1:], chosen[0]], strict=True)
        if all(o.then.mode != "read" or after.first.mode != "read" for o, after in pairs):
            yield Cycle(chosen)

# SPDX-License-Identifier: GPL-2.0-only
"""What of an edge a reader sees: the statement of a routine that it belongs to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from model.lang import expr as ex
from model.lang.expr import Cell
from model.lang.ir import Call, Edge, Site


@dataclass(frozen=True)
class Statement:
    """A statement of a routine: its place, and what it calls (None for a bare access)."""

    site: Site
    call: Call | None


def statement(edge: Edge) -> Statement | None:
    """The statement that an edge is a step of; None for what only moves locals about."""
    return stated(edge) if shared(edge) else None


def stated(edge: Edge) -> Statement | None:
    """The statement that an edge is part of, also if it only moves locals about."""
    if edge.site is None:
        return None
    call = edge.call
    for site in edge.site.chain():
        if not site.primitive:
            return Statement(site, call if site is edge.site else site.call)
    return Statement(edge.site, call)


def shared(edge: Edge) -> bool:
    """Whether an edge is a step of its own: it calls, or touches shared state."""
    if edge.call is not None:
        return True
    places = [u.place for u in edge.op.updates]
    return any(isinstance(p, Cell) for p in places) or any(
        isinstance(leaf, Cell) for leaf in ex.leaves(edge.op.guard)
    )


def count(edges: Sequence[Edge]) -> int:
    """How many statements a run of edges of one thread is."""
    found = 0
    last: Statement | None = None
    for edge in edges:
        here = statement(edge)
        if here is not None and here != last:
            found += 1
            last = here
    return found

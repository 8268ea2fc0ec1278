# SPDX-License-Identifier: GPL-2.0-only
"""Successful ends: returns that report no error, as goals of a search.

A routine that only ever fails does little, and what is judged at its steps may hold for that
reason alone.  The kernel reports an error as a negative int, so each return of an int is given a
check that it is negative: where that fails, the search has come to a successful end.
"""

from __future__ import annotations

from dataclasses import replace

from model.lang import expr as ex
from model.lang.expr import Expr
from model.lang.ir import Check, Edge, Thread
from model.lang.sorts import Int
from model.lang.traits import Trait

END = "end:"
"""Prefix of the names of these checks; the routine follows."""


def with_ends(thread: Thread) -> Thread:
    """The thread with a check that fails at each of its successful ends."""
    return replace(thread, edges=tuple(_marked(e, thread.routine) for e in thread.edges))


def _marked(edge: Edge, routine: str) -> Edge:
    result = _result(edge)
    if result is None:
        return edge
    failed = ex.lt(result, ex.number(0))
    if failed is ex.TRUE:
        return edge
    return replace(
        edge, op=replace(edge.op, checks=(*edge.op.checks, Check(END + routine, failed)))
    )


def _result(edge: Edge) -> Expr | None:
    """The number that an edge returns, if it is a return of one."""
    if edge.call is None or Trait.RETURN not in edge.call.traits:
        return None
    result = dict(edge.call.args).get("result")
    return result if result is not None and isinstance(result.sort, Int) else None


def may_fail(thread: Thread) -> bool:
    """True if a routine returns a number, which may be an error."""
    return any(_result(e) is not None for e in thread.edges)

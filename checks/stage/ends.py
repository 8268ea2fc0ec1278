# SPDX-License-Identifier: GPL-2.0-only
"""Ends: what returns of a routine report, as goals of a search.

A routine that only ever fails does little, and what is judged at its steps may hold for that
reason alone; so does one that returns 0 where it used to return how much it has done.  The kernel
reports an error as a negative int, so each return of an int is given a check that it is negative,
and one that it is not positive: where these fail, the search has come to a better end.
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import replace
from enum import IntEnum

from model.lang import expr as ex
from model.lang.expr import Expr
from model.lang.ir import Check, Edge, Thread
from model.lang.sorts import Int
from model.lang.traits import Trait


class End(IntEnum):
    """The best that a routine reports as it returns."""

    NEVER = 0  # it does not return
    ERROR = 1
    ZERO = 2  # also where it returns no number
    MORE = 3


_GOALS = {End.ZERO: "end:zero:", End.MORE: "end:more:"}
"""Prefixes of the names of these checks; the routine follows."""


def is_goal(name: str) -> bool:
    """True of the name of a check that is a goal, and no invariant."""
    return name.startswith(tuple(_GOALS.values()))


def best_end(thread: Thread, seen: Container[str], failed: Container[str]) -> End:
    """The best end of a thread that has taken steps with these words, and come to these goals."""
    if Trait.RETURN not in seen:
        return End.NEVER
    if not any(_result(e) is not None for e in thread.edges):
        return End.ZERO
    return max((end for end, name in _GOALS.items() if name + thread.routine in failed),
               default=End.ERROR)  # fmt: skip


def with_ends(thread: Thread) -> Thread:
    """The thread with a check at each return for each end that is better than an error."""
    return replace(thread, edges=tuple(_marked(e, thread.routine) for e in thread.edges))


def _marked(edge: Edge, routine: str) -> Edge:
    result = _result(edge)
    if result is None:
        return edge
    worse = {
        End.ZERO: ex.lt(result, ex.number(0)),
        End.MORE: ex.not_(ex.lt(ex.number(0), result)),
    }
    goals = [Check(_GOALS[end] + routine, cond) for end, cond in worse.items()]
    kept = [goal for goal in goals if goal.cond is not ex.TRUE]
    return replace(edge, op=replace(edge.op, checks=(*edge.op.checks, *kept)))


def _result(edge: Edge) -> Expr | None:
    """The number that an edge returns, if it is a return of one."""
    if edge.call is None or Trait.RETURN not in edge.call.traits:
        return None
    result = dict(edge.call.args).get("result")
    return result if result is not None and isinstance(result.sort, Int) else None

# SPDX-License-Identifier: GPL-2.0-only
"""Sections that nobody waits to enter, but somebody waits for the end of: read sections of RCU."""

from __future__ import annotations

import pytest

from checks.engine.codegen.code_cache import CodeCache
from checks.engine.codegen.layout import Layout
from checks.engine.reference import Explorer
from checks.engine.search import Limits, Search
from checks.reduce.liveness import live_locals
from checks.reduce.reducer import Group, Passes, Reducer
from model.lang import expr as ex
from model.lang.expr import Cell, Expr, Local
from model.lang.ir import Call, Check, Edge, Kind, Op, Storage, System, Thread, Update, Variable
from model.lang.sorts import BOOL, Int

SORT = Int(0, 4)
DEPTH = ex.cell("Thread.rcu", (), SORT)
LINKED = ex.cell("Box.linked", (), BOOL)
FREED = ex.cell("Box.freed", (), BOOL)
VARIABLES = (
    Variable("Thread.rcu", (), DEPTH.sort, Storage.LOCK),
    Variable("Box.linked", (), BOOL, Storage.MEMORY),
    Variable("Box.freed", (), BOOL, Storage.MEMORY),
)
FOUND = ex.local("found", BOOL)
UNUSED = Check("not used after the free", ex.not_(ex.and_(FOUND, FREED)))


def assign(place: Cell | Local, value: Expr, guard: Expr = ex.TRUE) -> Op:
    return Op(Kind.RMW, guard, (Update(place, value),))


def deeper(by: int) -> Op:
    one = ex.const(1, DEPTH.sort)
    return assign(DEPTH, ex.narrow((ex.add if by > 0 else ex.sub)(DEPTH, one), SORT))


def thread(name: str, *ops: Op) -> Thread:
    edges = tuple(Edge(n, n + 1, op, call=Call("step"), number=n) for n, op in enumerate(ops))
    return Thread(name, name, (FOUND,), edges, 0, len(ops), len(ops) + 1)


LOOK, USE = assign(FOUND, LINKED), Op(Kind.ASSERT, checks=(UNUSED,))
LOCK, UNLOCK = deeper(1), deeper(-1)
FREES = thread(
    "frees", assign(LINKED, ex.FALSE),
    Op(Kind.ASSUME, ex.eq(DEPTH, ex.const(0, DEPTH.sort))), assign(FREED, ex.TRUE),
)  # fmt: skip


def searched(reader: Thread, passes: Passes) -> Search:
    threads = (reader, FREES)
    initial: dict[Expr, int] = {DEPTH: 0, LINKED: 1, FREED: 0}
    family = Group([[t] for t in threads], (), (), (), [initial])
    reduced = Reducer(VARIABLES, passes).reduce(family)
    layout = Layout(VARIABLES, reduced.regions.whole, len(threads))
    system = reduced.of(System("two", VARIABLES, threads))
    return Explorer(system, CodeCache(layout, live_locals)).run(initial, Limits())


@pytest.mark.parametrize("merge", [True, False])
def test_a_look_before_the_section_is_not_in_it(merge: bool) -> None:
    reader = thread("reads", LOOK, LOCK, USE, UNLOCK)
    assert set(searched(reader, Passes(merge=merge)).violations) == {UNUSED.invariant}


@pytest.mark.parametrize("merge", [True, False])
def test_a_look_in_the_section_is_safe(merge: bool) -> None:
    reader = thread("reads", LOCK, LOOK, USE, UNLOCK)
    assert searched(reader, Passes(merge=merge)).violations == {}


def test_what_follows_the_lock_is_merged_into_it() -> None:
    reader = thread("reads", LOCK, LOOK, USE, UNLOCK)
    every, fewer = (searched(reader, Passes(merge=m)).states for m in (False, True))
    assert fewer < every

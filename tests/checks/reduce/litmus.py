# SPDX-License-Identifier: GPL-2.0-only
"""Litmus tests: what threads of a few accesses are made of."""

from __future__ import annotations

from checks.reduce.ordering import Ordering, Pair
from model.lang import expr as ex
from model.lang.expr import Cell, Expr, Local
from model.lang.ir import Access, Edge, Kind, Op, Storage, Thread, Update
from model.lang.sorts import BOOL, Int

NUMBER = Int(0, 3)
X, Y = (ex.cell(n, (), NUMBER) for n in "xy")
R, Q = (ex.local(f"f.{n}", NUMBER) for n in "rq")
Z, W = (ex.cell(n, (), NUMBER) for n in "zw")
DONE = ex.local("f.done", BOOL)
BACK = ex.local("f.return", NUMBER)
ZERO, ONE = ex.number(0), ex.number(1)
ROLES = dict.fromkeys("wxyz", Storage.MEMORY)


def store(place: Cell, value: Expr = ONE, order: str = "once") -> Op:
    return Op(Kind.STORE, updates=(Update(place, value),), access=Access(place, order))


def load(into: Local, place: Cell, order: str = "once") -> Op:
    return Op(Kind.LOAD, updates=(Update(into, place),), access=Access(place, order))


def barrier(kind: str) -> Op:
    return Op(Kind.BARRIER, note=kind)


def branch(local: Local) -> Op:
    return Op(Kind.ASSUME, ex.eq(local, ONE))


GOT, MISSED = Op(Kind.ASSUME, DONE), Op(Kind.ASSUME, ex.not_(DONE))


def atomic(
    place: Cell, order: str = "full", otherwise: str = "once", *, told: bool = True
) -> Op:  # fmt: skip
    """Adds one, if there is room, and says whether it did: only then it is a barrier, unless it is
    one `otherwise` as well."""
    there = ex.not_(ex.eq(place, ex.number(3)))
    more = ex.ite(there, ex.narrow(ex.add(place, ONE), NUMBER), place)
    said = (Update(DONE, there),) if told else ()
    access = Access(place, order, otherwise)
    return Op(Kind.RMW, updates=(Update(place, more), *said), access=access)


def taken(order: str, value: Expr = ONE) -> Op:
    """Puts a value into z, and has what was there."""
    updates = (Update(Z, value), Update(R, Z))
    return Op(Kind.RMW, updates=updates, access=Access(Z, order))


def both_at_once(order: str = "plain") -> Op:
    """Declared to be several accesses: of x and of y."""
    updates = (Update(X, ONE), Update(Y, ONE))
    return Op(Kind.STORE, updates=updates, access=Access(X, order))


def pairs(one: list[Op], two: list[Op], family: str, locked: str = "") -> list[Pair]:
    threads = [
        Thread(
            f"cpu{k}", "f", (R, Q, DONE), tuple(Edge(n, n + 1, op) for n, op in enumerate(ops)),
            0, len(ops), len(ops) + 1,
        )
        for k, ops in enumerate((one, two))
    ]  # fmt: skip
    return Ordering(threads, ROLES, frozenset(locked.split()), family).pairs()


def where(found: list[Pair]) -> set[tuple[int, int]]:
    """Threads and edges of the first accesses."""
    return {(p.first.thread, p.first.edge.source) for p in found}


SB = [store(Y), barrier("mb"), load(R, X)]
"""The other thread of store buffering."""

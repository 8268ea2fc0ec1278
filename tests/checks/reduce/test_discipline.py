# SPDX-License-Identifier: GPL-2.0-only
"""What merging rests on: fields are used under their locks, but invariants look when they like."""

from __future__ import annotations

from checks.engine.codegen.code_cache import CodeCache
from checks.engine.codegen.layout import Layout
from checks.engine.reference import Explorer
from checks.engine.search import Limits, Search
from checks.reduce.conflicts import DISCIPLINE
from checks.reduce.liveness import live_locals
from checks.reduce.reducer import Group, Reducer
from model.lang import expr as ex
from model.lang.expr import Expr
from model.lang.ir import Call, Check, Edge, Kind, Op, Storage, System, Thread, Update, Variable
from model.lang.sorts import BOOL, Ref

OWNER = ex.cell("Lock.owner", (), Ref("Thread", ("T0", "T1", "T2"), nullable=True))
FIELD = ex.cell("Box.field", (), BOOL)
VARIABLES = (
    Variable("Lock.owner", (), OWNER.sort, Storage.LOCK),
    Variable("Box.field", (), FIELD.sort, Storage.MEMORY),
)
FREE, T0, T1, T2 = (ex.const(n, OWNER.sort) for n in range(4))
NEVER = Check("never set", ex.not_(FIELD))


def thread(name: str, *ops: Op) -> Thread:
    edges = tuple(Edge(n, n + 1, op, call=Call("step"), number=n) for n, op in enumerate(ops))
    return Thread(name, name, (), edges, 0, len(ops), len(ops) + 1)


def assign(place: Expr, value: Expr, *checks: Check, guard: Expr = ex.TRUE) -> Op:
    assert isinstance(place, ex.Cell)
    return Op(Kind.RMW, guard, (Update(place, value),), checks)


LOCK = assign(OWNER, T0, guard=ex.eq(OWNER, FREE))
UNLOCK = assign(OWNER, FREE)
READ = Op(Kind.ASSUME, FIELD)
SET, RESET = assign(FIELD, ex.TRUE), assign(FIELD, ex.FALSE)


TAKER = thread("takes", assign(OWNER, T2, guard=ex.eq(OWNER, FREE)), UNLOCK)
"""Somebody else who takes the lock, so that it is not known without looking who has it."""


def searched(*two: Thread) -> Search:
    """The reduced system, in which `Lock.owner` protects `Box.field`."""
    threads = (*two, TAKER)
    initial: dict[Expr, int] = {OWNER: 0, FIELD: 0}
    family = Group(
        [[t] for t in threads], (), (), (), [initial],
        frozenset({"Box.field"}), lambda _: OWNER,
    )  # fmt: skip
    reduced = Reducer(VARIABLES).reduce(family)
    layout = Layout(VARIABLES, reduced.regions.whole, len(threads))
    system = reduced.of(System("three", VARIABLES, threads))
    return Explorer(system, CodeCache(layout, live_locals)).run(initial, Limits())


WRITES = thread("writes", LOCK, SET, RESET, UNLOCK)


def test_an_invariant_sees_what_is_between_two_writes_under_a_lock() -> None:
    looks = thread("looks", Op(Kind.ASSERT, checks=(NEVER,)))
    assert set(searched(WRITES, looks).violations) == {"never set"}


def test_a_write_without_its_lock_is_noticed() -> None:
    other = thread("reads", assign(OWNER, T1, guard=ex.eq(OWNER, FREE)), READ, UNLOCK)
    assert DISCIPLINE in searched(thread("writes", SET, RESET), other).violations


def test_a_read_without_its_lock_is_noticed_beside_what_an_invariant_looks_at() -> None:
    """The same field, read by the step itself as if it were locked and by its check."""
    reads = thread("reads", Op(Kind.ASSUME, ex.not_(FIELD), checks=(NEVER,)))
    assert DISCIPLINE in searched(WRITES, reads).violations


def test_disciplined_threads_pass() -> None:
    other = thread("other", assign(OWNER, T1, guard=ex.eq(OWNER, FREE)), SET, READ, RESET, UNLOCK)
    assert searched(WRITES, other).violations == {}

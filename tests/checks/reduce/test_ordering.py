# SPDX-License-Identifier: GPL-2.0-only
"""Which accesses may be taken in another order, on the tests that every memory model is told by."""

from __future__ import annotations

from dataclasses import replace

import pytest

from checks.reduce.ordering import Ordering, Pair
from checks.report import chosen_casts
from checks.scenario import Setting, Stage
from checks.subject import by_name
from invariants import REGISTRY
from model.lang import expr as ex
from model.lang.expr import Cell, Expr, Local
from model.lang.ir import Access, Call, Edge, Kind, Op, Role, Thread, Update
from model.lang.sorts import BOOL, Int
from model.lang.traits import Trait

from ...command import run

NUMBER = Int(0, 3)
X, Y = (ex.cell(n, (), NUMBER) for n in "xy")
R, Q = (ex.local(f"f.{n}", NUMBER) for n in "rq")
Z = ex.cell("z", (), NUMBER)
DONE = ex.local("f.done", BOOL)
ONE = ex.number(1)
ROLES = {"x": Role.MEMORY, "y": Role.MEMORY, "z": Role.MEMORY}


def store(place: Cell, value: Expr = ONE, order: str = "once") -> Op:
    return Op(Kind.STORE, updates=(Update(place, value),), access=Access(place, order))


def load(into: Local, place: Cell, order: str = "once") -> Op:
    return Op(Kind.LOAD, updates=(Update(into, place),), access=Access(place, order))


def barrier(kind: str) -> Op:
    return Op(Kind.BARRIER, note=kind)


def branch(local: Local) -> Op:
    return Op(Kind.ASSUME, ex.eq(local, ONE))


def atomic(place: Cell, order: str = "full", *, told: bool = True) -> Op:
    """Adds one, if there is room, and says whether it did: only then it is a barrier."""
    there = ex.not_(ex.eq(place, ex.number(3)))
    more = ex.ite(there, ex.narrow(ex.add(place, ONE), NUMBER), place)
    said = (Update(DONE, there),) if told else ()
    return Op(Kind.RMW, updates=(Update(place, more), *said), access=Access(place, order))


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


@pytest.mark.parametrize(
    ("one", "two", "x86", "arm64"),
    [
        # store buffering: both may overtake
        ([store(X), load(R, Y)], [store(Y), load(R, X)], {(0, 0), (1, 0)}, {(0, 0), (1, 0)}),
        ([store(X), barrier("mb"), load(R, Y)], [store(Y), load(R, X)], {(1, 0)}, {(1, 0)}),
        # message passing: x86 keeps stores, and keeps loads
        ([store(X), store(Y)], [load(R, Y), load(Q, X)], set(), {(0, 0), (1, 0)}),
        ([store(X), barrier("wmb"), store(Y)], [load(R, Y), load(Q, X)], set(), {(1, 0)}),
        ([store(X), store(Y)], [load(R, Y), barrier("rmb"), load(Q, X)], set(), {(0, 0)}),
        ([store(X), store(Y, order="release")], [load(R, Y, "acquire"), load(Q, X)], set(), set()),
        # a barrier of the wrong kind
        ([store(X), barrier("rmb"), store(Y)], [load(R, Y, "acquire"), load(Q, X)], set(),
         {(0, 0)}),
        # load buffering: a value, or a branch before a store, is waited for
        ([load(R, X), store(Y)], [load(R, Y), store(X)], set(), {(0, 0), (1, 0)}),
        ([load(R, X), store(Y, R)], [load(R, Y), branch(R), store(X)], set(), set()),
        # a branch before a load is not
        ([store(X), barrier("mb"), store(Y)], [load(R, Y), branch(R), load(Q, X)], set(), {(1, 0)}),
        # no cycle: nobody can tell
        ([store(X), store(Y)], [load(Q, Y)], set(), set()),
        ([store(X), load(R, Y)], [load(R, Y), load(Q, X)], set(), set()),
        # an atomic that may fail is a barrier where it has not
        ([store(X), atomic(Z), Op(Kind.ASSUME, DONE), load(R, Y)],
         [store(Y), barrier("mb"), load(R, X)], set(), set()),
        ([store(X), atomic(Z), Op(Kind.ASSUME, ex.not_(DONE)), load(R, Y)],
         [store(Y), barrier("mb"), load(R, X)], {(0, 0)}, {(0, 0)}),
        ([store(X), atomic(Z, told=False), load(R, Y)],
         [store(Y), barrier("mb"), load(R, X)], {(0, 0)}, {(0, 0)}),
        # a trylock orders what follows where it was got
        ([atomic(Z, "acquire"), Op(Kind.ASSUME, DONE), load(R, Y)],
         [store(Y), barrier("mb"), load(R, Z)], set(), set()),
        ([atomic(Z, "acquire"), Op(Kind.ASSUME, ex.not_(DONE)), load(R, Y)],
         [store(Y), barrier("mb"), load(R, Z)], {(0, 0)}, {(0, 0)}),
        # what depends on a plain load: a compiler may break that
        ([load(R, X, "plain"), store(Y, R)], [load(R, Y), branch(R), store(X)], set(), {(0, 0)}),
        # an operation that is several accesses is seen as all of them
        ([both_at_once(), load(R, Z)], [store(Z), barrier("mb"), load(R, Y)], {(0, 0)}, {(0, 0)}),
        ([both_at_once("full"), load(R, Z)], [store(Z), barrier("mb"), load(R, Y)], set(), set()),
        # one location is kept in order
        ([store(X), load(R, X)], [store(X), load(R, X)], set(), set()),
    ],
)  # fmt: skip
def test_litmus(
    one: list[Op], two: list[Op], x86: set[tuple[int, int]], arm64: set[tuple[int, int]]
) -> None:
    assert where(pairs(one, two, "x86")) == x86
    assert where(pairs(one, two, "s390")) == x86
    assert where(pairs(one, two, "arm64")) == arm64


def test_what_a_lock_orders_is_no_conflict() -> None:
    """Both sides use x and y under the lock that their declarations name."""

    def under(ops: list[Op]) -> list[Edge]:
        call = Call("locked")
        return [replace(Edge(n, n + 1, op), call=call) for n, op in enumerate(ops)]

    def threads(second: list[Edge]) -> list[Thread]:
        first = under([store(X), store(Y)])
        return [
            Thread(f"cpu{k}", "f", (R, Q), tuple(e), 0, 2, 3) for k, e in enumerate((first, second))
        ]

    locked = frozenset({"x", "y"})
    reading = [load(R, Y), load(Q, X)]
    assert Ordering(threads(under(reading)), ROLES, locked, "arm64").pairs() == []
    plain = [Edge(n, n + 1, op) for n, op in enumerate(reading)]
    assert Ordering(threads(plain), ROLES, locked, "arm64").pairs() != []


@pytest.mark.parametrize(
    ("trait", "ordered"), [(Trait.ALLOC, True), (Trait.RCU, True), (Trait.REF, False)]
)
def test_what_nobody_else_can_see_is_no_conflict(trait: Trait, ordered: bool) -> None:
    """An object that was just got; and the words of RCU, whose guarantee is the order."""
    call = Call("f", (), frozenset({trait}))
    first, second = [store(X), load(R, Y)], [store(Y), barrier("mb"), load(R, X)]
    threads = [
        Thread(
            f"cpu{k}", "f", (R, Q), tuple(Edge(n, n + 1, op, call=call) for n, op in enumerate(o)),
            0, len(o), len(o) + 1,
        )
        for k, o in enumerate((first, second))
    ]  # fmt: skip
    assert (Ordering(threads, ROLES, frozenset(), "x86").pairs() == []) == ordered


@pytest.mark.parametrize("arch", ["x86_64", "arm64"])
def test_the_pin_that_a_batch_may_miss(arch: str) -> None:
    """The merged form clears the entry and reads the count with no barrier between on arm64; the
    flush, which is one, comes after the batch."""
    subject = by_name("uffd_move_batching", "merged")
    role = subject.selected.role
    scene = "move+gup_fast/1p/ptl=different/init=all_at_src"
    (one,) = chosen_casts(subject.patch.casts, role.variant.neighbours_from, scene, full=False)
    found = Stage(Setting.of(one), arch, REGISTRY.values()).ordering(one, role).pairs()
    calls = {
        (p.first.edge.call.name, p.second.edge.call.name)
        for p in found
        if p.first.edge.call and p.second.edge.call
    }
    assert (("ptep_get_and_clear", "folio_maybe_dma_pinned") in calls) == (arch == "arm64")


def test_the_command() -> None:
    scene = "move+gup_fast/1p/ptl=different/init=all_at_src"
    ran = run("ordering", "uffd_move_batching", "--scenario", scene, "--arch", "x86_64,arm64")
    assert ran.exit_code == 3
    assert f"{'move+gup_fast@x86_64':<52} HOLDS\n" in ran.stdout
    assert f"{'move+gup_fast@arm64':<52} UNKNOWN, " in ran.stdout
    assert "  first   move_present_ptes 117  ptep_get_and_clear, Pte.val\n" in ran.stdout
    assert (
        run("ordering", "uffd_move_batching", "--scenario", scene, "--arch", "x86_64").exit_code
        == 0
    )

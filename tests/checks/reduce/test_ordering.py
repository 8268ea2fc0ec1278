# SPDX-License-Identifier: GPL-2.0-only
"""Which accesses may be taken in another order, on the tests that every memory model is told by."""

from __future__ import annotations

from dataclasses import replace

import pytest

from checks.reduce.ordering import Ordering
from checks.reduce.overtaking import RULES
from checks.stage.stage import Setting, Stage
from checks.target.selection import chosen_casts
from checks.target.target import by_name
from invariants import REGISTRY
from model.lang import expr as ex
from model.lang.errors import ModelError
from model.lang.expr import Expr
from model.lang.ir import Access, Call, Check, Edge, Kind, Op, Thread, Update
from model.lang.order import MODELS
from model.lang.sorts import BOOL
from model.lang.traits import Trait

from ...command import run
from .litmus import (
    BACK,
    DONE,
    GOT,
    MISSED,
    ONE,
    ROLES,
    SB,
    ZERO,
    Q,
    R,
    W,
    X,
    Y,
    Z,
    atomic,
    barrier,
    both_at_once,
    branch,
    load,
    pairs,
    store,
    taken,
    where,
)


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
        ([store(X), atomic(Z), GOT, load(R, Y)],
         [store(Y), barrier("mb"), load(R, X)], set(), set()),
        ([store(X), atomic(Z), MISSED, load(R, Y)],
         [store(Y), barrier("mb"), load(R, X)], {(0, 0)}, {(0, 0)}),
        ([store(X), atomic(Z, told=False), load(R, Y)],
         [store(Y), barrier("mb"), load(R, X)], {(0, 0)}, {(0, 0)}),
        # a trylock orders its look with what follows where it was got, and not its write
        ([atomic(Z, "acquire"), GOT, load(R, Y)], [store(Y), barrier("mb"), store(Z)],
         set(), set()),
        ([atomic(Z, "acquire"), GOT, load(R, Y)], [store(Y), barrier("mb"), load(R, Z)],
         set(), {(0, 0)}),
        ([atomic(Z, "acquire"), MISSED, load(R, Y)], [store(Y), barrier("mb"), store(Z)],
         set(), {(0, 0)}),
        # and where it was not, if it is executed the same
        ([atomic(Z, "acquire", "acquire"), MISSED, load(R, Y)],
         [store(Y), barrier("mb"), store(Z)], set(), set()),
        # one that failed wrote nothing, so that nobody can tell when
        ([atomic(Z, "full"), MISSED, load(R, Y)], [store(Y), barrier("mb"), load(R, Z)],
         set(), set()),
        ([store(X), atomic(Z), MISSED], [load(R, Z), barrier("mb"), load(Q, X)], set(), set()),
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
    assert where(pairs(one, two, "riscv")) == arm64


def test_a_release_and_a_later_acquire() -> None:
    """Ordered only where both are RCsc: a fence before a store and one after a load leave the load
    free to come first."""
    between = [store(Z, order="release"), load(Q, W, "acquire")]
    for family in MODELS:
        found = pairs([store(X), *between, load(R, Y)], SB, family)
        assert (found == []) == (family == "arm64"), family
        assert pairs([store(X, order="release"), load(R, Y, "acquire")], SB, "riscv") != []


def test_a_memory_model_without_rules_is_refused() -> None:
    """Nothing is taken for the weakest, or for another one's like."""
    assert set(RULES) == set(MODELS)
    with pytest.raises(ModelError, match=r"no memory model 'arm46'.*did you mean arm64"):
        pairs([store(X)], SB, "arm46")


def graph(edges: list[tuple[int, int, Op]]) -> Thread:
    """A thread that branches: each edge from where to where."""
    last = max(target for _, target, _ in edges)
    made = tuple(Edge(source, target, op) for source, target, op in edges)
    return Thread("cpu0", "f", (R, Q, DONE, BACK), made, 0, last, last + 1)


def joined(back: Expr, otherwise: Expr, asked: Expr) -> Thread:
    """x = 1; try; on both ways another value is returned; if `asked` of it, read y."""
    give = Op(Kind.LET, updates=(Update(BACK, back),))
    give_up = Op(Kind.LET, updates=(Update(BACK, otherwise),))
    return graph([
        (0, 1, store(X)), (1, 2, atomic(Z)), (2, 3, GOT), (2, 4, MISSED), (3, 5, give),
        (4, 5, give_up), (5, 6, Op(Kind.ASSUME, asked)), (5, 7, Op(Kind.ASSUME, ex.not_(asked))),
        (6, 7, load(R, Y)),
    ])  # fmt: skip


@pytest.mark.parametrize(
    ("thread", "ordered"),
    [
        (joined(ONE, ZERO, ex.eq(BACK, ONE)), True),  # it comes to the load only where it was got
        (joined(ONE, ZERO, ex.not_(ex.eq(BACK, ZERO))), True),
        (joined(ONE, ZERO, ex.eq(BACK, ZERO)), False),  # only where it was not
        (joined(ONE, ONE, ex.eq(BACK, ONE)), False),  # either way
        (joined(ONE, Q, ex.eq(BACK, ONE)), False),  # nobody knows
    ],
)
def test_what_was_returned_is_followed_by_way(thread: Thread, ordered: bool) -> None:
    """Several `return`s join in one local; which of them it was tells whether a barrier came."""
    other = graph([(n, n + 1, op) for n, op in enumerate(SB)])
    for family in ("x86", "arm64"):
        found = Ordering([thread, other], ROLES, frozenset(), family).pairs()
        assert (found == []) == ordered, family


def test_what_is_known_of_a_copy() -> None:
    """`return folio` of one that is not null, where it was got; None where it was not."""
    there, none = ex.not_(ex.eq(Q, ZERO)), ex.not_(ex.eq(BACK, ZERO))
    tried = [(0, 1, store(X)), (1, 2, load(Q, Z)), (2, 3, Op(Kind.ASSUME, there)),
             (3, 4, atomic(Z)), (4, 5, GOT), (4, 6, MISSED)]  # fmt: skip
    give, give_up = (Op(Kind.LET, updates=(Update(BACK, v),)) for v in (ZERO, Q))
    asked = [(7, 8, Op(Kind.ASSUME, ex.not_(none))), (7, 9, Op(Kind.ASSUME, none)),
             (8, 9, load(R, Y))]  # fmt: skip
    other = graph([(n, n + 1, op) for n, op in enumerate(SB)])
    for got, missed, ordered in ((give, give_up, True), (give_up, give, False)):
        thread = graph([*tried, (5, 7, got), (6, 7, missed), *asked])
        assert (Ordering([thread, other], ROLES, frozenset(), "x86").pairs() == []) == ordered


def test_what_a_check_of_the_model_demands_is_so() -> None:
    """After it; a check of an invariant demands nothing."""
    other = graph([(n, n + 1, op) for n, op in enumerate(SB)])
    for name, ordered in (("model:present", True), ("no_deadlock", False)):
        demand = Op(Kind.ASSERT, checks=(Check(name, ex.eq(Q, ONE)),))
        ways = [(2, 3, branch(Q)), (2, 4, Op(Kind.ASSUME, ex.not_(ex.eq(Q, ONE))))]
        thread = graph([
            (0, 1, store(X)), (1, 2, demand), *ways, (3, 4, barrier("mb")), (4, 5, load(R, Y)),
        ])  # fmt: skip
        found = Ordering([thread, other], ROLES, frozenset(), "arm64").pairs()
        assert (found == []) == ordered


def test_a_barrier_on_another_way_is_named() -> None:
    """That on one way there is none is said with the one that there is on the other; not with one
    from which no way leads to the second access but through the first again."""
    other = graph([(n, n + 1, op) for n, op in enumerate(SB)])
    ways = [(1, 2, Op(Kind.ASSUME, DONE)), (1, 3, Op(Kind.ASSUME, ex.not_(DONE)))]
    flush = barrier("tlbi and dsb")
    either = graph([(0, 1, store(X)), *ways, (2, 3, flush), (3, 4, load(R, Y))])
    (found,) = Ordering([either, other], ROLES, frozenset(), "arm64").pairs()
    assert [e.op for e in found.unless] == [flush]
    again = graph([(0, 1, store(X)), *ways, (2, 0, flush), (3, 4, load(R, Y))])
    (found,) = Ordering([again, other], ROLES, frozenset(), "arm64").pairs()
    assert found.unless == ()


@pytest.mark.parametrize(
    ("first", "atom", "seen"),
    [
        (store(X), taken("release"), load(Q, X)),
        (load(Q, X), taken("once", Q), store(X)),  # only what it writes depends on x
        (load(Q, X), taken("acquire", Q), store(X)),
    ],
)
def test_what_an_atomic_looks_at_may_be_early(first: Op, atom: Op, seen: Op) -> None:
    """Though what it writes is kept: what hangs on its look is then early with it."""
    other = [load(Q, Y), barrier("mb"), seen]
    for family in ("arm64", "riscv"):
        assert pairs([first, atom, store(Y, R)], other, family) != []
        assert pairs([first, barrier("mb"), atom, store(Y, R)], other, family) == []


def test_a_store_that_a_branch_keeps_on_one_way_only() -> None:
    """Whichever way is looked at first."""
    atom = atomic(Z, "relaxed")
    other = graph([(0, 1, load(R, Z)), (1, 2, barrier("mb")), (2, 3, store(X))])
    ways = [(1, 2, branch(R)), (1, 2, Op(Kind.LET))]
    for both in (ways, ways[::-1]):
        thread = graph([(0, 1, load(R, X)), *both, (2, 3, atom)])
        assert Ordering([thread, other], ROLES, frozenset(), "arm64").pairs() != []
        kept = graph([(0, 1, load(R, X)), ways[0], (2, 3, atom)])
        assert Ordering([kept, other], ROLES, frozenset(), "arm64").pairs() == []


def test_who_says_that_it_was_got_may_be_a_copy() -> None:
    """The negation of a copy, part of a conjunction, or the pointer that came back."""
    missed = ex.local("f.missed", BOOL)
    both = ex.local("f.both", BOOL)
    copy = Op(Kind.LET, updates=(Update(missed, ex.not_(DONE)),))
    more = Op(Kind.LET, updates=(Update(both, ex.and_(ex.not_(missed), ex.eq(Q, ONE))),))
    for tail in (
        [copy, Op(Kind.ASSUME, ex.not_(missed))],
        [copy, more, Op(Kind.ASSUME, both)],
        [copy, more, load(Q, Z), Op(Kind.ASSUME, ex.not_(missed))],
    ):
        assert pairs([store(X), atomic(Z), *tail, load(R, Y)], SB, "arm64") == []
        away = replace(tail[-1], guard=ex.not_(tail[-1].guard))
        assert pairs([store(X), atomic(Z), *tail[:-1], away, load(R, Y)], SB, "arm64") != []
    tried = atomic(Z)
    failed = replace(
        tried, updates=(tried.updates[0], Update(DONE, ex.not_(tried.updates[1].value)))
    )
    assert pairs([store(X), failed, MISSED, load(R, Y)], SB, "arm64") == []
    assert pairs([store(X), failed, GOT, load(R, Y)], SB, "arm64") != []


def test_a_pointer_that_came_back_says_that_it_was_got() -> None:
    """As swap_cache_get_folio, which takes a reference to what it finds."""
    there = ex.not_(ex.eq(Z, ZERO))
    more = ex.ite(there, ONE, X)
    take = Op(
        Kind.RMW, updates=(Update(X, more), Update(Q, Z)), access=Access(Z, "full", "once")
    )  # fmt: skip
    found = Op(Kind.ASSUME, ex.not_(ex.eq(Q, ZERO)))
    nothing = Op(Kind.ASSUME, ex.eq(Q, ZERO))
    other = [store(Y), barrier("mb"), load(R, W)]
    assert pairs([store(W), take, found, load(R, Y)], other, "arm64") == []
    assert pairs([store(W), take, nothing, load(R, Y)], other, "arm64") != []


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
    (one,) = chosen_casts(subject.family.casts, role.variant.neighbours_from, scene, full=False)
    found = (
        Stage(Setting.of(one), arch, REGISTRY.values()).ordering(one, role, [one.initial]).pairs()
    )
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
    assert "  first   move_present_ptes 118  ptep_get_and_clear, Pte.val\n" in ran.stdout
    assert (
        run("ordering", "uffd_move_batching", "--scenario", scene, "--arch", "x86_64").exit_code
        == 0
    )

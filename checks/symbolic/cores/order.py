# SPDX-License-Identifier: GPL-2.0-only
"""Page-table locks that are waited for in the order of their addresses: no deadlock among them, for
any number of threads and of locks.

A thread waits for a lock only if every one that it holds is less (mm/userfaultfd.c:double_pt_lock).
Then every wait in a chain of waits is for a greater lock than the one before, and no chain closes.
"""

from __future__ import annotations

from collections.abc import Collection

from model.hw.machine import SpinLock
from model.lang.ir import State

from ...engine.reference import Explorer
from ...scenario import Stage
from ..agree import Abstraction
from ..core import Action, Clause, Core, Function, Theorem, View
from ..logic import Logic, Term


def core(*, by_address: bool = True) -> Core:
    """The core; with locks that are waited for in any order, it is broken."""

    def nobody(g: Logic, s: View, k: Term) -> Term:
        return g.same(s.holder(k), g.none("Thread"))

    def idle(g: Logic, s: View, t: Term) -> Term:
        return g.same(s.wants(t), g.none("Lock"))

    def is_next(g: Logic, s: View, t: Term, k: Term) -> Term:
        if not by_address:
            return g.both()
        return g.every("Lock", lambda m: g.implies(g.same(s.holder(m), t), s.less(m, k)))

    actions = (
        Action("wait", "Thread Lock", lambda g, s, t, k: g.both(idle(g, s, t), is_next(g, s, t, k)),
               lambda _, s, t, k: s.set("wants", (t,), k), "begin to wait for a lock"),
        Action("get", "Thread Lock",
               lambda g, s, t, k: g.both(g.same(s.wants(t), k), nobody(g, s, k)),
               lambda g, s, t, k: s.set("holder", (k,), t).set("wants", (t,), g.none("Lock")),
               "the lock is free: have it"),
        Action("take", "Thread Lock",
               lambda g, s, t, k: g.both(idle(g, s, t), is_next(g, s, t, k), nobody(g, s, k)),
               lambda _, s, t, k: s.set("holder", (k,), t), "both at once"),
        Action("let_go", "Thread Lock", lambda g, s, t, k: g.same(s.holder(k), t),
               lambda g, s, _, k: s.set("holder", (k,), g.none("Thread")), "let go of a lock"),
    )  # fmt: skip
    return Core(
        "order", __doc__ or "", ("Thread", "Lock"),
        {
            "less": Function("Lock Lock", "bool", "the order of addresses", fixed=True),
            "holder": Function("Lock", "Thread", "who holds it"),
            "wants": Function("Thread", "Lock", "what it waits for"),
        },
        _initial, actions,
        (
            Clause("waits_upwards", "a thread waits for a lock that is greater than all it holds",
                   lambda g, s: g.every("Thread Lock Lock", lambda t, k, m: g.implies(
                       g.both(g.same(s.wants(t), k), g.same(s.holder(m), t)), s.less(m, k)))),
        ),
        (
            Theorem(
                "no_deadlock",
                "Who holds a lock that somebody waits for waits for a greater lock, if at all: no "
                "chain of waits for page-table locks closes.",
                lambda g, s: g.every("Thread Thread Lock Lock", lambda t, u, k, m: g.implies(
                    g.both(g.same(s.wants(t), k), g.same(s.holder(k), u), g.same(s.wants(u), m)),
                    s.less(k, m))),
            ),
        ),
        assumes=("page-table locks alone: the other locks are taken before them (see `locks`)",),
        axioms=(
            Clause("irreflexive", "no lock is less than itself",
                   lambda g, s: g.every("Lock", lambda k: g.no(s.less(k, k)))),
            Clause("transitive", "less is transitive",
                   lambda g, s: g.every("Lock Lock Lock", lambda k, m, n: g.implies(
                       g.both(s.less(k, m), s.less(m, n)), s.less(k, n)))),
        ),
    )  # fmt: skip


def _initial(g: Logic, s: View) -> Term:
    return g.both(
        g.every("Lock", lambda k: g.same(s.holder(k), g.none("Thread"))),
        g.every("Thread", lambda t: g.same(s.wants(t), g.none("Lock"))),
    )


def abstraction(
    stage: Stage,
    explorer: Explorer,
    initial: State,  # noqa: ARG001
    states: Collection[int],  # noqa: ARG001
) -> Abstraction:
    """The page-table locks of a world; a step that takes one waits and takes it at once."""
    ranks = {lock.name: lock.rank for lock in stage.world.all(SpinLock)}
    return Abstraction(
        {"Thread": tuple(t.name for t in explorer.system.threads), "Lock": tuple(ranks)},
        frozenset({"SpinLock.owner"}),
        {
            "less": lambda _, k, m: ranks[k] < ranks[m],
            "holder": lambda s, k: s("SpinLock.owner", k),
            "wants": lambda _, __: None,
        },
    )

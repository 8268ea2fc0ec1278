# SPDX-License-Identifier: GPL-2.0-only
"""Locks that are waited for in one order, page-table locks by their addresses: no deadlock among
them, for any number of threads and of locks.

A thread waits for a lock only if every one that it holds is less: folio locks come before the locks
of anon_vmas, and those before page-table locks (mm/rmap.c), which are ordered by their addresses
(mm/userfaultfd.c:double_pt_lock).  Then every wait in a chain of waits is for a greater lock than
the one before, and no chain closes.  Who only tries does not wait.
"""

from __future__ import annotations

from collections.abc import Collection

from model.hw.objects import SpinLock
from model.kernel.objects import AnonVma, Folio
from model.lang.ir import State
from model.lang.traits import Trait

from ...engine.prepared import Prepared
from ...stage.stage import Stage
from ..core import Action, Clause, Core, Function, Need, Theorem, View
from ..decode import Seen
from ..instance import Value
from ..logic import Logic, Term
from ..refinement import Abstraction


def core() -> Core:
    """The core."""

    def idle(g: Logic, s: View, t: Term) -> Term:
        return g.both(g.same(s.wants(t), g.none("Lock")), g.no(s.ended(t)))

    def is_free(g: Logic, s: View, t: Term, k: Term) -> Term:
        return g.both(idle(g, s, t), g.same(s.holder(k), g.none("Thread")))

    def nothing_held(g: Logic, s: View, t: Term) -> Term:
        return g.every("Lock", lambda m: g.no(g.same(s.holder(m), t)))

    upwards = Need(
        "upwards", "a thread waits for a lock that is greater than all it holds",
        lambda g, s, t, k: g.every(
            "Lock", lambda m: g.implies(g.same(s.holder(m), t), s.less(m, k))),
    )  # fmt: skip
    actions = (
        Action("wait", "Thread Lock", lambda g, s, t, _: idle(g, s, t),
               lambda _, s, t, k: s.set("wants", (t,), k), "begin to wait for a lock", (upwards,)),
        Action("get", "Thread Lock",
               lambda g, s, t, k: g.both(g.same(s.wants(t), k),
                                         g.same(s.holder(k), g.none("Thread"))),
               lambda g, s, t, k: s.set("holder", (k,), t).set("wants", (t,), g.none("Lock")),
               "the lock is free: have it"),
        Action("take", "Thread Lock", is_free, lambda _, s, t, k: s.set("holder", (k,), t),
               "both at once", (upwards,)),
        Action("try", "Thread Lock", is_free, lambda _, s, t, k: s.set("holder", (k,), t),
               "take a lock that is free, and not wait for it"),
        Action("let_go", "Thread Lock", lambda g, s, t, k: g.same(s.holder(k), t),
               lambda g, s, _, k: s.set("holder", (k,), g.none("Thread")), "let go of a lock"),
        Action("end", "Thread", idle, lambda _, s, t: s.set("ended", (t,), True), "return",
               (Need("all_let_go", "who returns holds no lock", nothing_held),)),
    )  # fmt: skip
    return Core(
        "order", __doc__ or "", ("Thread", "Lock"),
        {
            "less": Function("Lock Lock", "bool", "the order of locks", fixed=True),
            "holder": Function("Lock", "Thread", "who holds it"),
            "wants": Function("Thread", "Lock", "what it waits for"),
            "ended": Function("Thread", "bool", "it has returned"),
        },
        _initial, actions,
        (
            Clause("waits_upwards", "a thread waits for a lock that is greater than all it holds",
                   lambda g, s: g.every("Thread Lock Lock", lambda t, k, m: g.implies(
                       g.both(g.same(s.wants(t), k), g.same(s.holder(m), t)), s.less(m, k)))),
            Clause("ended_with_nothing", "who has returned holds no lock, and waits for none",
                   lambda g, s: g.every("Thread Lock", lambda t, k: g.implies(
                       s.ended(t), g.no(g.either(g.same(s.holder(k), t),
                                                 g.same(s.wants(t), k)))))),
        ),
        (
            Theorem(
                "no_deadlock",
                "Who holds a lock that somebody waits for has not returned, and waits for a "
                "greater lock, if at all: no chain of waits closes.",
                lambda g, s: g.every("Thread Thread Lock", lambda t, u, k: g.implies(
                    g.both(g.same(s.wants(t), k), g.same(s.holder(k), u)),
                    g.both(g.no(s.ended(u)), g.every("Lock", lambda m: g.implies(
                        g.same(s.wants(u), m), s.less(k, m)))))),
            ),
        ),
        assumes=(
            "folio locks, and the locks of anon_vmas that are held for writing, and page-table "
            "locks: mmap_lock and the VMA locks are taken before them (see `locks`)",
        ),
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
        g.every("Thread", lambda t: g.both(g.same(s.wants(t), g.none("Lock")), g.no(s.ended(t)))),
    )


def abstraction(
    stage: Stage,
    explorer: Prepared,
    initial: State,  # noqa: ARG001
    states: Collection[int],  # noqa: ARG001
) -> Abstraction:
    """The locks of a world; a step that takes one waits and takes it at once."""
    ranks = {folio.name: (0, 0) for folio in stage.world.all(Folio)}
    ranks |= {anon.rwsem.name: (1, 0) for anon in stage.world.all(AnonVma)}
    words = dict.fromkeys(ranks, "RwSem.writer")
    words |= dict.fromkeys((f.name for f in stage.world.all(Folio)), "Folio.locked_by")
    for lock in stage.world.all(SpinLock):
        ranks[lock.name], words[lock.name] = (2, lock.rank), "SpinLock.owner"

    def holder(s: Seen, k: str) -> Value:
        return s(words[k], k)

    return Abstraction(
        {"Thread": tuple(t.name for t in explorer.system.threads), "Lock": tuple(ranks)},
        frozenset(words.values()),
        {
            "less": lambda _, k, m: ranks[k] < ranks[m],
            "holder": holder,
            "wants": lambda _, __: None,
            "ended": lambda s, t: s.ended(t),
        },
        lambda traits, action: (
            (action == "try") is (Trait.TRYLOCK in traits) or action in ("let_go", "end")
        ),
        actor="Thread",
    )

# SPDX-License-Identifier: GPL-2.0-only
"""Flush before the lock of a PMD entry is released: who works on a table knows where CPUs reach it,
for any number of CPUs, threads, PMD entries and tables.

A table is under one PMD entry.  Who takes it from there holds the lock of the entry, and flushes
all that it maps before letting go of that; meanwhile nobody else has or takes the lock of the
table (mm/mremap.c:take_rmap_locks keeps walks of the reverse map away, and mmap_lock the others).
CPUs reach a table through cached pointers to it, and through translations that they have of it.
What the entries of a table permit is another matter (see `flush`).
"""

from __future__ import annotations

from collections.abc import Collection

from model.hw.objects import Cpu, Table
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

    def nobody(g: Logic, who: Term) -> Term:
        return g.same(who, g.none("Thread"))

    def nothing(g: Logic, table: Term) -> Term:
        return g.same(table, g.none("Table"))

    def holds(g: Logic, s: View, t: Term, p: Term) -> Term:
        return g.same(s.holder(s.pml(p)), t)

    def unreached(g: Logic, s: View, p: Term, table: Term) -> Term:
        """No CPU reaches a table through a PMD entry, if another is there or none."""
        return g.either(g.same(s.table(p), table), g.every(
            "Cpu", lambda c: g.no(s.reaches(c, p, table))))  # fmt: skip

    def flushed(g: Logic, s: View, _: Term, lock: Term) -> Term:
        return g.every("Pmd Table", lambda p, table: g.implies(
            g.both(g.same(s.pml(p), lock), g.same(s.taken(p), table)),
            unreached(g, s, p, table)))  # fmt: skip

    def stays(g: Logic, s: View, t: Term, lock: Term) -> Term:
        return g.every("Pmd Table", lambda p, table: g.implies(
            g.both(g.same(s.ptl(table), lock), g.same(s.taken(p), table)),
            g.either(holds(g, s, t, p), unreached(g, s, p, table))))  # fmt: skip

    def let_go(g: Logic, s: View, _: Term, lock: Term) -> View:
        def taken(p: Term) -> Term:
            return g.choose(g.same(s.pml(p), lock), g.none("Table"), s.taken(p))

        return s.set("holder", (lock,), g.none("Thread")).whole("taken", taken)

    def nobody_below(g: Logic, s: View, t: Term, p: Term) -> Term:
        below = s.holder(s.ptl(s.table(p)))
        return g.either(nobody(g, below), g.same(below, t))

    under_its_lock = Need(
        "under_its_lock", "whoever changes a PMD entry holds its lock",
        lambda g, s, t, p, *_: holds(g, s, t, p),
    )  # fmt: skip
    actions = (
        Action("walk", "Cpu Pmd", lambda g, s, _, p: g.no(nothing(g, s.table(p))),
               lambda _, s, c, p: s.set("reaches", (c, p, s.table(p)), True),
               "a CPU walks the page tables"),
        Action("forget", "Cpu Pmd Table", lambda g, *_: g.both(),
               lambda _, s, c, p, table: s.set("reaches", (c, p, table), False),
               "evicted, or invalidated"),
        Action("take", "Thread Lock", lambda g, s, _, k: nobody(g, s.holder(k)),
               lambda _, s, t, k: s.set("holder", (k,), t), "take a lock",
               (Need("not_on_its_way", "no CPU reaches a table whose lock is taken where another "
                     "has taken it away", stays),)),
        Action("unlink", "Thread Pmd",
               lambda g, s, _, p: g.both(g.no(nothing(g, s.table(p))), nothing(g, s.taken(p))),
               lambda g, s, _, p: s.set("taken", (p,), s.table(p)).set(
                   "table", (p,), g.none("Table")),
               "pmd_clear",
               (under_its_lock,
                Need("nobody_below", "nobody else has the lock of a table that is taken away",
                     nobody_below))),
        Action("link", "Thread Pmd Table",
               lambda g, s, _, p, __: nothing(g, s.table(p)),
               lambda _, s, __, p, table: s.set("table", (p,), table), "pmd_populate",
               (under_its_lock,
                Need("nowhere_else", "a table is put where no other PMD entry points to it",
                     lambda g, s, _, __, table: g.every(
                         "Pmd", lambda q: g.no(g.same(s.table(q), table)))))),
        Action("release", "Thread Lock", lambda g, s, _, k: g.no(nobody(g, s.holder(k))), let_go,
               "let go of a lock",
               (Need("flushed_first", "no CPU reaches a table where it was taken from under a lock "
                     "that is let go of", flushed),)),
    )  # fmt: skip
    return Core(
        "tables", __doc__ or "", ("Cpu", "Thread", "Pmd", "Table", "Lock"),
        {
            "pml": Function("Pmd", "Lock", "the lock of its page of PMD entries", fixed=True),
            "ptl": Function("Table", "Lock", "its page-table lock", fixed=True),
            "table": Function("Pmd", "Table", "what the entry points to"),
            "taken": Function("Pmd", "Table", "what was taken from it under its lock"),
            "holder": Function("Lock", "Thread", "who holds it"),
            "reaches": Function("Cpu Pmd Table", "bool", "a CPU has a pointer or translations"),
        },
        lambda g, s: g.both(
            g.every("Cpu Pmd Table", lambda c, p, table: g.no(s.reaches(c, p, table))),
            g.every("Lock", lambda k: nobody(g, s.holder(k))),
            g.every("Pmd", lambda p: nothing(g, s.taken(p))),
            one_place(g, s),
        ),
        actions,
        (
            Clause("reached_in_its_place", "a CPU reaches a table where it is, or was taken from",
                   lambda g, s: g.every("Cpu Pmd Table", lambda c, p, table: g.implies(
                       s.reaches(c, p, table),
                       g.either(g.same(s.table(p), table), g.same(s.taken(p), table))))),
            Clause("worked_on_where_it_is", "who has the lock of a table has taken it away, or no "
                   "CPU reaches it where it was taken from",
                   lambda g, s: g.every("Pmd Table", lambda p, table: g.implies(
                       g.same(s.taken(p), table), g.either(
                           nobody(g, s.holder(s.ptl(table))),
                           g.same(s.holder(s.ptl(table)), s.holder(s.pml(p))),
                           unreached(g, s, p, table))))),
            Clause("one_place", "two PMD entries do not point to one table", one_place),
        ),
        (
            Theorem(
                "reached_only_where_it_is",
                "CPUs reach a table whose lock somebody has through the one PMD entry that points "
                "to it, unless he has taken it from another and has not flushed that yet.",
                lambda g, s: g.every("Cpu Pmd Table Thread", lambda c, p, table, t: g.implies(
                    g.both(s.reaches(c, p, table), g.same(s.holder(s.ptl(table)), t)),
                    g.either(
                        g.both(g.same(s.table(p), table), g.every("Pmd", lambda q: g.implies(
                            g.same(s.table(q), table), g.same(q, p)))),
                        holds(g, s, t, p)))),
            ),
        ),
        assumes=(
            "a flush drops translations and pointers of what it names from every CPU before it is "
            "complete",
            "what a table's entries are is not looked at",
        ),
        axioms=(
            Clause("locks_of_their_own", "each PMD entry and each table has a lock",
                   lambda g, s: g.both(
                       g.every("Pmd", lambda p: g.no(g.same(s.pml(p), g.none("Lock")))),
                       g.every("Table", lambda t: g.no(g.same(s.ptl(t), g.none("Lock")))))),
        ),
        fades={"reaches": "forget"},
    )  # fmt: skip


def one_place(g: Logic, s: View) -> Term:
    """No table is under two PMD entries."""
    return g.every("Pmd Pmd Table", lambda p, q, table: g.implies(
        g.both(g.same(s.table(p), table), g.same(s.table(q), table)), g.same(p, q)))  # fmt: skip


def abstraction(
    stage: Stage,
    explorer: Prepared,
    initial: State,  # noqa: ARG001
    states: Collection[int],  # noqa: ARG001
) -> Abstraction:
    """The PMD entries, tables and their locks of a world, and what CPUs remember of them.

    A translation is of the table that is there, or of the one that was taken from there.
    """
    users = [c for c in stage.world.all(Cpu) if c.user]
    roots = [c.root for c in users if c.root is not None]
    address = next(v for v in stage.variables if v.name == "Cpu.tlb").dims[1].show
    pmds = {p.name: p for root in roots for p in root.pmds if p is not None}
    under = {
        name: [address(a) for root in roots for a, here in enumerate(root.pmds) if here is p]
        for name, p in pmds.items()
    }
    tables = stage.world.all(Table)
    threads = tuple(t.name for t in explorer.system.threads)

    def taken(s: Seen, p: str) -> Value:
        found = (s("Thread.unlinked", t, p) for t in threads)
        return next((table for table in found if table is not None), None)

    def reaches(s: Seen, c: str, p: str, table: str) -> bool:
        pointers = s("Cpu.walk", c, p)
        assert isinstance(pointers, frozenset)
        here = s("Pmd.table", p) or taken(s, p)
        return table in pointers or (here == table and any(s("Cpu.tlb", c, a) for a in under[p]))

    def may_be(traits: frozenset[str], action: str) -> bool:
        return Trait.PMD in traits or action not in ("unlink", "link")

    locks = [p.ptl.name for p in pmds.values()] + [t.ptl.name for t in tables]
    return Abstraction(
        {
            "Cpu": tuple(c.name for c in users),
            "Thread": threads,
            "Pmd": tuple(pmds),
            "Table": tuple(t.name for t in tables),
            "Lock": tuple(dict.fromkeys(locks)),
        },
        frozenset({"Pmd.table", "Thread.unlinked", "SpinLock.owner", "Cpu.walk", "Cpu.tlb"}),
        {
            "pml": lambda _, p: pmds[p].ptl.name,
            "ptl": lambda _, t: next(table.ptl.name for table in tables if table.name == t),
            "table": lambda s, p: s("Pmd.table", p),
            "taken": taken,
            "holder": lambda s, k: s("SpinLock.owner", k),
            "reaches": reaches,
        },
        may_be,
        actor="Thread",
    )

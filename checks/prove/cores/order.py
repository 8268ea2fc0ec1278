# SPDX-License-Identifier: GPL-2.0-only
"""Locks that are waited for in one order, two page-table locks by their addresses, or by the writer
of mmap_lock: no deadlock among them, for any number of threads and of locks.

A thread waits for a lock only if every one that it holds is less: folio locks come before the locks
of files and anon_vmas, and those before the locks of PMD entries and of page tables (mm/rmap.c).
Two page-table locks are ordered by their addresses (mm/userfaultfd.c:double_pt_lock); who has
mmap_lock for writing takes two of a kind in any order (mm/mremap.c:move_normal_pmd, move_ptes).
Every wait in a chain of waits is then for a greater lock than the one before, or for one of its
kind by that writer, and the one after that for a greater lock than both: no chain closes.  Who only
tries does not wait.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

from model.hw.objects import SpinLock, Table
from model.kernel.objects import AnonVma, Folio, Mapping, Mm
from model.lang.ir import State
from model.lang.traits import Trait

from ...engine.prepared import Prepared
from ...stage.stage import Stage
from ..core import Action, Clause, Core, Function, Need, Theorem, View
from ..decode import Seen
from ..instance import Value
from ..logic import Logic, Term
from ..refinement import Abstraction

FOLIOS, FILES, ANON_VMAS, ENTRIES, TABLES = range(5)
"""Kinds of locks, in their order (mm/rmap.c)."""

UPWARDS = (
    "a thread waits for a lock that is greater than all it holds, or the writer of mmap_lock for a "
    "second one of a kind"
)
NO_OTHER_WRITER = (
    "a thread waits for a second lock of a kind while no other has mmap_lock for writing"
)


def core() -> Core:
    """The core."""

    def idle(g: Logic, s: View, t: Term) -> Term:
        return g.both(g.same(s.wants(t), g.none("Lock")), g.no(s.ended(t)))

    def is_free(g: Logic, s: View, t: Term, k: Term) -> Term:
        return g.both(idle(g, s, t), g.same(s.holder(k), g.none("Thread")))

    def upwards(g: Logic, s: View, t: Term, m: Term, k: Term) -> Term:
        """A lock may be waited for by who holds another."""
        second = g.both(s.alike(m, k), g.no(g.same(m, k)), g.same(s.writer(s.space(k)), t))
        return g.either(s.less(m, k), second)

    def undisturbed(g: Logic, s: View, t: Term, m: Term, k: Term) -> Term:
        """A second lock of a kind may be waited for, as to mmap_lock."""
        writer = s.writer(s.space(k))
        alone = g.either(g.same(writer, g.none("Thread")), g.same(writer, t))
        return g.implies(s.alike(m, k), alone)

    def of_all_held(may: Callable[..., Term]) -> Callable[..., Term]:
        return lambda g, s, t, k: g.every(
            "Lock", lambda m: g.implies(g.same(s.holder(m), t), may(g, s, t, m, k)))  # fmt: skip

    def of_all_waits(may: Callable[..., Term]) -> Callable[[Logic, View], Term]:
        return lambda g, s: g.every("Thread Lock Lock", lambda t, k, m: g.implies(
            g.both(g.same(s.wants(t), k), g.same(s.holder(m), t)), may(g, s, t, m, k)))  # fmt: skip

    def waits_for_a_second(g: Logic, s: View, t: Term, k: Term) -> Term:
        held = g.some("Lock", lambda m: g.both(g.same(s.holder(m), t), s.alike(m, k)))
        return g.both(g.same(s.wants(t), k), held)

    def nobody_inside(g: Logic, s: View, t: Term, mm: Term) -> Term:
        return g.both(
            idle(g, s, t), g.same(s.writer(mm), g.none("Thread")),
            g.every("Thread Lock", lambda u, k: g.implies(
                waits_for_a_second(g, s, u, k), g.no(g.same(s.space(k), mm)))),
        )  # fmt: skip

    def rises(g: Logic, s: View, t: Term, u: Term, k: Term) -> Term:
        """A thread that has what another waits for waits for a greater lock, or the next one
        does."""

        def after(m: Term) -> Term:
            return g.every("Thread Lock", lambda v, n: g.implies(
                g.both(g.same(s.holder(m), v), g.same(s.wants(v), n)), s.less(k, n)))  # fmt: skip

        return g.both(
            g.no(g.same(t, u)),
            g.no(s.ended(u)),
            g.every(
                "Lock", lambda m: g.implies(g.same(s.wants(u), m), g.either(s.less(k, m), after(m)))
            ),
        )

    def nothing_held(g: Logic, s: View, t: Term) -> Term:
        return g.every("Lock", lambda m: g.no(g.same(s.holder(m), t)))

    needs = (
        Need("upwards", UPWARDS, of_all_held(upwards)),
        Need("no_other_writer", NO_OTHER_WRITER, of_all_held(undisturbed)),
    )
    actions = (
        Action("wait", "Thread Lock", lambda g, s, t, _: idle(g, s, t),
               lambda _, s, t, k: s.set("wants", (t,), k), "begin to wait for a lock", needs),
        Action("get", "Thread Lock",
               lambda g, s, t, k: g.both(g.same(s.wants(t), k),
                                         g.same(s.holder(k), g.none("Thread"))),
               lambda g, s, t, k: s.set("holder", (k,), t).set("wants", (t,), g.none("Lock")),
               "the lock is free: have it"),
        Action("take", "Thread Lock", is_free, lambda _, s, t, k: s.set("holder", (k,), t),
               "both at once", needs),
        Action("try", "Thread Lock", is_free, lambda _, s, t, k: s.set("holder", (k,), t),
               "take a lock that is free, and not wait for it"),
        Action("let_go", "Thread Lock", lambda g, s, t, k: g.same(s.holder(k), t),
               lambda g, s, _, k: s.set("holder", (k,), g.none("Thread")), "let go of a lock"),
        Action("shut_out", "Thread Mm", nobody_inside,
               lambda _, s, t, mm: s.set("writer", (mm,), t), "mmap_write_lock"),
        Action("let_in", "Thread Mm",
               lambda g, s, t, mm: g.both(idle(g, s, t), g.same(s.writer(mm), t)),
               lambda g, s, _, mm: s.set("writer", (mm,), g.none("Thread")),
               "mmap_write_unlock, or downgrade"),
        Action("end", "Thread", idle, lambda _, s, t: s.set("ended", (t,), True), "return",
               (Need("all_let_go", "who returns holds no lock", nothing_held),)),
    )  # fmt: skip
    return Core(
        "order", __doc__ or "", ("Thread", "Lock", "Mm"),
        {
            "less": Function("Lock Lock", "bool", "the order of locks", fixed=True),
            "alike": Function("Lock Lock", "bool", "both of page tables, or both of PMD entries, "
                              "of one mm", fixed=True),
            "space": Function("Lock", "Mm", "whose page table it is of", fixed=True),
            "writer": Function("Mm", "Thread", "who has mmap_lock for writing"),
            "holder": Function("Lock", "Thread", "who holds it"),
            "wants": Function("Thread", "Lock", "what it waits for"),
            "ended": Function("Thread", "bool", "it has returned"),
        },
        _initial, actions,
        (
            Clause("waits_upwards", UPWARDS, of_all_waits(upwards)),
            Clause("waits_beside_no_writer", NO_OTHER_WRITER, of_all_waits(undisturbed)),
            Clause("ended_with_nothing", "who has returned holds no lock, and waits for none",
                   lambda g, s: g.every("Thread Lock", lambda t, k: g.implies(
                       s.ended(t), g.no(g.either(g.same(s.holder(k), t),
                                                 g.same(s.wants(t), k)))))),
        ),
        (
            Theorem(
                "no_deadlock",
                "Who holds a lock that somebody waits for has not returned, and waits for a "
                "greater lock, if at all, or is the writer, and who holds what it waits for waits "
                "for a greater one: no chain of waits closes.",
                lambda g, s: g.every("Thread Thread Lock", lambda t, u, k: g.implies(
                    g.both(g.same(s.wants(t), k), g.same(s.holder(k), u)),
                    rises(g, s, t, u, k))),
            ),
        ),
        assumes=(
            "folio locks, and the locks of files and anon_vmas that are held for writing, and the "
            "locks of PMD entries and page tables: mmap_lock and the VMA locks are taken before "
            "them (see `locks`)",
            "nobody gets mmap_lock for writing, and the VMAs to itself, while another waits for a "
            "second lock of a kind: it has mmap_lock or the locks of the VMAs",
        ),
        axioms=(
            Clause("irreflexive", "no lock is less than itself",
                   lambda g, s: g.every("Lock", lambda k: g.no(s.less(k, k)))),
            Clause("transitive", "less is transitive",
                   lambda g, s: g.every("Lock Lock Lock", lambda k, m, n: g.implies(
                       g.both(s.less(k, m), s.less(m, n)), s.less(k, n)))),
            Clause("one_kind", "locks of a kind are of one mm, and stand alike to others",
                   lambda g, s: g.every("Lock Lock Lock", lambda k, m, n: g.implies(
                       s.alike(k, m),
                       g.both(s.alike(m, k), g.same(s.space(k), s.space(m)), g.implies(
                           g.both(s.less(m, n), g.no(s.alike(m, n))), s.less(k, n)))))),
        ),
    )  # fmt: skip


def _initial(g: Logic, s: View) -> Term:
    return g.both(
        g.every("Lock", lambda k: g.same(s.holder(k), g.none("Thread"))),
        g.every("Thread", lambda t: g.both(g.same(s.wants(t), g.none("Lock")), g.no(s.ended(t)))),
        g.every("Mm", lambda mm: g.same(s.writer(mm), g.none("Thread"))),
    )


def locks_of(stage: Stage) -> dict[str, tuple[int, str]]:
    """By lock of a PMD entry or of a page table: which of both, as its place in the order, and the
    mm.  One that is both is of a table."""
    found: dict[str, tuple[int, str]] = {}
    for mm in stage.world.all(Mm):
        here = [(addr, pmd) for addr, pmd in enumerate(mm.root.pmds) if pmd is not None]
        found |= {pmd.ptl.name: (ENTRIES, mm.name) for _, pmd in here}
        for table in stage.world.all(Table):
            if any(addr < len(table.slots) and table.slots[addr] is not None for addr, _ in here):
                found[table.ptl.name] = TABLES, mm.name
    return found


def abstraction(
    stage: Stage,
    explorer: Prepared,
    initial: State,  # noqa: ARG001
    states: Collection[int],  # noqa: ARG001
) -> Abstraction:
    """The locks of a world; a step that takes one waits and takes it at once."""
    kinds = {f.name: (FOLIOS, "") for f in stage.world.all(Folio)}
    kinds |= {file.i_mmap_rwsem.name: (FILES, "") for file in stage.world.all(Mapping)}
    kinds |= {anon.rwsem.name: (ANON_VMAS, "") for anon in stage.world.all(AnonVma)}
    words = dict.fromkeys(kinds, "RwSem.writer")
    words |= dict.fromkeys((f.name for f in stage.world.all(Folio)), "Folio.locked_by")
    ranks = {lock.name: lock.rank for lock in stage.world.all(SpinLock)}
    words |= dict.fromkeys(ranks, "SpinLock.owner")
    kinds |= {**dict.fromkeys(ranks, (TABLES, "")), **locks_of(stage)}
    mms = {mm.name: mm.mmap_lock.name for mm in stage.world.all(Mm)}

    def less(k: str, m: str) -> bool:
        if kinds[k] == kinds[m]:
            return ranks.get(k, 0) < ranks.get(m, 0)
        return kinds[k][0] < kinds[m][0]

    def holder(s: Seen, k: str) -> Value:
        return s(words[k], k)

    return Abstraction(
        {
            "Thread": tuple(t.name for t in explorer.system.threads), "Lock": tuple(kinds),
            "Mm": tuple(mms),
        },
        frozenset({*words.values(), "MmapLock.writer"}),
        {
            "less": lambda _, k, m: less(k, m),
            "alike": lambda _, k, m: kinds[k][1] != "" and kinds[k] == kinds[m],
            "space": lambda _, k: kinds[k][1] or None,
            "writer": lambda s, mm: s("MmapLock.writer", mms[mm]),
            "holder": holder,
            "wants": lambda _, __: None,
            "ended": lambda s, t: s.ended(t),
        },
        lambda traits, action: (
            (action == "try") is (Trait.TRYLOCK in traits)
            or action in ("let_go", "let_in", "shut_out", "end")
        ),
        actor="Thread",
    )  # fmt: skip

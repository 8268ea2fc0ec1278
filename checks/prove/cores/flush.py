# SPDX-License-Identifier: GPL-2.0-only
"""Flush before the page-table lock is released: no stale translation is used, for any number of
CPUs, threads, tables and pages.

A thread that takes a translation away from an entry owes a flush of it, and pays it before it lets
go of the lock of the entry, or puts it on record for whoever has the lock next
(mm->tlb_flush_batched).  What it owes is the ghost `Thread.removed` of the models; an entry's value
is what it permits.  Hardware fills and forgets at any time.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from model.hw.objects import Cpu, Pte, PteKind, Root, Table, moves, places
from model.kernel.objects import Mm
from model.lang.ir import State
from model.lang.sorts import Rec, Set, Sort

from ...engine.prepared import Prepared
from ...stage.stage import Stage
from ..core import Action, Clause, Core, Function, Need, Theorem, View
from ..decode import Decoder, Seen
from ..instance import Value
from ..logic import Logic, Term
from ..refinement import Abstraction


def core() -> Core:
    """The core."""

    def holds(g: Logic, s: View, t: Term, a: Term, _: Term) -> Term:
        return g.same(s.holder(s.ptl(a)), t)

    def change(g: Logic, s: View, t: Term, a: Term, v: Term) -> View:
        def owed(u: Term, b: Term, x: Term) -> Term:
            mine = g.either(s.owed(u, b, x), g.both(g.same(u, t), s.permits(s.entry(b), x)))
            return g.choose(g.same(b, a), g.both(mine, g.no(s.permits(v, x))), s.owed(u, b, x))

        return s.set("entry", (a,), v).whole("owed", owed)

    def mark(g: Logic, s: View, a: Term, v: Term) -> View:
        def owed(u: Term, b: Term, x: Term) -> Term:
            here = g.both(g.same(b, a), s.permits(v, x))
            return g.both(s.owed(u, b, x), g.no(here))

        return s.set("entry", (a,), v).whole("owed", owed)

    def flushed(g: Logic, s: View, a: Term, x: Term) -> Term:
        return g.every("Cpu", lambda c: g.no(s.tlb(c, a, x)))

    def paid(g: Logic, s: View, t: Term, lock: Term) -> Term:
        return g.every("Addr Right", lambda a, x: g.implies(
            g.both(g.same(s.ptl(a), lock), s.owed(t, a, x)), s.due(s.space(a))))  # fmt: skip

    def under_locks(g: Logic, s: View, mm: Term) -> Term:
        return g.every("Thread Addr Right", lambda t, a, x: g.implies(
            g.both(g.same(s.space(a), mm), s.owed(t, a, x)), holds(g, s, t, a, x)))  # fmt: skip

    def wider(g: Logic, s: View, a: Term, v: Term) -> Term:
        old = s.entry(a)
        return g.both(
            g.some("Right", lambda x: s.permits(old, x)),
            g.every("Right", lambda x: g.implies(s.permits(old, x), s.permits(v, x))),
        )

    actions = (
        Action("fill", "Cpu Addr Right", lambda _, s, __, a, x: s.permits(s.entry(a), x),
               lambda _, s, c, a, x: s.set("tlb", (c, a, x), True), "a walk caches what it reads"),
        Action("forget", "Cpu Addr Right", lambda g, _, *__: g.both(),
               lambda _, s, c, a, x: s.set("tlb", (c, a, x), False), "evicted, or invalidated"),
        Action("mark", "Addr Value", lambda g, s, a, v: wider(g, s, a, v), mark,
               "hardware sets Accessed or Dirty in an entry that is there"),
        Action("take", "Thread Lock",
               lambda g, s, _, k: g.same(s.holder(k), g.none("Thread")),
               lambda _, s, t, k: s.set("holder", (k,), t), "take a page-table lock"),
        Action("change", "Thread Addr Value", lambda g, *_: g.both(), change,
               "change an entry, and owe the flush",
               (Need("under_the_lock", "whoever changes an entry holds its page-table lock",
                     holds),)),
        Action("pay", "Thread Addr Right", lambda g, s, _, a, x: flushed(g, s, a, x),
               lambda _, s, t, a, x: s.set("owed", (t, a, x), False),
               "a flush is complete: what no TLB has is not owed any more"),
        Action("record", "Mm", lambda g, *_: g.both(), lambda _, s, m: s.set("due", (m,), True),
               "set_tlb_ubc_flush_pending: whoever has a lock of the mm next flushes"),
        Action("honour", "Mm", lambda g, *_: g.both(), lambda _, s, m: s.set("due", (m,), False),
               "flush_tlb_batched_pending has flushed the mm",
               (Need("nothing_put_off", "what is owed in the mm is owed under locks",
                     under_locks),)),
        Action("release", "Thread Lock",
               lambda g, s, _, k: g.no(g.same(s.holder(k), g.none("Thread"))),
               lambda g, s, _, k: s.set("holder", (k,), g.none("Thread")), "let go of the lock",
               (Need("owner_releases", "who lets go of a lock holds it",
                     lambda g, s, t, k: g.same(s.holder(k), t)),
                Need("flushed_first",
                     "nothing is owed under a lock that is let go of, but what is on record",
                     paid))),
    )  # fmt: skip
    return Core(
        "flush", __doc__ or "", ("Cpu", "Thread", "Addr", "Lock", "Mm", "Value", "Right"),
        {
            "space": Function("Addr", "Mm", "whose address it is", fixed=True),
            "ptl": Function("Addr", "Lock", "the lock of its table", fixed=True),
            "permits": Function("Value Right", "bool", "what an entry permits", fixed=True),
            "holder": Function("Lock", "Thread", "who holds it"),
            "entry": Function("Addr", "Value", "the page-table entry"),
            "tlb": Function("Cpu Addr Right", "bool", "what a CPU has cached"),
            "owed": Function("Thread Addr Right", "bool", "taken away and not flushed yet"),
            "due": Function("Mm", "bool", "a flush of it is on record"),
        },
        _initial, actions, CLAUSES,
        (
            Theorem(
                "no_stale_tlb_use",
                "Whoever takes the page-table lock of an address finds that no TLB has a "
                "translation of it which the entry does not permit, or that a flush is on record.",
                lambda g, s: g.every("Cpu Addr Right", lambda c, a, x: g.implies(
                    g.both(s.tlb(c, a, x), g.same(s.holder(s.ptl(a)), g.none("Thread"))),
                    g.either(s.permits(s.entry(a), x), s.due(s.space(a))))),
            ),
        ),
        assumes=(
            "tables are not freed, and every entry has one lock",
            "an entry changes under its lock, but for Accessed and Dirty",
            "a flush drops what it names from every TLB before it is complete",
            "who frees or writes out a page comes to it by the entry that mapped it: one that was "
            "moved may be found at its new address before",
        ),
        axioms=(
            Clause("nothing_permits_nothing", "what is no entry permits nothing",
                   lambda g, s: g.every("Right", lambda x: g.no(s.permits(g.none("Value"), x)))),
            Clause("an_address_has_a_lock", "every address has a page-table lock",
                   lambda g, s: g.every("Addr", lambda a: g.no(g.same(s.ptl(a), g.none("Lock"))))),
            Clause("an_address_has_an_mm", "every address is one of an mm",
                   lambda g, s: g.every("Addr", lambda a: g.no(g.same(s.space(a), g.none("Mm"))))),
        ),
        fades={"tlb": "forget", "owed": "pay"},
    )  # fmt: skip


def _initial(g: Logic, s: View) -> Term:
    return g.both(
        g.every("Cpu Addr Right", lambda c, a, x: g.implies(
            s.tlb(c, a, x), s.permits(s.entry(a), x))),
        g.every("Thread Addr Right", lambda t, a, x: g.no(s.owed(t, a, x))),
        g.every("Lock", lambda k: g.same(s.holder(k), g.none("Thread"))),
        g.every("Mm", lambda m: g.no(s.due(m))),
    )  # fmt: skip


CLAUSES = (
    Clause("stale_is_owed", "a translation that the entry does not permit is owed by somebody",
           lambda g, s: g.every("Cpu Addr Right", lambda c, a, x: g.implies(
               s.tlb(c, a, x), g.either(
                   s.permits(s.entry(a), x),
                   g.some("Thread", lambda t: s.owed(t, a, x)))))),
    Clause("owed_under_the_lock",
           "who owes a flush of an address holds its lock, or a flush is on record",
           lambda g, s: g.every("Thread Addr Right", lambda t, a, x: g.implies(
               s.owed(t, a, x),
               g.either(g.same(s.holder(s.ptl(a)), t), s.due(s.space(a)))))),
)  # fmt: skip


def entries_of(
    stage: Stage, explorer: Prepared, initial: State, roots: Iterable[Root]
) -> dict[str, tuple[str, str, Pte]]:
    """By address, of these page tables: its pmd, the table that this has at first, and the
    entry."""
    fixed = Decoder(explorer, initial).fixed
    tables = {t.name: t for t in stage.world.all(Table)}
    address = next(v for v in stage.variables if v.name == "Cpu.tlb").dims[1].show
    entries: dict[str, tuple[str, str, Pte]] = {}
    for root in roots:
        for number, pmd in enumerate(root.pmds):
            table = fixed.get(("Pmd.table", pmd.name)) if pmd is not None else None
            if isinstance(table, str):
                entries[address(number)] = (pmd.name, table, tables[table].slots[number])
    return entries


GONE = "gone"
"""What stands for an entry whose table is another one than at first: no core has that."""


def abstraction(
    stage: Stage, explorer: Prepared, initial: State, states: Collection[int]
) -> Abstraction:
    """The entries, page-table locks, TLBs and debts of a world, of tables that are in use at first.

    They must stay, but for one that is moved (see `tables`): its entries have whatever TLBs have
    where it is, or where it was taken from under the lock of a PMD entry that is still held.
    """
    decoder = Decoder(explorer, initial)
    users = [c for c in stage.world.all(Cpu) if c.user]
    roots = [c.root for c in users if c.root is not None]
    entries = entries_of(stage, explorer, initial, roots)
    kinds = {v.name: v for v in stage.variables}
    address = kinds["Cpu.tlb"].dims[1].show
    seats = {a: tuple(map(address, places(pte))) for a, (_, _, pte) in entries.items()}
    sets = kinds["Cpu.tlb"].sort
    assert isinstance(sets, Set)
    value = kinds["Pte.val"].sort
    rights = {
        value.show(code): _rights(value, sets.elem, code)
        for code in decoder.codes("Pte.val", states)
    }

    above = {
        address(number): pmd.name
        for root in roots for number, pmd in enumerate(root.pmds) if pmd is not None
    }  # fmt: skip
    threads = tuple(t.name for t in explorer.system.threads)

    def entry(s: Seen, a: str) -> Value:
        pmd, table, pte = entries[a]
        return s("Pte.val", pte.name) if moves(pte) or s("Pmd.table", pmd) == table else GONE

    def is_at(s: Seen, a: str, place: str) -> bool:
        """The table of an entry is at a place, or was taken from it."""
        pmd, table = above[place], entries[a][1]
        if place == a and not moves(entries[a][2]):
            return True
        now = s("Pmd.table", pmd)
        return now == table or (
            now is None and any(s("Thread.unlinked", t, pmd) == table for t in threads)
        )

    def cached(s: Seen, c: str, a: str, x: str) -> bool:
        found = (p for p in seats[a] if is_at(s, a, p))
        return any(among(s, "Cpu.tlb", c, p, x) for p in found)

    spaces = {a: mm.name for mm in stage.world.all(Mm) for a in entries_of(
        stage, explorer, initial, [mm.root])}  # fmt: skip
    batched = kinds["Mm.tlb_flush_batched"].sort
    put_off = {
        batched.show(code): _is_due(batched, code)
        for code in decoder.codes("Mm.tlb_flush_batched", states)
    }

    def due(s: Seen, mm: str) -> bool:
        shown = s("Mm.tlb_flush_batched", mm)
        return isinstance(shown, str) and put_off.get(shown, False)

    def owed(s: Seen, t: str, a: str, x: str) -> bool:
        """True if a thread owes it: not what no TLB has, or the entry permits."""
        here = (p for p in seats[a] if is_at(s, a, p))
        return (
            any(among(s, "Thread.removed", t, p, x) for p in here)
            and x not in rights.get(str(entry(s, a)), ())
            and any(cached(s, c.name, a, x) for c in users)
        )

    def among(s: Seen, variable: str, who: str, a: str, x: str) -> bool:
        held = s(variable, who, a)
        assert isinstance(held, frozenset)
        return x in held

    return Abstraction(
        {
            "Cpu": tuple(c.name for c in users),
            "Thread": threads,
            "Addr": tuple(entries),
            "Lock": tuple(dict.fromkeys(pte.table.ptl.name for _, _, pte in entries.values())),
            "Mm": tuple(dict.fromkeys(spaces[a] for a in entries)),
            "Value": tuple(sorted(rights)),
            "Right": tuple(sorted(frozenset().union(*rights.values()))),
        },
        frozenset({
            "Pmd.table", "Pte.val", "SpinLock.owner", "Cpu.tlb", "Thread.removed",
            "Mm.tlb_flush_batched", "Thread.unlinked",
        }),
        {
            "space": lambda _, a: spaces[a],
            "ptl": lambda _, a: entries[a][2].table.ptl.name,
            "permits": lambda _, v, x: x in rights[v],
            "holder": lambda s, k: s("SpinLock.owner", k),
            "entry": entry,
            "tlb": cached,
            "owed": owed,
            "due": due,
        },
        actor="Thread",
    )  # fmt: skip


def _is_due(value: Sort, code: int) -> bool:
    """True if an unmap is on record that nobody has flushed for since."""
    assert isinstance(value, Rec)
    parts = value.parts(code)
    return parts["pending"] != parts["flushed"]


def _rights(value: Sort, translation: Sort, code: int) -> frozenset[str]:
    """Rights that an entry permits, as model.hw.objects.permitted: its own, or fewer."""
    assert isinstance(value, Rec)
    assert isinstance(translation, Rec)
    parts = value.parts(code)
    kind = value.field("kind")[1].show(parts["kind"])
    if kind != PteKind.PRESENT.name or parts["protnone"]:
        return frozenset()
    shifts = {name: translation.field(name)[0] for name in ("frame", "write", "dirty")}
    return frozenset(
        translation.show(
            parts["frame"] << shifts["frame"] | w << shifts["write"] | d << shifts["dirty"]
        )
        for w in range(parts["write"] + 1)
        for d in range(parts["dirty"] + 1)
    )

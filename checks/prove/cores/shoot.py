# SPDX-License-Identifier: GPL-2.0-only
"""`shoot` for any number of CPUs, pages and frames: the rules of model.examples.shoot."""

from __future__ import annotations

from ..core import Action, Clause, Core, Effect, Function, Need, Theorem, View
from ..logic import Logic, Term
from ..refinement import Abstraction

PCS = ("IDLE", "FAULT", "ZAP", "CLEARED", "WAIT")


def core() -> Core:
    """The core."""

    def at(g: Logic, s: View, c: Term, *pcs: str) -> Term:
        return g.either(*(g.same(s.pc(c), g.word("Pc", pc)) for pc in pcs))

    def go(g: Logic, s: View, c: Term, pc: str) -> View:
        return s.set("pc", (c,), g.word("Pc", pc))

    def no_frame(g: Logic, f: Term) -> Term:
        return g.same(f, g.none("Frame"))

    def free_lock(g: Logic, s: View) -> Term:
        return g.same(s.owner(), g.none("Cpu"))

    def let_go(g: Logic, s: View, c: Term) -> View:
        done = go(g, s, c, "IDLE").set("owner", (), g.none("Cpu"))
        return done.set("page", (c,), g.none("Page"))

    def start(g: Logic, s: View, c: Term, p: Term, pc: str) -> View:
        return go(g, s.set("owner", (), c), c, pc).set("page", (c,), p)

    def posted(g: Logic, s: View, c: Term, _: Term) -> View:
        done = go(g, s.set("owner", (), g.none("Cpu")), c, "WAIT")

        def ipi(sender: Term, other: Term) -> Term:
            return g.choose(g.same(sender, c), g.no(g.same(other, c)), s.ipi(sender, other))

        return done.whole("ipi", ipi)

    def freed(g: Logic, s: View, c: Term) -> View:
        done = go(g, s, c, "IDLE").set("page", (c,), g.none("Page"))
        done = done.set("old", (c,), g.none("Frame")).set("used", (s.old(c),), False)

        def ipi(sender: Term, other: Term) -> Term:
            return g.both(g.no(g.same(sender, c)), s.ipi(sender, other))

        return done.whole("ipi", ipi)

    def answered(g: Logic, s: View, c: Term) -> Term:
        return g.every("Cpu", lambda d: g.no(s.ipi(c, d)))

    def may_map_nothing(g: Logic, s: View, c: Term, p: Term) -> Term:
        full = g.every("Frame", s.used)
        here = g.both(at(g, s, c, "FAULT"), g.same(s.page(c), p))
        return g.both(here, g.either(g.no(no_frame(g, s.pte(p))), full))

    actions = (
        Action("tlb_fill", "Cpu Page",
               lambda g, s, c, p: g.both(g.no(no_frame(g, s.pte(p))), no_frame(g, s.tlb(c, p))),
               lambda _, s, c, p: s.set("tlb", (c, p), s.pte(p)), "a walk caches the entry"),
        Action("fault_start", "Cpu Page",
               lambda g, s, c, p: g.both(at(g, s, c, "IDLE"), free_lock(g, s),
                                         no_frame(g, s.pte(p)), no_frame(g, s.tlb(c, p))),
               lambda g, s, c, p: start(g, s, c, p, "FAULT"), "take the lock"),
        Action("zap_start", "Cpu Page",
               lambda g, s, c, _: g.both(at(g, s, c, "IDLE"), free_lock(g, s)),
               lambda g, s, c, p: start(g, s, c, p, "ZAP"), "take the lock"),
        Action("fault_map", "Cpu Frame Page",
               lambda g, s, c, f, p: g.both(at(g, s, c, "FAULT"), g.same(s.page(c), p),
                                            no_frame(g, s.pte(p)), g.no(s.used(f))),
               lambda g, s, c, f, p: let_go(g, s.set("pte", (p,), f).set("used", (f,), True), c),
               "map a free frame"),
        Action("fault_nothing", "Cpu Page", may_map_nothing,
               lambda g, s, c, _: let_go(g, s, c), "somebody mapped it, or no memory"),
        Action("zap_nothing", "Cpu Page",
               lambda g, s, c, p: g.both(at(g, s, c, "ZAP"), g.same(s.page(c), p),
                                         no_frame(g, s.pte(p))),
               lambda g, s, c, _: let_go(g, s, c), "nothing is mapped"),
        Action("zap_clear", "Cpu Page",
               lambda g, s, c, p: g.both(at(g, s, c, "ZAP"), g.same(s.page(c), p),
                                         g.no(no_frame(g, s.pte(p)))),
               lambda g, s, c, p: go(g, s.set("old", (c,), s.pte(p)).set(
                   "pte", (p,), g.none("Frame")), c, "CLEARED"), "clear the entry"),
        Action("zap_flush", "Cpu Page",
               lambda g, s, c, p: g.both(at(g, s, c, "CLEARED"), g.same(s.page(c), p)),
               posted, "flush here, post the IPIs, let go of the lock",
               effects=(Effect("flushes_here", "a zap flushes its own CPU",
                               lambda g, _, s, c, p: s.set("tlb", (c, p), g.none("Frame"))),)),
        Action("zap_free", "Cpu", lambda g, s, c: at(g, s, c, "WAIT"), freed, "free the frame",
               (Need("all_have_answered", "a frame is freed when all CPUs have answered",
                     answered),)),
        Action("acknowledge", "Cpu Cpu Page",
               lambda g, s, c, sender, p: g.both(s.ipi(sender, c), g.same(s.page(sender), p)),
               lambda g, s, c, sender, p: s.set("tlb", (c, p), g.none("Frame")).set(
                   "ipi", (sender, c), False), "the interrupt drops the translation"),
    )  # fmt: skip

    return Core(
        "shoot", __doc__ or "", ("Cpu", "Page", "Frame"),
        {
            "pc": Function("Cpu", "Pc", "where its kernel code is"),
            "page": Function("Cpu", "Page", "what it faults or zaps"),
            "old": Function("Cpu", "Frame", "what it will free"),
            "tlb": Function("Cpu Page", "Frame", "its translations"),
            "ipi": Function("Cpu Cpu", "bool", "whom it still waits for"),
            "pte": Function("Page", "Frame", "the frame that is mapped"),
            "used": Function("Frame", "bool", "not free"),
            "owner": Function("", "Cpu", "who holds the lock"),
        },
        _initial, actions, CLAUSES,
        (Theorem("no_free_frame_is_named",
                 "Neither a TLB nor the page table names a frame that is free.", _safe),),
        enums={"Pc": PCS},
    )  # fmt: skip


def _initial(g: Logic, s: View) -> Term:
    nothing = g.none("Frame")
    return g.both(
        g.every("Cpu", lambda c: g.both(
            g.same(s.pc(c), g.word("Pc", "IDLE")), g.same(s.page(c), g.none("Page")),
            g.same(s.old(c), nothing))),
        g.every("Cpu Page", lambda c, p: g.same(s.tlb(c, p), nothing)),
        g.every("Cpu Cpu", lambda c, d: g.no(s.ipi(c, d))),
        g.every("Page", lambda p: g.same(s.pte(p), nothing)),
        g.every("Frame", lambda f: g.no(s.used(f))),
        g.same(s.owner(), g.none("Cpu")),
    )  # fmt: skip


def _named(g: Logic, f: Term, then: Term) -> Term:
    return g.either(g.same(f, g.none("Frame")), then)


def _safe(g: Logic, s: View) -> Term:
    return g.both(
        g.every("Page", lambda p: _named(g, s.pte(p), s.used(s.pte(p)))),
        g.every("Cpu Page", lambda c, p: _named(g, s.tlb(c, p), s.used(s.tlb(c, p)))),
    )


def _is(g: Logic, s: View, c: Term, *pcs: str) -> Term:
    return g.either(*(g.same(s.pc(c), g.word("Pc", pc)) for pc in pcs))


CLAUSES = (
    Clause("mapped_is_used", "what is mapped is not free",
           lambda g, s: g.every("Page", lambda p: _named(g, s.pte(p), s.used(s.pte(p))))),
    Clause("mapped_once", "a frame is mapped at one page",
           lambda g, s: g.every("Page Page", lambda p, q: g.implies(
               g.both(g.no(g.same(p, q)), g.same(s.pte(p), s.pte(q))),
               g.same(s.pte(p), g.none("Frame"))))),
    Clause("old_is_used", "what is still to be freed is not free",
           lambda g, s: g.every("Cpu", lambda c: _named(g, s.old(c), s.used(s.old(c))))),
    Clause("old_is_not_mapped", "what is still to be freed is not mapped",
           lambda g, s: g.every("Cpu Page", lambda c, p: _named(
               g, s.old(c), g.no(g.same(s.pte(p), s.old(c)))))),
    Clause("freed_by_one", "one CPU frees a frame",
           lambda g, s: g.every("Cpu Cpu", lambda c, d: g.implies(
               g.both(g.no(g.same(c, d)), g.same(s.old(c), s.old(d))),
               g.same(s.old(c), g.none("Frame"))))),
    Clause("stale_is_awaited", "a translation is that of the entry, or its CPU is still to be "
           "flushed by who zaps the page and frees the frame",
           lambda g, s: g.every("Cpu Page", lambda d, p: _named(g, s.tlb(d, p), g.either(
               g.same(s.tlb(d, p), s.pte(p)),
               g.some("Cpu", lambda c: g.both(
                   g.same(s.page(c), p), g.same(s.old(c), s.tlb(d, p)),
                   g.either(_is(g, s, c, "CLEARED"),
                            g.both(_is(g, s, c, "WAIT"), s.ipi(c, d))))))))),
)  # fmt: skip


def abstraction(cpus: int, pages: int, frames: int) -> Abstraction:
    """The model of a size is the core, cell by cell."""
    return Abstraction(
        {
            "Cpu": tuple(f"cpu{n}" for n in range(cpus)),
            "Page": tuple(f"p{n}" for n in range(pages)),
            "Frame": tuple(f"f{n}" for n in range(frames)),
        },
        frozenset(
            {
                "Cpu.pc",
                "Cpu.page",
                "Cpu.old",
                "Cpu.tlb",
                "Cpu.ipi",
                "Page.pte",
                "Frame.used",
                "Lock.owner",
            }
        ),
        {
            "pc": lambda s, c: s("Cpu.pc", c),
            "page": lambda s, c: s("Cpu.page", c),
            "old": lambda s, c: s("Cpu.old", c),
            "tlb": lambda s, c, p: s("Cpu.tlb", c, p),
            "ipi": lambda s, c, d: s("Cpu.ipi", c, d),
            "pte": lambda s, p: s("Page.pte", p),
            "used": lambda s, f: s("Frame.used", f),
            "owner": lambda s: s("Lock.owner", "ptl"),
        },
    )

# SPDX-License-Identifier: GPL-2.0-only
"""The folio lock against rmap walks (6.19): no rmap update is lost, for any number of threads,
folios and pages.

A folio's home are its mapping and index: from there all is found that maps it, in every process
that shares the anon_vma.  It changes under the folio lock, while nothing maps the folio
(mm/userfaultfd.c:move_present_ptes clears the entry first); what maps it afterwards is found from
the new home.  A walk reads the home once, with the folio locked.
"""

from __future__ import annotations

from collections.abc import Collection

from model.hw.objects import Pte, PteKind, Root
from model.kernel.objects import AnonVma, Folio, RmapWalk, Vma
from model.lang.ir import State

from ...engine.prepared import Prepared
from ...stage.stage import Stage
from ..core import Action, Clause, Core, Function, Need, Theorem, View
from ..decode import Seen
from ..instance import Value
from ..logic import Logic, Term
from ..refinement import Abstraction
from .flush import entries_of


def core() -> Core:
    """The core."""

    def unmapped(g: Logic, s: View, _: Term, f: Term, __: Term) -> Term:
        return g.every("Place", lambda p: g.no(g.same(s.maps(p), f)))

    def walk(_: Logic, s: View, t: Term, f: Term) -> View:
        return s.set("walks", (t,), f).set("saw", (t,), s.home(f))

    actions = (
        Action("lock", "Thread Folio", lambda g, s, _, f: g.same(s.locked(f), g.none("Thread")),
               lambda _, s, t, f: s.set("locked", (f,), t), "folio_lock, or folio_trylock"),
        Action("unlock", "Thread Folio",
               lambda g, s, _, f: g.no(g.same(s.locked(f), g.none("Thread"))),
               lambda g, s, _, f: s.set("locked", (f,), g.none("Thread")), "folio_unlock",
               (Need("owner_unlocks", "who unlocks a folio has locked it",
                     lambda g, s, t, f: g.same(s.locked(f), t)),
                Need("walk_is_over", "who walks a folio keeps its lock",
                     lambda g, s, t, f: g.no(g.same(s.walks(t), f))))),
        Action("move", "Thread Folio Home", lambda g, s, t, f, _: g.no(g.same(s.walks(t), f)),
               lambda _, s, __, f, h: s.set("home", (f,), h),
               "folio_move_anon_rmap, or folio->index",
               (Need("folio_is_locked", "a home changes under the folio lock",
                     lambda g, s, t, f, _: g.same(s.locked(f), t)),
                Need("folio_is_unmapped", "a home changes while nothing maps the folio",
                     unmapped))),
        Action("map", "Place Folio", lambda g, *_: g.both(),
               lambda _, s, p, f: s.set("maps", (p,), f), "set_pte_at",
               (Need("at_home", "a folio is mapped where its mapping and index say",
                     lambda _, s, p, f: s.at(p, s.home(f))),)),
        Action("unmap", "Place", lambda g, *_: g.both(),
               lambda g, s, p: s.set("maps", (p,), g.none("Folio")), "ptep_get_and_clear"),
        Action("walk", "Thread Folio", lambda g, s, t, _: g.same(s.walks(t), g.none("Folio")),
               walk, "rmap_walk_anon",
               (Need("walked_folio_is_locked", "who walks a folio has locked it",
                     lambda g, s, t, f: g.same(s.locked(f), t)),)),
        Action("done", "Thread", lambda g, *_: g.both(),
               lambda g, s, t: s.set("walks", (t,), g.none("Folio")).set(
                   "saw", (t,), g.none("Home")), "the walk is over"),
    )  # fmt: skip
    return Core(
        "rmap", __doc__ or "", ("Thread", "Folio", "Place", "Home"),
        {
            "at": Function("Place Home", "bool", "a page is found from an anon_vma and index",
                           fixed=True),
            "locked": Function("Folio", "Thread", "who has the folio lock"),
            "home": Function("Folio", "Home", "folio->mapping and folio->index"),
            "maps": Function("Place", "Folio", "what the entry of a page maps"),
            "walks": Function("Thread", "Folio", "whose mappings it walks"),
            "saw": Function("Thread", "Home", "where it looks for them"),
        },
        _initial, actions, CLAUSES,
        (
            Theorem(
                "no_lost_rmap_update",
                "A walk that holds the folio lock looks where every mapping of the folio is.",
                lambda g, s: g.every("Thread Folio Place", lambda t, f, p: g.implies(
                    g.both(g.same(s.walks(t), f), g.same(s.maps(p), f)),
                    s.at(p, s.saw(t)))),
            ),
        ),
        assumes=("a folio is not freed and used anew while it is walked: the walker refers to it",),
        axioms=(
            Clause("nowhere_has_nothing", "nothing is found from no home",
                   lambda g, s: g.every("Place", lambda p: g.no(s.at(p, g.none("Home"))))),
        ),
    )  # fmt: skip


def _initial(g: Logic, s: View) -> Term:
    return g.both(
        g.every("Place", lambda p: g.either(
            g.same(s.maps(p), g.none("Folio")), s.at(p, s.home(s.maps(p))))),
        g.every("Folio", lambda f: g.same(s.locked(f), g.none("Thread"))),
        g.every("Thread", lambda t: g.same(s.walks(t), g.none("Folio"))),
    )  # fmt: skip


CLAUSES = (
    Clause("mapped_at_home", "what maps a folio is found from its home",
           lambda g, s: g.every("Place Folio", lambda p, f: g.implies(
               g.same(s.maps(p), f), s.at(p, s.home(f))))),
    Clause("home_stays_while_walked", "who walks a folio has its lock, and saw its home",
           lambda g, s: g.every("Thread Folio", lambda t, f: g.implies(
               g.same(s.walks(t), f),
               g.both(g.same(s.locked(f), t), g.same(s.saw(t), s.home(f)))))),
)  # fmt: skip


def abstraction(
    stage: Stage,
    explorer: Prepared,
    initial: State,
    states: Collection[int],  # noqa: ARG001
) -> Abstraction:
    """The folios of a world, the pages of its processes, and the walks of its threads."""
    entries = entries_of(stage, explorer, initial, stage.world.all(Root))
    vmas = stage.world.all(Vma)
    folios = [f for f in stage.world.all(Folio) if not f.frame.zero]
    of_frame = {f.frame.name: f.name for f in folios}
    walks = {w.thread.name: w.name for w in stage.world.all(RmapWalk)}
    index = {v.name: v.sort for v in stage.variables}["Folio.index"]
    places: dict[str, tuple[Pte, frozenset[str]]] = {}
    for name, (_, __, pte) in entries.items():
        vma = next((v for v in vmas if v.start <= pte.addr < v.end), None)
        if vma is not None:
            shown = index.show(pte.addr - vma.shift - index.lowest)
            places[name] = pte, frozenset(f"{tree.name} {shown}" for tree in vma.trees)

    def home(s: Seen, f: str) -> Value:
        return f"{s('Folio.mapping', f)} {s('Folio.index', f)}"

    def maps(s: Seen, p: str) -> Value:
        shown = s("Pte.val", places[p][0].name)
        assert isinstance(shown, str)
        parts = dict(part.split("=") for part in shown[len("PteVal(") : -1].split(" "))
        return of_frame.get(parts["frame"]) if parts["kind"] == PteKind.PRESENT.name else None

    def walked(s: Seen, t: str) -> Value:
        return s("RmapWalk.folio", walks[t]) if s("RmapWalk.locked", walks[t]) else None

    def saw(s: Seen, t: str) -> Value:
        folio = walked(s, t)
        return home(s, folio) if isinstance(folio, str) else None

    owners = [anon.name for anon in stage.world.all(AnonVma)] + ["None"]
    homes = {f"{owner} {index.show(c)}" for owner in owners for c in index.codes()}
    return Abstraction(
        {
            "Thread": tuple(t.name for t in explorer.system.threads),
            "Folio": tuple(f.name for f in folios),
            "Place": tuple(places),
            "Home": tuple(sorted(homes)),
        },
        frozenset({
            "Folio.locked_by", "Folio.mapping", "Folio.index", "Pte.val", "RmapWalk.folio",
            "RmapWalk.locked",
        }),
        {
            "at": lambda _, p, h: h in places[p][1],
            "locked": lambda s, f: s("Folio.locked_by", f),
            "home": home,
            "maps": maps,
            "walks": walked,
            "saw": saw,
        },
        remembered=frozenset({"saw"}),
        actor="Thread",
    )  # fmt: skip

# SPDX-License-Identifier: GPL-2.0-only
"""Theorems for any number of objects: the cores that an argument about kernel functions stands on,
proved, and held against the models of a version that calls them.

A theorem is PROVED if every obligation of its core is, no action of the core is impossible, and the
core has every state and every step of the scenarios that it is compared with.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from invariants import REGISTRY
from model.cast.casts import Cast
from model.kernel.folio import folio_move_anon_rmap, set_folio_index
from model.kernel.locks import (
    anon_vma_lock_write,
    anon_vma_trylock_write,
    folio_lock,
    folio_trylock,
    spin_lock,
    spin_lock_nested,
    spin_trylock,
)
from model.kernel.pgtable import pmd_clear, ptep_get_and_clear, ptep_set_wrprotect
from model.lang.errors import ModelError
from model.lang.ir import State
from model.patches.family import Family, Function, Variant

from ..engine.prepared import Prepared
from ..engine.search import DEADLOCK, Limits
from ..mutate.played import cast_of
from ..play.play import Play, Theatre
from ..reduce.reducer import Passes
from ..stage.stage import Role, Setting, Stage
from .core import Core
from .cores import flush, order, rmap, tables
from .proof import Compared, Proof, Shown, compared_with, proof_of
from .refinement import Abstraction

UNREDUCED = Passes(erase=False, merge=False, movers=False)
"""Passes that leave all that a core knows of."""


@dataclass(frozen=True)
class Theory:
    """A core, and how it is held against a version that calls a function of those `about` which it
    is.

    `needed` are the actions without which it says nothing, and of `where` those of which the
    version calls a function.  `scenarios` are compared where a family has them all, by name; of
    another one, small casts of its own.  With `anytime`, TLBs fill and forget by rules of their
    own.  `asked` are the invariants that say in a model what the theorem says of the core; the core
    knows their ghosts.
    """

    core: Core
    about: tuple[Function, ...]
    scenarios: tuple[str, ...]
    abstraction: Callable[..., Abstraction]
    needed: frozenset[str]
    where: Mapping[str, tuple[Function, ...]] = field(default_factory=dict)
    anytime: bool = False
    asked: tuple[str, ...] = ()

    def needed_of(self, variant: Variant) -> frozenset[str]:
        """The actions without which it says nothing of a version."""
        called = _called(variant)
        return self.needed | {a for a, fns in self.where.items() if called.intersection(fns)}

    def casts(self, patch: Family, kernel: str) -> list[Cast]:
        """The casts that are compared: those of the names, or every state without neighbours and
        each neighbour alone in the states for pairs, with the first value of each axis."""
        named = [patch.casts.named(name, kernel) for name in self.scenarios]
        found = [cast for cast in named if cast is not None]
        if found and len(found) == len(named):
            return found
        casts = patch.casts
        first = {axis.name: axis.default[0] for axis in casts.axes}
        starts = {*(casts.pair_initial or [i.name for i in casts.initial[:1]])}
        return [c for c in casts.default(kernel) if c.axes == first
                and len(c.others) <= 1 and (not c.others or c.initial.name in starts)]  # fmt: skip


_INIT = "ptl=different/init=all_at_src"

THEORIES = (
    Theory(
        flush.core(), (ptep_get_and_clear, ptep_set_wrprotect),
        (f"move/1p/{_INIT}", f"move/2p/{_INIT}", "move/2p/ptl=same/init=all_at_src",
         f"move+user/1p/{_INIT}", f"move+uffd_copy/1p/{_INIT}", f"move+move_back/1p/{_INIT}"),
        flush.abstraction, frozenset({"fill", "take", "change", "pay", "release"}), anytime=True,
        asked=("flushed_before_ptl_is_released", "nothing_removed_is_used_after_return"),
    ),
    Theory(
        tables.core(), (pmd_clear,), (), tables.abstraction,
        frozenset({"walk", "take", "unlink", "link", "release"}), anytime=True,
        asked=("a_table_moves_with_a_flush", "a_table_is_in_one_place",
               "nothing_removed_is_used_after_return"),
    ),
    Theory(
        order.core(), (spin_lock, spin_lock_nested, folio_lock, anon_vma_lock_write),
        (f"move/2p/{_INIT}", f"move+move_again/1p/{_INIT}", f"move+move_back/1p/{_INIT}"),
        order.abstraction, frozenset({"take", "let_go", "end"}),
        where={"try": (spin_trylock, folio_trylock, anon_vma_trylock_write)}, asked=(DEADLOCK,),
    ),
    Theory(
        rmap.core(), (folio_move_anon_rmap, set_folio_index),
        (f"move/1p/{_INIT}", f"move/2p/{_INIT}", "move/1p/ptl=different/init=shared",
         f"move+folio_referenced/2p/{_INIT}"),
        rmap.abstraction, frozenset({"lock", "move", "map", "unmap", "walk"}),
        asked=("mapping_is_stable_during_a_walk", "a_walk_finds_every_mapping",
               "unlocked_folio_is_where_it_says"),
    ),
)  # fmt: skip
"""All that there are."""


def _called(variant: Variant) -> set[Function]:
    """The functions that the routines of a version call, as they are in their files."""
    called = variant.called_by(variant.routines.values())
    return {fn.of or fn for fns in called.values() for fn in fns}


def theories_of(variant: Variant) -> list[Theory]:
    """The theories about a function that a version calls."""
    called = _called(variant)
    return [theory for theory in THEORIES if called.intersection(theory.about)]


def none_applies(patch: Family, variant: Variant) -> str:
    """The sentence for a version of which no theory says anything."""
    about = "; ".join(
        f"{', '.join(fn.name for fn in theory.about)} ({theory.core.name})" for theory in THEORIES
    )
    return (
        f"no theory is about a function that {patch.name} {variant.name} calls; theories are "
        f"about: {about}"
    )


def no_core(name: str) -> ModelError:
    """The error for an example that no theorem is about."""
    return ModelError(
        f"{name} has no core", why="so there is nothing to prove of it",
        instead=f"`check-invariants {name}` decides its scenarios",
    )  # fmt: skip


def prove_patch(patch: Family, role: Role, arch: str, limits: Limits) -> Iterator[Proof]:
    """The core of each theory about a version of a patch."""
    variant = role.variant
    for theory in theories_of(variant):
        casts = theory.casts(patch, variant.neighbours_from)
        compared = [_played(theory, cast, role, arch, limits) for cast in casts]
        ask = partial(_ask_patch, theory, casts, patch, role, arch, limits)
        needed = theory.needed_of(variant)
        yield proof_of(theory.core, tuple(compared), needed, theory.asked, ask)


def _ask_patch(
    theory: Theory, compared: Sequence[Cast], patch: Family, role: Role, arch: str, limits: Limits
) -> tuple[Shown | None, int]:
    """The casts of the default set with the neighbours of those compared, from every state, and the
    one in which the mutant is told to be shown."""
    kernel = role.variant.neighbours_from
    played = {_beside(c) for c in compared}
    casts = [cast_of(patch, m) for m in patch.mutants if m.name == role.mutant]
    casts += [c for c in patch.casts.default(kernel) if _beside(c) in played and not c.few]
    theatre = Theatre([REGISTRY[name] for name in theory.asked])
    for number, cast in enumerate(casts, 1):
        found = theatre.play(Play(cast, role, arch), limits)
        for name in theory.asked:
            if name in found.violated:
                mutant = ("--mutant", role.mutant) if role.mutant else ()
                arguments = (role.source, "--variant", role.variant.name, *mutant, "--arch", arch,
                             "--invariant", name, "--scenario", cast.name)  # fmt: skip
                return Shown(name, arguments), number
    return None, len(casts)


def _beside(cast: Cast) -> tuple[str, ...]:
    return tuple(n.name for n in cast.others)


def _played(theory: Theory, cast: Cast, role: Role, arch: str, limits: Limits) -> Compared:
    asked = [REGISTRY[name] for name in theory.asked]
    stage = Stage(Setting.of(cast), arch, asked, anytime=theory.anytime, passes=UNREDUCED)
    initial = stage.initial(cast)
    explorer = stage.explorer(cast, role)
    make = partial(_of_world, theory, stage, initial)
    return compared_with(cast.name, theory.core, make, explorer, initial, limits)


def _of_world(
    theory: Theory, stage: Stage, initial: State, explorer: Prepared, states: list[int]
) -> Abstraction:
    return theory.abstraction(stage, explorer, initial, states)

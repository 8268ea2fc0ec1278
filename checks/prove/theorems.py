# SPDX-License-Identifier: GPL-2.0-only
"""Theorems for any number of objects: the cores that a patch's argument stands on, proved, and held
against its models.

A theorem is PROVED if every obligation of its core is, no action of the core is impossible, and the
core has every state and every step of the scenarios that it is compared with.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from invariants import REGISTRY
from model.cast.casts import Cast
from model.lang.errors import ModelError
from model.lang.ir import State
from model.patches.family import Family

from ..engine.prepared import Prepared
from ..engine.search import DEADLOCK, Limits
from ..mutate.played import cast_of
from ..play.play import Play, Theatre
from ..reduce.reducer import Passes
from ..stage.stage import Role, Setting, Stage
from ..target.selection import chosen_casts
from .core import Core
from .cores import flush, order, rmap
from .proof import Compared, Proof, Shown, compared_with, proof_of
from .refinement import Abstraction

UNREDUCED = Passes(erase=False, merge=False, movers=False)
"""Passes that leave all that a core knows of."""


@dataclass(frozen=True)
class Theory:
    """A core of a patch, and the scenarios that it is compared with.

    `needed` are the actions that it is about.  With `anytime`, TLBs fill and forget by rules of
    their own.  `asked` are the invariants that say in a model what the theorem says of the core;
    the core knows their ghosts.
    """

    core: Core
    scenarios: tuple[str, ...]
    abstraction: Callable[..., Abstraction]
    needed: frozenset[str]
    anytime: bool = False
    asked: tuple[str, ...] = ()


_INIT = "ptl=different/init=all_at_src"

THEORIES = {
    "uffd_move_batching": (
        Theory(
            flush.core(),
            (f"move/1p/{_INIT}", f"move/2p/{_INIT}", "move/2p/ptl=same/init=all_at_src",
             f"move+user/1p/{_INIT}", f"move+uffd_copy/1p/{_INIT}", f"move+move_back/1p/{_INIT}"),
            flush.abstraction, frozenset({"fill", "take", "change", "pay", "release"}),
            anytime=True,
            asked=("flushed_before_ptl_is_released", "nothing_removed_is_used_after_return"),
        ),
        Theory(
            order.core(),
            (f"move/2p/{_INIT}", f"move+move_again/1p/{_INIT}", f"move+move_back/1p/{_INIT}"),
            order.abstraction, frozenset({"take", "try", "let_go", "end"}), asked=(DEADLOCK,),
        ),
        Theory(
            rmap.core(),
            (f"move/1p/{_INIT}", f"move/2p/{_INIT}", "move/1p/ptl=different/init=shared",
             f"move+folio_referenced/2p/{_INIT}"),
            rmap.abstraction, frozenset({"lock", "move", "map", "unmap", "walk"}),
            asked=("mapping_is_stable_during_a_walk", "a_walk_finds_every_mapping",
                   "unlocked_folio_is_where_it_says"),
        ),
    ),
}  # fmt: skip
"""The cores of each patch that has any."""


def no_core(name: str) -> ModelError:
    """The error for what no theorem is about; those about something else are no help."""
    return ModelError(
        f"{name} has no core", why="so there is nothing to prove of it",
        instead=f"`check-invariants {name}` decides its scenarios",
    )  # fmt: skip


def prove_patch(patch: Family, role: Role, arch: str, limits: Limits) -> Iterator[Proof]:
    """Each core of a patch, for a variant of it; ModelError if it has none."""
    if patch.name not in THEORIES:
        raise no_core(patch.name)
    for theory in THEORIES[patch.name]:
        compared = [_played(theory, s, patch, role, arch, limits) for s in theory.scenarios]
        ask = partial(_ask_patch, theory, patch, role, arch, limits)
        yield proof_of(theory.core, tuple(compared), theory.needed, theory.asked, ask)


def _ask_patch(
    theory: Theory, patch: Family, role: Role, arch: str, limits: Limits
) -> tuple[Shown | None, int]:
    """The casts of the default set with the neighbours of the scenarios, from every state, and the
    one in which the mutant is told to be shown."""
    kernel = role.variant.neighbours_from
    played = {_beside(c) for s in theory.scenarios
              for c in chosen_casts(patch.casts, kernel, s, full=False)}  # fmt: skip
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


def _played(
    theory: Theory, scenario: str, patch: Family, role: Role, arch: str, limits: Limits
) -> Compared:
    (cast,) = chosen_casts(patch.casts, role.variant.neighbours_from, scenario, full=False)
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

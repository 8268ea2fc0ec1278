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
from model.lang.errors import ModelError, near
from model.lang.ir import State
from model.patches.patch import Patch

from .engine.reference import Explorer, Limits
from .example import explorer_of, system_of
from .reduce.reducer import Passes
from .report import chosen_casts
from .scenario import Role, Setting, Stage
from .symbolic.agree import Abstraction, Agreement, Comparison, Disagreement
from .symbolic.core import Core
from .symbolic.cores import flush, order, rmap, shoot
from .symbolic.infer import Inferred, infer
from .symbolic.prove import Proved, Prover, Result

UNREDUCED = Passes(erase=False, merge=False, movers=False)
"""What a core knows of must not be left out."""


@dataclass(frozen=True)
class Compared:
    """A core beside one scenario; `why` if that was not visited to its end."""

    scenario: str
    states: int
    agreement: Agreement
    disagreement: Disagreement | None
    comparison: Comparison
    why: str


@dataclass(frozen=True)
class Proof:
    """What became of a core."""

    core: Core
    obligations: tuple[Proved, ...]
    impossible: tuple[str, ...]
    """Actions that the invariant rules out: what is proved of them is proved of nothing."""
    compared: tuple[Compared, ...]
    unseen: tuple[str, ...] = ()
    """Actions that the theorem is about, and that no step of the scenarios is."""

    @property
    def failed(self) -> list[Proved]:
        return [o for o in self.obligations if o.result is Result.FAILED]

    @property
    def verdict(self) -> str:
        """PROVED, FAILED or UNKNOWN."""
        if self.failed:
            return "FAILED"
        proved = all(o.result is Result.PROVED for o in self.obligations)
        agrees = all(c.disagreement is None and not c.why for c in self.compared)
        vacuous = self.impossible or self.unseen
        return "PROVED" if proved and agrees and not vacuous else "UNKNOWN"


def proof_of(core: Core, compared: tuple[Compared, ...], needed: frozenset[str]) -> Proof:
    """Discharge the obligations of a core; `needed` actions must be seen in what it is compared
    with."""
    prover = Prover(core)
    obligations = tuple(prover.run())
    impossible = tuple(a.name for a in core.actions if not prover.can_fire(a))
    seen = frozenset().union(*(c.agreement.used for c in compared))
    return Proof(core, obligations, impossible, compared, tuple(sorted(needed - seen)))


def found_again(core: Core) -> Iterator[tuple[str, Inferred]]:
    """Each clause left out in turn, and what is found so that all is proved again."""
    for clause in core.clauses:
        yield clause.name, infer(core, [clause.name])


def _compared(
    name: str, core: Core, abstraction: Callable[[Explorer, list[int]], Abstraction],
    explorer: Explorer, initial: State, limits: Limits,
) -> Compared:  # fmt: skip
    found = explorer.run(initial, limits)
    states = list(found.parents)
    comparison = Comparison(core, abstraction(explorer, states))
    disagreement = comparison.compare(explorer, initial, states)
    return Compared(name, len(states), comparison.agreement, disagreement, comparison, found.why)


# -- examples ------------------------------------------------------------------------------------

SIZES = ((2, 1, 2), (2, 2, 2))


def prove_shoot(limits: Limits, *, acked: bool = True) -> Iterator[Proof]:
    """`shoot`, compared at some sizes."""
    core = shoot.core(acked=acked)
    compared = []
    for size in SIZES:
        system, initial = system_of(*size, acked=acked)
        to = shoot.abstraction(*size)
        name = f"shoot{size}".replace(" ", "")
        compared.append(
            _compared(name, core, lambda _, __: to, explorer_of(system), initial, limits)  # noqa: B023
        )
    yield proof_of(core, tuple(compared), frozenset(a.name for a in core.actions))


# -- patches -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Theory:
    """A core of a patch, and the scenarios that it is compared with.

    `needed` are the actions that it is about.  With `anytime`, TLBs fill and forget by rules of
    their own; `kept` are invariants whose ghosts the core knows.
    """

    core: Core
    scenarios: tuple[str, ...]
    abstraction: Callable[..., Abstraction]
    needed: frozenset[str]
    anytime: bool = False
    kept: tuple[str, ...] = ()


_INIT = "ptl=different/init=all_at_src"

THEORIES = {
    "uffd_move_batching": (
        Theory(
            flush.core(),
            (f"move/1p/{_INIT}", f"move/2p/{_INIT}", "move/2p/ptl=same/init=all_at_src",
             f"move+user/1p/{_INIT}", f"move+uffd_copy/1p/{_INIT}", f"move+move_back/1p/{_INIT}"),
            flush.abstraction, frozenset({"fill", "take", "change", "pay", "release"}),
            anytime=True, kept=("nothing_removed_is_used_after_return",),
        ),
        Theory(
            order.core(),
            (f"move/2p/{_INIT}", f"move+move_again/1p/{_INIT}", f"move+move_back/1p/{_INIT}"),
            order.abstraction, frozenset({"take", "let_go"}),
        ),
        Theory(
            rmap.core(),
            (f"move/1p/{_INIT}", f"move/2p/{_INIT}", f"move+folio_referenced/1p/{_INIT}"),
            rmap.abstraction, frozenset({"lock", "move", "map", "unmap", "walk"}),
            kept=("mapping_is_stable_during_a_walk", "a_walk_finds_every_mapping"),
        ),
    ),
}  # fmt: skip
"""The cores of each patch that has any."""


def prove_patch(patch: Patch, role: Role, arch: str, limits: Limits) -> Iterator[Proof]:
    """Each core of a patch, for a variant of it; ModelError if it has none."""
    if patch.name not in THEORIES:
        raise ModelError(f"{patch.name} has no core", instead=near(patch.name, THEORIES))
    for theory in THEORIES[patch.name]:
        compared = [_played(theory, s, patch, role, arch, limits) for s in theory.scenarios]
        yield proof_of(theory.core, tuple(compared), theory.needed)


def _played(
    theory: Theory, scenario: str, patch: Patch, role: Role, arch: str, limits: Limits
) -> Compared:
    (cast,) = chosen_casts(patch.casts, role.variant.neighbours_from, scenario, full=False)
    kept = [REGISTRY[name] for name in theory.kept]
    stage = Stage(Setting.of(cast), arch, kept, anytime=theory.anytime, passes=UNREDUCED)
    initial = stage.initial(cast)
    explorer = stage.explorer(cast, role)
    make = partial(_of_world, theory, stage, initial)
    return _compared(cast.name, theory.core, make, explorer, initial, limits)


def _of_world(
    theory: Theory, stage: Stage, initial: State, explorer: Explorer, states: list[int]
) -> Abstraction:
    return theory.abstraction(stage, explorer, initial, states)

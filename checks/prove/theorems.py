# SPDX-License-Identifier: GPL-2.0-only
"""Theorems for any number of objects: the cores that a patch's argument stands on, proved, and held
against its models.

A theorem is PROVED if every obligation of its core is, no action of the core is impossible, and the
core has every state and every step of the scenarios that it is compared with.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial

from invariants import REGISTRY
from model.examples.shoot import SHOOT
from model.kernel.casts import Cast
from model.lang.errors import ModelError
from model.lang.ir import State
from model.patches.patch import Patch

from ..answer.report import chosen_casts
from ..engine.reference import DEADLOCK, Explorer, Limits
from ..examples.example import built, check_example, explorer_of
from ..mutate import mutants_of
from ..mutate.mutant import cast_of
from ..play.play import Play, Theatre
from ..reduce.reducer import Passes
from ..stage.stage import Role, Setting, Stage
from .core import Clause, Core, Theorem
from .cores import flush, order, rmap, shoot
from .infer import Inferred, infer
from .instance import Frozen, Value
from .obligations import Proved, Prover, Result
from .refinement import Abstraction, Agreement, Comparison, Disagreement

UNREDUCED = Passes(erase=False, merge=False, movers=False)
"""What a core knows of must not be left out."""


@dataclass(frozen=True)
class Compared:
    """A core beside one scenario; `why` if that was not visited to its end."""

    scenario: str
    states: int
    disagreement: Disagreement | None
    comparison: Comparison
    why: str

    @property
    def agreement(self) -> Agreement:
        return self.comparison.agreement


@dataclass(frozen=True)
class Shown:
    """An invariant that the explorer finds to fail, and the arguments of the command that shows
    it."""

    invariant: str
    arguments: tuple[str, ...]


Ask = Callable[[], tuple[Shown | None, int]]
"""Asks the explorer for a violation; and in how many scenarios it was looked for."""


@dataclass(frozen=True)
class Proof:
    """What became of a core.

    Where the models lack something of the core, `core` is without that, and obligations are of it.
    `asked` are the invariants that say in the models what the theorems say of the core: where an
    obligation fails, the explorer looked for a violation of them in so many `plays`.
    """

    core: Core
    obligations: tuple[Proved, ...]
    impossible: tuple[str, ...]
    """Actions that the invariant rules out: what is proved of them is proved of nothing."""
    compared: tuple[Compared, ...]
    unseen: tuple[str, ...] = ()
    """Actions that the theorem is about, and that no step of the scenarios is."""
    asked: tuple[str, ...] = ()
    plays: int = 0
    shown: Shown | None = None

    @property
    def failed(self) -> list[Proved]:
        return [o for o in self.obligations if o.result is Result.FAILED]

    @property
    def lacking(self) -> frozenset[str]:
        """The needs and effects that some step of the models lacks."""
        return _lacking(self.compared)

    @property
    def verdict(self) -> str:
        """PROVED, FAILED or UNKNOWN."""
        if self.failed:
            return "FAILED"
        proved = all(o.result is Result.PROVED for o in self.obligations)
        agrees = all(c.disagreement is None and not c.why for c in self.compared)
        vacuous = self.impossible or self.unseen
        return "PROVED" if proved and agrees and not vacuous else "UNKNOWN"

    def reached(self, failed: Proved) -> tuple[Compared, Frozen, tuple[Value, ...]] | None:
        """A state of a model in which an obligation fails, and the parameters; before a step that
        lacks something, if there is one."""
        what, clause = failed.obligation.what, self._named(failed.obligation.clause)
        action = None if what in ("initial", "theorem") else self.core.action(what)
        for compared in sorted(self.compared, key=lambda c: not c.agreement.lacking):
            found = compared.comparison.counterexample(action, clause)
            if found is not None:
                return compared, *found
        return None

    def _named(self, clause: str) -> Clause | Theorem:
        both: tuple[Clause | Theorem, ...] = (*self.core.clauses, *self.core.theorems)
        return next(c for c in both if c.name == clause)


def _lacking(compared: Iterable[Compared]) -> frozenset[str]:
    return frozenset(name for c in compared for names in c.agreement.lacking for name in names)


def proof_of(
    core: Core, compared: tuple[Compared, ...], needed: frozenset[str], asked: tuple[str, ...],
    ask: Ask,
) -> Proof:  # fmt: skip
    """Discharge the obligations of a core, or of what the models make of it; `needed` actions must
    be seen in what it is compared with."""
    core = core.without(*_lacking(compared))
    prover = Prover(core)
    obligations = tuple(prover.run())
    impossible = tuple(a.name for a in core.actions if not prover.can_fire(a))
    seen = frozenset().union(*(c.agreement.used for c in compared))
    unseen = tuple(sorted(needed - seen))
    proof = Proof(core, obligations, impossible, compared, unseen, asked)
    if not proof.failed:
        return proof
    shown, plays = ask()
    return replace(proof, shown=shown, plays=plays)


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
    return Compared(name, len(states), disagreement, comparison, found.why)


# -- examples ------------------------------------------------------------------------------------

SIZES = ((2, 1, 2), (2, 2, 2))


def prove_shoot(variant: str, limits: Limits) -> Iterator[Proof]:
    """`shoot`, or a variant of it, compared at some sizes; ModelError for an unknown variant."""
    core = shoot.core()
    compared = []
    for size in SIZES:
        system, initial = built(SHOOT, dict(zip(SHOOT.params, size, strict=True)), variant)
        to = partial(_as_it_is, shoot.abstraction(*size))
        name = f"shoot({','.join(map(str, size))})"
        compared.append(_compared(name, core, to, explorer_of(system), initial, limits))
    asked = tuple(i.name for i in SHOOT.invariants)
    needed = frozenset(a.name for a in core.actions)
    yield proof_of(core, tuple(compared), needed, asked, partial(_ask_shoot, variant, limits))


def _ask_shoot(variant: str, limits: Limits) -> tuple[Shown | None, int]:
    for number, size in enumerate(SIZES, 1):
        params = {name: str(n) for name, n in zip(SHOOT.params, size, strict=True)}
        result = check_example(SHOOT, params, variant, limits)
        for name in result.search.violations:
            words = [word for k, v in params.items() for word in ("--param", f"{k}={v}")]
            chosen = ("--variant", variant) if variant else ()
            return Shown(name, ("example:shoot", *chosen, *words)), number
    return None, len(SIZES)


def _as_it_is(to: Abstraction, _: Explorer, __: list[int]) -> Abstraction:
    return to


# -- patches -------------------------------------------------------------------------------------


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


def prove_patch(patch: Patch, role: Role, arch: str, limits: Limits) -> Iterator[Proof]:
    """Each core of a patch, for a variant of it; ModelError if it has none."""
    if patch.name not in THEORIES:
        raise no_core(patch.name)
    for theory in THEORIES[patch.name]:
        compared = [_played(theory, s, patch, role, arch, limits) for s in theory.scenarios]
        ask = partial(_ask_patch, theory, patch, role, arch, limits)
        yield proof_of(theory.core, tuple(compared), theory.needed, theory.asked, ask)


def _ask_patch(
    theory: Theory, patch: Patch, role: Role, arch: str, limits: Limits
) -> tuple[Shown | None, int]:
    """The casts of the default set with the neighbours of the scenarios, from every state, and the
    one in which the mutant is told to be shown."""
    kernel = role.variant.neighbours_from
    played = {_beside(c) for s in theory.scenarios
              for c in chosen_casts(patch.casts, kernel, s, full=False)}  # fmt: skip
    casts = [cast_of(patch, m) for m in mutants_of(patch) if m.name == role.mutant]
    casts += [c for c in patch.casts.default(kernel) if _beside(c) in played and not c.same_ptl]
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
    theory: Theory, scenario: str, patch: Patch, role: Role, arch: str, limits: Limits
) -> Compared:
    (cast,) = chosen_casts(patch.casts, role.variant.neighbours_from, scenario, full=False)
    asked = [REGISTRY[name] for name in theory.asked]
    stage = Stage(Setting.of(cast), arch, asked, anytime=theory.anytime, passes=UNREDUCED)
    initial = stage.initial(cast)
    explorer = stage.explorer(cast, role)
    make = partial(_of_world, theory, stage, initial)
    return _compared(cast.name, theory.core, make, explorer, initial, limits)


def _of_world(
    theory: Theory, stage: Stage, initial: State, explorer: Explorer, states: list[int]
) -> Abstraction:
    return theory.abstraction(stage, explorer, initial, states)

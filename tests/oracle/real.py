# SPDX-License-Identifier: GPL-2.0-only
"""Casts and mutants of families, unreduced in the oracle and reduced in the reference engine.

With TLBs that are eager, as the tool decides, and that fill and forget at any time.  Of the latter
the invariants that fail are compared with those that the tool finds with eager ones, too.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from checks.engine.engines import Engine
from checks.engine.reference import Explorer
from checks.engine.search import Search
from checks.mutate.played import cast_of, role
from checks.mutate.steps import StepMutant, steps_of
from checks.play.play import weakened
from checks.reduce.reducer import Passes
from checks.stage.stage import Role, Setting, Stage
from invariants import REGISTRY
from model.cast.casts import Cast
from model.patches.family import Family, Variant
from tests.families import archs_of

from .compare import PASSES, Outcome, judge, violations
from .evaluator import MeaninglessError
from .naive import Naive

MOST = 100_000
"""States of an unreduced system; larger ones are left out."""

EVERY = tuple(i for i in REGISTRY.values() if i.kind != "engine")
"""The invariants that are part of a system."""


EAGER = "eager, all"
"""As the tool decides, beside a system in which TLBs fill and forget at any time."""


@dataclass(frozen=True)
class Side:
    """Casts of one variant or mutant on one architecture, which are reduced together."""

    role: Role
    arch: str
    anytime: bool
    casts: tuple[Cast, ...]

    def name(self, cast: Cast) -> str:
        """How one of the casts is called."""
        who = self.role.variant.name + (f"~{self.role.mutant}" if self.role.mutant else "")
        return f"{who}/{cast.name}@{self.arch}" + (" at any time" if self.anytime else "")


def compare_side(
    side: Side, passes: Iterable[str] = PASSES, most: int = MOST
) -> Iterator[tuple[str, Outcome]]:
    """Compare the reference engine with the oracle on each cast."""
    groups: dict[Setting, list[Cast]] = {}
    for cast in side.casts:
        groups.setdefault(Setting.of(cast), []).append(cast)
    for setting, casts in groups.items():
        yield from _Stages(side, setting, casts, tuple(passes), most).outcomes()


class _Stages:
    """The stages that some casts of a side are played on, one for each pass set."""

    def __init__(
        self, side: Side, setting: Setting, casts: Sequence[Cast], passes: Sequence[str], most: int
    ) -> None:
        self._side, self._casts, self._most = side, casts, most
        self._bases = {
            anytime: Stage(setting, side.arch, EVERY, anytime=anytime)
            for anytime in {side.anytime, False}
        }
        self._base = self._bases[side.anytime]
        self._sets = {name: (side.anytime, PASSES[name]) for name in passes}
        if side.anytime:
            self._sets[EAGER] = False, Passes()
        self._stages: dict[tuple[bool, Passes], Stage] = {}

    def _stage(self, anytime: bool, passes: Passes) -> Stage:
        key = anytime, passes
        if key not in self._stages:
            stage = self._bases[anytime].by(passes)
            stage.prepare([(cast, self._side.role) for cast in self._casts])
            self._stages[key] = stage
        return self._stages[key]

    def _search(self, cast: Cast, anytime: bool, passes: Passes) -> tuple[Explorer, Search]:
        """The search that counts, as in `compare.decided`."""
        while True:
            stage = self._stage(anytime, passes)
            explorer, search = stage.search(cast, self._side.role, engine=Engine.REFERENCE)
            weaker = weakened(passes, search)
            if weaker is None:
                return explorer, search
            passes = weaker

    def outcomes(self) -> Iterator[tuple[str, Outcome]]:
        for cast in self._casts:
            yield self._side.name(cast), self._outcome(cast)

    def _outcome(self, cast: Cast) -> Outcome:
        system, initial = self._base.system(cast, self._side.role), self._base.initial(cast)
        try:
            found = Naive(system, initial, lenient=True).explore(self._most)
        except MeaninglessError as error:
            return Outcome(None).differing("oracle", [f"MeaninglessError: {error}"])
        if found is None:
            return Outcome(None)
        outcome = Outcome(found.states, (), found.violated)
        for name, (anytime, passes) in self._sets.items():
            explorer, search = self._search(cast, anytime, passes)
            if name == EAGER:
                outcome = outcome.differing(name, violations(found, search))
            else:
                outcome = judge(outcome, name, found, system, search, explorer.system)
        return outcome


# -- which ones ------------------------------------------------------------------------------------

_TOGETHER = 6
"""Casts of a side."""

Pool = dict[tuple[int, int], list[Cast]]
"""Casts by size of the world and neighbours."""

SIZES = {(1, 0): 1, (1, 1): 6, (1, 2): 2, (2, 0): 1, (2, 1): 2}
"""How often casts of so many pages, or the like, and neighbours are drawn."""


def some_casts(count: int, seed: int, patch: Family) -> list[Side]:
    """Casts of every variant, neighbour and architecture, drawn."""
    rnd = random.Random(seed)
    pools = {v.name: _pool(patch, v) for v in patch.variants}
    sides: list[Side] = []
    while (left := count - sum(len(side.casts) for side in sides)) > 0:
        variant = rnd.choice(patch.variants)
        played = Role(variant, source=patch.name)
        most = min(_TOGETHER, left)
        sides.append(_drawn(rnd, played, pools[variant.name], most, archs_of(patch)))
    return sides


def some_mutants(count: int, seed: int, patch: Family) -> list[Side]:
    """Mutants of the table, in the casts in which they are shown; then steps of the variants that
    are removed, moved or weakened, in casts that are drawn."""
    rnd = random.Random(seed)
    shown = [
        Side(role(patch, m), arch, anytime, (cast_of(patch, m),))
        for m in patch.mutants for arch in m.archs for anytime in (False, True)
    ]  # fmt: skip
    sides = rnd.sample(shown, min(count, len(shown)))
    pools = {v.name: _pool(patch, v) for v in patch.variants}
    known: dict[str, list[StepMutant]] = {}
    while (left := count - sum(len(side.casts) for side in sides)) > 0:
        variant = rnd.choice(patch.variants)
        pool = pools[variant.name]
        if variant.name not in known:
            known[variant.name] = steps_of(variant, pool[1, 0][0])
        step = rnd.choice(known[variant.name])
        played = step.of(Role(variant, source=patch.name))
        sides.append(_drawn(rnd, played, pool, min(2, left), archs_of(patch)))
    return sides


def _pool(patch: Family, variant: Variant) -> Pool:
    found: Pool = {size: [] for size in SIZES}
    for cast in patch.casts.full(variant.neighbours_from):
        size = math.prod(cast.size), len(cast.others)
        if size in found:
            found[size].append(cast)
    return {size: casts for size, casts in found.items() if casts}


def _drawn(
    rnd: random.Random, played: Role, pool: Pool, most: int, archs: Sequence[str]
) -> Side:  # fmt: skip
    """Casts of one size, of values of axes that begin in few states or of others."""
    (size,) = rnd.choices(list(pool), [SIZES[size] for size in pool])
    few = rnd.random() < 0.3
    casts = [cast for cast in pool[size] if cast.few is few] or pool[size]
    arch, anytime = rnd.choice(archs), rnd.random() < 0.5
    return Side(played, arch, anytime, tuple(rnd.sample(casts, min(most, len(casts)))))

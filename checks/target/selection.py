# SPDX-License-Identifier: GPL-2.0-only
"""Casts and architectures as a user names them."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Sequence

from model.cast.cast_set import CastSet
from model.cast.casts import Cast
from model.hw.archs import ARCHS, DEFAULT
from model.lang.errors import ModelError, near
from model.patches.family import Family

from ..play.play import Play
from ..play.turns import LATE, Rank
from .target import Target


def chosen_casts(casts: CastSet, kernel: str, scenarios: str, *, full: bool) -> list[Cast]:
    """The casts of a set; ModelError if a scenario fits none, with the near names."""
    default = casts.full(kernel) if full else casts.default(kernel)
    if not scenarios:
        return default
    found = [c for c in default if fnmatch.fnmatchcase(c.name, scenarios)]
    if found:
        return found
    one = casts.named(scenarios, kernel)
    if one is not None:
        return [one]
    further = casts.counterfactual(kernel), casts.asked(kernel)
    every = {c.name: c for some in (casts.full(kernel), *further) for c in some}
    found = [c for n, c in every.items() if fnmatch.fnmatchcase(n, scenarios)]
    if not found:
        raise ModelError(f"no scenario fits '{scenarios}'", instead=near(scenarios, every))
    return found


def fitting(target: Target, scenarios: Sequence[str], *, full: bool) -> tuple[str, ...]:
    """Those of some scenarios that a side of a target has."""
    kernels = {side.role.variant.neighbours_from for side in target.sides}

    def fits(scenario: str, kernel: str) -> bool:
        try:
            return bool(chosen_casts(target.family.casts, kernel, scenario, full=full))
        except ModelError:
            return False

    return tuple(s for s in scenarios if any(fits(s, kernel) for kernel in kernels))


def known_archs(names: str) -> tuple[str, ...]:
    """Architectures from a list with commas; those decided by default if it is empty."""
    if not names:
        return DEFAULT
    found = tuple(dict.fromkeys(n.strip() for n in names.split(",")))
    for name in found:
        if name not in ARCHS:
            raise ModelError(f"no architecture '{name}'", instead=near(name, ARCHS))
    return found


def archs_of(family: Family, names: str) -> tuple[str, ...]:
    """The architectures of a list, or all that a family has; ModelError with the reason for one
    that it has not."""
    asked = known_archs(names)
    for name in asked if names else ():
        if name in family.without:
            raise ModelError(f"{family.name} is not decided on {name}", why=family.without[name])
    return tuple(name for name in asked if name not in family.without)


def one_of_each_kind(names: Sequence[str]) -> tuple[str, ...]:
    """Of some architectures the first of each memory model; each flushes in a way of its own."""
    found: dict[str, str] = {}
    for name in names:
        found.setdefault(ARCHS[name].memory_model, name)
    return tuple(found.values())


def rank_of(target: Target) -> Rank:
    """Rank of a play of a target.

    First comes the selected side with no neighbour or one, and of that what begins in a main state,
    and of that the neighbours that the family's own mutants, questions and observations name.
    """
    family = target.family
    told = [m.cast for m in family.mutants] + [q.arguments for q in family.questions]
    words = set(re.split(r"\W+", " ".join([*told, *(o.text for o in family.observations)])))
    main = {i.name for i in family.casts.main}

    def rank(play: Play) -> int:
        cast = play.cast
        if play.role is not target.selected.role or len(cast.others) > 1:
            return LATE
        if cast.initial.name not in main:
            return 2
        return 0 if words.issuperset(n.name for n in cast.others) else 1

    return rank


def one_arch(name: str) -> str:
    """The one architecture that a command is about."""
    found = known_archs(name)
    if len(found) > 1:
        raise ModelError(
            f"--arch {name!r}", why="this command is about one architecture",
            instead=f"one of {', '.join(found)}",
        )  # fmt: skip
    return found[0]

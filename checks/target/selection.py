# SPDX-License-Identifier: GPL-2.0-only
"""Casts and architectures as a user names them."""

from __future__ import annotations

import fnmatch

from model.cast.cast_set import CastSet
from model.cast.casts import Cast
from model.hw.archs import ARCHS, DEFAULT
from model.lang.errors import ModelError, near
from model.patches.family import Family


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
    every = {c.name: c for c in [*casts.full(kernel), *casts.counterfactual(kernel)]}
    found = [c for n, c in every.items() if fnmatch.fnmatchcase(n, scenarios)]
    if not found:
        raise ModelError(f"no scenario fits '{scenarios}'", instead=near(scenarios, every))
    return found


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


def one_arch(name: str) -> str:
    """The one architecture that a command is about."""
    found = known_archs(name)
    if len(found) > 1:
        raise ModelError(
            f"--arch {name!r}", why="this command is about one architecture",
            instead=f"one of {', '.join(found)}",
        )  # fmt: skip
    return found[0]

# SPDX-License-Identifier: GPL-2.0-only
"""Casts played for what fails in them."""

from __future__ import annotations

import functools
from collections.abc import Callable

from checks.reduce.reducer import Passes
from checks.stage.stage import Role, Setting, Stage
from invariants import REGISTRY
from model.cast.casts import Cast


def stage(setting: Setting, arch: str) -> Stage:
    return Stage(setting, arch, REGISTRY.values())


shared = functools.cache(stage)
"""A stage for all roles of one setting: what is beside them is made once."""


def violated(
    cast: Cast, arch: str, played: Role, on: Callable[..., Stage] = shared
) -> frozenset[str]:
    """What fails in a cast, every state visited.

    Without movers: they rest on locks that a mutant may not take.
    """
    passes = Passes(merge=bool(cast.others), movers=False)
    _, search = on(Setting.of(cast), arch).by(passes).search(cast, played)
    assert search.why == ""
    return frozenset(search.violations)

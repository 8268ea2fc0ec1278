# SPDX-License-Identifier: GPL-2.0-only
"""The theorem about `shoot`, for any number of CPUs, pages and frames."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from model.examples.shoot import SHOOT

from ..engine.prepared import Prepared
from ..engine.search import Limits
from ..prove.cores import shoot
from ..prove.proof import Proof, Shown, compared_with, proof_of
from ..prove.refinement import Abstraction
from .example import built, check_example, explorer_of

SIZES = ((2, 1, 2), (2, 2, 2))


def prove_shoot(variant: str, limits: Limits) -> Iterator[Proof]:
    """`shoot`, or a variant of it, compared at some sizes; ModelError for an unknown variant."""
    core = shoot.core()
    compared = []
    for size in SIZES:
        system, initial = built(SHOOT, dict(zip(SHOOT.params, size, strict=True)), variant)
        to = partial(_as_it_is, shoot.abstraction(*size))
        name = f"shoot({','.join(map(str, size))})"
        compared.append(compared_with(name, core, to, explorer_of(system), initial, limits))
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


def _as_it_is(to: Abstraction, _: Prepared, __: list[int]) -> Abstraction:
    return to

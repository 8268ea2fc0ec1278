# SPDX-License-Identifier: GPL-2.0-only
"""Lock orders of a patch and its neighbours: the graph, its cycles, and whether they can block."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from invariants import REGISTRY
from model.cast.cast_set import CastSet
from model.cast.casts import Cast

from ..engine.search import DEADLOCK, Limits
from ..play.play import Finding, Play, Theatre
from ..stage.stage import Role
from .graph import Cycle, cycles
from .observed import Observed, observe

Watch = Callable[[int, int, int], None]
"""Told how many scenarios are done, of how many, and how many states that were."""


@dataclass(frozen=True)
class Asked:
    """Which scenarios are looked at, of what, and where."""

    role: Role
    casts: tuple[Cast, ...]
    arch: str
    limits: Limits


@dataclass(frozen=True)
class Decided:
    """A cycle, and what the explorer says of deadlock in the scenarios that run its threads: the
    first in which one is reached, if there is one."""

    cycle: Cycle
    plays: tuple[Play, ...]
    blocks: Play | None
    why: str


@dataclass(frozen=True)
class Answer:
    """The orders, and the cycles of them."""

    observed: Observed
    cycles: tuple[Decided, ...]


def casts_of(casts: CastSet, kernel: str) -> list[Cast]:
    """The routine alone, and each neighbour alone, from every state."""
    return [c for c in casts.default(kernel) if len(c.others) < 2 and not c.few]


def lock_orders(asked: Asked, watch: Watch | None = None) -> Answer:
    """Look at every scenario, then ask the explorer about each cycle."""
    found = Observed()
    for found in observe(asked.role, asked.casts, asked.arch, asked.limits):
        if watch is not None:
            watch(found.casts, len(asked.casts), found.states)
    return Answer(found, tuple(_decided(c, found, asked) for c in cycles(found.orders)))


def _decided(cycle: Cycle, found: Observed, asked: Asked) -> Decided:
    theatre = Theatre([REGISTRY[DEADLOCK]])
    needed = Counter(o.first.routine for o in cycle.orders)
    casts = [c for c in asked.casts if found.beside[tuple(n.name for n in c.others)] >= needed]
    plays = tuple(Play(cast, asked.role, asked.arch) for cast in casts)
    why = "" if plays else "no scenario that was looked at runs these threads together"
    for play in plays:
        finding: Finding = theatre.play(play, asked.limits)
        if DEADLOCK in finding.violated:
            return Decided(cycle, plays, play, "")
        why = why or finding.why
    return Decided(cycle, plays, None, why)


def names(plays: Sequence[Play]) -> str:
    """The scenarios of plays."""
    return ", ".join(play.cast.name for play in plays)

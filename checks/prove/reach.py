# SPDX-License-Identifier: GPL-2.0-only
"""Whether a counterexample to induction is reached: the core is explored over its objects."""

from __future__ import annotations

from .core import Core
from .instance import Frozen, Instance
from .obligations import Snapshot

FIRST, MOST = 50_000, 20_000
"""Combinations of values that may be first states, and states that are visited, at most."""


def reachable(core: Core, shot: Snapshot) -> str:
    """Yes, with the actions that lead there; no; or that it is not known, and why."""
    instance = Instance(core, shot.objects)
    first = instance.first(shot.state, FIRST)
    if first is None:
        return "not known: there are too many first states over these objects"
    found = instance.reached(first, MOST)
    if shot.state in found:
        return "yes, by " + (", ".join(_way(instance, found, shot.state)) or "no action at all")
    if len(found) >= MOST:
        return f"not known: it is not among the first {len(found)} states over these objects"
    return f"no: it is none of the {len(found)} states that the core has over these objects"


def _way(instance: Instance, found: dict[Frozen, Frozen | None], state: Frozen) -> list[str]:
    names: list[str] = []
    before = found[state]
    while before is not None:
        names.append(instance.after(before)[state][0][0].name)
        state, before = before, found[before]
    return names[::-1]

# SPDX-License-Identifier: GPL-2.0-only
"""System calls as patches have them: found through the stored families, of which none is named."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from model.lang.declare import ModelFunction, swapped
from model.lang.errors import ModelError, near
from model.patches import FAMILIES, find_family
from model.patches.family import Family

from ..programs.system_calls import SYSTEM_CALLS

Function = ModelFunction[..., Any]


@dataclass(frozen=True)
class Patched:
    """A system call as a version of a family has it: its routine, and further ones by name.

    `edited` are functions that the routine alone calls in the place of others.
    """

    routine: Function
    parts: Mapping[str, Function]
    edited: Mapping[Function, Function]

    def __call__(self, *arguments: Any) -> Any:
        """The result of the routine, with what it alone calls in place."""
        with swapped(self.edited):
            return self.routine(*arguments)


@dataclass(frozen=True)
class Patches:
    """Changes by families: system calls, by name, and functions that others take the place of."""

    system_calls: Mapping[str, Patched]
    swaps: Mapping[Function, Function]


def patches(versions: Mapping[str, str]) -> Patches:
    """Changes by the stored families that have a system call, each in the version after its patch
    or, by the name of the family, in another one.

    Of two families that have the same, the one whose version is named has it, or else the later.
    """
    run: dict[str, tuple[Family, str]] = {}
    families = map(find_family, {**FAMILIES, **versions})
    for family in sorted(families, key=lambda f: f.name in versions):
        for subject, call in family.system_calls.items():
            if call.name not in SYSTEM_CALLS:
                raise ModelError(
                    f"{family.name}: the reference MM has no system call '{call.name}'",
                    instead=near(call.name, SYSTEM_CALLS),
                )
            run[call.name] = family, subject
    found: dict[str, Patched] = {}
    swaps: dict[Function, Function] = {}
    for name, (family, subject) in run.items():
        variant = family.variant(versions.get(family.name, family.after))
        routine = variant.routines[subject]
        own = variant.swap_in(routine).items()
        edited = {old: new for old, new in own if variant.swap.get(old) is not new}
        found[name] = Patched(routine, family.system_calls[subject].parts, edited)
        swaps |= variant.swap
    return Patches(found, swaps)

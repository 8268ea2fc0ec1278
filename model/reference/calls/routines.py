# SPDX-License-Identifier: GPL-2.0-only
"""Routines that carry out system calls, by name: of the modules beside this one."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from model.kernel.errno import ENOMEM
from model.lang.errors import ModelError, near

from ..programs.program import Result
from ..programs.system_calls import SYSTEM_CALLS
from ..state.space import Area, Space
from . import hugetlb

Answer = tuple[int, int | None]
"""Of an ioctl of userfaultfd: 0 or a negative errno, and what it leaves in its out field in pages
or as a negative errno, None if it does not write it."""

Routine = Callable[..., int | Answer | Result]
"""A system call: from the address space of the process and the `arguments` of the operation to what
the kernel returns, a negative errno or not."""

Advice = Callable[[Space, Area, int, int], int]
"""Of an madvise: what it does to a part of a VMA; 0 or a negative errno."""

ROUTINES: dict[str, Routine] = {}

_R = TypeVar("_R", bound=Routine)
_B = TypeVar("_B", bound=Advice)


def carries_out(name: str) -> Callable[[_R], _R]:
    """Registers the routine of a system call."""
    if name not in SYSTEM_CALLS:
        raise ModelError(f"no system call '{name}'", instead=near(name, SYSTEM_CALLS))

    def add(routine: _R) -> _R:
        ROUTINES[name] = routine
        return routine

    return add


def advises(name: str, of_hugetlb: Advice = hugetlb.forbidden) -> Callable[[_B], _B]:
    """Registers what an madvise does to a part of a VMA, and what to one of hugetlb."""

    def add(behaviour: _B) -> _B:
        @carries_out(name)
        def madvise(space: Space, page: int, length: int) -> int:
            chosen = of_hugetlb if space.universe.arena.hugetlb else behaviour
            return walk_vmas(space, page, length, chosen)

        return behaviour

    return add


def walk_vmas(space: Space, page: int, length: int, behaviour: Advice) -> int:
    """madvise_walk_vmas: each VMA of the range; -ENOMEM at the end if there was a hole."""
    end, at, hole = page + length, page, 0
    if length == 0:
        return 0
    for area in space.within(page, end):
        if area.start > at:
            hole = -ENOMEM
        stop = min(end, area.end)
        err = behaviour(space, area, max(page, area.start), stop)
        if err:
            return err
        at = stop
    return hole if at >= end else -ENOMEM

# SPDX-License-Identifier: GPL-2.0-only
"""Which program is number `n` of a seed: that depends on the two and on what can be done.

Programs lean towards one of a few themes, so that what needs several operations of a kind to show
comes up.  Every other one has a PMD boundary in the middle of its arena; every sixth, where there
are huge pages, has an arena of three whole PMDs; every twelfth one of three whole PUDs.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from model.reference.programs.generate import Generator
from model.reference.programs.generate_huge import HugeGenerator
from model.reference.programs.generate_hugetlb import ARENA, HugetlbGenerator
from model.reference.programs.observation import Capability
from model.reference.programs.program import Arena, Program
from model.reference.programs.system_calls import often_in

PAGES = 16
HUGE = Arena(24, huge=8)
PUDS = Arena(12, pud=4)

THEMES: Sequence[Mapping[str, int]] = (
    {},
    {"move": 3, "copy": 2, "register": 2},
    {"fork": 4, "exit": 3, "pin": 2},
    {"mprotect": 3, "mremap": 4, "mmap": 2, "munmap": 2},
    {"mmap": 4, "pageout": 6, "dontneed": 2, "munmap": 2, "read": 2},
    {"free": 10, "move": 3, "pageout": 6, "register": 2, "fork": 0, "exit": 0},
    {"wp": 4, "zeropage": 3, "poison": 3, "guard": 3, "pageout": 2, "register": 2},
    {"wp": 6, "mremap": 5, "register": 2},
)
"""Factors on how often an operation is tried."""


def random_program(
    seed: int, number: int, steps: int, can: Collection[Capability], without: Collection[str] = ()
) -> Program:
    """`steps` operations, none of those in `without`."""
    if Capability.HUGE in can and number % 6 == 5:
        return _huge_program(seed, number, steps, can, without, HUGE)
    if number % 12 == 4:
        return _huge_program(seed, number, steps, can, without, PUDS)
    theme = THEMES[number % len(THEMES)]
    arena = Arena(PAGES, PAGES // 2 if number // len(THEMES) % 2 else 0)
    weights = {n: w * theme.get(n, 1) for n, w in _often(arena, without).items()}
    generator = Generator(seed << 32 | number, arena, can, fork="fork" not in without,
                          weights=weights)  # fmt: skip
    return Program(generator.program(steps).ops[:steps], arena)


def _huge_program(
    seed: int, number: int, steps: int, can: Collection[Capability], without: Collection[str],
    arena: Arena,
) -> Program:  # fmt: skip
    generator = HugeGenerator(seed << 32 | number, arena, can, fork="fork" not in without,
                              weights=_often(arena, without))  # fmt: skip
    return Program(generator.program(steps).ops[:steps], arena)


def random_hugetlb_program(
    seed: int, number: int, steps: int, can: Collection[Capability], without: Collection[str] = ()
) -> Program:
    """The same of huge pages."""
    return HugetlbGenerator(seed << 32 | number, can, _often(ARENA, without)).program(steps)


def _often(arena: Arena, without: Collection[str]) -> dict[str, int]:
    return {n: often for n, often in often_in(arena.kind).items() if n not in without}

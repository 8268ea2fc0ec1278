# SPDX-License-Identifier: GPL-2.0-only
"""Many random programs on the reference MM and on the running kernel, on several CPUs.

What is found does not depend on how many CPUs work at it: a program is made from the seed and its
own number, and what is said is in the order of the numbers.  Interrupted, what is known is kept.
"""

from __future__ import annotations

import collections
import functools
import os
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from typing import Any

from model.reference.programs.observation import Capability
from model.reference.programs.program import Arena, Machine, Program

from .compare import Compared, Difference, compare, shrink
from .kernel.bounded import Bounded, Ended, run_bounded
from .kernel.machine import Kernel

Watch = Callable[[int, int, int], None]
"""Told of progress: programs done, programs in all, operations so far."""

BATCH = 50
"""So many programs have one child process; with the seconds that it may take."""
SECONDS = 120.0
SHOWN = 5
"""So many differences are made small and shown."""


@dataclass(frozen=True)
class Asked:
    """What is to be compared: `make(number)` is a program, `reference(arena)` a fresh reference."""

    make: Callable[[int], Program]
    reference: Callable[[Arena], Machine]
    programs: int
    can: Collection[Capability]
    check: Callable[[Any], str] | None = None
    """Looks at the reference after every step, in one program of ten."""
    jobs: int = 0


@dataclass(frozen=True)
class Outcome:
    """One program: as compared; `steady` is False for a difference that did not come again."""

    number: int
    compared: Compared
    steady: bool = True


@dataclass
class Report:
    """What is known.  `lost` are programs whose process did not come to an end, and why."""

    asked: Asked
    outcomes: dict[int, Outcome] = field(default_factory=dict)
    lost: dict[int, str] = field(default_factory=dict)
    shown: list[tuple[Outcome, Difference]] = field(default_factory=list)
    interrupted: bool = False

    @property
    def steps(self) -> int:
        return sum(o.compared.steps for o in self.outcomes.values())

    def differing(self, *, steady: bool = True) -> list[Outcome]:
        """In the order of their numbers."""
        found = [o for o in self.outcomes.values() if o.compared.difference]
        return sorted((o for o in found if o.steady is steady), key=lambda o: o.number)

    def refused(self) -> dict[str, int]:
        """How often what was left out because the reference does not do it."""
        every = collections.Counter(r for o in self.outcomes.values() for r in o.compared.refused)
        return dict(sorted(every.items()))


def conform(asked: Asked, watch: Watch | None = None) -> Report:
    """Compare all programs; the first differences are made small."""
    report = Report(asked)
    try:
        _run_all(asked, report, watch)
        for outcome in report.differing()[:SHOWN]:
            report.shown.append((outcome, _shrunk(asked, outcome)))
    except KeyboardInterrupt:
        report.interrupted = True
    return report


def _run_all(asked: Asked, report: Report, watch: Watch | None) -> None:
    jobs = asked.jobs or len(os.sched_getaffinity(0))
    waiting = collections.deque(
        range(n, min(n + BATCH, asked.programs)) for n in range(0, asked.programs, BATCH)
    )
    running: dict[int, range] = {}
    started = 0
    with Bounded() as children:

        def start() -> None:
            nonlocal started
            if waiting:
                numbers = waiting.popleft()
                work = functools.partial(_batch, asked, numbers, started)
                children.start(started, work, SECONDS)
                running[started] = numbers
                started += 1

        for _ in range(jobs):
            start()
        for child, item in children.items():
            if isinstance(item, Ended):
                left = [n for n in running.pop(child) if n not in report.outcomes]
                if left:
                    report.lost[left[0]] = str(item)
                    if left[1:]:
                        waiting.appendleft(range(left[1], left[-1] + 1))
                start()
            else:
                report.outcomes[item.number] = item
                if watch is not None:
                    watch(len(report.outcomes), asked.programs, report.steps)


def _pair(asked: Asked, kernel: Kernel, program: Program) -> tuple[Machine, Machine]:
    kernel.begin(program.arena)
    return asked.reference(program.arena), kernel


def _batch(asked: Asked, numbers: range, child: int) -> Iterator[Outcome]:
    """What a child does: programs one after the other on one kernel machine."""
    kernel = Kernel(asked.can, child)
    pair = functools.partial(_pair, asked, kernel)
    for number in numbers:
        program = asked.make(number)
        check = asked.check if number % 10 == 0 else None
        compared = compare(program, pair, check)
        steady = compared.difference is None or any(
            compare(program, pair, check).difference == compared.difference for _ in range(2)
        )
        yield Outcome(number, compared, steady)


def _shrunk(asked: Asked, outcome: Outcome) -> Difference:
    """In a child as well.  As it is if that comes to no end."""
    difference = outcome.compared.difference
    assert difference is not None

    def work() -> Iterator[Difference]:
        yield shrink(difference, functools.partial(_pair, asked, Kernel(asked.can)))

    found, _ = run_bounded(work, SECONDS)
    return found[0] if found else difference

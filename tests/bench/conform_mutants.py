# SPDX-License-Identifier: GPL-2.0-only
"""Deliberate errors of the reference MM, and how soon the running kernel contradicts each.

    python -m tests.bench.conform_mutants [--programs 2000] [--seeds 3] [--swap] [--hugetlb]

For each mutant the number of programs up to the first that differs, the median over a few seeds,
and in how many of the first programs it shows at all: a mutant that shows in the first operation
of every program would say nothing about the comparison.
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from checks.conform.compare import compare
from checks.conform.generate import random_hugetlb_program, random_program
from checks.conform.kernel.bounded import run_bounded
from checks.conform.kernel.grants import huge_pages, some_swap, swap_areas
from checks.conform.kernel.machine import Kernel
from checks.conform.kernel.probes import behaviour_of, probe_kernel
from model.reference.machine.machine import Reference
from model.reference.programs.observation import Capability
from model.reference.programs.program import Machine, Program
from model.reference.state.behaviour import Behaviour
from tests.checks.conform.mutants import KERNEL_MUTANTS, KernelMutant

STEPS = 30
SAMPLE = 20
"""So many programs of the first seed are run to their first difference in any case."""
SECONDS = 600.0


@dataclass(frozen=True)
class Caught:
    """What came of a mutant: the programs to the catch by seed (None: not within the bound), and
    of the first programs, how many agree and at which operation the others differ, from 0 on."""

    programs: tuple[int | None, ...]
    agree: int
    steps: tuple[int, ...]

    @property
    def median(self) -> float | None:
        found = [p for p in self.programs if p is not None]
        return statistics.median(found) if len(found) == len(self.programs) else None

    @property
    def trivial(self) -> bool:
        """It shows in the first operation of every program."""
        return not self.agree and all(step == 0 for step in self.steps)


def hunt(
    mutant: KernelMutant, programs: int, seeds: Sequence[int], can: frozenset[Capability],
    behaviour: Behaviour,
) -> Caught:  # fmt: skip
    """Run programs of each seed until one differs from the kernel."""

    def work() -> Iterator[Caught]:
        kernel = Kernel(can)

        def pair(program: Program) -> tuple[Machine, Machine]:
            kernel.begin(program.arena)
            return mutant.make(program.arena, behaviour), kernel

        def differs(seed: int, number: int) -> int | None:
            make = random_hugetlb_program if mutant.hugetlb else random_program
            program = make(seed, number, STEPS, can)
            found = compare(program, pair).difference
            return None if found is None else found.step

        with mutant.applied():
            first = [differs(seeds[0], n) for n in range(SAMPLE)]
            caught = tuple(
                next((n + 1 for n in range(programs) if differs(seed, n) is not None), None)
                for seed in seeds
            )
        steps = tuple(s for s in first if s is not None)
        yield Caught(caught, SAMPLE - len(steps), steps)

    found, ended = run_bounded(work, SECONDS)
    if not found:
        raise RuntimeError(f"{mutant.name}: {ended}")
    assert isinstance(found[0], Caught)
    return found[0]


def main(arguments: Sequence[str]) -> int:
    """0 if each is caught within the bound and none is trivial."""
    options = argparse.ArgumentParser(prog="python -m tests.bench.conform_mutants")
    options.add_argument("--programs", type=int, default=2000)
    options.add_argument("--seeds", type=int, default=3)
    options.add_argument("--only", default="", help="mutants whose name has this in it")
    options.add_argument("--swap", action="store_true", help="borrow a swap file")
    options.add_argument("--hugetlb", action="store_true", help="borrow huge pages")
    asked = options.parse_args(arguments)
    wrong, medians = 0, []
    with contextlib.ExitStack() as stack:
        stack.enter_context(swap_areas(change=asked.swap))
        if asked.swap:
            stack.enter_context(some_swap())
        if asked.hugetlb:
            stack.enter_context(huge_pages())
        probed = probe_kernel(hugetlb=asked.hugetlb)
        can = frozenset(p.capability for p in probed if p.capability and not p.why)
        behaviour = behaviour_of(probed)
        can &= Reference(Program(()).arena, behaviour).can
        print(f"{'mutant':<46} {'programs to the catch':<24} {'median':>6}   of {SAMPLE}")
        for mutant in (m for m in KERNEL_MUTANTS if asked.only in m.name):
            if not mutant.needs <= can:
                print(f"{mutant.name:<46} not run: needs {', '.join(c.name for c in mutant.needs)}")
                continue
            caught = hunt(mutant, asked.programs, range(1, asked.seeds + 1), can, behaviour)
            told = " ".join("-" if p is None else str(p) for p in caught.programs)
            median = "-" if caught.median is None else f"{caught.median:g}"
            print(f"{mutant.name:<46} {told:<24} {median:>6}   {SAMPLE - caught.agree}", flush=True)
            wrong += caught.median is None or caught.trivial
            medians += [] if caught.median is None else [caught.median]
    middle = f"{statistics.median(medians):g}" if medians else "-"
    print(f"{len(medians)} mutants caught; median of the medians: {middle}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

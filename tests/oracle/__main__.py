# SPDX-License-Identifier: GPL-2.0-only
"""As many random systems and real casts as are asked for, against the oracle.

    python -m tests.oracle --programs 100000                    the reference engine, every pass set
    python -m tests.oracle --programs 10000 --engine native     the native engine
    python -m tests.oracle --programs 1000 --seed 5000          from another seed on
    python -m tests.oracle --programs 9 --passes merge          one pass set
    python -m tests.oracle --casts 300 --mutants 300            of each family; TLBs eager or not
    python -m tests.oracle --faults 10000                       programs until each fault shows

Each difference is printed as it is found; the first few programs that differ are made smaller and
printed as tests for `test_cases`.  The last lines count what was compared and what was left out:
those with too many states, and programs that do what has no meaning.  Standard error has these
counts once a minute; an interrupt ends with those so far, and with 130.  The exit status is 1 if
anything differs, or if a fault that is put in does not show.
"""

from __future__ import annotations

import argparse
import gc
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from checks.engine.engines import Engine
from model.patches import FAMILIES
from model.patches.family import Family

from .casetext import as_test, case_text
from .compare import PASSES, Outcome, compare
from .faults import FAULTS, programs_until
from .generate import program
from .real import Side, compare_side, some_casts, some_mutants
from .shrink import shrink
from .statements import Program
from .write import system_of

Compare = Callable[[Program], Outcome]
Draw = Callable[[int, int, Family], list[Side]]

_SHOWN = 5
"""Programs that are made smaller."""

_EVERY = 60.0
"""Seconds between two lines on standard error."""


@dataclass
class _Tally:
    """The outcome of a campaign."""

    what: str
    start: float = field(default_factory=time.process_time)
    said: float = field(default_factory=time.monotonic)
    compared: int = 0
    left_out: int = 0
    states: int = 0
    violated: int = 0
    undisciplined: int = 0
    shown: int = 0
    kinds: Counter[tuple[str, str]] = field(default_factory=Counter)

    def note(self, name: str, outcome: Outcome) -> None:
        """Count an outcome, and print what differs."""
        self.compared += outcome.states is not None
        self.left_out += outcome.states is None
        self.states += outcome.states or 0
        self.violated += bool(outcome.violated)
        self.undisciplined += outcome.undisciplined
        for difference in outcome.differences:
            print(f"{name}: {difference}", flush=True)
        self.kinds.update(d.kind for d in outcome.differences)
        if time.monotonic() > self.said + _EVERY:
            self.said = time.monotonic()
            print(self.line(), file=sys.stderr, flush=True)

    def note_program(self, seed: int, outcome: Outcome, compare: Compare) -> None:
        """The same of a random program, which is made smaller if it is one of the first."""
        self.note(f"seed {seed}", outcome)
        if outcome.differences and self.shown < _SHOWN:
            self.shown += 1
            print(_small(seed, outcome.differences[0].kind, compare), flush=True)

    def line(self) -> str:
        """The counts of what was compared, and how fast that went."""
        seconds = time.process_time() - self.start
        rate = (self.compared + self.left_out) / seconds if seconds else 0
        return (
            f"{self.what}: {self.compared} compared, {self.left_out} left out; {self.states} "
            f"states, {self.violated} with a violation, {self.undisciplined} without discipline; "
            f"{seconds:.0f} s CPU, {rate:.1f} a second"
        )

    def show(self) -> None:
        """Print what was compared, and how often what differed."""
        print(self.line())
        for (passes, kind), count in sorted(self.kinds.items()):
            print(f"{count:6} differ: {passes}: {kind}")


def _small(seed: int, kind: tuple[str, str], compare: Compare) -> str:
    """The test of a smallest program that differs in a way."""

    def fails(candidate: Program) -> bool:
        return kind in {d.kind for d in compare(candidate).differences}

    least = shrink(program(seed), fails)
    why = next(d for d in compare(least).differences if d.kind == kind)
    return as_test(f"seed_{seed}", str(why), case_text(*system_of(least)))


def _with_programs(tally: _Tally, seeds: range, passes: Sequence[str], engine: Engine) -> None:
    def compared(what: Program) -> Outcome:
        return compare(what, passes, engine=engine)

    for seed in seeds:
        tally.note_program(seed, compared(program(seed)), compared)


def _with_sides(tally: _Tally, sides: Sequence[Side], passes: Sequence[str]) -> None:
    for side in sides:
        for name, outcome in compare_side(side, passes):
            tally.note(name, outcome)


def _tallied(what: str, run: Callable[[_Tally], None]) -> _Tally:
    """The outcome of a campaign, which is shown, also when it is interrupted."""
    tally = _Tally(what)
    try:
        run(tally)
    finally:
        tally.show()
    return tally


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what is asked for; 1 if something differs."""
    as_it_is = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(
        prog="python -m tests.oracle", description=__doc__, formatter_class=as_it_is
    )
    for what in ("programs", "casts", "mutants"):
        parser.add_argument(f"--{what}", type=int, default=0, metavar="N")
    parser.add_argument("--seed", type=int, default=0, metavar="S")
    parser.add_argument("--passes", choices=list(PASSES), action="append", default=[])
    parser.add_argument(
        "--engine", choices=("reference", "native"), default="reference", help="of --programs"
    )
    parser.add_argument("--faults", type=int, default=0, metavar="N")
    parser.add_argument("--fault", default="", metavar="NAME", help="those with this in their name")
    asked = parser.parse_args(arguments)
    if not any(asked.fault in fault.name for fault in FAULTS):
        parser.error(f"no fault has '{asked.fault}' in its name")
    gc.set_threshold(
        500_000, 20
    )  # much is made and kept, all of it trees, as in `checks.play.workers`
    tallies = list(_campaigns(asked))
    missed = _find_faults(asked) if asked.faults else 0
    if not tallies and not asked.faults:
        parser.error("say how many: --programs N, --casts N, --mutants N, --faults N")
    return int(missed > 0 or any(tally.kinds for tally in tallies))


def _find_faults(asked: argparse.Namespace) -> int:
    """Say of each fault how many programs it took; the number of those that did not show."""
    missed = 0
    for fault in (f for f in FAULTS if asked.fault in f.name):
        start = time.process_time()
        count = programs_until(fault, asked.faults, asked.seed)
        missed += count is None
        found = "NOT FOUND" if count is None else f"{count:9}"
        print(f"{found}  {fault.name}  ({time.process_time() - start:.0f} s CPU)", flush=True)
    return missed


def _campaigns(asked: argparse.Namespace) -> Iterator[_Tally]:
    passes = asked.passes or list(PASSES)
    if asked.programs:
        seeds = range(asked.seed, asked.seed + asked.programs)
        engine = Engine(asked.engine)
        yield _tallied(f"programs, {engine}", lambda t: _with_programs(t, seeds, passes, engine))
    if asked.casts:
        casts = _of_all(some_casts, asked.casts, asked.seed)
        yield _tallied("casts", lambda t: _with_sides(t, casts, passes))
    if asked.mutants:
        mutants = _of_all(some_mutants, asked.mutants, asked.seed)
        yield _tallied("mutants", lambda t: _with_sides(t, mutants, passes))


def _of_all(draw: Draw, count: int, seed: int) -> list[Side]:
    """So many of every stored family."""
    return [side for family in FAMILIES.values() for side in draw(count, seed, family)]


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)

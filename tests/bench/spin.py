# SPDX-License-Identifier: GPL-2.0-only
"""SPIN's verdicts beside ours on a sample of casts: ``python -m tests.bench.spin``.

Casts of every variant and architecture are drawn, every other one with a mutant, and exported as
the front end made them and reduced.  Of each of the two SPIN and the reference explorer must find
the same states and the same violations, and of both of them the same violations.  What has too
many states unreduced is passed over, and counted.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from checks.engine.codegen.promela import assertion, promela
from checks.engine.engines import Engine
from checks.engine.search import Limits
from checks.mutate.played import require_edited
from checks.mutate.steps import steps_of
from checks.reduce.conflicts import DISCIPLINE
from checks.reduce.reducer import NO_PASSES, Passes
from checks.stage.stage import Role, Setting, Stage
from checks.target.target import as_mutant, by_name
from invariants import REGISTRY
from model.cast.casts import Cast
from model.hw.archs import ARCHS
from model.lang.errors import ModelError
from model.patches.family import Family
from tests.checks.engine.spinning import spun
from tests.families import MOVE

SHAPES = ((0, 1), (0, 2), (0, 3), (1, 1), (1, 2), (2, 1))
"""Neighbours and pages; each is as likely."""


@dataclass(frozen=True)
class Drawn:
    """A cast with a variant on an architecture."""

    cast: Cast
    role: Role
    arch: str

    @property
    def name(self) -> str:
        what = f", {self.role.mutant}" if self.role.mutant else ""
        return f"{self.cast.name}@{self.arch} {self.role.variant.name}{what}"


@dataclass(frozen=True)
class Decided:
    """The result for one form of a cast: states, violated invariants, and in what SPIN differs
    from the reference explorer, if it does."""

    states: int
    violated: frozenset[str]
    differs: str
    seconds: float


def draws(patch: Family, rng: random.Random) -> Iterator[Drawn]:
    """Casts without and with a mutant in turn, without end."""
    while True:
        yield _drawn(patch, rng)
        while True:
            base = _drawn(patch, rng)
            names = [m.name for m in patch.mutants]
            names += [s.name for s in steps_of(base.role.variant, base.cast)]
            subject = by_name(patch.name, base.role.variant.name)
            role = as_mutant(subject, rng.choice(names)).selected.role
            drawn = Drawn(base.cast, role, base.arch)
            try:
                require_edited(role, [base.cast])
                _stage(drawn, NO_PASSES).system(base.cast, role)
            except ModelError:  # the variant or the cast has no such place: another one
                continue
            yield drawn
            break


def _drawn(patch: Family, rng: random.Random) -> Drawn:
    variant = rng.choice(patch.variants)
    shape = rng.choice(SHAPES)
    every = patch.casts.full(variant.neighbours_from)
    cast = rng.choice([c for c in every if (len(c.others), c.axes["pages"]) == shape])
    return Drawn(cast, Role(variant, source=patch.name), rng.choice(list(ARCHS)))


def _stage(drawn: Drawn, passes: Passes) -> Stage:
    return Stage(Setting.of(drawn.cast), drawn.arch, REGISTRY.values(), passes=passes)


def decided(drawn: Drawn, passes: Passes, limit: int) -> Decided | None:
    """The results of SPIN and the reference explorer for a cast; None if it has too many states."""
    stage = _stage(drawn, passes)
    cast, role = drawn.cast, drawn.role
    _, ours = stage.search(cast, role, Limits(limit), engine=Engine.REFERENCE)
    if ours.why:
        return None
    text = promela(stage.reduced(cast, role), stage.initial(cast))
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        theirs = spun(text, Path(folder))
    seconds = time.monotonic() - began
    differs = []
    if theirs.states != ours.states:
        differs.append(f"SPIN finds {theirs.states} states, not {ours.states}")
    fails = set(map(assertion, ours.violations))
    if theirs.fails != fails:
        differs.append(f"SPIN finds {sorted(theirs.fails)}, not {sorted(fails)}")
    if not theirs.wrong and theirs.transitions != ours.transitions:
        differs.append(f"SPIN finds {theirs.transitions} transitions, not {ours.transitions}")
    return Decided(ours.states, frozenset(ours.violations), "; ".join(differs), seconds)


def reduced(drawn: Drawn, limit: int) -> Decided | None:
    """The reduced form; without movers, as it is decided then, if they rest on a lock that is not
    held."""
    found = decided(drawn, Passes(), limit)
    if found is not None and not found.differs and DISCIPLINE in found.violated:
        return decided(drawn, Passes(movers=False), limit)
    return found


def main(arguments: Sequence[str]) -> int:
    """0 if there is no difference."""
    options = argparse.ArgumentParser(prog="python -m tests.bench.spin")
    options.add_argument("--casts", type=int, default=20, help="each is two exports")
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--max-states", type=int, default=100_000, help="of one, unreduced")
    asked = options.parse_args(arguments)
    rng = random.Random(asked.seed)
    wrong = done = large = violated = 0
    print(f"{'unreduced':>10} {'reduced':>8} {'SPIN s':>7}  violated  cast", flush=True)
    for drawn in draws(MOVE, rng):
        if done == asked.casts:
            break
        whole = decided(drawn, NO_PASSES, asked.max_states)
        if whole is None:
            large += 1
            print(f"{'too many':>10} {'-':>8} {'-':>7} {'-':>9}  {drawn.name}", flush=True)
            continue
        small = reduced(drawn, asked.max_states)
        assert small is not None
        done += 1
        violated += bool(whole.violated)
        seconds = whole.seconds + small.seconds
        print(f"{whole.states:10} {small.states:8} {seconds:7.1f} {len(whole.violated):9}  "
              f"{drawn.name}", flush=True)  # fmt: skip
        differs = [f"unreduced: {whole.differs}"] if whole.differs else []
        differs += [f"reduced: {small.differs}"] if small.differs else []
        if whole.violated != small.violated:
            differs.append(f"violated unreduced {sorted(whole.violated)}, "
                           f"reduced {sorted(small.violated)}")  # fmt: skip
        for line in differs:
            print(f"  DIFFERS  {line}", flush=True)
        wrong += bool(differs)
    print(
        f"{2 * done} exports of {done} casts, {violated} of them with a violation: {wrong} differ; "
        f"passed over {large} of more than {asked.max_states} states unreduced"
    )
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

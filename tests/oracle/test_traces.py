# SPDX-License-Identifier: GPL-2.0-only
"""Every trace that is shown, step by step in the oracle: each step is one of the unreduced system
in which TLBs fill and forget at any time, and the last breaks what the trace says.

Of the golden files, and one for each mutant of every family.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from checks.answer.replay import play_of
from checks.play.play import Play
from checks.stage.stage import Setting, Stage
from checks.trace.run import Done, Runner, Tick
from checks.trace.schedule import read_schedule
from invariants import REGISTRY
from tests.command import write_late_flush
from tests.families import MOVE
from tests.model.test_traces import MUTANTS, Key, trace_of_mutant

from .evaluator import MeaninglessError
from .naive import DEADLOCK, Naive, Packed, Step

GOLDEN = Path(__file__).parents[1] / "golden"
SHOWN = re.compile(
    r"(?m)^VIOLATED  (?P<invariant>\w+)\s+\[.*\n(?:.*\n)*?"
    r"replay    check-invariants replay '(?P<line>[^']+)'$"
)


def golden() -> Iterator[tuple[str, str]]:
    """The invariant and the schedule of each trace of the golden files."""
    for path in sorted(GOLDEN.glob("*.txt")):
        for found in SHOWN.finditer(path.read_text()):
            yield found["invariant"], found["line"]


@functools.cache
def _stage(setting: Setting, arch: str) -> Stage:
    """A stage for whatever is played with one setting: threads are made once."""
    return Stage(setting, arch, REGISTRY.values())


class Validated:
    """A run that both have carried out: the oracle, and the tool, whose states are compared."""

    def __init__(self, play: Play, ticks: Sequence[Tick]) -> None:
        stage = _stage(Setting.of(play.cast), play.arch)
        system = stage.raw_system(play.cast, play.role)
        initial = stage.initial(play.cast, anytime=True)
        done = Runner(system, initial).run(ticks)
        assert done is not None, "the schedule cannot be carried out"
        self.oracle = Naive(system, initial, lenient=True)
        self.done = done
        self.broken: set[str] = set()
        self.state = self.oracle.start
        for step in done:
            self.state = self.take(self.state, step)

    def take(self, s: Packed, done: Done) -> Packed:
        """Carry out one tick; `broken` is what it breaks, at its steps or in the state behind."""
        broken: set[str] = set()
        for step in self.steps(done):
            s, failing = self.oracle.after(s, step)
            broken |= failing
        for place, value in done.after.cells.items():
            assert self.oracle.value(s, place) == value, place
        self.broken = broken | self.oracle.broken(s)
        return s

    def shows(self, invariant: str) -> bool:
        """True if the last state breaks an invariant.

        A trace of a deadlock ends where threads have at most quiet steps before them: whatever they
        still do, they come to wait.
        """
        if invariant != DEADLOCK:
            return invariant in self.broken
        seen, todo, waiting = {self.state}, [self.state], 0
        while todo:
            s = todo.pop()
            look = self.oracle.look(s)
            if look.at_rest and DEADLOCK not in look.failing:
                return False
            waiting += look.at_rest
            threads = len(self.oracle.system.threads)
            for (number, _), after in look.steps:
                if number < threads and after not in seen:
                    seen.add(after)
                    todo.append(after)
        return waiting > 0

    def steps(self, done: Done) -> list[Step]:
        """The steps of a tick as the oracle numbers them."""
        system = self.oracle.system
        if done.tick.rule:
            names = [rule.name for rule in system.rules]
            return [(len(system.threads), names.index(done.tick.rule))]
        edges = system.threads[done.tick.thread].edges
        return [(done.tick.thread, edges.index(edge)) for edge in done.edges]


@pytest.mark.parametrize(("invariant", "line"), list(golden()))
def test_golden_traces(
    invariant: str, line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_late_flush(tmp_path)
    schedule = read_schedule(line)
    run = Validated(play_of(schedule), schedule.ticks)
    assert run.shows(invariant)


def test_golden_files_show_traces() -> None:
    lines = [path.read_text().count("\nreplay    ") for path in GOLDEN.glob("*.txt")]
    assert len(list(golden())) == sum(lines) >= 5


@pytest.mark.parametrize("key", MUTANTS, ids="-".join)
def test_traces_of_mutants(key: Key) -> None:
    run = Validated(*trace_of_mutant(key))
    assert run.shows(MUTANTS[key].breaks[0])


def test_a_step_that_is_left_out_is_noticed() -> None:
    """The next step of that thread begins somewhere else."""
    run = Validated(*trace_of_mutant((MOVE.name, "index not updated")))
    steps = [step for done in run.done for step in run.steps(done)]
    follow(run.oracle, steps)
    for left_out in range(len(steps) - 1):
        with pytest.raises(MeaninglessError, match="cannot be taken here"):
            follow(run.oracle, [*steps[:left_out], *steps[left_out + 1 :]])


def follow(oracle: Naive, steps: Sequence[Step]) -> None:
    s = oracle.start
    for step in steps:
        s, _ = oracle.after(s, step)

# SPDX-License-Identifier: GPL-2.0-only
"""Every built-in trace is carried out by plain Python as well, with equal states after each step.

Those of the golden files, and one for each mutant of every family: the functions that Python runs
are edited as the mutant's are.  What a trace shows is then what the text of the models does, apart
from the front end, the reductions and the engines that found it.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from checks.answer.replay import play_of
from checks.mutate.played import cast_of, role
from checks.play.play import Play
from checks.stage.stage import Role, Setting, Stage
from checks.trace.run import Runner, Tick
from checks.trace.schedule import read_schedule
from checks.trace.trace import Trace, find_trace
from invariants import REGISTRY
from model.cast.casts import invocations
from model.hw.arch import selected
from model.lang.declare import ModelFunction, swapped
from model.lang.frontend.source import Context
from model.lang.ir import Edge
from tests.command import write_late_flush
from tests.families import EVERY, MOVE, source
from tests.model.lockstep import SILENT, Difference, Lockstep
from tests.model.test_two_runs import body, rules

ROOT = Path(__file__).parents[2]
SCHEDULE = re.compile(r"(?m)^replay    check-invariants replay '([^']+)'$")
Key = tuple[str, str]
"""The name of a family, and of a mutant of it."""

MUTANTS = {(name, m.name): m for name, family in EVERY.items() for m in family.mutants}


def golden() -> Iterator[str]:
    for path in sorted((ROOT / "tests" / "golden").glob("*.txt")):
        yield from SCHEDULE.findall(path.read_text())


def as_python(
    played: Role, routines: list[ModelFunction[..., Any]]
) -> Mapping[ModelFunction[..., Any], ModelFunction[..., Any]]:
    """What calls have to run instead, so that Python does what the role does."""
    swap = dict(played.variant.swap_in(routines[0]))
    ctx = Context(_NO_WORLD, edits=dict(played.edits))
    called = played.variant.called_by(routines)
    edited = {fn: ctx.python(fn) for name, _ in played.edits for fn in called[name]}
    return {**edited, **{old: edited.get(new, new) for old, new in swap.items()}}


_NO_WORLD: Any = None


def follow(play: Play, ticks: tuple[Tick, ...]) -> Lockstep:
    """Carry a schedule out in both; Difference where they part."""
    stage = Stage(Setting.of(play.cast), play.arch, [], anytime=True)
    subject = play.role.variant.call(play.cast, stage.setup)
    kernel = play.role.variant.neighbours_from
    calls = invocations(stage.setup, subject, play.cast, kernel)
    system = stage.raw_system(play.cast, play.role)
    initial = stage.initial(play.cast)
    done = Runner(system, initial).run(ticks)
    assert done is not None, "the schedule cannot be carried out in the IR"
    swap = as_python(play.role, [c.fn for c in calls])
    with selected(stage.arch_of(play.role.variant)), swapped(swap):
        bodies = [(c.thread, body(c)) for c in calls]
        with Lockstep(stage.world, system, initial, bodies, rules(stage)) as run:
            for step in done:
                if step.tick.rule:
                    run.fire_rule(next(r for r in system.rules if r.name == step.tick.rule))
                for edge in step.edges:
                    if edge.op.kind not in SILENT:
                        assert run.step(step.tick.thread, partial(_taken, edge))
                if run.stopped:
                    break
            assert run.stopped or run.pos.cells == done[-1].after.cells
    return run


def _taken(edge: Edge, names: list[str]) -> int:
    """Which way the schedule goes."""
    return names.index(edge.choice)


@pytest.mark.parametrize("line", list(golden()), ids=lambda line: line.split(":")[0])
def test_golden_traces(line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_late_flush(tmp_path)
    schedule = read_schedule(line)
    run = follow(play_of(schedule), schedule.ticks)
    assert len(run.log) >= len(schedule.ticks)


def play_of_mutant(key: Key) -> Play:
    family, row = EVERY[key[0]], MUTANTS[key]
    played = replace(role(family, row), source=source(family.name))
    return Play(cast_of(family, row), played, row.archs[0])


@functools.cache
def shortest(key: Key) -> Trace:
    """The trace of a mutant in its cast."""
    trace = find_trace(play_of_mutant(key), REGISTRY[MUTANTS[key].breaks[0]])
    assert trace is not None
    return trace


def trace_of_mutant(key: Key) -> tuple[Play, tuple[Tick, ...]]:
    return play_of_mutant(key), read_schedule(shortest(key).schedule).ticks


@pytest.mark.parametrize("key", MUTANTS, ids="-".join)
def test_traces_of_mutants(key: Key) -> None:
    run = follow(*trace_of_mutant(key))
    assert run.log
    why = shortest(key).why
    assert why.facts, "no sentence says what is wrong"
    assert "?" not in why.facts + why.then, "a field of a sentence has no value"


def test_an_edit_that_python_does_not_have_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The test can fail: Python with the flush, the IR without."""
    play, ticks = trace_of_mutant((MOVE.name, "no flush"))
    monkeypatch.setattr("tests.model.test_traces.as_python", lambda *_: play.role.variant.swap)
    with pytest.raises(Difference, match="Python is at"):
        follow(play, ticks)

# SPDX-License-Identifier: GPL-2.0-only
"""A schedule carried out again: what it leads to, in the unmerged system, and what that breaks."""

from __future__ import annotations

from model.lang.errors import ModelError

from ..play.play import Play
from ..stage.stage import Setting, Stage
from ..target.inputs import targets_of
from ..target.selection import chosen_casts, known_archs
from ..target.target import Target, as_mutant
from ..trace.run import Runner
from ..trace.schedule import Schedule, read_schedule
from ..trace.trace import Trace, describe


def play_of(schedule: Schedule) -> Play:
    """The play that a schedule is of."""
    return _target_and_play(schedule)[1]


def _target_and_play(schedule: Schedule) -> tuple[Target, Play]:
    (target,) = targets_of(schedule.patch, schedule.variant)
    assert isinstance(target, Target)
    if schedule.mutant:
        target = as_mutant(target, schedule.mutant)
    role = target.selected.role
    casts = chosen_casts(
        target.family.casts, role.variant.neighbours_from, schedule.cast, full=False
    )
    return target, Play(casts[0], role, known_archs(schedule.arch)[0])


def replay(line: str) -> list[Trace]:
    """A trace for each invariant that the last step breaks; ModelError if it cannot be run."""
    schedule = read_schedule(line)
    target, play = _target_and_play(schedule)
    stage = Stage(Setting.of(play.cast), play.arch, target.registry.values())
    runner = Runner(stage.raw_system(play.cast, play.role), stage.initial(play.cast, anytime=True))
    for tick in schedule.ticks:
        if tick.thread >= len(runner.system.threads):
            raise ModelError(f"the scenario has no CPU {tick.thread}")
    done = runner.run(schedule.ticks)
    if done is None:
        raise ModelError(
            "the schedule cannot be carried out", why="a step of it has to wait or is past the end",
            instead="the model may have changed since; decide the patch again",
        )  # fmt: skip
    broken = runner.failures(done[-1]) if done else runner.interpreter.broken(runner.start)
    return [
        describe(play, target.registry[name], stage.world, runner, done, 0, fewest=False)
        for name in broken
        if name in target.registry
    ]

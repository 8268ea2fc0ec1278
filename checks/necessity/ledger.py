# SPDX-License-Identifier: GPL-2.0-only
"""The ledger of a routine: for each of its steps, what breaks without it.

A step is *needed* if some invariant fails without it in a scenario in which it holds with it.  If
none does, the step is not shown to be needed: by these invariants, scenarios and architectures.
"""

from __future__ import annotations

import fnmatch
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from enum import StrEnum

from invariants.registry import Invariant
from model.cast.casts import Cast
from model.lang.errors import ModelError, near

from ..engine.engines import Engine
from ..engine.search import Limits
from ..mutate.steps import StepMutant, steps_of_all
from ..play.cache import Verdicts
from ..play.play import Finding, Play, Theatre, contradiction, reduced_together, what_broke
from ..play.pool import play_all
from ..play.workers import Died, spread
from ..stage.stage import Role


class Need(StrEnum):
    """What is known of a step."""

    NEEDED = "needed by"
    NOT_SHOWN = "not shown needed in this model"
    UNDECIDED = "not decided"


@dataclass(frozen=True)
class Row:
    """One step: the invariants that fail without it, in the first play in which any does; or why
    it is not decided, or what else is to be said of it."""

    step: StepMutant
    need: Need
    invariants: tuple[str, ...] = ()
    play: Play | None = None
    why: str = ""


@dataclass(frozen=True)
class Asked:
    """What a ledger is of."""

    role: Role
    casts: tuple[Cast, ...]
    archs: tuple[str, ...]
    chosen: tuple[Invariant, ...]
    limits: Limits
    jobs: int = 0
    engine: Engine = Engine.AUTO


Watch = Callable[[int, int, int], None]


@dataclass
class _Work:
    asked: Asked
    base: Mapping[str, Finding]
    steps: Sequence[StepMutant]
    verdicts: Verdicts
    theatre: Theatre


_work: _Work | None = None

_Answer = tuple[Need, tuple[str, ...], int, str]
"""What a process found of a step: the invariants that fail, where among the plays, or why not."""


def ledger(
    asked: Asked, steps: Sequence[StepMutant], verdicts: Verdicts, watch: Watch | None = None
) -> list[Row]:
    """A row for each step, in their order; steps not reached when it is interrupted are not
    decided."""
    global _work
    base = _base(asked, verdicts, watch)
    theatre = Theatre(asked.chosen, asked.engine)
    for play in (Play(c, asked.role, a) for a in asked.archs for c in asked.casts):
        theatre.stage(play).system(play.cast, play.role)  # what all steps have in common, once
    _work = _Work(asked, base, steps, verdicts, theatre)
    rows = [Row(s, Need.UNDECIDED, why="interrupted") for s in steps]
    jobs = asked.jobs or len(os.sched_getaffinity(0))
    try:
        for done, (n, answer) in enumerate(_answers(len(steps), jobs), 1):
            need, names, at, why = answer
            where = _plays(asked, steps[n])[at] if at >= 0 else None
            rows[n] = Row(steps[n], need, names, where, why)
            if watch is not None:
                watch(done, len(steps), 0)
    except KeyboardInterrupt:
        pass  # the rest is not decided
    finally:
        _work = None
    return rows


def _answers(count: int, jobs: int) -> Iterator[tuple[int, _Answer]]:
    """What is found of each step, as it is found; each in a process of its own, for expressions
    are kept as long as a process lives.  Where one is killed, the step is tried once more alone."""
    lost: list[int] = []
    with closing(spread(_row, range(count), jobs, once=True)) as answers:
        for n, answer in answers:
            if isinstance(answer, Died):
                lost.append(n)
            else:
                yield n, answer
    with closing(spread(_row, lost, 1, once=True)) as answers:
        for n, answer in answers:
            yield n, (Need.UNDECIDED, (), -1, answer.why) if isinstance(answer, Died) else answer


def chosen_steps(role: Role, casts: Sequence[Cast], names: str = "") -> list[StepMutant]:
    """The steps of a variant that a ledger is made of; ModelError if none has a name like that."""
    every = steps_of_all(role.variant, casts)
    found = [s for s in every if names in ("", s.name) or fnmatch.fnmatchcase(s.name, names)]
    if not found:
        raise ModelError(f"no step fits '{names}'", instead=near(names, [s.name for s in every]))
    return found


def _base(asked: Asked, verdicts: Verdicts, watch: Watch | None) -> dict[str, Finding]:
    """What is found with every step in its place, by play."""
    plays = [Play(c, asked.role, a) for a in asked.archs for c in asked.casts]
    outcomes = play_all(
        plays, asked.chosen, asked.limits, jobs=asked.jobs, engine=asked.engine, watch=watch,
        verdicts=verdicts,
    )  # fmt: skip
    for o in outcomes:
        if o.found.why or o.found.broken:
            raise ModelError(
                f"{o.play.name} is not decided with every step in its place",
                why=o.found.why or what_broke(o.found),
            )
    return {o.play.name: o.found for o in outcomes}


def _plays(asked: Asked, step: StepMutant) -> list[Play]:
    """Where a step is looked for to be needed, the simplest first."""
    role = step.of(asked.role)
    plays = [Play(c, role, a) for a in asked.archs for c in asked.casts]
    return sorted(plays, key=lambda p: len(p.cast.others))


def _row(number: int, _: int) -> _Answer:
    """What is found of a step: which invariants fail, in the play of which position."""
    assert _work is not None
    plays = _plays(_work.asked, _work.steps[number])
    unsure = stuck = ""
    try:
        for play, found in _played(plays):
            base = _work.base[play.name]
            new = [
                i.name for i in _work.asked.chosen
                if i.name in found.violated and i.name not in base.violated
            ]  # fmt: skip
            if new:
                return Need.NEEDED, tuple(new), plays.index(play), ""
            unsure = unsure or _unsure(play, found)
            if found.stuck and not base.stuck:
                stuck = stuck or f"{found.stuck[0]} never returns in {play.name}"
    except ModelError as error:
        return Need.UNDECIDED, (), -1, str(error)
    except MemoryError:
        return Need.UNDECIDED, (), -1, "out of memory"
    except Exception as error:
        return Need.UNDECIDED, (), -1, contradiction(error)
    return (Need.UNDECIDED if unsure else Need.NOT_SHOWN), (), -1, unsure or stuck


def _unsure(play: Play, found: Finding) -> str:
    why = found.why or what_broke(found)
    return f"{play.name}: {why}" if why else ""


def _played(plays: Sequence[Play]) -> Iterator[tuple[Play, Finding]]:
    """Each play with what is found in it, the simplest first; nothing is played ahead."""
    assert _work is not None
    asked, verdicts, theatre = _work.asked, _work.verdicts, _work.theatre
    for others in range(max(len(p.cast.others) for p in plays) + 1):
        for beside in reduced_together(p for p in plays if len(p.cast.others) == others):
            known = verdicts.findings(beside, asked.chosen, asked.limits)
            if len(known) < len(beside):
                theatre.prepare(beside)
            new: list[tuple[Play, Finding]] = []
            try:
                for n, play in enumerate(beside):
                    found = known.get(n)
                    if found is None:
                        found = theatre.play(play, asked.limits)
                        new.append((play, found))
                    yield play, found
            finally:
                verdicts.keep(beside, new, asked.chosen, asked.limits)
                if len(known) < len(beside):
                    theatre.forget(beside)

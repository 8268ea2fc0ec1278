# SPDX-License-Identifier: GPL-2.0-only
"""Many plays on several processors, in an order that does not depend on them.

Plays that are reduced together stay together.  Interrupted or out of time, what was found so far
is kept, and the rest is unfinished.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from invariants.registry import Invariant
from model.lang.errors import ModelError

from ..engine import interrupts
from ..engine.engines import Engine
from ..engine.interrupts import INTERRUPTED
from ..engine.search import Limits
from .cache import Verdicts
from .play import Finding, Outcome, Play, Theatre, contradicted, families, side_by_side, unfinished
from .workers import Died, can_fork, spread

Watch = Callable[[int, int, int], None]
"""Told of progress: plays done, plays in all, states so far."""


@dataclass
class _Work:
    """What worker processes inherit: plays hold functions, which cannot be sent."""

    groups: list[list[Play]]
    chosen: tuple[Invariant, ...]
    limits: Limits
    states: Any  # how many each process has visited: a lock would be held by one that is killed
    theatre: Theatre


_work: _Work | None = None


def play_all(
    plays: Sequence[Play], chosen: Sequence[Invariant], limits: Limits, *, jobs: int = 0,
    engine: Engine = Engine.AUTO, watch: Watch | None = None, verdicts: Verdicts | None = None,
) -> list[Outcome]:  # fmt: skip
    """Decide every play; outcomes in the order of the plays.

    `jobs` processes, as many as there are processors if 0.  What the cache has is not decided
    again; what is found is kept there, group by group.
    """
    verdicts = verdicts or Verdicts(use=False)
    known = verdicts.findings(plays, chosen, limits)
    left = [n for n in range(len(plays)) if n not in known]

    def keep(group: list[Play], findings: list[Finding]) -> None:
        verdicts.keep(zip(group, findings, strict=True), chosen, limits)

    found = _decided([plays[n] for n in left], chosen, limits, jobs, engine, watch, keep)
    known.update(zip(left, found, strict=True))
    return [Outcome(play, known[n]) for n, play in enumerate(plays)]


Keep = Callable[[list[Play], list[Finding]], None]
"""Told of a group of plays as soon as it is decided."""


def _decided(
    plays: Sequence[Play], chosen: Sequence[Invariant], limits: Limits, jobs: int, engine: Engine,
    watch: Watch | None, keep: Keep,
) -> list[Finding]:  # fmt: skip
    global _work
    groups = families(plays)
    jobs = min(jobs or len(os.sched_getaffinity(0)), len(groups))
    states = multiprocessing.RawArray("q", max(jobs, 1))
    _work = _Work(groups, tuple(chosen), limits, states, Theatre(chosen, engine))
    found: dict[int, Finding] = {}

    def told(group: list[Play], findings: list[Finding]) -> None:
        keep(group, findings)
        found.update((id(p), f) for p, f in zip(group, findings, strict=True))
        tell()

    def tell() -> None:
        if watch is not None:
            watch(len(found), len(plays), sum(states))

    collecting = gc.isenabled()
    gc.disable()  # as in the processes that work for this one
    try:
        if jobs <= 1 or not can_fork():
            _alone(groups, tell, told)
        else:
            _together(groups, jobs, tell, told)
    except KeyboardInterrupt:
        interrupts.notice()  # what was found is found
    finally:
        _work = None
        if collecting:
            gc.enable()
    return [found.get(id(play), unfinished(INTERRUPTED)) for play in plays]


def _alone(groups: list[list[Play]], tell: Callable[[], None], told: Keep) -> None:
    for n, group in enumerate(groups):
        told(group, _play_group(n, 0, tell))


def _together(groups: list[list[Play]], jobs: int, tell: Callable[[], None], told: Keep) -> None:
    """Each group in one of several processes.

    Where a process is killed, the plays that it was at are tried once more, each by itself, with
    nobody beside it: memory may be enough then, and if not it is the fault of that play.
    """
    assert _work is not None
    lost: list[Play] = []
    order = sorted(range(len(groups)), key=lambda n: -_size(groups[n]))
    with closing(spread(_play_group, order, jobs, beat=tell)) as answers:
        for n, answer in answers:
            if isinstance(answer, Died):
                lost += groups[n]
            else:
                told(groups[n], answer)
    _work.groups = [[play] for play in lost]
    with closing(spread(_play_group, range(len(lost)), 1, beat=tell)) as answers:
        for n, answer in answers:
            again = [unfinished(answer.why)] if isinstance(answer, Died) else answer
            told([lost[n]], again)


def _size(group: list[Play]) -> int:
    """A guess at how long a group takes: each play, pairs longer, and each thread to prepare."""
    threads = {(p.arch, p.role, o.name) for p in group for o in p.cast.others}
    return 20 * len(threads) + sum(1 << 2 * len(p.cast.others) for p in group)


def _play_group(number: int, seat: int, tell: Callable[[], None] = lambda: None) -> list[Finding]:
    assert _work is not None
    group, theatre = _work.groups[number], _work.theatre
    found: dict[int, Finding] = {}
    for plays in side_by_side(group):
        try:
            if time.monotonic() < _work.limits.until and not interrupts.noticed():
                theatre.prepare(plays)
            for play in plays:
                found[id(play)] = _play(play, seat, tell)
        except ModelError:  # of what was handed in: nothing can be decided
            raise
        except MemoryError:
            found |= {id(p): unfinished("out of memory") for p in plays if id(p) not in found}
        except Exception as error:
            why = unfinished(INTERRUPTED) if interrupts.noticed() else contradicted(error)
            found |= {id(p): why for p in plays if id(p) not in found}
    theatre.forget(group)
    return [found[id(play)] for play in group]


def _play(play: Play, seat: int, tell: Callable[[], None]) -> Finding:
    assert _work is not None
    limits, states = _work.limits, _work.states
    if time.monotonic() >= limits.until:
        return unfinished("stopped at --timeout")
    if interrupts.noticed():
        return unfinished(INTERRUPTED)
    counted = 0

    def progress(count: int) -> None:
        nonlocal counted
        states[seat] += count - counted
        counted = count
        tell()

    finding = _work.theatre.play(play, limits, progress)
    progress(finding.states)
    return finding

# SPDX-License-Identifier: GPL-2.0-only
"""Many plays on several processors, in an order that does not depend on them.

Plays that are reduced together stay together.  Interrupted or out of time, what was found so far
is kept, and the rest is unfinished.
"""

from __future__ import annotations

import functools
import gc
import multiprocessing
import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass
from typing import Any

from invariants.registry import Invariant
from model.lang.errors import ModelError

from .decide import (
    Finding,
    Outcome,
    Play,
    Theatre,
    contradicted,
    families,
    side_by_side,
    unfinished,
)
from .engine.engines import Engine
from .engine.reference import Limits
from .verdicts import Verdicts

Watch = Callable[[int, int, int], None]
"""Told of progress: plays done, plays in all, states so far."""


@dataclass
class _Work:
    """What worker processes inherit: plays hold functions, which cannot be sent."""

    groups: list[list[Play]]
    chosen: tuple[Invariant, ...]
    limits: Limits
    states: Any
    theatre: Theatre


_work: _Work | None = None


def play_all(
    plays: Sequence[Play], chosen: Sequence[Invariant], limits: Limits, *, jobs: int = 0,
    engine: Engine = Engine.AUTO, watch: Watch | None = None, verdicts: Verdicts | None = None,
) -> list[Outcome]:  # fmt: skip
    """Decide every play; outcomes in the order of the plays.

    `jobs` processes, as many as there are processors if 0.  What `verdicts` has is not decided
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
    states = multiprocessing.Value("q", 0)
    _work = _Work(groups, tuple(chosen), limits, states, Theatre(chosen, engine))
    collecting = gc.isenabled()
    gc.disable()  # much is made and kept, all of it trees: looking for cycles takes a third longer
    try:
        if jobs <= 1 or "fork" not in multiprocessing.get_all_start_methods():
            found = _alone(groups, states, watch, keep)
        else:
            found = _together(groups, states, watch, keep, jobs)
    finally:
        _work = None
        if collecting:
            gc.enable()
    by_play = {
        id(play): finding
        for group, findings in zip(groups, found, strict=True)
        for play, finding in zip(group, findings, strict=True)
    }
    return [by_play[id(play)] for play in plays]


def _alone(
    groups: list[list[Play]], states: Any, watch: Watch | None, keep: Keep
) -> list[list[Finding]]:
    every = sum(len(g) for g in groups)
    found: list[list[Finding]] = []
    done = 0
    for n in range(len(groups)):
        try:
            found.append(_play_group(n, functools.partial(_tell, watch, done, every, states)))
        except KeyboardInterrupt:
            break
        keep(groups[n], found[n])
        done += len(groups[n])
        _tell(watch, done, every, states)
    return found + [[unfinished("interrupted") for _ in g] for g in groups[len(found) :]]


def _together(
    groups: list[list[Play]], states: Any, watch: Watch | None, keep: Keep, jobs: int
) -> list[list[Finding]]:
    found: list[list[Finding]] = [[unfinished("interrupted") for _ in g] for g in groups]
    every, done = sum(len(g) for g in groups), 0
    context = multiprocessing.get_context("fork")
    pool = ProcessPoolExecutor(jobs, mp_context=context, initializer=_ignore_interrupts)
    order = sorted(range(len(groups)), key=lambda n: -_size(groups[n]))
    try:
        waiting: dict[Future[list[Finding]], int] = {pool.submit(_play_group, n): n for n in order}
        while waiting:
            finished, _ = wait(waiting, timeout=0.2, return_when=FIRST_COMPLETED)
            for future in finished:
                n = waiting.pop(future)
                found[n] = future.result()
                keep(groups[n], found[n])
                done += len(groups[n])
            _tell(watch, done, every, states)
    except KeyboardInterrupt:
        for process in list(pool._processes.values()):  # there is no public way to stop at once
            process.terminate()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
    return found


def _size(group: list[Play]) -> int:
    """A guess at how long a group takes: each play, pairs longer, and each thread to prepare."""
    threads = {(p.arch, p.role, o.name) for p in group for o in p.cast.others}
    return 20 * len(threads) + sum(1 << 2 * len(p.cast.others) for p in group)


def _ignore_interrupts() -> None:
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _play_group(number: int, tell: Callable[[], None] = lambda: None) -> list[Finding]:
    assert _work is not None
    group, theatre = _work.groups[number], _work.theatre
    found: dict[int, Finding] = {}
    for plays in side_by_side(group):
        try:
            if time.monotonic() < _work.limits.until:
                theatre.prepare(plays)
            for play in plays:
                found[id(play)] = _play(play, tell)
        except ModelError:  # of what was handed in: nothing can be decided
            raise
        except MemoryError:
            found |= {id(p): unfinished("out of memory") for p in plays if id(p) not in found}
        except Exception as error:
            found |= {id(p): contradicted(error) for p in plays if id(p) not in found}
    theatre.forget(group)
    return [found[id(play)] for play in group]


def _play(play: Play, tell: Callable[[], None]) -> Finding:
    assert _work is not None
    limits, states = _work.limits, _work.states
    if time.monotonic() >= limits.until:
        return unfinished("stopped at --timeout")
    counted = 0

    def progress(count: int) -> None:
        nonlocal counted
        with states.get_lock():
            states.value += count - counted
        counted = count
        tell()

    finding = _work.theatre.play(play, limits, progress)
    progress(finding.states)
    return finding


def _tell(watch: Watch | None, done: int, every: int, states: Any) -> None:
    if watch is not None:
        watch(done, every, states.value)

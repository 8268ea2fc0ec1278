# SPDX-License-Identifier: GPL-2.0-only
"""Turns decided by an executor: anything that is used like those of `concurrent.futures`.

What it is sent are texts, and what it sends back is (`checks.target.tasks`), so that its processes
may be on other machines.  It cannot be told to stop what it has begun: at an interrupt or at the
end of the time what it has not begun is cancelled, and the rest is not waited for.
"""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass
from typing import Protocol

from model.lang.errors import ModelError, near

from ..engine.search import Limits
from .findings import unpacked
from .play import Finding, unfinished
from .turns import Turn

KNOWN = {"dask": "checks.play.dask_cluster:executor"}
"""Factories that have a short name."""

_BEAT = 0.2
"""Seconds between two beats."""


class Executor(Protocol):
    """The part of `concurrent.futures.Executor` that is used."""

    def submit(self, fn: Callable[[bytes], bytes], argument: bytes, /) -> Future[bytes]: ...

    def shutdown(self, wait: bool = True) -> None: ...


@dataclass(frozen=True)
class Elsewhere:
    """An executor by the import path of its factory; how a turn is written, and what its processes
    call with that to get the packed findings.  `notice` is told of what it loses."""

    factory: str
    task: Callable[[Turn], bytes]
    decide: Callable[[bytes], bytes]
    notice: Callable[[str], None] = lambda _: None


def is_executor(text: str) -> bool:
    """True for a short name or an import path."""
    return text in KNOWN or all(part.isidentifier() for part in text.replace(":", ".").split("."))


def made(factory: str) -> Executor:
    """A new executor; ModelError where there is no such factory, or it fails."""
    module, _, name = KNOWN.get(factory, factory).partition(":")
    if not name:
        raise ModelError(
            f"--jobs {factory}", why="it is neither a number nor module:callable",
            instead=near(factory, KNOWN),
        )  # fmt: skip
    try:
        executor: Executor = getattr(importlib.import_module(module), name)()
    except Exception as error:  # whatever somebody else's code raises
        why = f"{type(error).__name__}: {error}".partition("\n")[0]
        raise ModelError(f"--jobs {factory} gives no executor", why=why) from error
    if not callable(getattr(executor, "submit", None)):
        why = f"a {type(executor).__name__} has no submit()"
        raise ModelError(f"--jobs {factory} gives no executor", why=why)
    return executor


def sent(
    elsewhere: Elsewhere, turns: Sequence[Turn], limits: Limits, beat: Callable[[], None]
) -> Iterator[tuple[Turn, list[Finding] | None]]:
    """The turns with their findings, as they come; None for what the executor loses.

    ModelError of what was handed in is raised here.
    """
    if not turns:
        return
    executor = made(elsewhere.factory)
    turn_of: dict[Future[bytes], Turn] = {}
    lost: list[str] = []
    try:
        for turn in turns:
            turn_of[executor.submit(elsewhere.decide, elsewhere.task(turn))] = turn
        left = set(turn_of)
        while left:
            done, left = wait(left, _BEAT, FIRST_COMPLETED)
            for future in sorted(done, key=list(turn_of).index):
                yield turn_of[future], _findings(future, lost)
            beat()
            if time.monotonic() >= limits.until:
                for future in left:
                    turn = turn_of[future]
                    yield turn, [unfinished("stopped at --timeout") for _ in turn.asked]
                break
        if lost:
            elsewhere.notice(f"{len(lost)} tasks are decided here: {lost[0]}")
    finally:
        running = [future for future in turn_of if not future.done() and not future.cancel()]
        executor.shutdown(wait=not running)


def _findings(future: Future[bytes], lost: list[str]) -> list[Finding] | None:
    try:
        return unpacked(future.result())
    except ModelError:
        raise
    except Exception as error:  # of the executor: its process died, or does not have this tool
        lost.append(f"{type(error).__name__}: {error}".partition("\n")[0])
        return None

# SPDX-License-Identifier: GPL-2.0-only
"""The flush that a thread has not come to yet: found by letting it go on alone."""

from __future__ import annotations

from model.lang.traits import FLUSHES

from ..engine.interpret import Position
from .run import Done, Runner, Tick
from .visible import statement

STEPS = 400
"""Steps that a thread is followed."""


def flushes(step: Done) -> bool:
    """True if a step flushes TLBs."""
    call = step.edges[-1].call
    return call is not None and bool(call.traits & FLUSHES)


def next_flush(runner: Runner, pos: Position, thread: int) -> Done | None:
    """The first flush of what a thread would do if it went on alone."""
    return _alone(runner, pos, thread)[0]


def returns_without_flush(runner: Runner, pos: Position, thread: int) -> bool:
    """True if a thread that goes on alone returns, and flushes nothing on that way."""
    flush, last = _alone(runner, pos, thread)
    return flush is None and runner.stands_at(last, thread) is None


def _alone(runner: Runner, pos: Position, thread: int) -> tuple[Done | None, Position]:
    """The first flush, if there is one, and how far the thread comes without it."""
    for _ in range(STEPS):
        step = runner.tick(pos, Tick(thread))
        if step is None:
            break
        if statement(step.edges[-1]) is not None and flushes(step):
            return step, pos
        pos = step.after
    return None, pos

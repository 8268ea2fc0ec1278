# SPDX-License-Identifier: GPL-2.0-only
"""Z3, which is imported here alone, and asked within limits."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import z3 as z3
import z3.z3

from ..engine import interrupts
from ..engine.search import Limits

# Its Python half asks for the sorts of each argument of each call, which takes as long as all else
# does.  What does not fit its other half refuses, too.
z3.z3.Z3_DEBUG = False

Term = Any
"""A Z3 expression."""


class StoppedError(Exception):
    """Z3 gave no answer, and why."""


@contextmanager
def interruptible() -> Iterator[None]:
    """Guard what asks Z3 or makes terms for it: any guise of an interrupt is a StoppedError."""
    try:
        yield
    except KeyboardInterrupt as error:
        raise StoppedError(interrupts.notice()) from error
    except Exception as error:
        if interrupts.noticed() and not isinstance(error, StoppedError):
            raise StoppedError(interrupts.INTERRUPTED) from error
        raise


def solver_for(limits: Limits) -> z3.Solver:
    """A solver for bit-vectors that takes no more memory."""
    solver = z3.SolverFor("QF_BV")
    solver.set("max_memory", max(limits.bytes >> 20, 1))
    return solver


def model_of(solver: z3.Solver, limits: Limits, *wanted: Term) -> z3.ModelRef | None:
    """A model in which all of this is so; None if there is none, StoppedError without an answer."""
    left = min(limits.until - time.monotonic(), 1e6)
    if interrupts.noticed():
        raise StoppedError(interrupts.INTERRUPTED)
    if left <= 0:
        raise StoppedError("stopped at --timeout")
    solver.set("timeout", max(int(left * 1000), 1))
    try:
        found = solver.check(*wanted)
    except z3.Z3Exception as error:
        if not any(word in str(error) for word in ("memory", "interrupt", "cancel")):
            raise  # an error of ours
        raise StoppedError(_reason(str(error), limits)) from error
    if found == z3.unknown:
        raise StoppedError(_reason(solver.reason_unknown(), limits))
    return solver.model() if found == z3.sat else None


def _reason(text: str, limits: Limits) -> str:
    if "memory" in text:
        return limits.too_many_bytes()
    if "interrupt" in text or not text:
        return interrupts.notice()
    return "stopped at --timeout" if "timeout" in text or "cancel" in text else text

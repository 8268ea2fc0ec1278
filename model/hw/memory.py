# SPDX-License-Identifier: GPL-2.0-only
"""Memory ordering: barriers, and the pass that gives them their meaning.

Every access edge says how it is ordered on the architecture at hand and every barrier is an edge
of its own kind.  The semantics is sequential consistency for now, so that the pass below
changes nothing; each verdict says so.
"""

from __future__ import annotations

from model.lang import step
from model.lang.ir import System

SEMANTICS = "sequential consistency"


@step("include/asm-generic/barrier.h:smp_mb", "7.3.4", order="full", barrier="mb")
def smp_mb() -> None:
    """A full barrier."""


@step("include/asm-generic/barrier.h:smp_rmb", "7.3.4", order="full", barrier="rmb")
def smp_rmb() -> None:
    """Loads before it come before loads after it."""


@step("include/asm-generic/barrier.h:smp_mb__after_atomic", "7.3.4", order="full",
      barrier="after atomic")  # fmt: skip
def smp_mb__after_atomic() -> None:
    """Makes the atomic before it a full barrier, where it is not one."""


def order_accesses(system: System) -> System:
    """The ordering pass: the identity, under sequential consistency."""
    return system

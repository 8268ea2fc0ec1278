# SPDX-License-Identifier: GPL-2.0-only
"""Statements of random programs, which nest, so that a program can be made smaller.

A statement says all that it does, so that taking one away leaves the others as they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from model.lang.expr import Cell, Expr
from model.lang.ir import Op, Rule, StateCheck


class Lock(StrEnum):
    """A lock that a thread may hold, or a section that others wait for the end of."""

    MUTEX = "mutex"
    SPIN = "spin"
    READ = "read"
    WRITE = "write"
    RCU = "rcu"
    IRQ = "irqs off"


class Form(StrEnum):
    """How a lock is taken: waiting for it; or trying, as two edges, or as a value and a branch."""

    WAIT = "wait"
    TRY = "try"
    VALUE = "value"


class To(StrEnum):
    """Where control may leave to, letting go of what was taken on the way."""

    BREAK = "break"
    AGAIN = "again"
    RETURN = "return"


@dataclass(frozen=True)
class Do:
    """An operation; `traits` as the declaration of a step has them."""

    op: Op
    traits: frozenset[str] = frozenset({"lockless"})


@dataclass(frozen=True)
class Hold:
    """Statements under a lock; `other` where trying fails.

    `at` is which spinlock; `also`, what is waited for in the same step.
    """

    lock: Lock
    body: Body
    form: Form = Form.WAIT
    at: Expr | None = None
    also: Expr | None = None
    other: Body = ()


@dataclass(frozen=True)
class If:
    """A branch; without a condition, a free choice.  `loads`: the condition is shared memory."""

    cond: Expr | None
    body: Body
    other: Body = ()
    loads: bool = False


@dataclass(frozen=True)
class While:
    """A loop."""

    cond: Expr
    body: Body


@dataclass(frozen=True)
class Leave:
    """An early exit, if a condition on locals holds; outside of any loop, from the routine."""

    to: To
    cond: Expr


Statement = Do | Hold | If | While | Leave
Body = tuple[Statement, ...]


@dataclass(frozen=True)
class Program:
    """Threads and what stands beside them; `initial` gives the cells that are not all zeros."""

    threads: tuple[Body, ...]
    rules: tuple[Rule, ...] = ()
    checks: tuple[StateCheck, ...] = ()
    finals: tuple[StateCheck, ...] = ()
    initial: tuple[tuple[Cell, int], ...] = ()

# SPDX-License-Identifier: GPL-2.0-only
"""Random expressions over the variables of `world`.

Each way to make one has a name, so that a program can do with a few of them (swarm testing): what
is rare among everything is common among little.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from model.lang import expr as ex
from model.lang.expr import Cell, Expr

from .world import (
    AROUND,
    BIT,
    HOLDER,
    NAMES,
    NO_SLOT,
    NOBODY,
    NUMBER,
    SLOT,
    SLOT_OR_NONE,
    B,
    I,
    J,
    P,
    Q,
    X,
    Y,
    Z,
    cell,
    cpu,
    number,
    slot,
)  # fmt: skip

SLOT_FORMS = (
    "a", "b", "i", "j", "pointer", "next of i", "next of a", "chosen", "field", "by number",
    "lock of i", "table", "shared table",
)  # fmt: skip
NUMBER_FORMS = (
    "local", "constant", "chosen", "more", "less", "box", "row", "bit", "mutex", "spin", "far",
    "sem", "field", "shared field", "table",
)  # fmt: skip


@dataclass(frozen=True)
class Swarm:
    """The forms that one program is made of."""

    slots: Sequence[str]
    numbers: Sequence[str]
    operations: Sequence[str]
    nests: Sequence[str]


class Expressions:
    """Draws expressions; those called local look at no shared memory."""

    def __init__(self, rnd: random.Random, swarm: Swarm) -> None:
        self.rnd, self.swarm = rnd, swarm

    def one(self, *choices: Callable[[], Expr]) -> Expr:
        return self.rnd.choice(choices)()

    def chance(self, of: float) -> bool:
        return self.rnd.random() < of

    # -- slots -------------------------------------------------------------------------------------

    def fixed(self) -> Expr:
        return slot(self.rnd.randint(1, 2))

    def slot(self) -> Expr:
        """Which element: by a constant, a local, a pointer, a pointer of a pointer, a table."""
        makes: dict[str, Callable[[], Expr]] = {
            "a": lambda: slot(1),
            "b": lambda: slot(2),
            "i": lambda: I,
            "j": lambda: J,
            "pointer": lambda: cell("Box.at"),
            "next of i": lambda: cell("Row.next", I),
            "next of a": lambda: cell("Row.next", slot(1)),
            "chosen": lambda: ex.ite(ex.lt(X, Y), I, slot(2)),
            "field": lambda: ex.get(P, "at"),
            "by number": lambda: ex.ite(ex.eq(cell("Box.n"), number(1)), slot(1), I),
            "lock of i": lambda: cell("Row.lock", I),
            "table": lambda: ex.table((1, 2, 1), (X,), SLOT),
            "shared table": lambda: ex.table((2, 1, 1), (cell("Box.n"),), SLOT),
        }
        return makes[self.rnd.choice(self.swarm.slots)]()

    def local_slot(self) -> Expr:
        return self.rnd.choice((slot(1), slot(2), I, J))

    # -- numbers -----------------------------------------------------------------------------------

    def constant(self) -> Expr:
        return number(self.rnd.randint(0, 2))

    def local_number(self) -> Expr:
        return self.one(
            lambda: self.rnd.choice((X, Y, Z)), self.constant, lambda: ex.get(P, "n"),
            lambda: ex.ite(self.local_truth(), X, self.constant()),
            lambda: ex.narrow(ex.add(Y, number(1)), NUMBER),
            lambda: ex.table((2, 0, 1), (Z,), NUMBER),
        )  # fmt: skip

    def number(self, depth: int = 1) -> Expr:
        """A number from locals and shared memory."""
        if depth == 0:
            return self.rnd.choice((X, Y, Z, number(0), number(1), number(2)))

        def inner() -> Expr:
            return self.number(depth - 1)

        makes: dict[str, Callable[[], Expr]] = {
            "local": inner,
            "constant": self.constant,
            "chosen": lambda: ex.ite(self.truth(depth - 1), inner(), inner()),
            "more": lambda: ex.narrow(ex.add(inner(), number(1)), NUMBER),
            "less": lambda: ex.narrow(ex.sub(inner(), inner()), NUMBER),
            "box": lambda: cell("Box.n"),
            "row": lambda: cell("Row.n", self.slot()),
            "bit": lambda: ex.narrow(cell("Bit.n", self.bit()), NUMBER),
            "mutex": lambda: cell("Box.mutex_n"),
            "spin": lambda: cell("Row.spin_n", self.slot()),
            "far": lambda: cell("Row.far_n", self.slot()),
            "sem": lambda: cell("Box.sem_n"),
            "field": lambda: ex.get(P, "n"),
            "shared field": lambda: ex.get(cell("Box.pair"), "n"),
            "table": lambda: ex.table((2, 0, 1), (inner(),), NUMBER),
        }
        return makes[self.rnd.choice(self.swarm.numbers)]()

    def bit(self) -> Expr:
        """An index that is a number."""
        return self.one(
            lambda: ex.number(0), lambda: ex.number(1), lambda: ex.narrow(X, BIT),
            lambda: ex.narrow(cell("Box.n"), BIT),
        )  # fmt: skip

    def around(self) -> Expr:
        """A number that may be below zero."""
        return self.one(
            lambda: ex.const(self.rnd.randint(-1, 1), AROUND),
            lambda: ex.narrow(ex.sub(self.local_number(), number(1)), AROUND),
        )

    # -- conditions --------------------------------------------------------------------------------

    def local_truth(self) -> Expr:
        return self.one(
            lambda: ex.eq(self.rnd.choice((X, Y)), self.constant()), lambda: ex.lt(X, Y),
            lambda: ex.lt(Y, Z), lambda: B, lambda: ex.not_(B),
            lambda: ex.eq(I, self.local_slot()), lambda: ex.get(P, "on"),
            lambda: ex.eq(Q, NO_SLOT), lambda: ex.not_(ex.eq(Q, NO_SLOT)),
            lambda: ex.and_(B, ex.eq(X, number(1))),
        )  # fmt: skip

    def memory(self) -> Expr:
        """A condition on one place of shared memory."""
        return self.one(
            lambda: ex.eq(cell("Row.n", self.slot()), self.constant()),
            lambda: ex.eq(cell("Row.n", self.slot()), self.constant()),
            lambda: ex.lt(cell("Row.n", self.slot()), number(2)),
            lambda: ex.eq(cell("Box.n"), self.constant()),
            lambda: ex.not_(ex.eq(cell("Box.n"), self.constant())),
            lambda: ex.get(cell("Box.pair"), "on"),
            lambda: ex.not_(ex.get(cell("Box.pair"), "on")),
            lambda: ex.eq(cell("Box.at"), self.fixed()),
            lambda: ex.eq(cell("Row.next", self.slot()), self.local_slot()),
            lambda: ex.has(cell("Box.slots"), self.slot()),
            lambda: ex.is_empty(cell("Box.slots")),
            lambda: ex.eq(cell("Box.maybe"), ex.const(self.rnd.randint(0, 2), SLOT_OR_NONE)),
            lambda: ex.eq(cell("Bit.n", self.bit()), ex.const(self.rnd.randint(-1, 1), AROUND)),
            lambda: cell("Row.done", self.slot()),
        )  # fmt: skip

    def truth(self, depth: int = 1) -> Expr:
        return self.one(
            lambda: ex.eq(self.number(depth), self.number(0)),
            lambda: ex.lt(self.number(depth), self.number(0)),
            self.local_truth, self.memory,
            lambda: ex.not_(self.memory()),
            lambda: ex.and_(self.memory(), self.local_truth()),
            lambda: ex.or_(self.memory(), self.memory()),
        )  # fmt: skip

    def lock_free(self) -> Expr:
        """What a wait that takes no lock waits for of a lock word."""
        return self.one(
            lambda: ex.eq(cell("Mutex.owner"), NOBODY),
            lambda: ex.eq(cell("Spin.owner", self.slot()), NOBODY),
            lambda: ex.is_empty(cell("Sem.readers")),
            lambda: ex.eq(cell("Sem.writer"), NOBODY),
            lambda: ex.and_(ex.eq(cell("Sem.writer"), NOBODY), ex.is_empty(cell("Sem.readers"))),
        )

    def held_by(self, word: Cell) -> Expr:
        return ex.eq(word, ex.const(self.rnd.randint(0, 2), HOLDER))

    def lock_word(self) -> Expr:
        """A look at a lock word: who holds it."""
        return self.one(
            lambda: self.held_by(cell("Mutex.owner")),
            lambda: self.held_by(cell("Spin.owner", self.slot())),
            lambda: self.held_by(cell("Sem.writer")),
            lambda: ex.is_empty(cell("Sem.readers")),
            lambda: ex.has(cell("Sem.readers"), cpu(self.rnd.randint(0, len(NAMES) - 1))),
            lambda: ex.eq(cell("Cpu.rcu", cpu(self.rnd.randint(0, 1))), ex.number(0)),
        )

    def ghost(self) -> Expr:
        return self.one(
            lambda: ex.eq(cell("Ghost.n"), self.constant()),
            lambda: ex.not_(ex.eq(cell("Ghost.row", self.slot()), self.constant())),
            lambda: ex.has(cell("Ghost.slots"), self.slot()),
        )

    def hardware(self) -> Expr:
        return self.one(
            lambda: cell("Cpu.tlb", self._some_cpu(), self.slot()),
            lambda: cell("Cpu.irqs_off", self._some_cpu()),
        )

    def _some_cpu(self) -> Expr:
        return cpu(self.rnd.randint(0, 1))

    def checked(self) -> Expr:
        """What a check of a step may look at: everything."""
        return self.one(
            self.memory, self.truth, self.lock_word, self.ghost, self.ghost, self.hardware,
            lambda: ex.not_(self.truth()), lambda: ex.not_(self.memory()),
            lambda: ex.not_(self.hardware()), lambda: ex.or_(self.memory(), self.lock_word()),
            self.local_truth,
        )  # fmt: skip

    # -- conditions on states ----------------------------------------------------------------------

    def _state_slot(self) -> Expr:
        return cell("Box.at") if self.chance(0.07) else self.fixed()

    def _state_number(self) -> Expr:
        return self.one(
            lambda: cell("Box.n"), lambda: cell("Row.n", self._state_slot()),
            lambda: cell("Box.mutex_n"), lambda: cell("Box.sem_n"), lambda: cell("Ghost.n"),
            lambda: cell("Row.spin_n", self._state_slot()),
            lambda: cell("Ghost.row", self._state_slot()),
            lambda: cell("Row.far_n", self.fixed()),
            lambda: ex.get(cell("Box.pair"), "n"),
        )  # fmt: skip

    def _state_part(self) -> Expr:
        maybe = cell("Box.maybe")
        if self.chance(0.03):
            return ex.and_(
                ex.not_(ex.eq(maybe, NO_SLOT)), ex.eq(cell("Row.n", maybe), self.constant())
            )
        return self.one(
            lambda: ex.eq(self._state_number(), self.constant()),
            lambda: ex.eq(self._state_number(), self.constant()),
            lambda: ex.lt(self._state_number(), self._state_number()),
            lambda: ex.has(cell("Box.slots"), self._state_slot()),
            lambda: ex.has(cell("Ghost.slots"), self._state_slot()),
            lambda: ex.get(cell("Box.pair"), "on"),
            lambda: ex.eq(cell("Box.at"), self.fixed()),
            lambda: self.held_by(cell("Mutex.owner")),
            lambda: self.held_by(cell("Spin.owner", self._state_slot())),
            lambda: cell("Cpu.tlb", self._some_cpu(), self._state_slot()),
            lambda: ex.eq(cell("Row.next", slot(1)), self._state_slot()),
        )

    def state(self) -> Expr:
        """What an invariant about states says: that some things are not so together."""
        parts = [self._state_part() for _ in range(self.rnd.choice((1, 2, 2, 2, 3)))]
        return ex.not_(ex.and_(*parts))

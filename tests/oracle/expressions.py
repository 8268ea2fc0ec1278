# SPDX-License-Identifier: GPL-2.0-only
"""Random expressions over the variables of `world`.

Each way to make one has a name, so that a program can do with a few of them (swarm testing): what
is rare among everything is common among little.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import TypeVar

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
    THREADS,
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

T = TypeVar("T")


class Expressions:
    """Draws expressions; those called local look at no shared memory.

    Unless `anything` goes, each place where one is chosen of several ways to go on does with a few
    of them throughout a program.
    """

    def __init__(self, rnd: random.Random, *, anything: bool) -> None:
        self.rnd, self._anything = rnd, anything
        self._most = rnd.choice((1, 2, 6))
        self.ghostly = False
        self._few: dict[str, list[int]] = {}

    def pick(self, place: str, ways: Sequence[T], least: int = 1) -> T:
        """Choose among several ways to go on at a place with a name; `least` of them stay."""
        if self._anything:
            return self.rnd.choice(ways)
        few = self._few.get(place)
        if few is None:
            most = min(len(ways), max(least, self._most))
            count = self.rnd.randint(min(least, most), most)
            few = self._few[place] = self.rnd.sample(range(len(ways)), count)
        return ways[self.rnd.choice(few)]

    def one(self, place: str, *ways: Callable[[], Expr]) -> Expr:
        return self.pick(place, ways)()

    def chance(self, of: float) -> bool:
        return self.rnd.random() < of

    # -- slots -------------------------------------------------------------------------------------

    def fixed(self) -> Expr:
        return slot(self.rnd.randint(1, 2))

    def slot(self) -> Expr:
        """Which element: by a constant, a local, a pointer, a pointer of a pointer, a table."""
        makes: list[Callable[[], Expr]] = [
            lambda: slot(1),
            lambda: slot(2),
            lambda: I,
            lambda: J,
            lambda: cell("Box.at"),
            lambda: cell("Row.next", I),
            lambda: cell("Row.next", slot(1)),
            lambda: ex.ite(ex.lt(X, Y), I, slot(2)),
            lambda: ex.get(P, "at"),
            lambda: ex.ite(ex.eq(cell("Box.n"), number(1)), slot(1), I),
            lambda: cell("Row.lock", I),
            lambda: ex.table((1, 2, 1), (X,), SLOT),
            lambda: ex.table((2, 1, 1), (cell("Box.n"),), SLOT),
        ]
        return self.one("slot", *makes)

    def local_slot(self) -> Expr:
        return self.pick("local slot", (slot(1), slot(2), I, J))

    # -- numbers -----------------------------------------------------------------------------------

    def constant(self) -> Expr:
        return number(self.rnd.randint(0, 2))

    def local_number(self) -> Expr:
        return self.one("local number",
            lambda: self.pick("local number 2", (X, Y, Z)), self.constant, lambda: ex.get(P, "n"),
            lambda: ex.ite(self.local_truth(), X, self.constant()),
            lambda: ex.narrow(ex.add(Y, number(1)), NUMBER),
            lambda: ex.table((2, 0, 1), (Z,), NUMBER),
        )  # fmt: skip

    def number(self, depth: int = 1) -> Expr:
        """A number from locals and shared memory."""
        if depth == 0:
            return self.pick("plain number", (X, Y, Z, number(0), number(1), number(2)))

        def inner() -> Expr:
            return self.number(depth - 1)

        makes: list[Callable[[], Expr]] = [
            inner,
            self.constant,
            lambda: ex.ite(self.truth(depth - 1), inner(), inner()),
            lambda: ex.narrow(ex.add(inner(), number(1)), NUMBER),
            lambda: ex.narrow(ex.sub(inner(), inner()), NUMBER),
            lambda: cell("Box.n"),
            lambda: cell("Row.n", self.slot()),
            lambda: ex.narrow(cell("Bit.n", self.bit()), NUMBER),
            lambda: cell("Box.mutex_n"),
            lambda: cell("Row.spin_n", self.slot()),
            lambda: cell("Row.far_n", self.slot()),
            lambda: cell("Box.sem_n"),
            lambda: ex.get(P, "n"),
            lambda: ex.get(cell("Box.pair"), "n"),
            lambda: ex.table((2, 0, 1), (inner(),), NUMBER),
        ]
        return self.one("number", *makes)

    def bit(self) -> Expr:
        """An index that is a number."""
        return self.one("bit",
            lambda: ex.number(0), lambda: ex.number(1), lambda: ex.narrow(X, BIT),
            lambda: ex.narrow(cell("Box.n"), BIT),
        )  # fmt: skip

    def around(self) -> Expr:
        """A number that may be below zero."""
        return self.one(
            "around",
            lambda: ex.const(self.rnd.randint(-1, 1), AROUND),
            lambda: ex.narrow(ex.sub(self.local_number(), number(1)), AROUND),
        )

    # -- conditions --------------------------------------------------------------------------------

    def local_truth(self) -> Expr:
        return self.one("local truth",
            lambda: ex.eq(self.pick("local truth 2", (X, Y)), self.constant()), lambda: ex.lt(X, Y),
            lambda: ex.lt(Y, Z), lambda: B, lambda: ex.not_(B),
            lambda: ex.eq(I, self.local_slot()), lambda: ex.get(P, "on"),
            lambda: ex.eq(Q, NO_SLOT), lambda: ex.not_(ex.eq(Q, NO_SLOT)),
            lambda: ex.and_(B, ex.eq(X, number(1))),
        )  # fmt: skip

    def memory(self) -> Expr:
        """A condition on one place of shared memory."""
        return self.one("memory",
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
        return self.one("truth",
            lambda: ex.eq(self.number(depth), self.number(0)),
            lambda: ex.lt(self.number(depth), self.number(0)),
            self.local_truth, self.memory,
            lambda: ex.not_(self.memory()),
            lambda: ex.and_(self.memory(), self.local_truth()),
            lambda: ex.or_(self.memory(), self.memory()),
        )  # fmt: skip

    def lock_free(self) -> Expr:
        """A condition on a lock word for a wait that takes no lock."""
        return self.one(
            "lock free",
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
            "lock word",
            lambda: self.held_by(cell("Mutex.owner")),
            lambda: self.held_by(cell("Spin.owner", self.slot())),
            lambda: self.held_by(cell("Sem.writer")),
            lambda: ex.is_empty(cell("Sem.readers")),
            lambda: ex.has(cell("Sem.readers"), cpu(self.rnd.randint(0, len(NAMES) - 1))),
            lambda: ex.eq(cell("Sem.readers"), ex.const(self.rnd.randint(1, 7) & 6, THREADS)),
            lambda: ex.eq(cell("Cpu.rcu", cpu(self.rnd.randint(0, 1))), self.depth()),
        )

    def depth(self) -> Expr:
        return ex.number(self.pick("depth", (0, 1, 2)))

    def ghost(self) -> Expr:
        return self.one(
            "ghost",
            lambda: ex.eq(cell("Ghost.n"), self.constant()),
            lambda: ex.not_(ex.eq(cell("Ghost.row", self.slot()), self.constant())),
            lambda: ex.has(cell("Ghost.slots"), self.slot()),
        )

    def hardware(self) -> Expr:
        return self.one(
            "hardware",
            lambda: cell("Cpu.tlb", self._some_cpu(), self.slot()),
            lambda: cell("Cpu.irqs_off", self._some_cpu()),
        )

    def _some_cpu(self) -> Expr:
        return cpu(self.rnd.randint(0, 1))

    def checked(self) -> Expr:
        """A condition for a check of a step, which may look at everything."""
        return self.one("checked",
            self.memory, self.truth, self.lock_word, self.ghost, self.ghost, self.hardware,
            lambda: ex.not_(self.truth()), lambda: ex.not_(self.memory()),
            lambda: ex.not_(self.hardware()), lambda: ex.or_(self.memory(), self.lock_word()),
            self.local_truth,
        )  # fmt: skip

    # -- conditions on states ----------------------------------------------------------------------

    def _state_slot(self) -> Expr:
        return cell("Box.at") if self.chance(0.07) else self.fixed()

    def _state_number(self) -> Expr:
        return self.one("state number",
            lambda: cell("Box.n"), lambda: cell("Row.n", self._state_slot()),
            lambda: cell("Box.mutex_n"), lambda: cell("Box.sem_n"), lambda: cell("Ghost.n"),
            lambda: cell("Row.spin_n", self._state_slot()),
            lambda: cell("Ghost.row", self._state_slot()),
            lambda: cell("Row.far_n", self.fixed()),
            lambda: ex.get(cell("Box.pair"), "n"),
        )  # fmt: skip

    def _state_part(self) -> Expr:
        if self.ghostly and self.chance(0.7):
            ghosts = (cell("Ghost.n"), cell("Ghost.row", self.fixed()))
            return ex.eq(self.pick("ghost part", ghosts), self.constant())
        maybe = cell("Box.maybe")
        if self.chance(0.03):
            return ex.and_(
                ex.not_(ex.eq(maybe, NO_SLOT)), ex.eq(cell("Row.n", maybe), self.constant())
            )
        return self.one(
            "state part",
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
        """An invariant about states: that some things are not so together."""
        parts = [self._state_part() for _ in range(self.pick("state", (1, 2, 2, 2, 3)))]
        return ex.not_(ex.and_(*parts))

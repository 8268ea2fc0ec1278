# SPDX-License-Identifier: GPL-2.0-only
"""Random programs: one for each seed.

Most programs have a theme: a few kinds of operations and of what they stand in, which a fault of a
reduction needs together.  What is rare among everything is common among little.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from model.lang import expr as ex
from model.lang.expr import Cell, Expr
from model.lang.ir import Check, Kind, Op, Role, Rule, StateCheck, Update
from model.lang.sorts import Set, Sort

from .operations import LOCKLESS, UNDER_LOCK, Operations
from .statements import Body, Do, Form, Hold, If, Leave, Lock, Program, Statement, To, While
from .world import NO_SLOT, VARIABLES, Q, cell, cpu, elements, least, slot


@dataclass(frozen=True)
class Theme:
    """The ingredients of a program: names of operations, which are methods, and of what nests."""

    operations: str
    nests: str


_ANYTHING = Theme(
    "load_number load_element load_pointer load_maybe load_pair load_flag call store_box "
    "store_element store_bit store_pointer store_next store_maybe store_set store_pair exchange "
    "count locked_field follow ghost_count ghost_store ghost_set flush check check_local "
    "check_memory check_unchanged check_and_store check_or_halt done check_done wait_memory "
    "wait_any wait_and_store wait_unlocked wait_grace_period wait_irqs_on",
    "mutex spin read write rcu irq try_mutex try_spin try_read try_write wait_and_lock if "
    "if_memory choice while retry if_some",
)

THEMES: Mapping[str, Theme] = {
    "anything": _ANYTHING,
    "grace periods": Theme(
        "wait_grace_period wait_irqs_on store_element store_box load_element check_unchanged "
        "check_memory",
        "rcu rcu irq try_mutex",
    ),
    "waits for locks": Theme(
        "wait_unlocked store_element load_element check_unchanged check_lock exchange",
        "mutex spin read write try_mutex try_spin try_read try_write wait_and_lock",
    ),
    "pointers": Theme(
        "call load_pointer store_pointer store_next store_element load_element wait_memory "
        "wait_and_store check_memory check_unchanged",
        "if choice while if_memory",
    ),
    "ghosts": Theme(
        "ghost_store ghost_set ghost_count check_ghost wait_memory wait_any store_box",
        "mutex choice if",
    ),
    "halts": Theme(
        "check_or_halt follow load_maybe store_maybe check_memory ghost_set store_box "
        "store_element wait_memory",
        "if_some if mutex while",
    ),
    "steady": Theme(
        "done check_done wait_memory store_element", "mutex try_mutex spin try_spin rcu"
    ),
    "fields": Theme(
        "locked_field exchange count store_pointer load_pointer check_memory",
        "mutex spin write try_spin try_write if choice",
    ),
}

_LOCKS = {
    "mutex": Lock.MUTEX, "spin": Lock.SPIN, "read": Lock.READ, "write": Lock.WRITE,
    "rcu": Lock.RCU, "irq": Lock.IRQ,
}  # fmt: skip


def program(seed: int) -> Program:
    """The program of a seed."""
    rnd = random.Random(seed)
    theme = rnd.choice(("anything", *THEMES))
    return _Generator(rnd, THEMES[theme], anything=rnd.random() < 0.3).program()


class _Generator(Operations):
    """Draws the statements of a program with a theme."""

    def __init__(self, rnd: random.Random, theme: Theme, *, anything: bool) -> None:
        super().__init__(rnd, anything=anything)
        self._operations = theme.operations.split()
        self._nests = theme.nests.split()

    # -- statements --------------------------------------------------------------------------------

    def body(self, depth: int, least: int, most: int) -> Body:
        return tuple(self.statement(depth) for _ in range(self.rnd.randint(least, most)))

    def statement(self, depth: int) -> Statement:
        if depth and self.chance(0.38):
            return self.nest(self.pick("nest", self._nests), depth - 1)
        draw: Callable[[], Do] = getattr(self, self.pick("operation", self._operations))
        return draw()

    def nest(self, kind: str, depth: int) -> Statement:
        body = self.body(depth, 1, 3)
        form = self.pick("form", (Form.TRY, Form.VALUE)) if kind.startswith("try") else Form.WAIT
        if kind == "wait_and_lock":
            also = self.one(
                "also", self.lock_free, self.memory, lambda: self.wait_grace_period().op.guard
            )
            locked = (self.under(cell("Box.mutex_n")), *body)
            return Hold(Lock.MUTEX, locked, also=also)
        lock = kind.removeprefix("try_")
        if lock in _LOCKS:
            return self.hold(_LOCKS[lock], body, form, depth)
        if kind == "while":
            return While(self.local_truth(), self.leaving(body))
        if kind == "retry":
            return While(ex.TRUE, (*body, Leave(To.BREAK, self.local_truth())))
        other = self.body(depth, 0, 1)
        if kind == "choice":
            return If(None, body, other)
        if kind == "if_some":
            some = ex.not_(ex.eq(Q, NO_SLOT))
            return If(some, (Do(self.use_of(cell("Row.n", Q)), LOCKLESS), *body), other)
        if kind == "if_memory":
            return If(self.truth(), body, other, loads=True)
        return If(self.local_truth(), body, other)

    def leaving(self, body: Body) -> Body:
        """The body of a loop, which some are left from early."""
        if not self.chance(0.6):
            return body
        to = self.pick("leaving", (To.BREAK, To.AGAIN, To.RETURN))
        at = self.rnd.randint(0, len(body))
        leave = Leave(to, self.local_truth())
        first = body[0]
        if isinstance(first, Hold) and self.chance(0.5):
            inside = replace(first, body=(*first.body, leave))
            return (inside, *body[1:])
        return (*body[:at], leave, *body[at:])

    def hold(self, lock: Lock, body: Body, form: Form, depth: int) -> Hold:
        """A lock with what it protects, if it is one."""
        at: Expr | None = None
        field = {Lock.MUTEX: cell("Box.mutex_n"), Lock.WRITE: cell("Box.sem_n")}.get(lock)
        if lock is Lock.SPIN:
            own = self.local_slot()
            far = self.chance(0.3)
            at = cell("Row.lock", own) if far else own
            field = cell("Row.far_n" if far else "Row.spin_n", own)
        if field is not None:
            uses = tuple(self.under(field) for _ in range(self.rnd.randint(0, 2)))
            body = (*uses, *body) if self.chance(0.7) else (*body, *uses)
        other = self.body(depth, 0, 1) if form is not Form.WAIT else ()
        return Hold(lock, body, form, at, None, other)

    def under(self, place: Cell) -> Do:
        return Do(self.use_of(place), UNDER_LOCK)

    # -- a program ---------------------------------------------------------------------------------

    def program(self) -> Program:
        count = self.rnd.choice((2, 2, 2, 3))
        most = self.rnd.randint(3, 6) if count == 2 else self.rnd.randint(2, 3)
        threads = tuple(self.thread(n, most) for n in range(count))
        rules = self.rules() if self.chance(0.35) else ()
        checks = [StateCheck(f"s{n}", self.state()) for n in range(self.rnd.randint(0, 2))]
        finals = [StateCheck(f"e{n}", self.state()) for n in range(self.rnd.randint(0, 2))]
        return Program(threads, rules, tuple(checks), tuple(finals), self.initial())

    def thread(self, who: int, most: int) -> Body:
        self.who = who
        return self.body(2, 1, most)

    def rules(self) -> tuple[Rule, ...]:
        hardware = self.rnd.choice((True, True, False, None))
        return tuple(
            self.rule(n, self.chance(0.5) if hardware is None else hardware)
            for n in range(self.rnd.randint(1, 2))
        )

    def rule(self, n: int, hardware: bool) -> Rule:
        """Something that happens by itself; it has no locals to look at."""
        pointer = self.pick("rule", (self.fixed(), cell("Box.at"), cell("Row.next", slot(1))))
        who = cpu(self.rnd.randint(0, 1))
        tlb, pair = cell("Cpu.tlb", who, pointer), cell("Box.pair")
        update = self.pick("rule 2",
            (
                Update(tlb, ex.TRUE), Update(tlb, ex.FALSE),
                Update(pair, ex.put(pair, "on", ex.TRUE)),
                Update(cell("Row.n", pointer), self.constant()),
                Update(cell("Box.n"), self.constant()),
                Update(cell("Ghost.row", pointer), self.constant()),
            )
        )  # fmt: skip
        guard = self.pick("rule 3",
            (
                ex.eq(cell("Box.n"), self.constant()), ex.has(cell("Box.slots"), pointer),
                ex.eq(cell("Box.at"), self.fixed()), ex.get(pair, "on"), ex.not_(tlb),
                ex.not_(cell("Cpu.irqs_off", who)), ex.eq(cell("Row.n", pointer), self.constant()),
            )
        )  # fmt: skip
        if hardware and update.place is tlb and self.chance(0.5):
            guard = ex.and_(guard, ex.not_(tlb))
        checks: tuple[Check, ...] = ()
        if self.chance(0.2):
            name = self.pick("rule 4", ("r", "r", "model:range"))
            checks = (Check(name, ex.not_(ex.eq(cell("Row.n", pointer), self.constant()))),)
        return Rule(f"rule{n}", Op(Kind.PRIMITIVE, guard, (update,), checks), hardware)

    def initial(self) -> tuple[tuple[Cell, int], ...]:
        places = [
            place for variable in VARIABLES if variable.role in (Role.MEMORY, Role.GHOST)
            for place in elements(variable)
        ]  # fmt: skip
        drawn = [(place, self.value_of(place.sort)) for place in places]
        return tuple((place, value) for place, value in drawn if value != least(place.sort))

    def value_of(self, sort: Sort) -> int:
        """A value that a place holds at first, mostly the least."""
        codes = (0, 2, 4) if isinstance(sort, Set) else sort.codes()
        return self.rnd.choice((codes[0], codes[0], *codes)) + sort.lowest

# SPDX-License-Identifier: GPL-2.0-only
"""Random programs: one for each seed.

A program is small, and made of few kinds of statements, drawn anew for each (swarm testing), except
that one in four may have anything.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from model.lang import expr as ex
from model.lang.expr import Cell, Expr, Local
from model.lang.ir import NULL_POINTER, Check, Kind, Op, Role, Rule, StateCheck, Update
from model.lang.sorts import Set, Sort

from .expressions import NUMBER_FORMS, SLOT_FORMS, Expressions, Swarm
from .statements import Body, Do, Form, Hold, If, Leave, Lock, Program, Statement, To, While
from .world import (
    NAMES,
    NO_SLOT,
    NUMBER,
    PAIR,
    SLOT_OR_NONE,
    SLOTS,
    VARIABLES,
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
    elements,
    least,
    number,
    slot,
)  # fmt: skip

LOCKLESS = frozenset({"lockless"})
UNDER_LOCK: frozenset[str] = frozenset()
GHOST = frozenset({"ghost"})

NESTS = (
    "mutex", "spin", "read", "write", "rcu", "irq", "try mutex", "try spin", "try read",
    "try write", "wait and lock", "if", "if memory", "choice", "while", "retry", "if some",
)  # fmt: skip


def program(seed: int) -> Program:
    """The program of a seed."""
    rnd = random.Random(seed)
    return _Generator(rnd, _swarm(rnd)).program()


def _swarm(rnd: random.Random) -> Swarm:
    if rnd.random() < 0.25:
        return Swarm(SLOT_FORMS, NUMBER_FORMS, tuple(_OPERATIONS), NESTS)
    return Swarm(
        _some(rnd, SLOT_FORMS, 1, 3), _some(rnd, NUMBER_FORMS, 2, 5),
        _some(rnd, tuple(_OPERATIONS), 3, 8), _some(rnd, NESTS, 1, 4),
    )  # fmt: skip


def _some(rnd: random.Random, of: tuple[str, ...], least: int, most: int) -> tuple[str, ...]:
    return tuple(rnd.choice(of) for _ in range(rnd.randint(least, most)))


def _set(place: Cell | Local, value: Expr) -> tuple[Update, ...]:
    return (Update(place, value),)


def _capped(place: Cell) -> Expr:
    """One more, if there is room."""
    more = ex.narrow(ex.add(place, number(1)), NUMBER)
    return ex.ite(ex.lt(place, number(2)), more, place)


class _Generator(Expressions):
    """Draws the statements of a program; `who` is the thread that they are for."""

    who = 0

    # -- one operation -----------------------------------------------------------------------------

    def load_number(self) -> Do:
        return Do(Op(Kind.LOAD, updates=_set(self.rnd.choice((X, Y, Z)), self.number(2))))

    def load_element(self) -> Do:
        return Do(Op(Kind.LOAD, updates=_set(X, cell("Row.n", self.slot()))))

    def load_pointer(self) -> Do:
        return Do(Op(Kind.LOAD, updates=_set(self.rnd.choice((I, J)), self.slot())))

    def load_maybe(self) -> Do:
        value = self.one(
            lambda: cell("Box.maybe"), lambda: ex.const(self.rnd.randint(0, 2), SLOT_OR_NONE)
        )
        return Do(Op(Kind.LOAD, updates=_set(Q, value)))

    def load_pair(self) -> Do:
        value = self.one(
            lambda: cell("Box.pair"), lambda: ex.put(P, "at", self.slot()),
            lambda: ex.put(P, "on", self.local_truth()),
        )  # fmt: skip
        return Do(Op(Kind.LOAD, updates=_set(P, value)))

    def load_flag(self) -> Do:
        return Do(Op(Kind.LOAD, updates=_set(B, self.memory())))

    def call(self) -> Do:
        both = (Update(I, self.local_slot()), Update(X, self.local_number()))
        return Do(Op(Kind.LET, updates=both), UNDER_LOCK)

    def store_box(self) -> Do:
        return Do(Op(Kind.STORE, updates=_set(cell("Box.n"), self.number())))

    def store_element(self) -> Do:
        value = self.one(self.constant, self.number)
        return Do(Op(Kind.STORE, updates=_set(cell("Row.n", self.slot()), value)))

    def store_bit(self) -> Do:
        return Do(Op(Kind.STORE, updates=_set(cell("Bit.n", self.bit()), self.around())))

    def store_pointer(self) -> Do:
        return Do(Op(Kind.STORE, updates=_set(cell("Box.at"), self.local_slot())))

    def store_next(self) -> Do:
        return Do(Op(Kind.STORE, updates=_set(cell("Row.next", self.slot()), self.slot())))

    def store_maybe(self) -> Do:
        value = self.one(lambda: Q, lambda: ex.const(self.rnd.randint(0, 2), SLOT_OR_NONE))
        return Do(Op(Kind.STORE, updates=_set(cell("Box.maybe"), value)))

    def store_set(self) -> Do:
        return Do(Op(Kind.RMW, updates=_set(cell("Box.slots"), self._slots("Box.slots"))))

    def _slots(self, name: str) -> Expr:
        whole = cell(name)
        return self.one(
            lambda: ex.union(whole, ex.single(self.slot(), SLOTS)),
            lambda: ex.diff(whole, ex.single(self.slot(), SLOTS)),
            lambda: ex.const(self.rnd.choice((0, 2, 6)), SLOTS),
        )

    def store_pair(self) -> Do:
        pair = cell("Box.pair")
        value = self.one(
            lambda: ex.put(pair, "n", self.local_number()), lambda: ex.put(pair, "on", B),
            lambda: P, lambda: ex.const(self.rnd.randint(0, 1) | 1 << 3, PAIR),
        )  # fmt: skip
        return Do(Op(Kind.STORE, updates=_set(pair, value)))

    def exchange(self) -> Do:
        """A compare-and-exchange: whether it did, in a local."""
        place = self.rnd.choice((cell("Box.n"), cell("Row.n", self.slot())))
        as_expected = ex.eq(place, self.constant())
        value = ex.ite(as_expected, self.local_number(), place)
        return Do(Op(Kind.RMW, updates=(Update(place, value), Update(B, as_expected))))

    def count(self) -> Do:
        place = self.rnd.choice((cell("Box.n"), cell("Row.n", self.slot())))
        return Do(Op(Kind.RMW, updates=(Update(place, _capped(place)), Update(X, place))))

    def locked_field(self) -> Do:
        """A use of a field that has a declared lock, whether or not that is held here."""
        place = self.rnd.choice(
            (
                cell("Box.mutex_n"), cell("Box.sem_n"), cell("Row.spin_n", self.slot()),
                cell("Row.far_n", self.local_slot()),
            )
        )  # fmt: skip
        return Do(self.use_of(place), UNDER_LOCK)

    def use_of(self, place: Cell) -> Op:
        """A load, a store or both, of a number."""
        return self.rnd.choice(
            (
                Op(Kind.LOAD, updates=_set(X, place)),
                Op(Kind.STORE, updates=_set(place, self.local_number())),
                Op(Kind.STORE, updates=_set(place, self.constant())),
                Op(Kind.RMW, updates=(Update(place, _capped(place)), Update(Y, place))),
            )
        )

    def follow(self) -> Do:
        """A pointer that may be none is followed, which halts if it is."""
        name = self.rnd.choice((NULL_POINTER, "model:null"))
        check = Check(name, ex.not_(ex.eq(Q, NO_SLOT)))
        place = cell("Row.n", Q)
        update = self.rnd.choice((Update(X, place), Update(place, self.constant())))
        return Do(Op(Kind.LOAD, updates=(update,), checks=(check,)))

    def ghost_count(self) -> Do:
        place = self.rnd.choice((cell("Ghost.n"), cell("Ghost.row", self.slot())))
        return Do(Op(Kind.PRIMITIVE, updates=_set(place, _capped(place))), GHOST)

    def ghost_store(self) -> Do:
        place = self.rnd.choice((cell("Ghost.n"), cell("Ghost.row", self.slot())))
        return Do(Op(Kind.PRIMITIVE, updates=_set(place, self.number())), GHOST | LOCKLESS)

    def ghost_set(self) -> Do:
        value = self._slots("Ghost.slots")
        return Do(Op(Kind.PRIMITIVE, updates=_set(cell("Ghost.slots"), value)), GHOST)

    def flush(self) -> Do:
        """What software does to hardware."""
        place = cell("Cpu.tlb", cpu(self.rnd.randint(0, 1)), self.slot())
        value = ex.boolean(self.chance(0.3))
        return Do(Op(Kind.PRIMITIVE, updates=_set(place, value)))

    def check(self) -> Do:
        check = Check(f"c{self.rnd.randint(0, 3)}", self.checked())
        return Do(Op(Kind.PRIMITIVE, checks=(check,)))

    def check_local(self) -> Do:
        check = Check(f"l{self.rnd.randint(0, 1)}", ex.not_(self.local_truth()))
        return Do(Op(Kind.PRIMITIVE, checks=(check,)))

    def check_memory(self) -> Do:
        check = Check(f"d{self.rnd.randint(0, 3)}", self.memory())
        return Do(Op(Kind.PRIMITIVE, checks=(check,)))

    def check_and_store(self) -> Do:
        check = Check("c9", self.checked())
        both = (Update(cell("Box.n"), self.number()), Update(X, cell("Box.n")))
        return Do(Op(Kind.RMW, updates=both, checks=(check,)))

    def check_or_halt(self) -> Do:
        check = Check(self.rnd.choice((NULL_POINTER, "model:range")), self.checked())
        return Do(Op(Kind.ASSERT, checks=(check,)))

    def done(self) -> Do:
        return Do(Op(Kind.STORE, updates=_set(cell("Row.done", self.slot()), ex.TRUE)))

    def check_done(self) -> Do:
        """A check that others can only make hold: of what nobody takes back."""
        check = Check("steady", cell("Row.done", self.local_slot()), steady=True)
        return Do(Op(Kind.PRIMITIVE, checks=(check,)))

    def wait_memory(self) -> Do:
        return Do(Op(Kind.LOAD, self.memory()))

    def wait_any(self) -> Do:
        return Do(Op(Kind.LOAD, self.truth()))

    def wait_and_store(self) -> Do:
        place = cell("Row.n", self.rnd.choice((self.slot(), slot(1))))
        update = self.rnd.choice((Update(Z, self.number()), Update(place, self.constant())))
        return Do(Op(Kind.RMW, ex.eq(place, self.constant()), (update,)))

    def wait_unlocked(self) -> Do:
        return Do(Op(Kind.LOAD, self.lock_free()))

    def wait_grace_period(self) -> Do:
        """Nobody else, or one other, is in a read section of RCU."""
        everybody = [n for n in range(len(NAMES)) if n != self.who]
        others = everybody if self.chance(0.5) else [self.rnd.choice(everybody)]
        quiet = [ex.eq(cell("Cpu.rcu", cpu(n)), ex.number(0)) for n in others]
        return Do(Op(Kind.LOAD, ex.and_(*quiet)))

    def wait_irqs_on(self) -> Do:
        """An IPI is taken; it may do something there."""
        who = cpu(self.rnd.randint(0, 1))
        does = _set(cell("Cpu.tlb", who, self.slot()), ex.FALSE) if self.chance(0.5) else ()
        return Do(Op(Kind.LOAD, ex.not_(cell("Cpu.irqs_off", who)), does))

    # -- statements --------------------------------------------------------------------------------

    def body(self, depth: int, least: int, most: int) -> Body:
        return tuple(self.statement(depth) for _ in range(self.rnd.randint(least, most)))

    def statement(self, depth: int) -> Statement:
        if depth and self.chance(0.38):
            return self.nest(self.rnd.choice(self.swarm.nests), depth - 1)
        return _OPERATIONS[self.rnd.choice(self.swarm.operations)](self)

    def nest(self, kind: str, depth: int) -> Statement:
        body = self.body(depth, 1, 3)
        form = self.rnd.choice((Form.TRY, Form.VALUE)) if kind.startswith("try") else Form.WAIT
        if kind == "wait and lock":
            also = self.one(self.lock_free, self.memory, lambda: self.wait_grace_period().op.guard)
            locked = (self.under(cell("Box.mutex_n")), *body)
            return Hold(Lock.MUTEX, locked, also=also)
        lock = kind.removeprefix("try ")
        if lock in _LOCKS:
            return self.hold(_LOCKS[lock], body, form, depth)
        if kind == "while":
            return While(self.local_truth(), self.leaving(body))
        if kind == "retry":
            return While(ex.TRUE, (*body, Leave(To.BREAK, self.local_truth())))
        other = self.body(depth, 0, 1)
        if kind == "choice":
            return If(None, body, other)
        if kind == "if some":
            some = ex.not_(ex.eq(Q, NO_SLOT))
            return If(some, (Do(self.use_of(cell("Row.n", Q)), LOCKLESS), *body), other)
        if kind == "if memory":
            return If(self.truth(), body, other, loads=True)
        return If(self.local_truth(), body, other)

    def leaving(self, body: Body) -> Body:
        """The body of a loop, which some are left from early."""
        if not self.chance(0.6):
            return body
        to = self.rnd.choice((To.BREAK, To.AGAIN, To.RETURN))
        at = self.rnd.randint(0, len(body))
        leave = Leave(to, self.local_truth())
        first = body[0]
        if isinstance(first, Hold) and self.chance(0.5):
            inside = Hold(
                first.lock, (*first.body, leave), first.form, first.at, first.also, first.other
            )
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
        pointer = self.rnd.choice((self.fixed(), cell("Box.at"), cell("Row.next", slot(1))))
        who = cpu(self.rnd.randint(0, 1))
        tlb, pair = cell("Cpu.tlb", who, pointer), cell("Box.pair")
        update = self.rnd.choice(
            (
                Update(tlb, ex.TRUE), Update(tlb, ex.FALSE),
                Update(pair, ex.put(pair, "on", ex.TRUE)),
                Update(cell("Row.n", pointer), self.constant()),
                Update(cell("Box.n"), self.constant()),
                Update(cell("Ghost.row", pointer), self.constant()),
            )
        )  # fmt: skip
        guard = self.rnd.choice(
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
            name = self.rnd.choice(("r", "r", "model:range"))
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
        """What a place holds at first, mostly the least."""
        codes = (0, 2, 4) if isinstance(sort, Set) else sort.codes()
        return self.rnd.choice((codes[0], codes[0], *codes)) + sort.lowest


_OPERATIONS: dict[str, Callable[[_Generator], Do]] = {
    name: getattr(_Generator, name)
    for name in (
        "load_number", "load_element", "load_pointer", "load_maybe", "load_pair", "load_flag",
        "call", "store_box", "store_element", "store_bit", "store_pointer", "store_next",
        "store_maybe", "store_set", "store_pair", "exchange", "count", "locked_field", "follow",
        "ghost_count", "ghost_store", "ghost_set", "flush", "check", "check_local", "check_memory",
        "check_and_store", "check_or_halt", "done", "check_done", "wait_memory", "wait_any",
        "wait_and_store", "wait_unlocked", "wait_grace_period", "wait_irqs_on",
    )
}  # fmt: skip

_LOCKS = {
    "mutex": Lock.MUTEX, "spin": Lock.SPIN, "read": Lock.READ, "write": Lock.WRITE,
    "rcu": Lock.RCU, "irq": Lock.IRQ,
}  # fmt: skip

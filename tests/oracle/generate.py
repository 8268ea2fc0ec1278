# SPDX-License-Identifier: GPL-2.0-only
"""Random programs: one for each seed.

Most programs have a theme: a few kinds of operations and of what they stand in, which a fault of a
reduction needs together.  What is rare among everything is common among little.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from model.lang import expr as ex
from model.lang.expr import Cell, Expr
from model.lang.ir import Check, Kind, Op, Rule, StateCheck, Storage, Update
from model.lang.sorts import Set, Sort

from .objects import Objects
from .operations import LOCKLESS, UNDER_LOCK
from .statements import Body, Do, Form, Hold, If, Leave, Lock, Program, Statement, To, While
from .world import (
    DEPTH,
    NO_SLOT,
    NOBODY,
    THREADS,
    VARIABLES,
    Q,
    X,
    cell,
    cpu,
    elements,
    least,
    me,
    number,
    slot,
)  # fmt: skip


@dataclass(frozen=True)
class Theme:
    """The ingredients of a program: names of operations, which are methods, and of what nests.

    `rules`: there are rules in any case; `words`: these mostly write lock words; `ghostly`:
    invariants of states mostly look at ghosts.
    """

    operations: str
    nests: str
    rules: bool = False
    words: bool = False
    ghostly: bool = False


_ANYTHING = Theme(
    "load_number load_element load_pointer load_maybe load_pair load_flag call store_box "
    "store_element store_bit store_pointer store_next store_maybe store_set store_pair exchange "
    "count locked_field check_locked_field follow ghost_count ghost_store ghost_set flush check "
    "check_memory check_unchanged check_and_store check_or_halt done check_done wait_memory "
    "wait_any wait_and_store wait_unlocked wait_grace_period wait_irqs_on free allocate redirect "
    "use_object observe_object peek_object check_object observe_locked_field",
    "mutex spin read write rcu irq try_mutex try_spin try_read try_write wait_and_lock if "
    "if_memory choice while retry if_some",
)

THEMES: Mapping[str, Theme] = {
    "anything": _ANYTHING,
    "grace periods": Theme(
        "wait_grace_period wait_irqs_on store_element store_box load_element check_unchanged "
        "check_memory publish await_published",
        "rcu rcu irq try_mutex",
    ),
    "waits for locks": Theme(
        "wait_unlocked store_element load_element check_unchanged check_lock exchange",
        "mutex spin read write try_mutex try_spin try_read try_write wait_and_lock",
    ),
    "pointers": Theme(
        "call load_pointer store_pointer store_next store_element load_element wait_memory "
        "wait_and_store check_memory check_unchanged look_again",
        "if choice while if_memory",
    ),
    "ghosts": Theme(
        "ghost_store ghost_store ghost_set ghost_count check_ghost wait_any store_box publish "
        "await_published",
        "mutex choice if",
        ghostly=True,
    ),
    "order of ghosts": Theme(
        "ghost_store ghost_store ghost_store check_ghost", "mutex choice if", ghostly=True
    ),
    "halts": Theme(
        "check_or_halt follow load_maybe store_maybe check_memory ghost_set store_box "
        "store_element wait_memory",
        "if_some if mutex while",
    ),
    "steady": Theme(
        "done check_done wait_memory store_element", "mutex try_mutex spin try_spin rcu"
    ),
    "steady and waited for": Theme(
        "done check_done publish_undone await_published store_element", "rcu mutex"
    ),
    "stolen locks": Theme(
        "steal steal_readers redirect_and_back locked_field observe_locked_field store_box "
        "check_memory check_lock publish await_published",
        "mutex mutex spin read write try_mutex choice",
    ),
    "shared locks": Theme(
        "steal_readers steal_readers check_readers check_readers store_box", "read read try_read"
    ),
    "brought readers": Theme(
        "bring_readers bring_readers publish_and_ask publish_and_ask", "choice if"
    ),
    "owned objects": Theme(
        "own_object own_object await_and_free allocate publish await_published", "choice if"
    ),
    "free objects": Theme(
        "free allocate use_object observe_object remember_object peek_object check_object "
        "check_loaded free_and_look publish await_published misname own_object free_and_point "
        "free_and_point look_twice look_twice",
        "mutex choice if",
    ),
    "writes to free objects": Theme(
        "free_and_look free_and_look misname misname free", "mutex choice if"
    ),
    "pointers to free objects": Theme("free_and_point look_twice free", "mutex choice if"),
    "rules": Theme(
        "wait_memory wait_any store_box load_number flush", "mutex if choice", rules=True
    ),
    "rules and locks": Theme(
        "check_lock publish_and_ask publish await_published store_box",
        "mutex write read if choice",
        rules=True,
        words=True,
    ),
    "fields": Theme(
        "locked_field observe_locked_field check_locked_field exchange count store_pointer "
        "load_pointer check_memory redirect",
        "mutex spin write try_spin try_write if choice",
    ),
    "checks under locks": Theme(
        "locked_field check_locked_field check_locked_field",
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


class _Generator(Objects):
    """Draws the statements of a program with a theme."""

    def __init__(self, rnd: random.Random, theme: Theme, *, anything: bool) -> None:
        super().__init__(rnd, anything=anything)
        self._operations = theme.operations.split()
        self._nests = theme.nests.split()
        self._rules, self._words, self.ghostly = theme.rules, theme.words, theme.ghostly

    # -- statements --------------------------------------------------------------------------------

    def body(self, depth: int, least: int, most: int) -> Body:
        count = self.rnd.randint(least, most)
        return tuple(itertools.chain.from_iterable(self.some(depth) for _ in range(count)))

    def some(self, depth: int) -> Body:
        """A statement, or a few that belong together."""
        if depth and self.chance(0.38):
            return (self.nest(self.pick("nest", self._nests), depth - 1),)
        name = self.pick("operation", self._operations, least=4)
        draw: Callable[[], Do | Body] = getattr(self, name)
        drawn = draw()
        return drawn if isinstance(drawn, tuple) else (drawn,)

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
        if self.chance(0.3):
            body = self.unchanged(body)
        other = self.body(depth, 0, 1) if form is not Form.WAIT else ()
        return Hold(lock, body, form, at, None, other)

    def unchanged(self, body: Body) -> Body:
        """Statements with a check that something is still as it was before them."""
        place = self.pick("unchanged", (cell("Box.n"), cell("Row.n", self.slot())))
        check = Check(self.name(), ex.eq(X, place))
        before = Do(Op(Kind.LOAD, updates=(Update(X, place),)))
        return (before, *body, Do(Op(Kind.PRIMITIVE, checks=(check,))))

    def under(self, place: Cell) -> Do:
        return Do(self.use_of(place), UNDER_LOCK)

    # -- a program ---------------------------------------------------------------------------------

    def program(self) -> Program:
        count = self.rnd.choice((2, 2, 2, 3))
        most = self.rnd.randint(3, 6) if count == 2 else self.rnd.randint(2, 3)
        threads = tuple(self.thread(n, most) for n in range(count))
        rules = self.rules() if self._rules or self.chance(0.3) else ()
        checks = [StateCheck(f"s{n}", self.state()) for n in range(self.rnd.randint(0, 2))]
        least = int(self.ghostly)
        finals = [StateCheck(f"e{n}", self.state()) for n in range(self.rnd.randint(least, 2))]
        initial = dict(self.initial())
        if self.chance(0.15):
            threads, held = self.let_go_first(threads)
            initial |= held
        return Program(threads, rules, tuple(checks), tuple(finals), tuple(initial.items()))

    def let_go_first(self, threads: tuple[Body, ...]) -> tuple[tuple[Body, ...], dict[Cell, int]]:
        """The threads with one that holds a lock at first, and mostly lets go of it at once."""
        depth, readers = cell("Cpu.rcu", cpu(0)), cell("Sem.readers")
        less = ex.narrow(ex.sub(depth, ex.number(1)), DEPTH)
        word, held, free = self.pick("let go", (
            (cell("Mutex.owner"), 1, NOBODY), (cell("Sem.writer"), 1, NOBODY),
            (readers, 2, ex.diff(readers, ex.single(cpu(0), THREADS))), (depth, 1, less),
        ))  # fmt: skip
        first = Do(Op(Kind.RMW, updates=(Update(word, free),)), frozenset({"release"}))
        begins = (first,) if self.chance(0.7) else ()
        return ((*begins, *threads[0]), *threads[1:]), {word: held}

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
        readers, owner = cell("Sem.readers"), cell("Mutex.owner")
        words = (
            Update(readers, ex.union(readers, ex.single(who, THREADS))),
            Update(readers, ex.const(0, THREADS)), Update(owner, NOBODY), Update(owner, me(n)),
        )  # fmt: skip
        update = self.pick("rule 2", words) if self._words else self.pick("rule 2",
            (
                Update(tlb, ex.TRUE), Update(tlb, ex.FALSE), Update(tlb, ex.not_(tlb)),
                Update(pair, ex.put(pair, "on", ex.TRUE)),
                Update(cell("Row.n", pointer), self.constant()),
                Update(cell("Box.n"), self.constant()),
                Update(cell("Ghost.row", pointer), self.constant()),
                *words,
            )
        )  # fmt: skip
        published = ex.eq(cell("Box.n"), number(1))
        guard = published if self._words and self.chance(0.5) else self.pick("rule 3",
            (
                ex.eq(cell("Box.n"), self.constant()), ex.has(cell("Box.slots"), pointer),
                ex.eq(cell("Box.at"), self.fixed()), ex.get(pair, "on"), ex.not_(tlb),
                ex.TRUE, ex.not_(cell("Cpu.irqs_off", who)), self.held_by(cell("Mutex.owner")),
                ex.eq(cell("Row.n", pointer), self.constant()),
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
            place for variable in VARIABLES if variable.storage in (Storage.MEMORY, Storage.GHOST)
            for place in elements(variable)
        ]  # fmt: skip
        drawn = [(place, self.value_of(place.sort)) for place in places]
        return tuple((place, value) for place, value in drawn if value != least(place.sort))

    def value_of(self, sort: Sort) -> int:
        """A value that a place holds at first, mostly the least."""
        codes = (0, 2, 4) if isinstance(sort, Set) else sort.codes()
        return self.rnd.choice((codes[0], codes[0], *codes)) + sort.lowest

# SPDX-License-Identifier: GPL-2.0-only
"""Random operations: loads, stores, checks and waits over the variables of `world`."""

from __future__ import annotations

from model.lang import expr as ex
from model.lang.expr import Cell, Expr, Local
from model.lang.ir import NULL_POINTER, Check, Kind, Op, Update

from .expressions import Expressions
from .statements import Body, Do
from .world import (
    DEPTH,
    NAMES,
    NO_SLOT,
    NOBODY,
    NUMBER,
    PAIR,
    SLOT_OR_NONE,
    SLOTS,
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
    me,
    number,
    slot,
)  # fmt: skip

LOCKLESS = frozenset({"lockless"})
UNDER_LOCK: frozenset[str] = frozenset()
GHOST = frozenset({"ghost"})


def updating(place: Cell | Local, value: Expr) -> tuple[Update, ...]:
    return (Update(place, value),)


def _capped(place: Cell) -> Expr:
    """Add one, if there is room."""
    more = ex.narrow(ex.add(place, number(1)), NUMBER)
    return ex.ite(ex.lt(place, number(2)), more, place)


class Operations(Expressions):
    """Draws operations; `who` is the thread that they are for."""

    who = 0
    _checks = 0

    def name(self) -> str:
        """Each check has a name of its own, so that none stands in for another that is lost."""
        self._checks += 1
        return f"c{self._checks}"

    # -- one operation -----------------------------------------------------------------------------

    def load_number(self) -> Do:
        return Do(
            Op(Kind.LOAD, updates=updating(self.pick("load number", (X, Y, Z)), self.number(2)))
        )

    def load_element(self) -> Do:
        return Do(Op(Kind.LOAD, updates=updating(X, cell("Row.n", self.slot()))))

    def load_pointer(self) -> Do:
        return Do(Op(Kind.LOAD, updates=updating(self.pick("load pointer", (I, J)), self.slot())))

    def load_maybe(self) -> Do:
        value = self.one(
            "load maybe",
            lambda: cell("Box.maybe"),
            lambda: ex.const(self.rnd.randint(0, 2), SLOT_OR_NONE),
        )
        return Do(Op(Kind.LOAD, updates=updating(Q, value)))

    def load_pair(self) -> Do:
        value = self.one("load pair",
            lambda: cell("Box.pair"), lambda: ex.put(P, "at", self.slot()),
            lambda: ex.put(P, "on", self.local_truth()),
        )  # fmt: skip
        return Do(Op(Kind.LOAD, updates=updating(P, value)))

    def load_flag(self) -> Do:
        return Do(Op(Kind.LOAD, updates=updating(B, self.memory())))

    def call(self) -> Do:
        both = (Update(I, self.local_slot()), Update(X, self.local_number()))
        return Do(Op(Kind.LET, updates=both), UNDER_LOCK)

    def store_box(self) -> Do:
        return Do(Op(Kind.STORE, updates=updating(cell("Box.n"), self.number())))

    def store_element(self) -> Do:
        value = self.one("store element", self.constant, self.number)
        return Do(Op(Kind.STORE, updates=updating(cell("Row.n", self.slot()), value)))

    def store_bit(self) -> Do:
        return Do(Op(Kind.STORE, updates=updating(cell("Bit.n", self.bit()), self.around())))

    def store_pointer(self) -> Do:
        return Do(Op(Kind.STORE, updates=updating(cell("Box.at"), self.local_slot())))

    def store_next(self) -> Do:
        return Do(Op(Kind.STORE, updates=updating(cell("Row.next", self.slot()), self.slot())))

    def store_maybe(self) -> Do:
        value = self.one(
            "store maybe", lambda: Q, lambda: ex.const(self.rnd.randint(0, 2), SLOT_OR_NONE)
        )
        return Do(Op(Kind.STORE, updates=updating(cell("Box.maybe"), value)))

    def store_set(self) -> Do:
        return Do(Op(Kind.RMW, updates=updating(cell("Box.slots"), self._slots("Box.slots"))))

    def _slots(self, name: str) -> Expr:
        whole = cell(name)
        return self.one(
            "slots",
            lambda: ex.union(whole, ex.single(self.slot(), SLOTS)),
            lambda: ex.diff(whole, ex.single(self.slot(), SLOTS)),
            lambda: ex.const(self.pick("slots 2", (0, 2, 6)), SLOTS),
        )

    def store_pair(self) -> Do:
        pair = cell("Box.pair")
        value = self.one("store pair",
            lambda: ex.put(pair, "n", self.local_number()), lambda: ex.put(pair, "on", B),
            lambda: P, lambda: ex.const(self.rnd.randint(0, 1) | 1 << 3, PAIR),
        )  # fmt: skip
        return Do(Op(Kind.STORE, updates=updating(pair, value)))

    def exchange(self) -> Do:
        """A compare-and-exchange: whether it did, in a local."""
        place = self.pick("exchange", (cell("Box.n"), cell("Row.n", self.slot())))
        as_expected = ex.eq(place, self.constant())
        value = ex.ite(as_expected, self.local_number(), place)
        return Do(Op(Kind.RMW, updates=(Update(place, value), Update(B, as_expected))))

    def count(self) -> Do:
        place = self.pick("count", (cell("Box.n"), cell("Row.n", self.slot())))
        return Do(Op(Kind.RMW, updates=(Update(place, _capped(place)), Update(X, place))))

    def locked_field(self) -> Do:
        """A use of a field that has a declared lock, whether or not that is held here."""
        place = self.pick("locked field",
            (
                cell("Box.mutex_n"), cell("Box.sem_n"), cell("Row.spin_n", self.slot()),
                cell("Row.far_n", self.local_slot()),
            )
        )  # fmt: skip
        return Do(self.use_of(place), UNDER_LOCK)

    def use_of(self, place: Cell) -> Op:
        """A load, a store or both, of a number."""
        return self.pick(
            "use of",
            (
                Op(Kind.LOAD, updates=updating(X, place)),
                Op(Kind.STORE, updates=updating(place, self.local_number())),
                Op(Kind.STORE, updates=updating(place, self.constant())),
                Op(Kind.RMW, updates=(Update(place, _capped(place)), Update(Y, place))),
            ),
        )

    def observe_locked_field(self) -> Body:
        """A look at such a field, and a check that it did not hold this."""
        return self.observe(
            self.pick("locked field",
                (
                    cell("Box.mutex_n"), cell("Box.sem_n"), cell("Row.spin_n", self.slot()),
                    cell("Row.far_n", self.local_slot()),
                )
            ),
            UNDER_LOCK,
        )  # fmt: skip

    def observe(self, place: Cell, traits: frozenset[str]) -> Body:
        return Do(Op(Kind.LOAD, updates=updating(X, place)), traits), self.check_loaded()

    def check_loaded(self) -> Do:
        """A check that what was read is not this."""
        check = Check(self.name(), ex.not_(ex.eq(X, self.constant())))
        return Do(Op(Kind.PRIMITIVE, checks=(check,)))

    def check_locked_field(self) -> Do:
        """A check of such a field, which looks from outside of any lock wherever it stands."""
        place = self.pick("check locked field",
            (
                cell("Box.mutex_n"), cell("Box.sem_n"), cell("Row.spin_n", self.slot()),
                cell("Row.far_n", self.local_slot()),
            )
        )  # fmt: skip
        check = Check(self.name(), ex.not_(ex.eq(place, self.constant())))
        return Do(Op(Kind.PRIMITIVE, checks=(check,)), UNDER_LOCK)

    def follow(self) -> Do:
        """A pointer that may be none is followed, which halts if it is."""
        name = self.pick("follow", (NULL_POINTER, "model:null"))
        check = Check(name, ex.not_(ex.eq(Q, NO_SLOT)))
        place = cell("Row.n", Q)
        update = self.pick("follow 2", (Update(X, place), Update(place, self.constant())))
        return Do(Op(Kind.LOAD, updates=(update,), checks=(check,)))

    def ghost_count(self) -> Do:
        place = self.pick("ghost count", (cell("Ghost.n"), cell("Ghost.row", self.slot())))
        return Do(Op(Kind.PRIMITIVE, updates=updating(place, _capped(place))), GHOST)

    def ghost_store(self) -> Do:
        place = self.pick("ghost store", (cell("Ghost.n"), cell("Ghost.row", self.slot())))
        value = self.one("ghost store 2", self.number, self.constant, self.constant)
        return Do(Op(Kind.PRIMITIVE, updates=updating(place, value)), GHOST | LOCKLESS)

    def ghost_set(self) -> Do:
        value = self._slots("Ghost.slots")
        return Do(Op(Kind.PRIMITIVE, updates=updating(cell("Ghost.slots"), value)), GHOST)

    def flush(self) -> Do:
        """An operation of software on hardware."""
        place = cell("Cpu.tlb", cpu(self.rnd.randint(0, 1)), self.slot())
        value = ex.boolean(self.chance(0.3))
        return Do(Op(Kind.PRIMITIVE, updates=updating(place, value)))

    def check_unchanged(self) -> Do:
        """Check that what was read is still there."""
        place = self.pick("check unchanged", (cell("Box.n"), cell("Row.n", self.slot())))
        return Do(Op(Kind.PRIMITIVE, checks=(Check(self.name(), ex.eq(X, place)),)))

    def check_ghost(self) -> Do:
        return Do(Op(Kind.PRIMITIVE, checks=(Check(self.name(), self.ghost()),)))

    def check_lock(self) -> Do:
        asked = self.lock_word()
        cond = self.pick("check lock", (asked, ex.not_(asked)))
        return Do(Op(Kind.PRIMITIVE, checks=(Check(self.name(), cond),)))

    def check_readers(self) -> Do:
        """A check that somebody reads, whoever it may be."""
        check = Check(self.name(), ex.not_(ex.eq(cell("Sem.readers"), ex.const(0, THREADS))))
        return Do(Op(Kind.PRIMITIVE, checks=(check,)))

    def check(self) -> Do:
        check = Check(self.name(), self.checked())
        return Do(Op(Kind.PRIMITIVE, checks=(check,)))

    def check_local(self) -> Do:
        check = Check(self.name(), ex.not_(self.local_truth()))
        return Do(Op(Kind.PRIMITIVE, checks=(check,)))

    def check_memory(self) -> Do:
        check = Check(self.name(), self.memory())
        return Do(Op(Kind.PRIMITIVE, checks=(check,)))

    def check_and_store(self) -> Do:
        check = Check(self.name(), self.checked())
        both = (Update(cell("Box.n"), self.number()), Update(X, cell("Box.n")))
        return Do(Op(Kind.RMW, updates=both, checks=(check,)))

    def check_or_halt(self) -> Do:
        check = Check(self.pick("check or halt", (NULL_POINTER, "model:range")), self.checked())
        return Do(Op(Kind.ASSERT, checks=(check,)))

    def done(self) -> Do:
        return Do(Op(Kind.STORE, updates=updating(self._done(), ex.TRUE)))

    def _done(self) -> Cell:
        return cell("Row.done", self.pick("done", (slot(1), slot(1), slot(2), I, J)))

    def publish_undone(self) -> Body:
        """Others may go on before it is done."""
        return self.publish(), self.done()

    def check_done(self) -> Do:
        """A check that others can only make hold: of what nobody takes back."""
        check = Check(self.name(), self._done(), steady=True)
        return Do(Op(Kind.PRIMITIVE, checks=(check,)))

    def steal(self) -> Do:
        """A lock is let go of, or taken, by whoever: no discipline."""
        word = self.pick("steal", (cell("Mutex.owner"), cell("Spin.owner", self.local_slot()),
                                   cell("Sem.writer")))  # fmt: skip
        mine, other = me(self.who), me(1 - min(self.who, 1))
        value = self.one("steal 2", lambda: NOBODY, lambda: mine, lambda: other,
                         lambda: ex.ite(B, mine, word),
                         lambda: ex.ite(self.memory(), NOBODY, word))  # fmt: skip
        also = self.one("steal 3", lambda: ex.TRUE, lambda: ex.TRUE, self.lock_free)
        traits = frozenset({"release" if value is NOBODY else "acquire"})
        return Do(Op(Kind.RMW, also, updating(word, value)), traits)

    def steal_readers(self) -> Do:
        """The same of a word that several hold, and of a depth that is somebody else's."""
        word, who = cell("Sem.readers"), ex.single(cpu(self.rnd.randint(0, 1)), THREADS)
        depth, less = cell("Cpu.rcu", cpu(self.rnd.randint(0, 1))), self.pick("less", (-1, 1))
        place, value = self.pick("steal readers",
            (
                (word, ex.union(word, who)), (word, ex.diff(word, who)),
                (word, ex.const(0, THREADS)),
                (depth, ex.narrow(ex.sub(depth, ex.number(less)), DEPTH)),
            )
        )  # fmt: skip
        return Do(Op(Kind.RMW, updates=updating(place, value)), frozenset({"release"}))

    def bring_readers(self) -> Body:
        """Who takes a free semaphore for reading takes it for another, too, or may do so."""
        word, cond = cell("Sem.readers"), self.pick("bring", (ex.TRUE, B, self.memory()))
        mine, other = (ex.single(cpu(n), THREADS) for n in (self.who, 1 - min(self.who, 1)))
        value = ex.union(ex.ite(cond, other, word), mine)
        took = Do(Op(Kind.RMW, ex.is_empty(word), updating(word, value)), frozenset({"acquire"}))
        left = Do(Op(Kind.RMW, updates=updating(word, ex.diff(word, mine))), frozenset({"release"}))
        waits = (self.await_published(),) if self.chance(0.7) else ()
        return *waits, took, left

    def redirect_and_back(self) -> Body:
        """The lock of a field is another one while it is written."""
        at, lock = self.fixed(), cell("Row.lock", self.fixed())
        wrong = cell("Spin.owner", at)
        took = Update(wrong, me(self.who))
        return (
            Do(Op(Kind.STORE, updates=updating(lock, at))),
            Do(Op(Kind.RMW, ex.eq(wrong, NOBODY), (took,)), frozenset({"acquire"})),
            Do(Op(Kind.STORE, updates=updating(cell("Row.far_n", lock.index[0]), number(1))),
               UNDER_LOCK),
            Do(Op(Kind.RMW, updates=updating(wrong, NOBODY)), frozenset({"release"})),
            Do(Op(Kind.STORE, updates=updating(lock, lock.index[0]))), self.publish(),
        )  # fmt: skip

    def redirect(self) -> Do:
        """Which lock a field has changes."""
        place = cell("Row.lock", self.local_slot())
        return Do(Op(Kind.STORE, updates=updating(place, self.local_slot())))

    def publish(self) -> Do:
        return Do(Op(Kind.STORE, updates=updating(cell("Box.n"), number(1))))

    def publish_and_ask(self) -> Body:
        """Somebody may give it a lock from here on."""
        mine = self.pick("ask",
            (
                ex.eq(cell("Mutex.owner"), me(self.who)), ex.has(cell("Sem.readers"), cpu(self.who))
            )
        )  # fmt: skip
        check = Check(self.name(), ex.not_(mine))
        return self.publish(), Do(Op(Kind.PRIMITIVE, checks=(check,)))

    def look_again(self) -> Body:
        """A wait for an element by a computed index, and a look at one by a constant."""
        value = self.constant()
        first = cell("Row.n", self.pick("look again", (I, J, ex.get(P, "at"))))
        check = Check(self.name(), ex.eq(cell("Row.n", self.fixed()), value))
        return (
            Do(Op(Kind.LOAD, ex.eq(first, value))), Do(Op(Kind.PRIMITIVE, checks=(check,)))
        )  # fmt: skip

    def await_published(self) -> Do:
        return Do(Op(Kind.LOAD, ex.eq(cell("Box.n"), number(1))))

    # -- waits -------------------------------------------------------------------------------------

    def wait_memory(self) -> Do:
        return Do(Op(Kind.LOAD, self.memory()))

    def wait_any(self) -> Do:
        return Do(Op(Kind.LOAD, self.truth()))

    def wait_and_store(self) -> Do:
        place = cell("Row.n", self.pick("wait and store", (self.slot(), slot(1))))
        update = self.pick(
            "wait and store 2", (Update(Z, self.number()), Update(place, self.constant()))
        )
        return Do(Op(Kind.RMW, ex.eq(place, self.constant()), (update,)))

    def wait_unlocked(self) -> Do:
        return Do(Op(Kind.LOAD, self.lock_free()))

    def wait_grace_period(self) -> Do:
        """Nobody else, or one other, is in a read section of RCU."""
        everybody = [n for n in range(len(NAMES)) if n != self.who]
        others = everybody if self.chance(0.5) else [self.pick("wait grace period", everybody)]
        quiet = [ex.eq(cell("Cpu.rcu", cpu(n)), ex.number(0)) for n in others]
        return Do(Op(Kind.LOAD, ex.and_(*quiet)))

    def wait_irqs_on(self) -> Do:
        """An IPI is taken; it may do something there."""
        who = cpu(self.rnd.randint(0, 1))
        does = updating(cell("Cpu.tlb", who, self.slot()), ex.FALSE) if self.chance(0.5) else ()
        return Do(Op(Kind.LOAD, ex.not_(cell("Cpu.irqs_off", who)), does))

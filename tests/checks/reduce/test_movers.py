# SPDX-License-Identifier: GPL-2.0-only
"""Merging: minimal systems, each of which lost a violation once."""

from __future__ import annotations

from dataclasses import replace

import pytest

from checks.play.play import weakened
from checks.reduce.conflicts import DISCIPLINE
from checks.reduce.reducer import Passes
from model.lang import expr as ex
from model.lang.ir import NULL_POINTER, Check, Kind, Op, Rule, Storage, Thread, Update, Variable
from model.lang.sorts import BOOL, Int, Ref, Set
from model.lang.traits import Trait

from .small import Small, agree, look, put, thread, wait

NAMES = ("T0", "T1", "T2")
THREAD = Ref("Thread", NAMES)
HOLDER = Ref("Thread", NAMES, nullable=True)
NUMBER, DEPTH = Int(0, 2), Int(0, 3)
SLOT = Ref("Slot", ("A", "B"))
WHICH = ex.cell("Box.lock", (), SLOT)
OWNER = ex.cell("Lock.owner", (), HOLDER)
WRITER = ex.cell("Sem.writer", (), HOLDER)
READERS = ex.cell("Sem.readers", (), Set(THREAD))
N, M = ex.cell("Box.n", (), NUMBER), ex.cell("Box.m", (), NUMBER)
GHOST = ex.cell("Ghost.n", (), NUMBER)
FREE, MAPPING = ex.cell("Folio.free", (), BOOL), ex.cell("Folio.mapping", (), NUMBER)
VARIABLES = (
    Variable("Lock.owner", (), HOLDER, Storage.LOCK),
    Variable("Spin.owner", (SLOT,), HOLDER, Storage.LOCK),
    Variable("Box.lock", (), SLOT),
    Variable("Sem.writer", (), HOLDER, Storage.LOCK),
    Variable("Sem.readers", (), Set(THREAD), Storage.LOCK),
    Variable("Cpu.rcu", (THREAD,), DEPTH, Storage.LOCK),
    Variable("Box.n", (), NUMBER),
    Variable("Box.m", (), NUMBER),
    Variable("Ghost.n", (), NUMBER, Storage.GHOST),
    Variable("Folio.free", (), BOOL),
    Variable("Folio.mapping", (), NUMBER),
)
NOBODY = ex.const(0, HOLDER)


def number(value: int) -> ex.Expr:
    return ex.const(value, NUMBER)


def rcu(who: int) -> ex.Cell:
    return ex.cell("Cpu.rcu", (ex.const(who + 1, THREAD),), DEPTH)


def small(*threads: object) -> Small:
    initial: dict[ex.Expr, int] = {
        OWNER: 0, WRITER: 0, READERS: 0, N: 0, M: 0, GHOST: 0, FREE: 0, MAPPING: 1,
        **{rcu(n): 0 for n in range(3)}, WHICH: 1,
        **{ex.cell("Spin.owner", (ex.const(n, SLOT),), HOLDER): 0 for n in (1, 2)},
    }  # fmt: skip
    return Small(VARIABLES, threads, initial)  # type: ignore[arg-type]


def enter(who: int) -> Op:
    return put(rcu(who), ex.narrow(ex.add(rcu(who), ex.number(1)), DEPTH))


def take(word: ex.Cell, who: int) -> Op:
    return put(word, ex.const(who, HOLDER), when=ex.eq(word, NOBODY))


def leave(who: int) -> Op:
    return put(rcu(who), ex.narrow(ex.sub(rcu(who), ex.number(1)), DEPTH))


def grace(who: int) -> Op:
    return wait(ex.eq(rcu(who), ex.const(0, DEPTH)))


# -- waiting ---------------------------------------------------------------------------------------


def test_two_that_wait_for_each_others_read_section_may_both_be_in_one() -> None:
    """Each waits once before its section, and once inside of it."""
    one = thread("T0", grace(1), enter(0), grace(1), leave(0))
    two = thread("T1", grace(0), enter(1), grace(0), leave(1))
    assert agree(small(one, two)) == {"no_deadlock"}


def test_a_grace_period_before_the_unlink_keeps_nobody_from_what_is_freed() -> None:
    """The reader begins after the wait, and sees the pointer that is taken away only then."""
    frees = thread("T0", grace(1), put(N, number(1)), put(M, number(1)))
    there, freed = wait(ex.eq(N, number(0))), ex.eq(M, number(1))
    reads = thread("T1", enter(1), there, look("not freed", ex.not_(freed)), leave(1))
    assert "not freed" in agree(small(frees, reads))


def test_who_waits_for_a_lock_and_takes_another_may_be_overtaken() -> None:
    takes = thread("T0", put(WRITER, ex.const(1, HOLDER), when=ex.eq(OWNER, NOBODY)),
                   look("nobody has it", ex.eq(OWNER, NOBODY)), put(WRITER, NOBODY))  # fmt: skip
    other = thread("T1", put(OWNER, ex.const(2, HOLDER), when=ex.eq(OWNER, NOBODY)),
                   put(OWNER, NOBODY))  # fmt: skip
    assert agree(small(takes, other)) == {"nobody has it"}


def _semaphore(who: int, *inside: Op) -> list[Op]:
    one = ex.const(1 << who + 1, READERS.sort)
    return [
        put(READERS, ex.union(READERS, one), when=ex.eq(WRITER, NOBODY)), *inside,
        put(READERS, ex.diff(READERS, one)),
    ]  # fmt: skip


def test_a_reader_of_a_semaphore_is_not_overtaken_by_a_writer() -> None:
    """The reader waits for the writer and takes the readers, for which the writer waits: what
    comes behind is merged with it."""
    me = ex.const(2, HOLDER)
    free = ex.and_(ex.eq(WRITER, NOBODY), ex.is_empty(READERS))
    writes = thread("T1", put(WRITER, me, when=free), put(N, number(1)), put(N, number(0)),
                    put(WRITER, NOBODY))  # fmt: skip
    own = ex.local("f.x", NUMBER)
    reads = thread("T0", *_semaphore(0, put(own, M), look("still", ex.eq(N, number(0)))))
    system = small(reads, writes)
    assert agree(system) == frozenset()
    apart = system.search(Passes(movers=False)).states
    assert system.search().states < apart


# -- who lets go of a lock -------------------------------------------------------------------------


def test_a_lock_that_somebody_else_lets_go_of_is_noticed() -> None:
    """Movers rest on it: with the lock lost in between, another gets in."""
    locks = put(OWNER, ex.const(1, HOLDER), when=ex.eq(OWNER, NOBODY))
    one = thread("T0", locks, put(N, number(1)), put(N, number(0)), put(OWNER, NOBODY))
    other = thread("T1", put(OWNER, NOBODY))
    third = thread("T2", put(OWNER, ex.const(3, HOLDER), when=ex.eq(OWNER, NOBODY)),
                   look("still", ex.eq(N, number(0))), put(OWNER, NOBODY))  # fmt: skip
    system = replace(small(one, other, third), locked=frozenset({"Box.n"}), word=OWNER)
    assert "still" in system.oracle()
    assert DISCIPLINE in system.violated()
    assert system.violated(Passes(movers=False)) == system.oracle()


def test_a_lock_is_not_held_between_the_steps_of_who_lets_go_of_it() -> None:
    """Who lets go of it looks whether it is another's: so long it is not a part of a section."""
    mine = ex.const(1 << 2, Set(THREAD))
    down = put(READERS, ex.union(READERS, mine), when=ex.eq(WRITER, NOBODY))
    up = put(READERS, ex.diff(READERS, mine))
    reads = thread(
        "T1", down, look("it is read", ex.not_(ex.eq(READERS, ex.const(0, Set(THREAD))))), up
    )
    system = small(thread("T0", up), reads)
    assert system.oracle() == {"it is read"}
    assert DISCIPLINE in system.violated()
    assert system.violated(Passes(movers=False)) == {"it is read"}


def test_a_lock_that_is_taken_without_waiting_for_it_is_taken_from_somebody() -> None:
    """Who is named last has it."""
    takes = thread("T0", put(OWNER, ex.const(1, HOLDER)), put(N, number(1)))
    other = thread("T1", put(M, number(1)), put(OWNER, ex.const(2, HOLDER)),
                   look("it is mine", ex.eq(OWNER, ex.const(2, HOLDER))))  # fmt: skip
    system = small(takes, other)
    assert system.oracle() == {"it is mine"}
    assert DISCIPLINE in system.violated()
    assert system.violated(Passes(movers=False)) == {"it is mine"}


_SECTION = frozenset[Trait]()
"""The traits of a step that uses a field under its lock."""


def _locked_reader() -> Thread:
    """Reads a field twice under its lock."""
    x, y = ex.local("f.x", NUMBER), ex.local("f.y", NUMBER)
    return thread(
        "T0", take(OWNER, 1), (put(x, N), _SECTION),
        (put(y, N), _SECTION), look("the same", ex.eq(x, y)), put(OWNER, NOBODY),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("value", "when"),
    [
        (ex.const(2, HOLDER), ex.TRUE),
        (ex.const(2, HOLDER), ex.eq(WRITER, NOBODY)),
        (ex.ite(ex.eq(M, number(0)), ex.const(2, HOLDER), OWNER), ex.TRUE),
    ],
)
def test_who_takes_a_lock_from_its_holder_is_in_its_section(value: ex.Expr, when: ex.Expr) -> None:
    """Neither section is one step, or the two would never meet and nobody would notice."""
    steals = thread("T1", put(OWNER, value, when=when), (put(N, number(1)), _SECTION),
                    put(OWNER, NOBODY))  # fmt: skip
    system = replace(small(_locked_reader(), steals), locked=frozenset({"Box.n"}), word=OWNER)
    assert "the same" in system.oracle()
    assert DISCIPLINE in system.violated()
    assert system.decided() == system.oracle()


def test_a_lock_that_is_taken_in_the_name_of_another_is_noticed() -> None:
    asks = thread(
        "T0", put(N, number(1)), look("not mine", ex.not_(ex.eq(OWNER, ex.const(1, HOLDER))))
    )
    gives = thread("T1", wait(ex.eq(N, number(1))), put(OWNER, ex.const(1, HOLDER)),
                   put(OWNER, NOBODY))  # fmt: skip
    system = small(asks, gives)
    assert system.oracle() == system.decided() == {"not mine"}


def test_a_lock_word_that_a_rule_writes_is_a_word_like_any() -> None:
    mine = ex.const(1 << 1, READERS.sort)
    gives = Rule("gives", Op(Kind.PRIMITIVE, ex.eq(N, number(1)), (
        Update(READERS, ex.union(READERS, mine)),)))  # fmt: skip
    asks = thread("T0", put(N, number(1)), look("not mine", ex.is_empty(ex.inter(READERS, mine))))
    system = replace(small(asks), rules=(gives,))
    assert agree(system) == {"not mine"}


_FIRST = ex.const(1 << 1, READERS.sort)


@pytest.mark.parametrize(
    ("steps", "asked"),
    [
        ((enter(0), enter(0), leave(0)), ex.eq(rcu(0), ex.const(2, DEPTH))),
        (
            (put(READERS, ex.union(READERS, _FIRST)), put(READERS, ex.diff(READERS, _FIRST))),
            ex.eq(READERS, ex.const(2, READERS.sort)),
        ),
    ],
)
def test_a_depth_or_a_set_is_not_asked_whether_it_is_mine(
    steps: tuple[Op, ...], asked: ex.Expr
) -> None:
    """The number of the second thread says nothing about either: it looks at the first."""
    asks = thread("T1", put(M, number(1)), look("not so", ex.not_(asked)))
    assert agree(small(thread("T0", *steps, put(N, number(1))), asks)) == {"not so"}


def test_a_lock_that_is_let_go_of_at_the_entry_is_not_kept_until_a_wait_is_over() -> None:
    """The other takes it in between, and the first waits for what comes then."""
    mine = ex.const(1 << 1, READERS.sort)
    free = ex.and_(ex.eq(WRITER, NOBODY), ex.is_empty(READERS))
    first = thread("T0", put(READERS, ex.diff(READERS, mine)), wait(ex.eq(N, number(1))))
    other = thread("T1", put(WRITER, ex.const(2, HOLDER), when=free), put(N, number(1)),
                   look("never here", ex.FALSE), put(WRITER, NOBODY))  # fmt: skip
    system = small(first, other)
    system = replace(system, initial=system.initial | {READERS: 1 << 1})
    assert agree(system) == {"never here"}


def test_which_lock_a_field_has_does_not_change_while_it_is_used() -> None:
    """The field's lock is another one from here on, and that is free."""
    one, two = (ex.cell("Spin.owner", (ex.const(n, SLOT),), HOLDER) for n in (1, 2))
    redirect = thread("T1", wait(ex.eq(M, number(1))), put(WHICH, ex.const(2, SLOT)), take(two, 2),
                      (put(N, number(1)), _SECTION), put(two, NOBODY))  # fmt: skip
    x = ex.local("f.x", NUMBER)
    uses = thread("T0", take(one, 1), put(M, number(1)), (put(x, N), _SECTION),
                  look("not yet", ex.eq(x, number(0))), put(one, NOBODY))  # fmt: skip
    word = ex.cell("Spin.owner", (WHICH,), HOLDER)
    system = replace(small(uses, redirect), locked=frozenset({"Box.n"}), word=word)
    assert system.oracle() == system.decided() == {"not yet"}


# -- ghosts ----------------------------------------------------------------------------------------


def test_a_ghost_that_another_thread_looks_at_has_a_time_of_its_own() -> None:
    writes = thread("T0", put(N, number(1)), put(GHOST, number(1)))
    both = ex.or_(ex.eq(N, number(0)), ex.eq(GHOST, number(1)))
    assert agree(small(writes, thread("T1", look("together", both)))) == {"together"}


def test_ghosts_of_two_threads_that_do_not_commute_keep_their_order() -> None:
    """Who writes last is what is found at the end."""
    own = ex.local("f.x", NUMBER)
    writes = thread("T0", put(own, N), put(GHOST, number(1)), put(N, number(2)))
    other = thread("T1", put(N, number(1)), put(GHOST, number(2)),
                   look("mine is last", ex.eq(GHOST, number(2))))  # fmt: skip
    assert agree(small(writes, other)) == {"mine is last"}


# -- what is free ----------------------------------------------------------------------------------


def test_a_field_that_is_used_after_the_free_is_noticed() -> None:
    """The step that frees writes as if nobody looked: who does is found."""
    gone = Op(Kind.RMW, ex.TRUE, (Update(FREE, ex.TRUE), Update(MAPPING, number(0))))
    own = ex.local("f.x", NUMBER)
    frees = thread("T0", (gone, frozenset({Trait.PUT})))
    uses = thread("T1", put(N, number(1)), put(own, MAPPING),
                  look("as it was", ex.not_(ex.eq(own, number(0)))))  # fmt: skip
    system = replace(
        small(frees, uses), freeable=frozenset({"Folio.free", "Folio.mapping"}), free=FREE
    )
    assert system.oracle() == {"as it was"}
    assert DISCIPLINE in system.violated()
    assert system.violated(Passes(movers=False)) == {"as it was"}


@pytest.mark.parametrize("trait", [Trait.PUT, Trait.ALLOC])
def test_a_step_that_says_it_frees_is_not_believed(trait: Trait) -> None:
    """The object that it writes to stays in use, and who uses it sees that."""
    x, y = ex.local("f.x", NUMBER), ex.local("f.y", NUMBER)
    writes = thread("T1", (put(MAPPING, number(0)), frozenset({trait})))
    uses = thread("T0", put(x, MAPPING), put(y, MAPPING), look("the same", ex.eq(x, y)))
    system = replace(
        small(writes, uses), freeable=frozenset({"Folio.free", "Folio.mapping"}), free=FREE
    )
    assert system.oracle() == system.decided() == {"the same"}


def test_a_step_that_says_it_allocates_does_not_write_unseen_to_what_another_frees() -> None:
    """Neither is under a discipline: the one frees, the other says that what it has is its own."""
    x = ex.local("f.x", NUMBER)
    gone = Op(Kind.RMW, ex.TRUE, (Update(FREE, ex.TRUE), Update(MAPPING, number(0))))
    looks = Op(Kind.LOAD, updates=(Update(x, MAPPING),))
    frees = thread("T0", (gone, frozenset({Trait.PUT})), (looks, frozenset({Trait.MAYBE_FREE})),
                   look("as it left it", ex.eq(x, number(0))))  # fmt: skip
    writes = thread("T1", (put(MAPPING, number(2)), frozenset({Trait.ALLOC})))
    system = replace(
        small(frees, writes), freeable=frozenset({"Folio.free", "Folio.mapping"}), free=FREE
    )
    assert system.oracle() == system.decided() == {"as it left it"}


# -- what halts ------------------------------------------------------------------------------------


def test_what_comes_before_a_step_that_halts_is_seen_by_others() -> None:
    own = ex.local("f.b", BOOL)
    null = Op(Kind.PRIMITIVE, checks=(Check(NULL_POINTER, own),))
    dies = thread("T0", put(N, number(1)), null)
    system = small(dies, thread("T1", look("untouched", ex.eq(N, number(0)))))
    assert system.oracle() == {NULL_POINTER, "untouched"}
    again = weakened(Passes(), system.search())
    assert again is not None
    assert system.violated(again) == system.oracle()
    assert weakened(again, system.search(again)) is None


def test_a_check_that_halts_lets_nobody_past_it_later() -> None:
    """Behind it the thread goes on only where it held: merged with the look that follows, it would
    be judged after the others had gone on."""
    own = ex.local("f.b", BOOL)
    passes = Op(Kind.PRIMITIVE, checks=(Check(NULL_POINTER, ex.eq(OWNER, ex.const(2, HOLDER))),))
    stuck = thread("T0", passes, put(own, ex.eq(OWNER, NOBODY)), wait(ex.not_(own)))
    other = thread("T1", put(OWNER, ex.const(2, HOLDER), when=ex.eq(OWNER, NOBODY)),
                   put(OWNER, NOBODY))  # fmt: skip
    system = small(stuck, other)
    assert system.oracle() == {NULL_POINTER, "no_deadlock"}
    again = weakened(Passes(), system.search())
    assert again is not None
    assert system.violated(again) == system.oracle()


# -- steady checks ---------------------------------------------------------------------------------


def test_what_makes_a_steady_check_hold_does_not_come_before_the_check() -> None:
    """Who holds the lock makes it hold a step later: somebody may look in between."""
    steady = Check("done", ex.eq(N, number(1)), steady=True)
    own = ex.local("f.b", BOOL)
    looks = thread("T0", put(own, ex.eq(OWNER, NOBODY)), put(M, ex.ite(own, number(1), number(2))),
                   Op(Kind.PRIMITIVE, ex.not_(own), checks=(steady,)))  # fmt: skip
    other = thread("T1", put(OWNER, ex.const(2, HOLDER), when=ex.eq(OWNER, NOBODY)),
                   put(N, number(1)), put(OWNER, NOBODY))  # fmt: skip
    assert "done" in agree(small(looks, other))


def test_beside_a_step_of_somebody_else_no_check_is_steady() -> None:
    """The argument is about the steps of `model`, and about nobody else's."""
    steady = Check("still", ex.eq(N, number(1)), steady=True)
    checks = thread("T0", put(N, number(1)), Op(Kind.PRIMITIVE, checks=(steady,)))
    traits = frozenset({Trait.LOCKLESS, Trait.FOREIGN})
    system = small(checks, thread("T1", (put(N, number(0)), traits)))
    assert system.oracle() == system.violated() == {"still"}

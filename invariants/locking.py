# SPDX-License-Identifier: GPL-2.0-only
"""Locks: deadlock, order, balance, sleeping, and fields under their locks.

The order is that of the comment at the head of mm/rmap.c and mm/filemap.c:

    mmap_lock
      folio lock
        anon_vma->rwsem
          pmd lock
            page-table lock

A trylock has no place in it: it never waits.  Nor have two locks of one level: that no two threads
take them in opposite orders is decided by `no_deadlock`, for each routine runs beside the subject,
and the subject beside itself.  An order that all keep to is as good as another, and any will do
where something else keeps them apart, as mmap_lock held for writing does in mm/mremap.c:move_ptes.
"""

from __future__ import annotations

from model.cast.view import View
from model.hw.objects import SpinLock, Thread
from model.kernel.objects import Folio, Mm, RwSem, Vma
from model.lang import pure

from .registry import at_step, by_engine

by_engine(
    "no_deadlock", "locking",
    "no deadlock: threads do not wait for each other, as two would that took two page-table locks "
    "in opposite orders",
    "everybody who waits", "checks/engine/reference.py",
    ("acquire", "a lock is waited for"),
    ("PTLs in argument order", "folio lock left held"),
    why="{cycle}.",
    then="None of them ever goes on: the tasks hang, and so does whoever wants one of these locks.",
)  # fmt: skip


@pure
def holds_spinlock(s: View, thread: Thread) -> bool:
    return any(lock.owner == thread for lock in s.locks)


@pure
def _holds_mmap_lock(mm: Mm, thread: Thread) -> bool:
    return mm.mmap_lock.writer == thread or thread in mm.mmap_lock.readers


@at_step(
    "mmap_read_lock mmap_write_lock",
    "mmap_lock is waited for once, and with no VMA lock, folio lock, anon_vma lock or page-table "
    "lock held",
    relied_on="mm/rmap.c: the comment at the head; mm/mmap_lock.c:__vma_start_write, which waits "
    "for readers of a VMA with mmap_lock held; a writer that waits keeps off further readers",
    mutants=("source VMA locked as the destination", "mmap_lock taken twice"),
    why="{thread} waits for the mmap_lock of {mm}, and holds {held}.",
    then="Who holds mmap_lock may wait for one of these in turn: then neither goes on.",
)
def mmap_lock_in_order(s: View, thread: Thread, mm: Mm) -> bool:
    return (
        not holds_spinlock(s, thread)
        and all(not _holds_mmap_lock(other, thread) for other in s.mms)
        and all(sem.writer != thread and thread not in sem.readers for sem in s.rmap_sems)
        and all(folio.locked_by != thread for folio in s.folios)
        and all(vma.lock.writer != thread and thread not in vma.lock.readers for vma in s.vmas)
    )


@at_step(
    "vma_exclude_readers vma_mark_detached vma_end_write_all mmap_up_write mmap_downgrade_write",
    "a VMA is locked for writing, changed and let go of with mmap_lock held for writing",
    relied_on="include/linux/mmap_lock.h: mmap_assert_write_locked, vma_assert_write_locked",
    mutants=("mmap_lock for reading where VMAs are written",),
    why="{thread} is at {step}, and does not hold mmap_lock for writing; it holds {held}.",
    then="Faults and other system calls may use or change the VMA at the same time.",
)
def mmap_lock_is_held_for_writing(
    s: View, thread: Thread, mm: Mm | None = None, vma: Vma | None = None
) -> bool:
    return (mm is not None and mm.mmap_lock.writer == thread) or (
        vma is not None and vma.mm.mmap_lock.writer == thread
    )


@at_step(
    "vma_start_read_locked",
    "a VMA is locked for reading without a try under mmap_lock alone, which keeps writers off",
    relied_on="include/linux/mmap_lock.h:vma_start_read_locked_nested, mmap_assert_locked",
    mutants=("mmap_lock not taken where a try failed",),
    why="{thread} locks {vma} without a try, and does not hold mmap_lock; it holds {held}.",
    then="Nothing keeps a writer off: the VMA may be changed or detached as it is locked.",
)
def mmap_lock_is_held_to_lock_a_vma(s: View, thread: Thread, vma: Vma) -> bool:
    return _holds_mmap_lock(vma.mm, thread)


@at_step(
    "folio_lock",
    "a folio lock is taken before any anon_vma lock, any page-table lock and any other folio lock",
    relied_on="mm/rmap.c, mm/filemap.c: the comments at the head, and lockdep",
    mutants=("sleeping folio lock under the PTL",),
    why="{thread} waits for the lock of {folio}, and holds {held}.",
    then="Who has locked the folio may wait for one of these in turn: then neither goes on.",
)
def folio_lock_in_order(s: View, thread: Thread, folio: Folio) -> bool:
    return (
        not holds_spinlock(s, thread)
        and all(sem.writer != thread and thread not in sem.readers for sem in s.rmap_sems)
        and all(other.locked_by != thread for other in s.folios)
    )


@at_step(
    "down_read down_write",
    "an anon_vma lock is taken before any page-table lock, and one at a time",
    relied_on="mm/rmap.c: the comment at the head, and lockdep",
    mutants=("anon_vma lock under the PTL",),
    why="{thread} waits for {sem}, and holds {held}.",
    then="Who holds that rwsem may wait for one of these in turn: then neither goes on.",
)
def anon_vma_lock_in_order(s: View, thread: Thread, sem: RwSem) -> bool:
    return not holds_spinlock(s, thread) and all(
        other.writer != thread and thread not in other.readers for other in s.rmap_sems
    )


@at_step(
    "spin_lock",
    "of two page-table locks the second is taken as a nested one",
    relied_on="mm/userfaultfd.c:double_pt_lock, mm/mremap.c, lockdep's subclasses",
    mutants=("second PTL not taken as a nested one",),
    why="{thread} waits for {lock} with spin_lock(), and holds {spinlocks(s, thread)}.",
    then="lockdep takes this for a deadlock, for both locks are of one class: spin_lock_nested() "
    "says that they have an order.",
)
def one_page_table_lock_unless_nested(s: View, thread: Thread, lock: SpinLock) -> bool:
    return not holds_spinlock(s, thread)


@at_step(
    "return",
    "every path releases what it took",
    relied_on="whoever takes the lock next",
    mutants=("folio lock left held", "page table left mapped"),
    why="{thread} returns, and has not released: {unreleased(s, thread)}.",
    then="Whoever takes it next waits forever.",
)
def everything_is_released(s: View, thread: Thread) -> bool:
    return (
        not holds_spinlock(s, thread)
        and all(sem.writer != thread and thread not in sem.readers for sem in s.sems)
        and all(not _holds_mmap_lock(mm, thread) for mm in s.mms)
        and all(vma.lock.writer != thread and thread not in vma.lock.readers for vma in s.vmas)
        and all(folio.locked_by != thread for folio in s.folios)
        and thread.rcu == 0
        and not thread.cpu.irqs_off
        and s.gather(thread).mm is None
    )


@at_step(
    "release",
    "who lets go of a lock holds it: a spinlock, a rwsem, a folio lock, mmap_lock, a VMA lock",
    relied_on="who holds it now; lockdep; mm/filemap.c:folio_unlock, which asks that it is locked",
    mutants=(
        "PTL of the destination dropped twice",
        "anon_vma not locked, but unlocked",
        "no folio trylock for the next page",
    ),
    why="{thread} is at {step}, but does not hold that lock; it holds {held}.",
    then="Another holder loses the lock while it relies on it, or a lock that nobody holds is "
    "unlocked.",
)
def unlocked_by_its_holder(
    s: View, thread: Thread, lock: SpinLock | None = None, sem: RwSem | None = None,
    folio: Folio | None = None, vma: Vma | None = None, mm: Mm | None = None,
) -> bool:  # fmt: skip
    """A release of anything else fails, so that no new kind of lock goes unjudged.  Left out: a
    folio that the end of its I/O unlocks, which no model has."""
    return (
        (lock is not None and lock.owner == thread)
        or (sem is not None and (sem.writer == thread or thread in sem.readers))
        or (folio is not None and folio.locked_by == thread)
        or (vma is not None and thread in vma.lock.readers)
        or (mm is not None and _holds_mmap_lock(mm, thread))
    )


@at_step(
    "sleeps",
    "nothing sleeps under a spinlock, in an RCU section or with interrupts off",
    relied_on="the scheduler; include/linux/kernel.h:might_sleep",
    mutants=("sleeping folio lock under the PTL", "page table left mapped"),
    why="{thread} may sleep at {step}, {atomic(s, thread)}.",
    then="Who spins for the lock, or waits for this CPU, may wait forever: scheduling while "
    "atomic.",
)
def nothing_sleeps_in_atomic_context(s: View, thread: Thread) -> bool:
    return not holds_spinlock(s, thread) and thread.rcu == 0 and not thread.cpu.irqs_off


@at_step(
    "ipi grace-period tlb_remove_table_sync_one",
    "nobody waits for another CPU, to take an interrupt or to end its read sections, with "
    "interrupts off or under a spinlock that is taken with interrupts off",
    relied_on="kernel/smp.c:smp_call_function_many_cond: two CPUs would wait for each other",
    mutants=("page-table locks taken with interrupts off",),
    why="{thread} waits for other CPUs at {step}, {atomic(s, thread)}.",
    then="A CPU that waits for this one in the same way takes no interrupt either: both wait "
    "forever.",
)
def no_wait_for_a_cpu_with_irqs_off(s: View, thread: Thread) -> bool:
    return not thread.cpu.irqs_off and all(
        lock.owner != thread or not lock.irqs_off for lock in s.locks
    )


by_engine(
    "fields_change_under_their_locks", "locking",
    "each field changes only under the lock that its declaration names",
    "whoever reads the field under that lock", "model/kernel/objects.py",
    ("pte pmd mapping index", "such a field is written"),
    ("no PTL of the destination", "no folio trylock for the next page"),
    why="{thread} changes {place} at {step}, and does not hold {lock}; it holds {held}.",
    then="Who reads or changes it under {lock} does not expect that: one of the changes is lost.",
)  # fmt: skip

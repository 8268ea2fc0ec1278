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
    "", "checks/engine/reference.py",
    ("acquire", "a lock is waited for"),
    ("PTLs in argument order", "folio lock left held"),
    why="{cycle}.",
    then="{stuck}, and so does every other task that needs one of these locks.",
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
    why="{thread} takes the mmap_lock of {mm} {row} while it holds {held}.",
    then="A holder of mmap_lock may wait for one of these locks: an ABBA deadlock.",
)
def mmap_lock_in_order(s: View, thread: Thread, mm: Mm) -> bool:
    return (
        not holds_spinlock(s, thread)
        and all(not _holds_mmap_lock(other, thread) for other in s.mms)
        and all(sem.writer != thread and thread not in sem.readers for sem in s.walk_sems)
        and all(folio.locked_by != thread for folio in s.folios)
        and all(vma.lock.writer != thread and thread not in vma.lock.readers for vma in s.vmas)
    )


@at_step(
    "vma_exclude_readers vma_mark_detached vma_end_write_all mmap_up_write mmap_downgrade_write",
    "a VMA is locked for writing, changed and unlocked with mmap_lock held for writing",
    relied_on="include/linux/mmap_lock.h: mmap_assert_write_locked, vma_assert_write_locked",
    mutants=("mmap_lock for reading where VMAs are written",),
    why="{thread} calls {step} {row} without mmap_lock held for writing; it holds {held}.",
    then="Page faults and other system calls may use or change the VMA concurrently.",
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
    why="{thread} read-locks {vma} unconditionally {row} without mmap_lock; it holds {held}.",
    then="Nothing excludes a writer: the VMA may be changed or detached concurrently.",
)
def mmap_lock_is_held_to_lock_a_vma(s: View, thread: Thread, vma: Vma) -> bool:
    return _holds_mmap_lock(vma.mm, thread)


@at_step(
    "folio_lock",
    "a folio lock is taken before any lock of a file or anon_vma, any page-table lock and any "
    "other folio lock",
    relied_on="mm/rmap.c, mm/filemap.c: the comments at the head, and lockdep",
    mutants=("sleeping folio lock under the PTL",),
    why="{thread} locks {folio} {row} while it holds {held}.",
    then="The holder of the folio lock may wait for one of these locks: an ABBA deadlock.",
)
def folio_lock_in_order(s: View, thread: Thread, folio: Folio) -> bool:
    return (
        not holds_spinlock(s, thread)
        and all(sem.writer != thread and thread not in sem.readers for sem in s.walk_sems)
        and all(other.locked_by != thread for other in s.folios)
    )


@at_step(
    "down_read down_write",
    "a lock of a file or anon_vma is taken before any page-table lock, that of an anon_vma last "
    "and one at a time",
    relied_on="mm/rmap.c: the comment at the head, and lockdep",
    mutants=("anon_vma lock under the PTL",),
    why="{thread} takes {sem} {row} while it holds {held}.",
    then="A holder of that rwsem may wait for one of these locks: an ABBA deadlock.",
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
    why="{thread} takes {lock} with spin_lock() {row} while it holds {spinlocks(s, thread)}.",
    then="Both locks are of one lockdep class: lockdep reports possible recursive locking, unless "
    "the second is taken with spin_lock_nested().",
)
def one_page_table_lock_unless_nested(s: View, thread: Thread, lock: SpinLock) -> bool:
    return not holds_spinlock(s, thread)


@at_step(
    "return",
    "every path releases what it took",
    relied_on="whoever takes the lock next",
    mutants=("folio lock left held", "page table left mapped"),
    why="{thread} returns {row} and has not released: {unreleased(s, thread)}.",
    then="{left_behind(s, thread)}.",
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
    "a lock is released by its holder: a spinlock, a rwsem, a folio lock, mmap_lock, a VMA lock",
    relied_on="the holder of the lock; lockdep; mm/filemap.c:folio_unlock, VM_BUG_ON_FOLIO",
    mutants=(
        "PTL of the destination dropped twice",
        "anon_vma not locked, but unlocked",
        "no folio trylock for the next page",
    ),
    why="{thread} calls {step} {row} without holding that lock; it holds {held}.",
    then="A lock is released under its holder, or one is unlocked that is not locked.",
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
    why="{thread} may sleep in {step} {row}, {atomic(s, thread)}.",
    then="'BUG: sleeping function called from invalid context', or 'scheduling while atomic'.",
)
def nothing_sleeps_in_atomic_context(s: View, thread: Thread) -> bool:
    return not holds_spinlock(s, thread) and thread.rcu == 0 and not thread.cpu.irqs_off


@at_step(
    "ipi grace-period tlb_remove_table_sync_one",
    "nobody waits for another CPU, to take an interrupt or to end its read sections, with "
    "interrupts off or under a spinlock that is taken with interrupts off",
    relied_on="kernel/smp.c:smp_call_function_many_cond: two CPUs would wait for each other",
    mutants=("page-table locks taken with interrupts off",),
    why="{thread} waits for other CPUs in {step} {row}, {atomic(s, thread)}.",
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
    "every reader and writer of the field that takes that lock", "model/kernel/objects.py",
    ("pte pmd mapping index", "such a field is written"),
    ("no PTL of the destination", "no folio trylock for the next page"),
    why="{thread} changes {place} in {step} {row} without {lock}; it holds {held}.",
    then="A holder of {lock} relies on it not changing: one of two concurrent changes may be lost.",
)  # fmt: skip

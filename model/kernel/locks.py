# SPDX-License-Identifier: GPL-2.0-only
"""Locks.  A blocking acquire waits; a trylock is a branch; a lock word names its holder.

The holder is part of the value so that the invariants can ask who holds what; the kernel's words
do not all say.
"""

from __future__ import annotations

from model.hw.objects import PteVal, SpinLock, Thread, places
from model.lang import current, effect, kernel, step, wait_until

from ..hw.orders import (
    DOWN_READ,
    DOWN_READ_TRYLOCK,
    DOWN_WRITE,
    DOWN_WRITE_TRYLOCK,
    FOLIO_LOCK,
    FOLIO_TRYLOCK,
    FOLIO_UNLOCK,
    SPIN_LOCK,
    SPIN_TRYLOCK,
    SPIN_UNLOCK,
    UP,
)
from .objects import AnonVma, Folio, Gather, Mapping, RwSem
from .task import entries, mine, pmds

# -- spinlocks ------------------------------------------------------------------------------------


@effect
def taken(lock: SpinLock) -> None:
    me: Thread = current()
    lock.owner = me
    lock.irqs_off = lock.irqs_off or me.cpu.irqs_off


@step("include/linux/spinlock.h:spin_lock", "7.3.4", order=SPIN_LOCK, traits="acquire")
def spin_lock(lock: SpinLock) -> None:
    wait_until(lock.owner is None)
    taken(lock)


@step("include/linux/spinlock.h:spin_lock_nested", "7.3.4", order=SPIN_LOCK,
      traits="acquire")  # fmt: skip
def spin_lock_nested(lock: SpinLock) -> None:
    """Taken while another lock of the same class is held, and said to be so."""
    wait_until(lock.owner is None)
    taken(lock)


@step("include/linux/spinlock.h:spin_trylock", "7.3.4", order=SPIN_TRYLOCK, traits="trylock")
def spin_trylock(lock: SpinLock) -> bool:
    free = lock.owner is None
    if free:
        taken(lock)
    return free


@step("include/linux/spinlock.h:spin_unlock", "7.3.4", order=SPIN_UNLOCK, traits="release")
def spin_unlock(lock: SpinLock) -> None:
    me: Thread = current()
    lock.owner = None
    for pte in entries():
        if pte.table.ptl == lock:
            me.took[pte.addr] = PteVal()
            for addr in places(pte):
                mine(Gather).put_off[addr] = None
    for pmd in pmds():
        if pmd.ptl == lock:
            me.unlinked[pmd] = None


# -- reader-writer semaphores ----------------------------------------------------------------------


@step("kernel/locking/rwsem.c:down_read", "7.3.4", order=DOWN_READ, traits="acquire sleeps")
def down_read(sem: RwSem) -> None:
    me: Thread = current()
    wait_until(sem.writer is None)
    sem.readers = sem.readers | frozenset({me})


@step("kernel/locking/rwsem.c:down_read_trylock", "7.3.4", order=DOWN_READ_TRYLOCK,
      traits="trylock")  # fmt: skip
def down_read_trylock(sem: RwSem) -> bool:
    me: Thread = current()
    taken = sem.writer is None
    if taken:
        sem.readers = sem.readers | frozenset({me})
    return taken


@step("kernel/locking/rwsem.c:up_read", "7.3.4", order=UP, traits="release")
def up_read(sem: RwSem) -> None:
    me: Thread = current()
    sem.readers = sem.readers - frozenset({me})


@step("kernel/locking/rwsem.c:down_write", "7.3.4", order=DOWN_WRITE, traits="acquire sleeps")
def down_write(sem: RwSem) -> None:
    wait_until(sem.writer is None and not sem.readers)
    sem.writer = current()


@step("kernel/locking/rwsem.c:down_write_trylock", "7.3.4", order=DOWN_WRITE_TRYLOCK,
      traits="trylock")  # fmt: skip
def down_write_trylock(sem: RwSem) -> bool:
    taken = sem.writer is None and not sem.readers
    if taken:
        sem.writer = current()
    return taken


@step("kernel/locking/rwsem.c:up_write", "7.3.4", order=UP, traits="release")
def up_write(sem: RwSem) -> None:
    sem.writer = None


# -- the folio lock --------------------------------------------------------------------------------


@step("include/linux/pagemap.h:folio_lock", "7.3.4", order=FOLIO_LOCK, traits="acquire sleeps")
def folio_lock(folio: Folio) -> None:
    wait_until(folio.locked_by is None)
    folio.locked_by = current()


@step("include/linux/pagemap.h:folio_trylock", "7.3.4", order=FOLIO_TRYLOCK, traits="trylock")
def folio_trylock(folio: Folio) -> bool:
    taken = folio.locked_by is None
    if taken:
        folio.locked_by = current()
    return taken


@step("mm/filemap.c:folio_unlock", "7.3.4", order=FOLIO_UNLOCK, traits="release")
def folio_unlock(folio: Folio) -> None:
    folio.locked_by = None


# -- the anon_vma lock, which is the root's --------------------------------------------------------


@kernel("mm/internal.h:anon_vma_lock_write", "7.3.4")
def anon_vma_lock_write(anon_vma: AnonVma) -> None:
    down_write(anon_vma.rwsem)


@kernel("mm/internal.h:anon_vma_trylock_write", "7.3.4")
def anon_vma_trylock_write(anon_vma: AnonVma) -> bool:
    return down_write_trylock(anon_vma.rwsem)


@kernel("mm/internal.h:anon_vma_unlock_write", "7.3.4")
def anon_vma_unlock_write(anon_vma: AnonVma) -> None:
    up_write(anon_vma.rwsem)


@kernel("mm/internal.h:anon_vma_lock_read", "7.3.4")
def anon_vma_lock_read(anon_vma: AnonVma) -> None:
    down_read(anon_vma.rwsem)


@kernel("mm/internal.h:anon_vma_unlock_read", "7.3.4")
def anon_vma_unlock_read(anon_vma: AnonVma) -> None:
    up_read(anon_vma.rwsem)


# -- the lock of the tree of VMAs that map a file --------------------------------------------------


@kernel("include/linux/fs.h:i_mmap_lock_read", "7.3.4")
def i_mmap_lock_read(mapping: Mapping) -> None:
    down_read(mapping.i_mmap_rwsem)


@kernel("include/linux/fs.h:i_mmap_unlock_read", "7.3.4")
def i_mmap_unlock_read(mapping: Mapping) -> None:
    up_read(mapping.i_mmap_rwsem)


@kernel("include/linux/fs.h:i_mmap_lock_write", "7.3.4")
def i_mmap_lock_write(mapping: Mapping) -> None:
    down_write(mapping.i_mmap_rwsem)


@kernel("include/linux/fs.h:i_mmap_unlock_write", "7.3.4")
def i_mmap_unlock_write(mapping: Mapping) -> None:
    up_write(mapping.i_mmap_rwsem)

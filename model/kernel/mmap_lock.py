# SPDX-License-Identifier: GPL-2.0-only
"""mmap_lock and the locks of VMAs.

A VMA is locked for writing under mmap_lock held for writing, and until that is dropped.  Readers
of a VMA try, and where they fail they wait for mmap_lock.  Left out: a try may fail though nobody
writes (the sequence of the mm has come round), which leads to mmap_lock as well; a vm_refcnt that
is full; VMAs that are split, merged or found at another address; fairness, as in `RwSem`.
"""

from __future__ import annotations

from model.hw.objects import Addr, Thread
from model.lang import current, kernel, static, step, wait_until

from ..hw.orders import (
    DOWN_READ,
    DOWN_READ_TRYLOCK,
    DOWN_WRITE,
    UP,
    VMA_END_READ,
    VMA_END_WRITE_ALL,
    VMA_EXCLUDE_READERS,
    VMA_START_READ,
)
from .objects import Mm, Vma

# -- mmap_lock -------------------------------------------------------------------------------------


@step("include/linux/mmap_lock.h:mmap_read_lock", "7.3.4", order=DOWN_READ, traits="acquire sleeps")
def mmap_read_lock(mm: Mm) -> None:
    me: Thread = current()
    wait_until(mm.mmap_lock.writer is None)
    mm.mmap_lock.readers = mm.mmap_lock.readers | frozenset({me})


@step("include/linux/mmap_lock.h:mmap_read_trylock", "7.3.4", order=DOWN_READ_TRYLOCK,
      traits="trylock")  # fmt: skip
def mmap_read_trylock(mm: Mm) -> bool:
    me: Thread = current()
    taken = mm.mmap_lock.writer is None
    if taken:
        mm.mmap_lock.readers = mm.mmap_lock.readers | frozenset({me})
    return taken


@step("include/linux/mmap_lock.h:mmap_read_unlock", "7.3.4", order=UP, traits="release")
def mmap_read_unlock(mm: Mm) -> None:
    me: Thread = current()
    mm.mmap_lock.readers = mm.mmap_lock.readers - frozenset({me})


@step("include/linux/mmap_lock.h:mmap_write_lock", "7.3.4", order=DOWN_WRITE,
      traits="acquire sleeps")  # fmt: skip
def mmap_write_lock(mm: Mm) -> None:
    wait_until(mm.mmap_lock.writer is None and not mm.mmap_lock.readers)
    mm.mmap_lock.writer = current()


@step("kernel/locking/rwsem.c:up_write", "7.3.4", order=UP, traits="release")
def mmap_up_write(mm: Mm) -> None:
    mm.mmap_lock.writer = None


@step("kernel/locking/rwsem.c:downgrade_write", "7.3.4", order=UP, traits="release")
def mmap_downgrade_write(mm: Mm) -> None:
    me: Thread = current()
    mm.mmap_lock.writer = None
    mm.mmap_lock.readers = mm.mmap_lock.readers | frozenset({me})


@kernel("include/linux/mmap_lock.h:mmap_write_unlock", "7.3.4")
def mmap_write_unlock(mm: Mm) -> None:
    vma_end_write_all(mm)
    mmap_up_write(mm)


@kernel("include/linux/mmap_lock.h:mmap_write_downgrade", "7.3.4")
def mmap_write_downgrade(mm: Mm) -> None:
    vma_end_write_all(mm)
    mmap_downgrade_write(mm)


# -- the lock of a VMA -----------------------------------------------------------------------------


@static
def pages_of(vma: Vma) -> tuple[Addr, ...]:
    """The addresses of a VMA."""
    return tuple(range(vma.start, vma.end))


@static
def vmas_of(mm: Mm) -> tuple[Vma, ...]:
    """The VMAs of an address space, by address."""
    return tuple(v for v in mm.world.all(Vma) if v.mm is mm)


@step("mm/mmap_lock.c:vma_start_read", "7.3.4", order=VMA_START_READ, traits="trylock",
      several="vm_refcnt says who reads, that a writer keeps readers out, and that it is detached",
      )  # fmt: skip
def lock_vma_under_rcu(vma: Vma) -> bool:
    """Lock for reading what is found at an address; false if nothing is, or somebody writes."""
    me: Thread = current()
    locked = vma.attached and vma.lock.writer is None
    if locked:
        vma.lock.readers = vma.lock.readers | frozenset({me})
    return locked


@step("include/linux/mmap_lock.h:vma_start_read_locked", "7.3.4", order=VMA_START_READ,
      traits="acquire")  # fmt: skip
def vma_start_read_locked(vma: Vma) -> None:
    """Under mmap_lock held for reading, so that nobody writes and there is nothing to wait for."""
    me: Thread = current()
    vma.lock.readers = vma.lock.readers | frozenset({me})


@step("include/linux/mmap_lock.h:vma_end_read", "7.3.4", order=VMA_END_READ, traits="release")
def vma_end_read(vma: Vma) -> None:
    me: Thread = current()
    vma.lock.readers = vma.lock.readers - frozenset({me})


@step("mm/mmap_lock.c:__vma_start_exclude_readers", "7.3.4", order=VMA_EXCLUDE_READERS,
      traits="acquire")  # fmt: skip
def vma_exclude_readers(vma: Vma) -> None:
    """From now on readers fail; those that have it are waited for next."""
    vma.lock.writer = current()


@step("mm/mmap_lock.c:__vma_start_exclude_readers", "7.3.4", order="once", traits="sleeps")
def vma_wait_for_readers(vma: Vma) -> None:
    wait_until(not vma.lock.readers)


@kernel("include/linux/mmap_lock.h:vma_start_write", "7.3.4")
def vma_start_write(vma: Vma) -> None:
    vma_exclude_readers(vma)
    vma_wait_for_readers(vma)


@step("include/linux/mmap_lock.h:vma_end_write_all", "7.3.4", order=VMA_END_WRITE_ALL,
      traits="release", several="mm_lock_seq, one word, ends the locks of all VMAs")  # fmt: skip
def vma_end_write_all(mm: Mm) -> None:
    me: Thread = current()
    for vma in vmas_of(mm):
        if vma.lock.writer == me:
            vma.lock.writer = None


# -- finding a VMA ---------------------------------------------------------------------------------


@step("include/linux/mmap_lock.h:vma_mark_detached", "7.3.4", order="relaxed")
def vma_mark_detached(vma: Vma) -> None:
    """Nobody finds it from now on."""
    vma.attached = False


@step("include/linux/mm.h:vma_lookup", "7.3.4", order="once")
def vma_lookup(vma: Vma) -> bool:
    """False if nothing is mapped at its address any more.  Under mmap_lock."""
    return vma.attached


@kernel("mm/mmap_lock.c:lock_mm_and_find_vma", "7.3.4")
def lock_mm_and_find_vma(vma: Vma) -> bool:
    """A fault that could not lock the VMA; false, with nothing locked, if there is none.

    Left out: stacks that grow; faults of the kernel, which come here at once.
    """
    mmap_read_lock(vma.mm)
    found = vma_lookup(vma)
    if not found:
        mmap_read_unlock(vma.mm)
    return found


@kernel("mm/madvise.c:try_vma_read_lock", "7.3.4")
def try_vma_read_lock(vma: Vma) -> bool:
    """True: the VMA is locked; false: mmap_lock is, as always where there is a userfaultfd."""
    if lock_vma_under_rcu(vma):
        if not (vma.uffd_missing or vma.uffd_wp):  # is_vma_lock_sufficient
            return True
        vma_end_read(vma)
    mmap_read_lock(vma.mm)
    return False


@kernel("include/linux/mmap_lock.h:vma_end_read", "7.3.4")
def end_read(vma: Vma, by_vma: bool) -> None:
    """vma_end_read or mmap_read_unlock, as the VMA was locked or mmap_lock."""
    if by_vma:
        vma_end_read(vma)
    else:
        mmap_read_unlock(vma.mm)

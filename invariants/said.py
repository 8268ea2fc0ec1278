# SPDX-License-Identifier: GPL-2.0-only
"""Words for the sentences that invariants declare: plain Python over a state that fails.

A field of such a sentence is an expression over the names of the invariant (its parameters, and
what its condition runs over) and these functions.
"""

from __future__ import annotations

from model.cast.view import View
from model.hw.objects import Pte, PteKind, SpinLock, Table, Thread
from model.kernel.objects import GUP_PIN, Folio, Swap


def entries(s: View, folio: Folio) -> tuple[Pte, ...]:
    """The entries that map a folio."""
    return tuple(p for p in s.ptes if p.val.kind is PteKind.PRESENT and p.val.frame is folio.frame)


def migrating(s: View, folio: Folio) -> tuple[Pte, ...]:
    """The migration entries of a folio."""
    return tuple(
        p for p in s.ptes if p.val.kind is PteKind.MIGRATION and p.val.frame is folio.frame
    )


def naming(s: View, slot: Swap) -> tuple[Pte, ...]:
    """The entries that name a swap slot."""
    return tuple(p for p in s.ptes if p.val.kind is PteKind.SWAP and p.val.entry == slot.number)


def in_use(s: View, folio: Folio) -> str:
    """Who still has a folio that is freed."""
    if folio.locked_by is not None:
        return f"which CPU{folio.locked_by.name.removeprefix('T')} has locked"
    mapped = ", ".join(p.name for p in entries(s, folio))
    return f"which {mapped} still maps" if mapped else f"which counts {folio.mapcount} mappings"


def accounted(s: View, folio: Folio) -> str:
    """The references that a folio should have, one by one."""
    pins = sum(folio.pinned_at[addr] for addr in s.addresses)
    parts = [f"{folio.mapcount} for entries"]
    if pins:
        parts.append(f"{GUP_PIN * pins} for pins")
    if folio.swap is not None:
        parts.append("1 for the swap cache")
    return " and ".join(parts)


def tables_of(s: View, lock: SpinLock) -> tuple[Table, ...]:
    """The tables that a page-table lock is a part of."""
    return tuple(t for t in s.tables if t.ptl is lock)


def taken(s: View, thread: Thread) -> int:
    """How many pages a call has taken from their old place."""
    return sum(1 for addr in s.addresses if thread.taken[addr])


def shared_by(s: View, folio: Folio) -> str:
    """Who else has a page that should be one process's own."""
    mapped = ", ".join(p.name for p in entries(s, folio))
    if folio.swap is not None and folio.swap.count:
        return f"{folio.swap.count} swap entries name it too"
    return f"it is mapped {folio.mapcount} times ({mapped})"


def spinlocks(s: View, thread: Thread) -> tuple[SpinLock, ...]:
    """The spinlocks that a thread holds."""
    return tuple(lock for lock in s.locks if lock.owner is thread)


def atomic(s: View, thread: Thread) -> str:
    """Why a thread may not sleep."""
    parts = []
    if spinlocks(s, thread):
        parts.append("under " + " and ".join(lock.name for lock in spinlocks(s, thread)))
    if thread.rcu:
        parts.append("in an RCU section (a page table is mapped)")
    if thread.cpu.irqs_off:
        parts.append("with interrupts off")
    return " and ".join(parts)


def unreleased(s: View, thread: Thread) -> str:
    """All that a thread has taken and not released."""
    found = [spin.name for spin in spinlocks(s, thread)]
    found += [m.name for m in s.sems if m.writer is thread or thread in m.readers]
    mine = [mm.mmap_lock for mm in s.mms]
    found += [m.name for m in mine if m.writer is thread or thread in m.readers]
    vmas = [v for v in s.vmas if v.lock.writer is thread or thread in v.lock.readers]
    found += [vma.lock.name for vma in vmas]
    found += [f"the lock of {folio.name}" for folio in s.folios if folio.locked_by is thread]
    if thread.rcu:
        found.append("an RCU section (a page table is mapped)")
    if thread.cpu.irqs_off:
        found.append("interrupts, which are off")
    if s.gather(thread).mm is not None:
        found.append("its mmu_gather")
    return ", ".join(found)

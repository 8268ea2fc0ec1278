# SPDX-License-Identifier: GPL-2.0-only
"""Words for the sentences that invariants declare: plain Python over a state that fails.

A field of such a sentence is an expression over the names of the invariant (its parameters, and
what its condition runs over) and these functions.
"""

from __future__ import annotations

from dataclasses import replace

from model.cast.view import View
from model.hw.objects import (
    Addr,
    Pte,
    PteKind,
    SpinLock,
    Table,
    Thread,
    Translation,
    places,
)
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
    """Use in which a folio is freed, as a part of a sentence."""
    if folio.locked_by is not None:
        return "{folio.locked_by} has locked it {folio.locked_by:set} and has no reference to it"
    if entries(s, folio):
        return "the PTE at {entries(s, folio)[0]} maps it {entries(s, folio)[0].val:set}"
    return "its mapcount is {folio.mapcount} {folio.mapcount:set}"


def bad_page(s: View, folio: Folio) -> str:
    """Finding of the page allocator about a folio that is freed in use, as a part of a sentence."""
    if folio.locked_by is not None:
        return (
            "{folio} is freed with PG_locked set ('BUG: Bad page state'), and {folio.locked_by} "
            "still relies on its lock"
        )
    if folio.mapcount:
        return "{folio} is freed with a mapcount of {folio.mapcount} ('BUG: Bad page state')"
    return "{folio} is freed while it is mapped: user space can access a page of somebody else"


def changed(thread: Thread, pte: Pte) -> str:
    """Deed of a thread to an entry under its lock."""
    was, now = thread.took[pte.addr], pte.val
    if now.kind is PteKind.NONE:
        return "clears"
    if now == replace(was, write=False) and was.write:
        return "write-protects"
    return "changes"


def use(*cached: Translation) -> str:
    """Accesses that user code has by translations that are cached."""
    return "read or write" if any(each.write for each in cached) else "read"


def misplaced(s: View, folio: Folio, at: Addr) -> str:
    """Fields of a folio that do not say where an entry maps it, as a part of a sentence."""
    found = []
    if folio.mapping not in s.vma_at(at).trees:
        trees = " or ".join(tree.name for tree in s.vma_at(at).trees)
        found.append(f"{{folio}}->mapping is {{folio.mapping}} {{folio.mapping:set}}, not {trees},")
    if folio.index != at - s.vma_at(at).shift:
        wanted = "at - s.vma_at(at).shift"
        found.append(
            f"{{folio}}->index is {{folio.index:addr}} {{folio.index:set}}, not {{{wanted}:addr}},"
        )
    return " and ".join(found)


def walked(s: View, thread: Thread) -> str:
    """Fault of a walk that does not hold the lock of folio->mapping, as a part of a
    sentence."""
    if any(sem.writer is thread or thread in sem.readers for sem in s.rmap_sems):
        return "The VMAs of the locked anon_vma need not include one that maps {folio}"
    return "No anon_vma lock is held: the interval tree may change during the walk"


def moved_away(s: View, folio: Folio, at: Addr, pte: Pte) -> str:
    """Address of a pinned folio for user space once an entry is set, as a part of a sentence."""
    if any(at in places(p) and p is not pte for p in entries(s, folio)):
        return "the PTE at {pte} maps it too"
    return "{at:addr} no longer maps it"


def left_behind(s: View, thread: Thread) -> str:
    """Consequence where a thread has not released all."""
    if unreleased(s, thread, locks=True):
        return "The next task that takes the lock waits forever"
    if thread.rcu:
        return "The RCU read-side section never ends: grace periods stall"
    if thread.cpu.irqs_off:
        return "Interrupts stay disabled on that CPU"
    return "What the mmu_gather recorded is never flushed and freed"


def accounted(s: View, folio: Folio) -> str:
    """The references that a folio should have, one by one."""
    pins = sum(folio.pinned_at[addr] for addr in s.addresses)
    parts = [f"{folio.mapcount} for mappings"]
    if pins:
        parts.append(f"{GUP_PIN * pins} for pins")
    if folio.swap is not None:
        parts.append("1 for the swap cache")
    return " and ".join(parts)


def tables_of(s: View, lock: SpinLock) -> tuple[Table, ...]:
    """The tables that a page-table lock is a part of."""
    return tuple(t for t in s.tables if t.ptl is lock)


def taken(s: View, thread: Thread) -> int:
    """Number of pages that a call has taken from their old place."""
    return sum(1 for addr in s.addresses if thread.taken[addr])


def shared_by(s: View, folio: Folio) -> str:
    """Who else has a page that should be one process's own."""
    mapped = ", ".join(p.name for p in entries(s, folio))
    if folio.swap is not None and folio.swap.count:
        return f"{folio.swap.count} swap entries refer to it too"
    return f"it is mapped {folio.mapcount} times ({mapped})"


def spinlocks(s: View, thread: Thread) -> tuple[SpinLock, ...]:
    """The spinlocks that a thread holds."""
    return tuple(lock for lock in s.locks if lock.owner is thread)


def atomic(s: View, thread: Thread) -> str:
    """The reason why a thread may not sleep."""
    parts = []
    if spinlocks(s, thread):
        parts.append("with " + " and ".join(lock.name for lock in spinlocks(s, thread)) + " held")
    if thread.rcu:
        parts.append("in an RCU section (a page table is mapped)")
    if thread.cpu.irqs_off:
        parts.append("with interrupts off")
    return " and ".join(parts)


def unreleased(s: View, thread: Thread, *, locks: bool = False) -> str:
    """Everything that a thread has taken and not released; `locks`: of that, the locks."""
    found = [spin.name for spin in spinlocks(s, thread)]
    found += [m.name for m in s.sems if m.writer is thread or thread in m.readers]
    mine = [mm.mmap_lock for mm in s.mms]
    found += [m.name for m in mine if m.writer is thread or thread in m.readers]
    vmas = [v for v in s.vmas if v.lock.writer is thread or thread in v.lock.readers]
    found += [vma.lock.name for vma in vmas]
    found += [f"the lock of {folio.name}" for folio in s.folios if folio.locked_by is thread]
    if locks:
        return ", ".join(found)
    if thread.rcu:
        found.append("an RCU section (a page table is mapped)")
    if thread.cpu.irqs_off:
        found.append("interrupts, which are off")
    if s.gather(thread).mm is not None:
        found.append("its mmu_gather")
    return ", ".join(found)

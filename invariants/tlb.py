# SPDX-License-Identifier: GPL-2.0-only
"""Stale translations: what a TLB or a walk cache may still hold, and when it must not.

A lazy CPU may hold what it likes of translations: it uses none before it has caught up with the
flushes that it was spared (hw.tlb.run_mm_again).  Its walk cache may not: it walks speculatively.
"""

from __future__ import annotations

from model.cast.view import View, before
from model.hw.objects import (
    Pte,
    PteKind,
    PteVal,
    SpinLock,
    Thread,
    maps_at,
    permitted,
    places,
)
from model.hw.tlb import pmd_at, translated
from model.kernel.objects import Folio
from model.kernel.pgtable import NONE

from .registry import at_step, invariant


@invariant(
    "nobody reaches a free page through a TLB",
    relied_on="mm/page_alloc.c: a free page may be handed to anyone at once",
    witness=("put", "a reference is dropped"),
    mutants=(
        "no flush, and the page is freed",
        "flush after the PTLs, and the page is freed",
        "inaccessible entry not flushed",
    ),
    why="The TLB of {cpu} still has {addr:addr} => {entry} {cpu.tlb[addr]:set}, but {entry.frame} "
    "was freed {entry.frame.folio.free:by}.",
    then="Once the page is reallocated, {cpu} can {use(entry)} somebody else's data.",
)
def no_translation_to_a_free_page(s: View) -> bool:
    return all(
        cpu.lazy or entry.frame.folio is None or not entry.frame.folio.free
        for cpu in s.cpus
        for addr in s.addresses
        for entry in cpu.tlb[addr]
    )


@invariant(
    "nobody walks through a pointer to a free table",
    relied_on="mm/pgtable-generic.c: the page of a table is used for other data once it is freed",
    witness=("free-table", "a table is freed"),
    mutants=("no flush of walk caches", "lazy CPU spared the flush of a freed table"),
    why="{cpu} still has {table} in its walk cache for {pmd} {cpu.walk[pmd]:set}, but the table "
    "was freed {table.freed:by}.",
    then="The next page walk of {cpu} through {pmd} may read page-table entries from a page that "
    "has been reused.",
)
def no_pointer_to_a_free_table(s: View) -> bool:
    return all(not table.freed for cpu in s.cpus for pmd in s.pmds for table in cpu.walk[pmd])


@at_step(
    "spin_unlock",
    "an entry that this call cleared, moved or write-protected is flushed before its PTL is "
    "released, unless a deferred flush is recorded: mmu_gather (mm->tlb_flush_pending) or batch "
    "(mm->tlb_flush_batched)",
    relied_on="the next holder of the PTL, who trusts the PTE",
    after=("ptep_get_and_clear", "an entry is cleared"),
    mutants=(
        "no flush",
        "flush one page short",
        "flush after the PTLs",
        "entry not recorded for the flush",
    ),
    steady="it is about entries under a lock that is held: others can only drop translations",
    why="{thread} {changed(thread, pte)} the PTE at {pte} {thread.took[pte.addr]:set} and releases "
    "{lock} {row}, but the TLB of {cpu} still has {at:addr} => {cpu.tlb[at]} "
    "{cpu.tlb[at]:set}. {later()}.",
    then="Who frees, copies or writes out the page from now on trusts this PTE, which is {pte.val}"
    ", and does not flush for it, while {cpu} can still {use(*cpu.tlb[at])} the page.",
)
def flushed_before_ptl_is_released(s: View, thread: Thread, lock: SpinLock) -> bool:
    """Recorded for the next holder is what this call has recorded itself, by address and mm: in its
    mmu_gather, while mm->tlb_flush_pending counts that, or by set_tlb_ubc_flush_pending."""
    tlb = s.gather(thread)
    return all(
        cpu.lazy
        or pte.table.ptl != lock
        or pte.table != pmd_at(cpu, at).table
        or (tlb.mm == s.mm_of(cpu) and tlb.range[at])
        or tlb.put_off[at] == s.mm_of(cpu)
        or not cpu.tlb[at] & permitted(thread.took[pte.addr]) - permitted(pte.val)
        for cpu in s.cpus
        for pte in s.ptes
        for at in places(pte)
        if at in translated(cpu)
    )


@at_step(
    "spin_unlock",
    "a table is taken from its place only with a flush of what leads there, before the lock of the "
    "PMD entry is released, unless an mmu_gather is open for its mm",
    relied_on="mm/rmap.c, mm/gup.c: who finds the table elsewhere flushes the addresses there",
    witness=("pmd_clear pmd_unlink_table", "a table is taken from its place"),
    mutants=("table moved without a flush",),
    steady="it is about PMD entries under a lock that is held: others can only forget tables",
    why="{thread} has taken {table} from {pmd} and releases {lock} {row}, but {cpu} still has "
    "{table} in its walk cache for {pmd} {cpu.walk[pmd]:set}.",
    then="{cpu} can still use the pages of {table} at the old addresses, and whoever unmaps one of "
    "them at the new ones does not flush those.",
)
def a_table_moves_with_a_flush(s: View, thread: Thread, lock: SpinLock) -> bool:
    tlb = s.gather(thread)
    return all(
        cpu.lazy
        or pmd.ptl != lock
        or thread.unlinked[pmd] != table
        or table == pmd.table
        or tlb.mm == s.mm_of(cpu)
        or table not in cpu.walk[pmd]
        for cpu in s.cpus
        for pmd in s.pmds
        for table in s.tables
    )


@at_step(
    "return",
    "after the call returns no CPU uses a translation that it removed, or that others had removed "
    "when it looked, if it gathered flushes (mmu_gather)",
    relied_on="user space, which is told that the page is elsewhere",
    after=("ptep_get_and_clear pmd_clear", "an entry is cleared"),
    mutants=(
        "no flush",
        "flush one page short",
        "flush that was put off not made up for",
        "flush of another gather not made up for",
    ),
    steady="others can only drop what this call removed, or give user code the right to it again",
    why="{thread} returns {row}, but the TLB of {cpu} still has {at:addr} => "
    "{cpu.tlb[at]} {cpu.tlb[at]:set}; the PTE at {pte} is {pte.val} {pte.val:set}.",
    then="User space relies on the change at {at:addr} once the call has returned, and {cpu} "
    "can still use the old translation there.",
)
def nothing_removed_is_used_after_return(s: View, thread: Thread) -> bool:
    """MADV_DONTNEED and mprotect answer for an entry that they find gone too, whoever cleared it.
    A call that flushes by itself, as MOVE does, answers for what it cleared."""
    return all(
        cpu.lazy
        or not cpu.tlb[at] & thread.removed[at] - permitted(pte.val if maps_at(pte, at) else NONE)
        for cpu in s.cpus
        for pte in s.ptes
        for at in places(pte)
        if at in translated(cpu)
    )


@at_step(
    "set_pte_at",
    "no store is lost: what takes the place of a page is a copy of it and holds what it held",
    relied_on="mm/memory.c:wp_page_copy, mm/migrate.c: nobody can write to the page meanwhile",
    witness=("copy", "a page is copied"),
    mutants=("no flush before a copy", "page not copied"),
    why="{thread} sets the PTE at {pte} to {val} {row}, but the copy does not hold what the old "
    "page holds: that page was written to after the copy.",
    then="User space loses the store: it reads the data from before it.",
)
def no_store_is_lost_to_a_copy(s: View, thread: Thread, pte: Pte, val: PteVal) -> bool:
    """A copy is looked at when its first entry is set: others may then write to it before the next
    one is (mm/migrate.c:remove_migration_ptes)."""
    old = before(thread, pte)
    return (
        val.kind != PteKind.PRESENT
        or val.frame is None
        or val.frame.folio is None
        or (
            val.frame.folio.copy_of.frame.value == val.frame.value
            if val.frame.folio.copy_of is not None
            else old.frame is None or old.frame.folio is None or old.frame == val.frame
        )
    )


@at_step(
    "swap_cache_del_folio",
    "no store is lost: what is on the device is what the page holds when it is dropped, if an "
    "entry that names the slot is left to read it back",
    relied_on="mm/vmscan.c:shrink_folio_list: a page is unmapped and flushed before it is written",
    mutants=("no flush before writing to swap",),
    why="{thread} drops {folio} from the swap cache {row}, but its slot holds {folio.swap.value} "
    "and the page {folio.frame.value} {folio.frame.value:set}.",
    then="The store is lost: the next fault reads the older data back from swap.",
)
def no_store_is_lost_to_swap(s: View, thread: Thread, folio: Folio) -> bool:
    """A slot whose count is 0 is read back by nobody (mm/swap_state.c:__swap_cache_add_check 7.3):
    the data was discarded with the last entry.  `swap_counts_balance`: that the count is right."""
    return folio.swap is None or folio.swap.count == 0 or folio.swap.value == folio.frame.value

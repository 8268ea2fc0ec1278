# SPDX-License-Identifier: GPL-2.0-only
"""Lifetime: folios, tables and references."""

from __future__ import annotations

from model.cast.view import View
from model.hw.objects import Pmd, Pte, PteKind, SpinLock, Table, Thread, maps_at, places
from model.kernel.objects import GUP_PIN, Folio
from model.lang.ir import NULL_POINTER

from .registry import at_end, at_step, by_engine

by_engine(
    NULL_POINTER, "lifetime", "no null pointer is followed",
    "the processor", "model/lang/frontend/body.py",
    ("return", "a routine has run to its end"),
    ("entry not looked at before use",),
    why="{thread} dereferences a NULL pointer in {step} {row}.",
    then="The kernel oopses, with these locks held: {held}.",
)  # fmt: skip


@at_step(
    "folio",
    "a folio is not used after it is freed",
    relied_on="mm/page_alloc.c: a free page belongs to somebody else",
    mutants=("folio unlocked after the PTLs, without a reference",),
    why="{thread} calls {step} {row}, but {folio} was freed {folio.free:by}.",
    then="Use after free: this call reads or changes the struct folio of a page that may be in use "
    "again.",
)
def no_use_of_a_free_folio(s: View, thread: Thread, folio: Folio) -> bool:
    return not folio.free


@at_step(
    "put",
    "a folio is freed only when it is not locked and nothing maps it",
    relied_on="mm/page_alloc.c:free_pages_prepare, PAGE_FLAGS_CHECK_AT_FREE",
    mutants=("folio unlocked after the PTLs, without a reference", "one reference too few"),
    why="{thread} drops the last reference to {folio} {row}, but {in_use(s, folio):said}.",
    then="{bad_page(s, folio):said}.",
)
def freed_unlocked_and_unmapped(s: View, thread: Thread, folio: Folio, count: int) -> bool:
    return folio.refcount > count or (
        folio.locked_by is None
        and folio.mapcount == 0
        and all(p.val.kind != PteKind.PRESENT or p.val.frame != folio.frame for p in s.ptes)
    )


@at_step(
    "pte-access",
    "an entry of a table is not used after the table is freed",
    relied_on="include/linux/pgtable.h: RCU keeps a table that somebody walks",
    mutants=("table freed without a grace period", "GUP-fast with interrupts on"),
    why="{thread} accesses the PTE at {pte} {row}, but its page table {pte.table} was freed "
    "{pte.table.freed:by}.",
    then="Use after free: the page of the table may have been reused, and what it holds is read as "
    "a PTE or overwritten with one.",
)
def no_use_of_a_free_table(s: View, thread: Thread, pte: Pte) -> bool:
    return not pte.table.freed


@at_step(
    "spin_unlock",
    "a page-table lock is not released after its table is freed, which it is a part of",
    relied_on="mm/memory.c:ptlock_free: the lock goes with the page of the table",
    mutants=("lock of a table released late",),
    why="{thread} releases {lock} {row}, which is the lock of {tables_of(s, lock)}, but that page "
    "table is freed already.",
    then="Use after free: the unlock writes to a lock that was freed with the table.",
)
def no_unlock_of_a_free_table(s: View, thread: Thread, lock: SpinLock) -> bool:
    """A lock of several tables, or of a PMD entry besides, is that of the mm."""
    return (
        all(table.ptl != lock for table in s.tables)
        or any(table.ptl == lock and not table.freed for table in s.tables)
        or any(pmd.ptl == lock for pmd in s.pmds)
    )


@at_step(
    "free-table",
    "a page table that is freed maps nothing: every entry of it is none",
    relied_on="callers of pte_free_tlb(); a page whose PTE is freed with its table is leaked",
    mutants=("dst pmd not looked at again", "table taken away after its lock"),
    why="{thread} frees the page table {table} {row}, but its PTE at {pte} is {pte.val} "
    "{pte.val:set}.",
    then="What that PTE refers to is leaked: no page-table walk finds it any more, and its "
    "reference is never dropped.",
)
def a_freed_table_maps_nothing(s: View, thread: Thread, table: Table) -> bool:
    return all(pte.table != table or pte.val.kind == PteKind.NONE for pte in s.ptes)


@at_step(
    "pmd_populate",
    "what a PMD entry is populated with is the page of a table",
    relied_on="include/asm-generic/pgalloc.h, pmd_pgtable(): the entry that was read is no none",
    witness=("pmd_populate", "a PMD entry is populated"),
    mutants=("PMD entry not looked at again under its lock",),
    why="{thread} populates {pmd} {row} with the table of an entry that was none.",
    then="pmd_pgtable() of a none entry is page 0 of memory: user space uses what is there as a "
    "page table.",
)
def a_pmd_points_to_a_table(s: View, thread: Thread, pmd: Pmd, table: Table | None) -> bool:
    return table is not None


@at_step(
    "spin_unlock",
    "a page table is under one PMD entry when the lock of an entry is released",
    relied_on="mm/memory.c:free_pte_range: the table is freed with the entry that points to it",
    witness=("pmd", "a pmd changes"),
    mutants=("table left at the old place",),
    why="{thread} releases {lock} {row}, and both {pmd} and {other} point to {pmd.table}.",
    then="Whoever unmaps a page of {pmd.table} flushes one of its two addresses, and the table is "
    "freed while the other entry leads to it.",
)
def a_table_is_in_one_place(s: View, thread: Thread, lock: SpinLock) -> bool:
    """Tables of hugetlb, which are shared, are in no cast."""
    return all(
        pmd.ptl != lock or pmd.table is None or other.table != pmd.table
        for pmd in s.pmds
        for other in s.pmds
        if other is not pmd
    )


@at_end(
    "a page table that no PMD entry points to any more is free when all calls have returned",
    relied_on="kernel/fork.c:check_mm, non-zero pgtables_bytes",
    witness=("pmd", "a pmd changes"),
    mutants=("table not freed",),
    why="All calls have returned {row}, the page table {table} is not freed, and no PMD entry "
    "points to it.",
    then="The page of the table is leaked: check_mm() reports non-zero pgtables_bytes at exit.",
)
def no_table_is_lost(s: View) -> bool:
    return all(table.freed or any(pmd.table == table for pmd in s.pmds) for table in s.tables)


@at_end(
    "where a VMA was unmapped, nothing is mapped when all calls have returned",
    relied_on="the next mapping at that address; kernel/fork.c:check_mm, non-zero counters",
    witness=("vma_mark_detached", "a VMA is unmapped"),
    mutants=("VMA not locked by munmap",),
    why="All calls have returned {row} and the VMA {vma} is unmapped, but the PTE at {pte} is "
    "{pte.val} {pte.val:set}.",
    then="The next mapping at this address finds a PTE that is not its own, and the page and the "
    "RSS counters leak ('Bad rss-counter state').",
)
def an_unmapped_vma_maps_nothing(s: View) -> bool:
    return all(
        vma.attached or pte.val.kind == PteKind.NONE or not maps_at(pte, at)
        for vma in s.vmas
        for pte in s.ptes
        for at in places(pte)
        if vma.start <= at < vma.end
    )


@at_end(
    "references balance: each folio has one for every entry that maps it, for every pin, and for "
    "the swap cache; one that has none is free",
    relied_on="mm/swap.c: the last reference frees; a lost one leaks the page",
    witness=("ref", "a reference is taken"),
    mutants=("one reference too many", "frozen and not freed"),
    why="All calls have returned {row}, and {folio} has a refcount of {folio.refcount} "
    "{folio.refcount:set}; expected are {accounted(s, folio)}.",
    then="With a refcount too high the page is leaked; with one too low it is freed while in use.",
)
def references_balance(s: View) -> bool:
    return all(
        folio.free
        or (
            folio.refcount > 0
            and folio.refcount
            == folio.mapcount
            + (1 if folio.swap is not None else 0)
            + sum(GUP_PIN for addr in s.addresses for n in (0, 1) if folio.pinned_at[addr] > n)
        )
        for folio in s.folios
    )


@at_end(
    "a page that is in use is on the LRU when all calls have returned",
    relied_on="mm/vmscan.c, mm/migrate.c: what is on no list is neither reclaimed nor migrated",
    witness=("rmap", "a map count changes"),
    mutants=("migrated page left isolated", "frozen and not freed"),
    why="All calls have returned {row} and {folio} is in use, but on no LRU list: it was isolated "
    "{folio.lru:by}.",
    then="Neither reclaim nor migration can isolate the page any more.",
)
def no_page_is_left_off_the_lru(s: View) -> bool:
    return all(folio.free or folio.lru for folio in s.folios)


@at_end(
    "map counts balance: each folio counts the entries that map it",
    relied_on="mm/rmap.c: folio_mapped decides whether reclaim may free",
    witness=("rmap", "a map count changes"),
    mutants=("map count not dropped",),
    why="All calls have returned {row}, and {folio} has a mapcount of {folio.mapcount} "
    "{folio.mapcount:set}, but is mapped by the PTEs at: {entries(s, folio)}.",
    then="With a mapcount too low reclaim and migration treat a mapped page as unmapped; with one "
    "too high they can never unmap it.",
)
def map_counts_balance(s: View) -> bool:
    return all(
        folio.mapcount
        == sum(
            1 for pte in s.ptes if pte.val.kind == PteKind.PRESENT and pte.val.frame == folio.frame
        )
        for folio in s.folios
    )


@at_end(
    "swap counts balance: each slot counts the entries that name it",
    relied_on="mm/swapfile.c: a slot that nothing names is given to another page",
    witness=("folio_alloc_swap swap_free", "a slot is taken, or an entry of it goes"),
    mutants=("slot not freed with its entry",),
    why="All calls have returned {row}, and swap slot {slot.number} has a count of {slot.count} "
    "{slot.count:set}, but the PTEs with its swap entry are at: {naming(s, slot)}.",
    then="With a count too low the slot is reused while a swap entry refers to it; with one too "
    "high it is leaked.",
)
def swap_counts_balance(s: View) -> bool:
    return all(
        slot.count
        == sum(1 for pte in s.ptes if pte.val.kind == PteKind.SWAP and pte.val.entry == slot.number)
        for slot in s.swaps
    )


@at_step(
    "return",
    "references to anon_vmas balance",
    relied_on="mm/rmap.c:put_anon_vma: the last reference frees",
    after=("anon-ref", "a reference is taken"),
    mutants=("anon_vma not put",),
    why="{thread} returns {row}, and has taken {s.walk(thread).references[anon_vma]} more "
    "references to {anon_vma} than it has put {s.walk(thread).references[anon_vma]:set}.",
    then="The anon_vma is leaked; with one put too many it is freed while VMAs and rmap walks use "
    "it.",
)
def anon_vma_references_balance(s: View, thread: Thread) -> bool:
    return all(s.walk(thread).references[anon_vma] == 0 for anon_vma in s.anon_vmas)

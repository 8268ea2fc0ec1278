# SPDX-License-Identifier: GPL-2.0-only
"""The reverse map: what a walk finds, and where a folio says that it is mapped."""

from __future__ import annotations

from model.cast.view import View
from model.hw.objects import (
    Addr,
    PteKind,
    PteVal,
    SpinLock,
    Thread,
    maps_at,
    places,
    pmd_above,
)
from model.kernel.objects import Folio, Vma

from .registry import at_end, at_step


@at_step(
    "walk_ends",
    "a walk with the locks that it needs finds every mapping of the folio at least once",
    relied_on="try_to_unmap, try_to_migrate, folio_referenced: what is not found stays mapped",
    others=("pte pmd", "an entry changes"),
    mutants=("index not updated",),
    why="The rmap walk of {folio} by {thread} ends {row} and has not looked at the PTE at {pte}, "
    "which maps {folio} {pte.val:set}; {folio}->index is {folio.index:addr} {folio.index:set}.",
    then="try_to_unmap() and try_to_migrate() leave that PTE in place: the page can be neither "
    "reclaimed nor migrated, and memory_failure() misses a task that maps it.",
)
def a_walk_finds_every_mapping(s: View, thread: Thread, folio: Folio, complete: bool) -> bool:
    """Of a folio that no entry maps as the walk begins nothing is asked: a fault that maps a new
    page may set its entry later (mm/memory.c:wp_page_copy, after folio_add_new_anon_rmap)."""
    walk = s.walk(thread)
    return (
        not complete
        or not walk.locked
        or not walk.mapped
        or all(
            pte.val.kind != PteKind.PRESENT
            or pte.val.frame != folio.frame
            or not maps_at(pte, at)
            or walk.seen[at]
            for pte in s.ptes
            for at in places(pte)
        )
    )


@at_step(
    "found_every_entry",
    "a walk that must find every entry (PVMW_SYNC, with the anon_vma lock) leaves no migration "
    "entry of the folio behind",
    relied_on="mm/migrate.c:remove_migration_ptes: the folio is freed, and waiters are not woken",
    others=("pte pmd", "an entry changes"),
    mutants=("migration entries not looked for",),
    why="The rmap walk of {folio} by {thread} ends {row}, and the PTE at {pte} is still {pte.val} "
    "{pte.val:set}.",
    then="Nobody removes that migration entry any more: tasks that touch the page hang in "
    "migration_entry_wait().",
)
def a_sync_walk_leaves_no_entry(s: View, thread: Thread, folio: Folio) -> bool:
    """Other walks promise no such thing: an entry that is none as they look without the lock is
    passed over (mm/page_vma_mapped.c:map_pte), and that it stays mapped the map count tells."""
    return all(pte.val.kind != PteKind.MIGRATION or pte.val.frame != folio.frame for pte in s.ptes)


@at_step(
    "spin_unlock",
    "a page that a walk takes out of the page table leaves an entry that leads back to it, of swap "
    "or of migration, unless it may be thrown away (MADV_FREE)",
    relied_on="mm/rmap.c:try_to_unmap, try_to_migrate: where the entry is none the page is lost",
    after=("walk_begins", "a folio is walked"),
    mutants=("no migration entry",),
    steady="entries under a lock that is held, and a folio that is walked: others change neither",
    why="{thread} changed the PTE at {pte} from {thread.took[pte.addr]} to {pte.val} {pte.val:set} "
    "and releases {lock} {row}.",
    then="No entry leads back to the page: the next fault there gets a zero page, and the data is "
    "lost.",
)
def a_walk_loses_no_page(s: View, thread: Thread, lock: SpinLock) -> bool:
    """Entries of the table in use: a spare one has some of the same addresses, all none."""
    walk = s.walk(thread)
    return all(
        pte.table.ptl != lock
        or all(pte.table != pmd_above(pte, at).table for at in places(pte))
        or thread.took[pte.addr].kind == PteKind.NONE
        or walk.folio is None
        or (walk.folio.lazyfree and pte.val.kind == PteKind.NONE)
        or (pte.val.kind != PteKind.NONE and pte.val.frame == walk.folio.frame)
        or (
            pte.val.kind == PteKind.SWAP
            and walk.folio.swap is not None
            and pte.val.entry == walk.folio.swap.number
        )
        for pte in s.ptes
    )


@at_end(
    "no migration entry is left when everybody has returned",
    relied_on="mm/migrate.c:migration_entry_wait: whoever touches the page waits for its removal",
    witness=("walk_begins", "a folio is walked"),
    mutants=("migration entries left",),
    why="All calls have returned {row}, and the PTE at {pte} is still {pte.val} {pte.val:set}.",
    then="Tasks that touch the page hang in migration_entry_wait(): that migration has ended.",
)
def no_migration_entry_is_left(s: View) -> bool:
    return all(pte.val.kind != PteKind.MIGRATION for pte in s.ptes)


@at_step(
    "walk_begins walk_ends",
    "the anon_vma lock that a walk of a mapped folio holds, to its end, is that of folio->mapping",
    relied_on="mm/rmap.c:rmap_walk_anon: the tree that it walks has every VMA that maps the folio",
    mutants=("folio->mapping not read again under the lock",),
    why="{thread} is in an rmap walk of {folio} {row} and holds {held}, but {folio}->mapping is "
    "{folio.mapping} {folio.mapping:set}, whose lock it does not hold.",
    then="{walked(s, thread):said}.",
)
def a_walk_holds_the_lock_of_its_folio(s: View, thread: Thread, folio: Folio) -> bool:
    return folio.mapcount == 0 or (
        folio.mapping is not None
        and (thread in folio.mapping.rwsem.readers or folio.mapping.rwsem.writer == thread)
    )


@at_step(
    "folio_move_anon_rmap",
    "folio->mapping of a mapped folio does not change to another root while a walk of it holds its "
    "anon_vma lock",
    relied_on="mm/rmap.c:folio_lock_anon_vma_read: what was read under the lock stays true",
    witness=("walk_begins", "a folio is walked"),
    mutants=("no anon_vma lock beside an unlocked walk",),
    why="{thread} changes {folio}->mapping from {folio.mapping} to {vma.anon_vma} {row}, while "
    "{walk.thread} is in an rmap walk of {folio} {walk.folio:set} with the lock of {folio.mapping} "
    "held.",
    then="The walk looks only at the VMAs of {folio.mapping} and misses any PTE that maps {folio} "
    "in a VMA of {vma.anon_vma}.",
)
def mapping_is_stable_during_a_walk(s: View, thread: Thread, folio: Folio, vma: Vma) -> bool:
    return all(
        walk.thread is thread
        or walk.folio != folio
        or folio.mapcount == 0
        or folio.mapping is None
        or vma.anon_vma is None
        or folio.mapping.root == vma.anon_vma.root
        for walk in s.walks
    )


@at_step(
    "folio_unlock",
    "mapping and index agree with the page table whenever the folio is unlocked",
    relied_on="mm/rmap.c: the next walk looks where they point; mm/memory.c:do_swap_page",
    mutants=("index not updated", "mapping not updated"),
    why="The PTE at {pte} maps {folio} {pte.val:set}, but {misplaced(s, folio, at):said} when "
    "{thread} unlocks it {row}.",
    then="The next rmap walk of {folio} misses the PTE at {pte}: the page can be neither reclaimed "
    "nor migrated, and memory_failure() misses a task that maps it.",
)
def unlocked_folio_is_where_it_says(s: View, thread: Thread, folio: Folio) -> bool:
    return all(
        pte.val.kind != PteKind.PRESENT
        or pte.val.frame != folio.frame
        or not maps_at(pte, at)
        or (
            folio.mapping is not None
            and folio.mapping in s.vma_at(at).trees
            and folio.index == at - s.vma_at(at).shift
        )
        for pte in s.ptes
        for at in places(pte)
    )


@at_step(
    "set_folio_index",
    "the index of a large folio, which all its pages are found by, is not set for one entry",
    relied_on="mm/rmap.c:rmap_walk_anon: all its pages are looked for from there on",
    mutants=("a large folio joins the batch",),
    why="{thread} sets {folio}->index for one PTE {row}, but {folio} is a large folio.",
    then="rmap walks look for all its pages from that index on, and miss the others.",
)
def a_large_folio_moves_as_one(s: View, thread: Thread, folio: Folio) -> bool:
    """Casts have entries of single pages only; a PMD leaf that moves takes its folio along."""
    return not folio.large


@at_step(
    "set_pte_at",
    "an entry maps a folio that is not locked only where its mapping and index say",
    relied_on="mm/rmap.c: a walk may begin at once",
    mutants=("new page mapped before its rmap is set",),
    why="{thread} sets the PTE at {addr:addr} to {val} {row}, but that folio is not locked, its "
    "mapping is {val.frame.folio.mapping} and its index {val.frame.folio.index:addr}.",
    then="An rmap walk may begin at once, and misses this PTE.",
)
def mapped_where_it_says(s: View, thread: Thread, addr: Addr, val: PteVal) -> bool:
    return (
        val.kind != PteKind.PRESENT
        or val.frame is None
        or val.frame.folio is None
        or val.frame.folio.locked_by is not None
        or (
            val.frame.folio.mapping is not None
            and all(
                addr != at
                or (
                    val.frame.folio.mapping in s.vma_at(at).trees
                    and val.frame.folio.index == at - s.vma_at(at).shift
                )
                for at in s.addresses
            )
        )
    )

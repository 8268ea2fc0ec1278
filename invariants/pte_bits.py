# SPDX-License-Identifier: GPL-2.0-only
"""Bits of page-table entries: dirty, write permission, soft-dirty, userfaultfd."""

from __future__ import annotations

from model.cast.view import View, before, throws_away
from model.hw.objects import Addr, Pte, PteKind, PteVal, Thread
from model.kernel.objects import Folio

from .registry import at_step


@at_step(
    "set_pte_at",
    "no dirty bit is lost: a page that was written to is dirty in its entry or in its folio",
    relied_on="mm/vmscan.c: a clean page is dropped without being written",
    mutants=("dirty bit of the value read before",),
    why="{thread} sets the PTE to {val} {row}, which is clean, but {val.frame} was written to "
    "{val.frame.modified:by} and its folio is not dirty.",
    then="Reclaim drops the page without writing it: the store is lost.",
)
def no_dirty_bit_is_lost(s: View, thread: Thread, val: PteVal) -> bool:
    return (
        val.kind != PteKind.PRESENT
        or val.frame is None
        or val.frame.folio is None
        or not val.frame.modified
        or val.dirty
        or val.frame.folio.dirty
    )


@at_step(
    "folio_remove_rmap_pte",
    "a page that an rmap walk discards (MADV_FREE) was not written to since",
    relied_on="mm/rmap.c:ttu_anon_lazyfree_folio: a store by user space keeps the page",
    after=("walk_begins", "a folio is walked"),
    mutants=("written page thrown away", "written page not put back"),
    why="{thread} discards {folio} {row}, which was written to {folio.frame.modified:by}.",
    then="The store is lost: after MADV_FREE a page that is written to again must be kept.",
)
def a_page_thrown_away_is_clean(s: View, thread: Thread, folio: Folio) -> bool:
    """Of a page that is written to swap `no_store_is_lost_to_swap` asks."""
    return not throws_away(s, thread, folio) or not folio.frame.modified


@at_step(
    "folio_clear_dirty",
    "a page that MADV_FREE marks is mapped by no other process, and no swap entry refers to it",
    relied_on="mm/madvise.c:madvise_free_pte_range: what a forked child maps is its own",
    mutants=("shared page given up", "page given up in swap"),
    why="{thread} marks {folio} for MADV_FREE {row}, but {shared_by(s, folio)}.",
    then="Reclaim may discard data that another process has not given up.",
)
def a_page_given_up_is_not_shared(s: View, thread: Thread, folio: Folio) -> bool:
    return (folio.swap is None or folio.swap.count == 0) and all(
        pte.val.kind != PteKind.PRESENT
        or pte.val.frame != folio.frame
        or s.vma_at(pte.addr).mm == s.gather(thread).mm
        for pte in s.ptes
    )


@at_step(
    "pte",
    "no permission is gained that neither the VMA gives nor the entry in whose place it is",
    relied_on="user space: mprotect",
    mutants=("migration entries all writable",),
    why="{thread} sets the PTE at {addr:addr} to {written} {row}, but it was {before(thread, pte)} "
    "and its VMA is read-only.",
    then="User space can write to a page that mprotect() has made read-only.",
)
def no_permission_is_gained(s: View, thread: Thread, addr: Addr, pte: Pte, written: PteVal) -> bool:
    """Where mprotect is still to come it stays writable: mm/migrate.c:remove_migration_pte asks the
    entry alone.  Of the VMAs of a cast, that of a forked child is read-only."""
    return (
        written.kind != PteKind.PRESENT
        or not written.write
        or before(thread, pte).write
        or all(addr != at or s.vma_at(at).writable for at in s.addresses)
    )


@at_step(
    "pte",
    "a write protection by userfaultfd stays until it is resolved or the page is gone, while the "
    "VMA is registered for it",
    relied_on="Documentation/admin-guide/mm/userfaultfd.rst: write-protect notifications",
    mutants=("uffd bit not carried over", "write fault that does not ask userfaultfd"),
    why="{thread} sets the PTE at {pte} to {written} {row}, but it was {before(thread, pte)}, "
    "write-protected by userfaultfd.",
    then="User space writes to the page, and the userfaultfd monitor is never notified.",
)
def userfaultfd_protection_stays(
    s: View, thread: Thread, addr: Addr, pte: Pte, written: PteVal
) -> bool:
    return (
        not before(thread, pte).uffd_wp
        or written.kind == PteKind.NONE
        or (written.uffd_wp and not written.write)
        or all(addr != at or not s.vma_at(at).uffd_wp for at in s.addresses)
    )


@at_step(
    "pte",
    "a page that appears at an address is soft-dirty there, and stays so, on the swap device too",
    relied_on="Documentation/admin-guide/mm/soft-dirty.rst: incremental dumps",
    mutants=("soft-dirty not set", "soft-dirty lost with dirty", "soft-dirty lost in swap"),
    why="{thread} sets the PTE at {pte} to {written} {row}, without soft-dirty; it was {old}.",
    then="An incremental dump (CRIU) leaves the page out, and its contents are lost on restore.",
)
def soft_dirty_is_kept(s: View, thread: Thread, pte: Pte, written: PteVal) -> bool:
    old = before(thread, pte)
    page = written.kind == PteKind.SWAP or (written.frame is not None and not written.frame.zero)
    appears = old.kind == PteKind.NONE and page
    return (
        written.kind == PteKind.NONE
        or written.kind == PteKind.MARKER
        or written.soft_dirty
        or (not appears and not old.soft_dirty)
    )


@at_step(
    "pte",
    "an entry that is present maps a page",
    relied_on="include/linux/pgtable.h: pte_pfn of a present entry",
    mutants=("zero page without a page",),
    why="{thread} writes a present PTE that maps no page {row}.",
    then="A page walk uses whatever PFN the PTE holds.",
)
def a_present_entry_maps_a_page(s: View, thread: Thread, written: PteVal) -> bool:
    return written.kind != PteKind.PRESENT or written.frame is not None

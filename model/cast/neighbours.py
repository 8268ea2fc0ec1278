# SPDX-License-Identifier: GPL-2.0-only
"""Routines that may run beside the one under test.

Each chooses its page once, at its first step, and takes the locks that its system call or fault
takes.  Those in the last part change VMAs, with mmap_lock and the VMA held for writing; fork,
mremap and collapse, which do too, wait for worlds that have what they make.
"""

from __future__ import annotations

from model.lang import choose, kernel, static

from ..kernel.anon.fault import swap_fault, write_fault
from ..kernel.anon.madvise import madvise_free
from ..kernel.anon.migrate import migrate_folio
from ..kernel.anon.mprotect import change_protection
from ..kernel.anon.reclaim import shrink_folio_list
from ..kernel.anon.uffd import uffd_lock_vma, uffdio_copy
from ..kernel.anon.unmap import munmap
from ..kernel.anon.zap import madvise_dontneed, zap_table
from ..kernel.gup import gup_fast
from ..kernel.locks import anon_vma_lock_write, anon_vma_unlock_write
from ..kernel.mmap_lock import (
    end_read,
    lock_mm_and_find_vma,
    lock_vma_under_rcu,
    mmap_read_lock,
    mmap_read_trylock,
    mmap_read_unlock,
    mmap_write_lock,
    mmap_write_unlock,
    pages_of,
    try_vma_read_lock,
    vma_end_read,
    vma_lookup,
    vma_start_write,
    vmas_of,
)
from ..kernel.objects import Folio, Vma
from ..kernel.rmap import folio_referenced, folio_referenced_unlocked
from .neighbour import Conflict, Neighbour


@static
def mapped_folios(vma: Vma) -> tuple[Folio, ...]:
    """The folios that a VMA maps at first, in order."""
    return tuple(f for f in vma.world.all(Folio) if not f.spare)


@kernel("mm/gup.c:pin_user_pages_fast", "7.3.4")
def gup_some_page(vma: Vma) -> None:
    addr = choose(pages_of(vma))
    gup_fast(vma, addr)


@kernel("mm/madvise.c:madvise_walk_vmas", "7.3.4")
def dontneed_some_page(vma: Vma) -> None:
    addr = choose(pages_of(vma))
    by_vma = try_vma_read_lock(vma)
    if vma_lookup(vma):
        madvise_dontneed(vma, addr)
    end_read(vma, by_vma)


@kernel("mm/madvise.c:madvise_walk_vmas", "7.3.4")
def dontneed_table(vma: Vma) -> None:
    by_vma = try_vma_read_lock(vma)
    if vma_lookup(vma):
        zap_table(vma)
    end_read(vma, by_vma)


@kernel("mm/madvise.c:madvise_walk_vmas", "7.3.4")
def free_some_page(vma: Vma) -> None:
    addr = choose(pages_of(vma))
    by_vma = try_vma_read_lock(vma)
    if vma_lookup(vma):
        madvise_free(vma, addr)
    end_read(vma, by_vma)


@kernel("arch/x86/mm/fault.c:do_user_addr_fault", "7.3.4")
def write_some_page(vma: Vma) -> None:
    addr = choose(pages_of(vma))
    by_vma = lock_vma_under_rcu(vma)
    if not by_vma and not lock_mm_and_find_vma(vma):
        return
    write_fault(vma, addr)
    end_read(vma, by_vma)


@kernel("arch/x86/mm/fault.c:do_user_addr_fault", "7.3.4")
def swap_in_some_page(vma: Vma) -> None:
    addr = choose(pages_of(vma))
    by_vma = lock_vma_under_rcu(vma)
    if not by_vma and not lock_mm_and_find_vma(vma):
        return
    swap_fault(vma, addr)
    end_read(vma, by_vma)


@kernel("kernel/sched/fair.c:task_numa_work", "7.3.4")
def numa_some_page(vma: Vma) -> None:
    addr = choose(pages_of(vma))
    if mmap_read_trylock(vma.mm):
        if vma_lookup(vma):
            change_protection(vma, addr, True)
        mmap_read_unlock(vma.mm)


@kernel("mm/userfaultfd.c:mwriteprotect_range", "7.3.4")
def wp_some_page(vma: Vma) -> None:
    addr = choose(pages_of(vma))
    mmap_read_lock(vma.mm)
    if vma_lookup(vma):
        change_protection(vma, addr, False)
    mmap_read_unlock(vma.mm)


@kernel("mm/userfaultfd.c:mfill_atomic", "7.3.4")
def copy_some_page(vma: Vma) -> None:
    addr = choose(pages_of(vma))
    if uffd_lock_vma(vma):
        uffdio_copy(vma, addr)
        vma_end_read(vma)


@kernel("mm/vmscan.c:shrink_active_list", "6.12")
def referenced_some_folio_unlocked(vma: Vma) -> None:
    folio = choose(mapped_folios(vma))
    folio_referenced_unlocked(folio)


@kernel("mm/vmscan.c:shrink_active_list", "7.3.4")
def referenced_some_folio(vma: Vma) -> None:
    folio = choose(mapped_folios(vma))
    folio_referenced(folio)


@kernel("mm/vmscan.c:shrink_inactive_list", "7.3.4")
def reclaim_some_folio(vma: Vma) -> None:
    folio = choose(mapped_folios(vma))
    shrink_folio_list(folio)


@kernel("mm/migrate.c:migrate_pages_batch", "7.3.4")
def migrate_some_folio(vma: Vma) -> None:
    folio = choose(mapped_folios(vma))
    migrate_folio(folio)


# -- who changes VMAs ------------------------------------------------------------------------------


@kernel("mm/mmap.c:dup_mmap", "7.3.4")
def write_lock_every_vma(vma: Vma) -> None:
    """Lock all as fork does, and copy nothing."""
    mmap_write_lock(vma.mm)
    for each in vmas_of(vma.mm):
        vma_start_write(each)
    mmap_write_unlock(vma.mm)


@kernel("mm/vma.c:__split_vma", "7.2")
def adjust_vma(vma: Vma) -> None:
    """Lock as what splits, merges or grows a VMA does (vma_prepare, vma_complete), and leave it as
    it is: whoever holds the lock of its anon_vma finds the tree as it was."""
    mmap_write_lock(vma.mm)
    vma_start_write(vma)
    anon_vma_lock_write(vma.anon_vma)
    anon_vma_unlock_write(vma.anon_vma)
    mmap_write_unlock(vma.mm)


SPARE_PAGE = frozenset({"spare_page"})
SPARE_TABLE = frozenset({"spare_table"})

USER = Neighbour("user", "a user CPU stores once", {"6.12": None}, stores=1)
LAZY_USER = Neighbour(
    "lazy_user",
    "the user CPU is in a kernel thread at first, keeps its TLB, and runs the mm again some time",
    {"6.12": None}, lazy=True,
)  # fmt: skip
GUP_FAST = Neighbour(
    "gup_fast",
    "GUP-fast pins a page at the {}",
    {"6.12": gup_some_page},
    conflict=Conflict.LOCKLESS,
)
FOLIO_REFERENCED = Neighbour(
    "folio_referenced", "the rmap walk of shrink_active_list: unlocked folios until 6.18",
    {"6.12": referenced_some_folio_unlocked, "6.19": referenced_some_folio},
    commits={"6.19": "95b34d66480b"},
)  # fmt: skip
RECLAIM = Neighbour(
    "reclaim", "shrink_folio_list unmaps a page to swap, its flush put off",
    {"6.12": reclaim_some_folio}, conflict=Conflict.FLUSH_PUT_OFF,
)  # fmt: skip
SWAP_IN = Neighbour(
    "swap_in", "a fault on a swap entry at the {}", {"6.12": swap_in_some_page}, needs=SPARE_PAGE
)
MIGRATE = Neighbour("migrate", "a page is migrated", {"6.12": migrate_some_folio}, needs=SPARE_PAGE)
WRITE_FAULT = Neighbour(
    "write_fault", "a write fault at the {}: reuse or copy", {"6.12": write_some_page},
    needs=SPARE_PAGE,
)  # fmt: skip
NUMA = Neighbour("numa_hint", "change_pte_range for NUMA hinting", {"6.12": numa_some_page})
UFFD_WP = Neighbour("uffd_wp", "UFFDIO_WRITEPROTECT at the {}", {"6.12": wp_some_page})
ZAP = Neighbour("zap", "MADV_DONTNEED at the {}", {"6.12": dontneed_some_page})
FREE = Neighbour("free", "MADV_FREE at the {}", {"6.12": free_some_page})
UFFD_COPY = Neighbour(
    "uffd_copy", "UFFDIO_COPY at the {}", {"6.12": copy_some_page}, needs=SPARE_PAGE
)
PT_RECLAIM = Neighbour(
    "pt_reclaim", "MADV_DONTNEED frees the {}'s table", {"6.14": dontneed_table}, needs=SPARE_TABLE,
    conflict=Conflict.TABLE,
)  # fmt: skip
VMA_WRITER = Neighbour(
    "vma_writer", "mmap_lock and every VMA are held for writing, as in fork",
    {"6.12": write_lock_every_vma},
)  # fmt: skip
ADJUST_VMA = Neighbour(
    "adjust_vma", "the {} VMA is split or grows, its anon_vma locked for writing",
    {"6.12": adjust_vma},
)  # fmt: skip
MUNMAP = Neighbour("munmap", "munmap of the {}", {"6.12": munmap})

# SPDX-License-Identifier: GPL-2.0-only
"""Routines that may run beside one that holds its VMAs for reading only.

Each chooses its page once, at its first step.  fork, mprotect, mremap and anonymous collapse are
not here: they hold the VMA for writing.
"""

from __future__ import annotations

from model.hw.objects import Addr
from model.lang import choose, kernel, static

from ..kernel.anon.fault import swap_fault, write_fault
from ..kernel.anon.madvise import madvise_free
from ..kernel.anon.migrate import migrate_folio
from ..kernel.anon.mprotect import change_protection
from ..kernel.anon.reclaim import shrink_folio_list
from ..kernel.anon.uffd import uffdio_copy
from ..kernel.anon.zap import madvise_dontneed, zap_table
from ..kernel.gup import gup_fast
from ..kernel.objects import Folio, Vma
from ..kernel.rmap import folio_referenced, folio_referenced_unlocked
from .neighbour import Conflict, Neighbour


@static
def pages_of(vma: Vma) -> tuple[Addr, ...]:
    """The addresses of a VMA."""
    return tuple(range(vma.start, vma.end))


@static
def mapped_folios(vma: Vma) -> tuple[Folio, ...]:
    """The folios that a VMA maps at first, in order."""
    return tuple(f for f in vma.world.all(Folio) if not f.spare)


@kernel("mm/gup.c:pin_user_pages_fast", "7.3.4")
def gup_some_page(vma: Vma) -> None:
    addr = choose(pages_of(vma))
    gup_fast(vma, addr)


@kernel("mm/madvise.c:do_madvise", "7.3.4")
def dontneed_some_page(vma: Vma) -> None:
    addr = choose(pages_of(vma))
    madvise_dontneed(vma, addr)


@kernel("mm/madvise.c:do_madvise", "7.3.4")
def free_some_page(vma: Vma) -> None:
    addr = choose(pages_of(vma))
    madvise_free(vma, addr)


@kernel("mm/memory.c:handle_mm_fault", "7.3.4")
def write_some_page(vma: Vma) -> None:
    addr = choose(pages_of(vma))
    write_fault(vma, addr)


@kernel("mm/memory.c:handle_mm_fault", "7.3.4")
def swap_in_some_page(vma: Vma) -> None:
    addr = choose(pages_of(vma))
    swap_fault(vma, addr)


@kernel("kernel/sched/fair.c:task_numa_work", "7.3.4")
def numa_some_page(vma: Vma) -> None:
    addr = choose(pages_of(vma))
    change_protection(vma, addr, True)


@kernel("mm/userfaultfd.c:mwriteprotect_range", "7.3.4")
def wp_some_page(vma: Vma) -> None:
    addr = choose(pages_of(vma))
    change_protection(vma, addr, False)


@kernel("mm/userfaultfd.c:mfill_atomic", "7.3.4")
def copy_some_page(vma: Vma) -> None:
    addr = choose(pages_of(vma))
    uffdio_copy(vma, addr)


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


SPARE_PAGE = frozenset({"spare_page"})
SPARE_TABLE = frozenset({"spare_table"})

USER = Neighbour("user", "a user CPU stores once", {"6.12": None}, stores=1)
LAZY_USER = Neighbour(
    "lazy_user",
    "the user CPU is in a kernel thread at first, keeps its TLB, and runs the mm again some time",
    {"6.12": None}, lazy=True,
)  # fmt: skip
GUP_FAST = Neighbour(
    "gup_fast", "GUP-fast pins a {} page", {"6.12": gup_some_page}, conflict=Conflict.LOCKLESS
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
    "pt_reclaim", "MADV_DONTNEED frees the {}'s table", {"6.14": zap_table}, needs=SPARE_TABLE,
    conflict=Conflict.TABLE,
)  # fmt: skip

# SPDX-License-Identifier: GPL-2.0-only
"""What may run beside a routine that holds its VMAs for reading only.

Each chooses its page once, at its first step.  fork, mprotect, mremap and anonymous collapse are
not here: they hold the VMA for writing.
"""

from __future__ import annotations

from typing import Any

from model.hw.objects import Addr
from model.lang import choose, kernel, static
from model.lang.declare import ModelFunction

from ..kernel.anon.fault import swap_fault, write_fault
from ..kernel.anon.madvise import madvise_free
from ..kernel.anon.migrate import migrate_folio
from ..kernel.anon.mprotect import change_protection
from ..kernel.anon.reclaim import shrink_folio_list
from ..kernel.anon.uffd import uffdio_copy
from ..kernel.anon.zap import madvise_dontneed, zap_table
from ..kernel.gup import gup_fast
from ..kernel.objects import Folio, Mm, Vma
from ..kernel.rmap import folio_referenced, folio_referenced_unlocked
from .casts import Neighbour, Routine
from .worlds import Setup


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
def reclaim_some_folio(vma: Vma, mm: Mm) -> None:
    folio = choose(mapped_folios(vma))
    shrink_folio_list(folio, mm)


@kernel("mm/migrate.c:migrate_pages_batch", "7.3.4")
def migrate_some_folio(vma: Vma) -> None:
    folio = choose(mapped_folios(vma))
    migrate_folio(folio)


def _on(fn: ModelFunction[..., Any], vma: str) -> Any:
    def call(s: Setup) -> Routine:
        return fn, (getattr(s, vma),)

    return call


def _nothing(_: Setup) -> Routine | None:
    return None


SPARE = frozenset({"spare_page"})

USER = Neighbour("user", "a user CPU stores once", {"6.12": _nothing}, user_stores=1)
LAZY_USER = Neighbour(
    "lazy_user",
    "the user CPU is in a kernel thread at first, keeps its TLB, and runs the mm again some time",
    {"6.12": _nothing}, user_lazy=True,
)  # fmt: skip
GUP_FAST = Neighbour(
    "gup_fast", "GUP-fast pins a source page", {"6.12": _on(gup_some_page, "src_vma")}
)
GUP_FAST_DST = Neighbour(
    "gup_fast_dst", "GUP-fast pins a destination page", {"6.12": _on(gup_some_page, "dst_vma")}
)
FOLIO_REFERENCED = Neighbour(
    "folio_referenced", "the rmap walk of shrink_active_list: unlocked folios until 6.18",
    {
        "6.12": _on(referenced_some_folio_unlocked, "src_vma"),
        "6.19": _on(referenced_some_folio, "src_vma"),
    },
)  # fmt: skip
RECLAIM = Neighbour(
    "reclaim", "shrink_folio_list unmaps a page to swap, its flush put off",
    {"6.12": lambda s: (reclaim_some_folio, (s.src_vma, s.mm))},
)  # fmt: skip
SWAP_IN = Neighbour(
    "swap_in", "a fault on a swap entry at the source", {"6.12": _on(swap_in_some_page, "src_vma")},
    needs=SPARE,
)  # fmt: skip
SWAP_IN_DST = Neighbour(
    "swap_in_dst", "a fault on a swap entry at the destination",
    {"6.12": _on(swap_in_some_page, "dst_vma")}, needs=SPARE,
)  # fmt: skip
MIGRATE = Neighbour(
    "migrate", "a page is migrated", {"6.12": _on(migrate_some_folio, "src_vma")}, needs=SPARE
)
WRITE_FAULT = Neighbour(
    "write_fault", "a write fault at the source: reuse or copy",
    {"6.12": _on(write_some_page, "src_vma")}, needs=SPARE,
)  # fmt: skip
NUMA = Neighbour(
    "numa_hint", "change_pte_range for NUMA hinting", {"6.12": _on(numa_some_page, "src_vma")}
)
UFFD_WP = Neighbour(
    "uffd_wp", "UFFDIO_WRITEPROTECT at the source", {"6.12": _on(wp_some_page, "src_vma")}
)
ZAP_SRC = Neighbour(
    "zap_src", "MADV_DONTNEED at the source", {"6.12": _on(dontneed_some_page, "src_vma")}
)
ZAP_DST = Neighbour(
    "zap_dst", "MADV_DONTNEED at the destination", {"6.12": _on(dontneed_some_page, "dst_vma")}
)
FREE_SRC = Neighbour(
    "free_src", "MADV_FREE at the source", {"6.12": _on(free_some_page, "src_vma")}
)
FREE_DST = Neighbour(
    "free_dst", "MADV_FREE at the destination", {"6.12": _on(free_some_page, "dst_vma")}
)
UFFD_COPY = Neighbour(
    "uffd_copy", "UFFDIO_COPY at the destination", {"6.12": _on(copy_some_page, "dst_vma")},
    needs=SPARE,
)  # fmt: skip
PT_RECLAIM = Neighbour(
    "pt_reclaim", "MADV_DONTNEED frees the destination's table",
    {"6.14": _on(zap_table, "dst_vma")}, needs=frozenset({"spare_table"}),
)  # fmt: skip
PT_RECLAIM_SRC = Neighbour(
    "pt_reclaim_src", "MADV_DONTNEED frees the source's table",
    {"6.14": _on(zap_table, "src_vma")}, needs=frozenset({"spare_table"}),
)  # fmt: skip

READERS = (
    USER, LAZY_USER, GUP_FAST, GUP_FAST_DST, FOLIO_REFERENCED, RECLAIM, SWAP_IN, MIGRATE,
    WRITE_FAULT, NUMA, UFFD_WP, ZAP_SRC, ZAP_DST, FREE_SRC, FREE_DST, UFFD_COPY, PT_RECLAIM,
    PT_RECLAIM_SRC, SWAP_IN_DST,
)  # fmt: skip
"""Every neighbour that holds VMAs for reading, or no lock of the mm at all."""

# SPDX-License-Identifier: GPL-2.0-only
"""Results: what a call tells its caller is what it did."""

from __future__ import annotations

from model.cast.view import View
from model.hw.objects import Addr, PteKind, Thread, maps_at, places

from .registry import at_step


@at_step(
    "reports_pages",
    "what a call returns agrees with what it did: it reports as many pages as it has put in place, "
    "and an error if that is none, and only then",
    relied_on="user space, which continues after the pages that are reported, or retries",
    mutants=("pages of a batch not reported",),
    why="{thread} reports {result} {row}, but has mapped {placed} pages.",
    then="User space continues after pages that are not there, or retries pages that are.",
)
def reports_what_it_did(s: View, thread: Thread, result: int) -> bool:
    """So an error is that of the first page, and 0 is never returned (mm/userfaultfd.c:move_pages,
    which asserts it).  Left out: holes that are reported as moved where the caller allows them,
    which no cast does."""
    placed = sum(1 for addr in s.addresses if thread.placed[addr])
    return placed == result if result > 0 else placed == 0 and result < 0


@at_step(
    "reports_pages",
    "what a call reports as moved is not mapped at the source any more",
    relied_on="Documentation/admin-guide/mm/userfaultfd.rst: UFFDIO_MOVE moves pages",
    mutants=("zero page stays at the source",),
    why="{thread} reports {result} pages {row}, but has cleared the PTEs of only "
    "{taken(s, thread)}.",
    then="User space is told that the page has moved, and still finds it at the source.",
)
def what_is_moved_has_left(s: View, thread: Thread, result: int) -> bool:
    """Of an error nothing is asked here: what it says of pages is `reports_what_it_did`."""
    return sum(1 for addr in s.addresses if thread.taken[addr]) >= result


@at_step(
    "reports_moved",
    "of a range that a call takes for moved nothing is mapped at its old place any more",
    relied_on="mm/mremap.c:move_vma, which unmaps the old VMA with whatever is in it",
    mutants=("page moved and not taken",),
    why="{thread} takes the range from {start:addr} for moved {row}, but the PTE at {pte} is still "
    "{pte.val} {pte.val:set}.",
    then="What that PTE leads to is unmapped with the old VMA: the data is lost, and the new VMA "
    "has a hole.",
)
def nothing_is_left_behind(s: View, thread: Thread, start: Addr, end: Addr) -> bool:
    return all(
        not start <= at < end or pte.val.kind == PteKind.NONE or not maps_at(pte, at)
        for pte in s.ptes
        for at in places(pte)
    )

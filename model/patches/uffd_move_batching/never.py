# SPDX-License-Identifier: GPL-2.0-only
"""Why some branches of UFFDIO_MOVE fire in no cast: unreachable in Linux too, or left out here.

A branch is named by its file, function, the text of its line, and the way that it goes.
"""

from __future__ import annotations

_LARGE = "not in Linux either: a large folio was split before, under the folio lock still held"
"""mm/userfaultfd.c:move_pages_ptes; and a page becomes part of a large folio only when free."""

_EXCLUSIVE = (
    "was exclusive before; needs a swap-in during writeback with SWP_STABLE_WRITES "
    "(mm/memory.c:do_swap_page), not modelled"
)
"""The caller saw that under the source's PTL.  Until the folio is locked, unmapping for reclaim or
migration may clear it; what maps the same entry again sets it again, with that one exception.
KSM gives up because of the mover's reference (mm/ksm.c:write_protect_page), and fork waits for the
VMA lock."""

_RECHECKED = (
    "merged.py:move_present_ptes",
    "folio_lock_only.py:move_present_ptes",
    "v1.py:move_present_ptes",
    "v3.py:move_present_ptes",
    "per_page.py:move_present_pte",
)
"""What looks again, under both page-table locks, at what the caller has seen."""

NEVER = {
    **{f"{place}:folio_test_large(src_folio):yes": _LARGE for place in _RECHECKED},
    **{f"{place}:or not PageAnonExclusive(src_folio):yes": _EXCLUSIVE for place in _RECHECKED},
}

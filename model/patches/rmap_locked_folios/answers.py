# SPDX-License-Identifier: GPL-2.0-only
"""Questions of the review of the series, and the command that answers each."""

from __future__ import annotations

from ..family import Asked

_NAME = "rmap_locked_folios"

QUESTIONS = (
    Asked(
        "May UFFDIO_MOVE go without the anon_vma lock while some walks do not lock the folio?",
        f"{_NAME} --variant rfc_2 --invariant rmap",
        "no: a walk begins with the lock of an anon_vma that is not the folio's any more, and "
        "folio->mapping changes during one",
    ),
    Asked(
        "Did we catch all callers of rmap_walk()?",
        "callers rmap_walk ~/linux --under mm",
        "in 6.12.117 four may walk an anonymous folio unlocked: folio_referenced() for "
        "shrink_active_list(), page_idle_clear_pte_refs(), damon_folio_mkold() and "
        "damon_folio_young(); in 7.2.13 each of them takes the folio lock first",
    ),
    Asked(
        "And if one was missed?",
        f"{_NAME} --mutant 'page_idle does not lock the folio' --arch x86_64",
        "it is VIOLATED as 2/2 alone is",
    ),
    Asked(
        "Does a contended walk lose anything?",
        f"{_NAME} --variant rfc_1 --scenario 'referenced+reclaim/1p/*'",
        "no mapping: a walk that finds the folio locked does not take place, and "
        "folio_referenced() returns 1, as it does of a file folio; Accessed stays set until the "
        "next one",
    ),
    Asked(
        "Does a write fault on a read-only page that was just forked copy more often?",
        f"{_NAME} --variant rfc_1 --scenario 'referenced+write_fault/1p/ptl=different/init=once_*'",
        "it may copy, and did before: wp_can_reuse_anon_folio() sees the reference of isolation.  "
        "How often is no question about states; with either nothing is VIOLATED",
    ),
    Asked(
        "Is the second look at folio->mapping needed as long as MOVE takes the anon_vma lock?",
        f"{_NAME} --mutant 'mapping not read again after sleeping' --arch x86_64",
        "yes, for a folio that is not locked: after either way to the lock",
    ),
)

# SPDX-License-Identifier: GPL-2.0-only
"""The order of locks that Linux documents, for those that are modelled.

The comments at the top of mm/rmap.c and mm/filemap.c (7.3.4); that a pmd lock is taken before a pte
lock, and two pte locks by their addresses, stands in the code alone.
"""

from __future__ import annotations

OUTERMOST_FIRST = ("mmap_lock", "folio lock", "anon_vma->root->rwsem", "pmd lock", "pte lock")
"""mm/rmap.c, "Lock ordering in mm"; page_table_lock stands for both locks of page tables."""

EXCEPTIONS = {
    (
        "VMA lock",
        "VMA lock",
    ): "two VMAs; the second is only tried (mm/userfaultfd.c:uffd_move_lock)",
    (
        "VMA lock",
        "folio lock",
    ): "for reading; mm/rmap.c names the VMA lock for writing alone, after "
    "the folio lock (vma_start_write)",
    ("VMA lock", "anon_vma->root->rwsem"): "for reading; as vma_start_write before it",
    ("VMA lock", "pmd lock"): "for reading; as vma_start_write before it",
    ("VMA lock", "pte lock"): "for reading; as vma_start_write before it",
    ("pte lock", "pte lock"): "two tables, by the address of the lock "
    "(mm/userfaultfd.c:double_pt_lock)",
    ("pmd lock", "pte lock"): "as the code does; the comments have one name for both",
}
"""Orders that the comments do not have, and why they are right."""


AGAINST = "AGAINST mm/rmap.c, which has the other order"


def said_of(first: str, then: str) -> str:
    """What is documented of taking one kind of lock while another is held; "" if nothing is."""
    if (first, then) in EXCEPTIONS:
        return EXCEPTIONS[first, then]
    if first in OUTERMOST_FIRST and then in OUTERMOST_FIRST and first != then:
        right = OUTERMOST_FIRST.index(first) < OUTERMOST_FIRST.index(then)
        return "mm/rmap.c" if right else AGAINST
    return ""

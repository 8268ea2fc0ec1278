# SPDX-License-Identifier: GPL-2.0-only
"""The order of locks that Linux documents, for those that are modelled.

The comments at the top of mm/rmap.c and mm/filemap.c (7.3.4); that a pmd lock is taken before a pte
lock, and two pte locks by their addresses, stands in the code alone.
"""

from __future__ import annotations

OUTERMOST_FIRST = ("mmap_lock", "folio lock", "anon_vma->root->rwsem", "pmd lock", "pte lock")
"""mm/rmap.c, "Lock ordering in mm"; page_table_lock stands for both locks of page tables."""

EXCEPTIONS = {
    ("mmap_lock", "VMA lock"): "for writing, and for reading where a try has failed "
    "(include/linux/mmap_lock.h)",
    ("VMA lock", "VMA lock"): "two VMAs; readers only try the second or hold mmap_lock, as writers "
    "do (mm/userfaultfd.c:uffd_move_lock)",
    ("VMA lock", "folio lock"): "for reading; mm/rmap.c names the VMA lock for writing alone, "
    "after the folio lock (vma_start_write)",
    ("VMA lock", "anon_vma->root->rwsem"): "for reading; as vma_start_write before it",
    ("VMA lock", "pmd lock"): "for reading; as vma_start_write before it",
    ("VMA lock", "pte lock"): "for reading; as vma_start_write before it",
    ("pte lock", "pte lock"): "two tables, by the address of the lock "
    "(mm/userfaultfd.c:double_pt_lock)",
    ("pmd lock", "pte lock"): "as the code does; the comments have one name for both",
}
"""Orders that the comments do not have, and why they are right."""


NOT_TAKEN = (
    ("inode->i_rwsem > mmap_lock", "mm/rmap.c; no file is read or written here"),
    ("mmap_lock > mapping->invalidate_lock > folio lock",
     "mm/filemap.c; no fault on a file reads it from disk here"),
    ("folio lock > hugetlb_fault_mutex, vma_start_write, i_mmap_rwsem > anon_vma->root->rwsem",
     "mm/rmap.c; no VMA is changed here under a folio lock, and no file is unmapped"),
    ("pte lock > swap_lock, i_pages, lruvec->lru_lock", "mm/rmap.c, mm/filemap.c; the models have "
     "no steps for what these guard"),
    ("hugetlb_fault_mutex > hugetlb vma_lock > i_mmap_rwsem > folio lock",
     "hugetlb alone, the other way round: mm/rmap.c, the exception; no cast has hugetlb"),
)  # fmt: skip
"""Orders that are documented (mm/rmap.c and mm/filemap.c, 7.3.4) and that no routine here takes."""

AGAINST = "AGAINST mm/rmap.c, which has the other order"


def said_of(first: str, then: str) -> str:
    """What is documented of taking one kind of lock while another is held; "" if nothing is."""
    if (first, then) in EXCEPTIONS:
        return EXCEPTIONS[first, then]
    if first in OUTERMOST_FIRST and then in OUTERMOST_FIRST and first != then:
        right = OUTERMOST_FIRST.index(first) < OUTERMOST_FIRST.index(then)
        return "mm/rmap.c" if right else AGAINST
    return ""

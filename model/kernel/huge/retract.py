# SPDX-License-Identifier: GPL-2.0-only
"""retract_page_tables: a huge page is in the page cache now, and the tables over it go.

i_mmap_rwsem is held for reading, and neither mmap_lock nor the lock of a VMA (since 6.6,
1d65b771bc08).  collapse_file() has unmapped what the tables mapped, and holds the lock of the huge
page, so that nobody maps it there meanwhile.  Left out: that lock; MMU notifiers; userfaultfd; that
the table may be freed before the lock is dropped, by RCU, as it is here after that.
"""

from __future__ import annotations

from model.lang import kernel

from ..anon.zap import free_table, pmdp_get
from ..locks import (
    i_mmap_lock_read,
    i_mmap_unlock_read,
    spin_lock,
    spin_lock_nested,
    spin_unlock,
)
from ..objects import Vma
from ..pgtable import pmd_none
from ..rmap import pmd_of
from ..task import synchronize_rcu
from .pmd import pmdp_collapse_flush


@kernel("mm/khugepaged.c:retract_page_tables", "7.2")
def retract_page_tables(vma: Vma) -> None:
    """The table of one VMA that maps the file; Linux goes over all, under one hold of the lock.

    A VMA that has an anon_vma is left alone.
    """
    if vma.file is None or vma.trees:
        return
    pmd = pmd_of(vma)
    i_mmap_lock_read(vma.file)
    if pmd_none(pmd):
        i_mmap_unlock_read(vma.file)
        return
    spin_lock(pmd.ptl)
    table = pmdp_get(pmd)
    if table is None:
        spin_unlock(pmd.ptl)
        i_mmap_unlock_read(vma.file)
        return
    if table.ptl != pmd.ptl:
        spin_lock_nested(table.ptl)
    pmdp_collapse_flush(vma, pmd)
    if table.ptl != pmd.ptl:
        spin_unlock(table.ptl)
    spin_unlock(pmd.ptl)
    i_mmap_unlock_read(vma.file)
    synchronize_rcu()
    free_table(table)


@kernel("mm/khugepaged.c:retract_page_tables", "6.12")
def retract_page_tables_without_second_look(vma: Vma) -> None:
    """Up to 6.12 at least: the entry is not looked at again under its lock.  The second look was
    posted on 2024-12-04; which release has it first was not looked up."""
    if vma.file is None or vma.trees:
        return
    pmd = pmd_of(vma)
    i_mmap_lock_read(vma.file)
    if pmd_none(pmd):
        i_mmap_unlock_read(vma.file)
        return
    spin_lock(pmd.ptl)
    table = pmdp_get(pmd)  # pte_lockptr(), pmd_pgtable(): of whatever is there
    if table.ptl != pmd.ptl:  # type: ignore[union-attr]
        spin_lock_nested(table.ptl)  # type: ignore[union-attr]
    pmdp_collapse_flush(vma, pmd)
    if table.ptl != pmd.ptl:  # type: ignore[union-attr]
        spin_unlock(table.ptl)  # type: ignore[union-attr]
    spin_unlock(pmd.ptl)
    i_mmap_unlock_read(vma.file)
    synchronize_rcu()
    free_table(table)  # type: ignore[arg-type]

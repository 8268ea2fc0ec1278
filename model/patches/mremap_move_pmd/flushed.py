# SPDX-License-Identifier: GPL-2.0-only
"""mremap of 4.19 (eb66ae030829): entry by entry, flushed before either lock is dropped."""

from __future__ import annotations

from model.hw.objects import Addr
from model.kernel.anon.mremap import move_ptes
from model.kernel.mmap_lock import mmap_write_lock, mmap_write_unlock
from model.kernel.objects import Vma
from model.kernel.pgtable import pmd_none, pte_alloc
from model.kernel.rmap import pmd_of
from model.kernel.task import reports_moved
from model.lang import kernel


@kernel("mm/mremap.c:move_page_tables", "eb66ae030829")
def move_page_tables(
    vma: Vma, old_addr: Addr, new_vma: Vma, new_addr: Addr, length: int, need_rmap_locks: bool
) -> None:  # fmt: skip
    old_pmd = pmd_of(vma)
    new_pmd = pmd_of(new_vma)
    if pmd_none(old_pmd):  # get_old_pmd
        return
    pte_alloc(new_pmd)
    move_ptes(vma, old_pmd, new_pmd, old_addr, new_addr, length, need_rmap_locks)


@kernel("mm/mremap.c:move_vma", "eb66ae030829")
def move_vma(vma: Vma, new_vma: Vma, extent_is_pmd: bool, need_rmap_locks: bool) -> None:
    """All of the VMA, whether that is a whole table or not."""
    mmap_write_lock(vma.mm)
    move_page_tables(
        vma, vma.start, new_vma, new_vma.start, vma.end - vma.start, need_rmap_locks
    )  # fmt: skip
    reports_moved(vma.start, vma.end)
    mmap_write_unlock(vma.mm)

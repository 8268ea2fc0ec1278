# SPDX-License-Identifier: GPL-2.0-only
"""mremap since 6.12 (6fa1066fc5d0): the old PMD entry is looked at again under its lock.

move_normal_pmd() and move_ptes() are the ones of `model/kernel`.  Left out: cond_resched(),
realigning a request down to a table (can_realign_addr), which makes it one for a whole table.
"""

from __future__ import annotations

from model.hw.objects import Addr, Pmd
from model.kernel.anon.mremap import drop_rmap_locks, move_ptes, take_rmap_locks
from model.kernel.huge.move_tables import move_normal_pmd
from model.kernel.mmap_lock import mmap_write_lock, mmap_write_unlock, vma_start_write
from model.kernel.objects import Vma
from model.kernel.pgtable import pmd_none, pte_alloc
from model.kernel.rmap import pmd_of
from model.kernel.task import reports_moved
from model.lang import kernel


@kernel("mm/mremap.c:move_pgt_entry", "7.2")
def move_pgt_entry(vma: Vma, old_addr: Addr, length: int, old_pmd: Pmd, new_pmd: Pmd) -> bool:
    take_rmap_locks(vma)  # should_take_rmap_locks: always, of a table
    moved = move_normal_pmd(vma, old_addr, length, old_pmd, new_pmd)
    drop_rmap_locks(vma)
    return moved


@kernel("mm/mremap.c:move_page_tables", "7.2")
def move_page_tables(
    vma: Vma, old_addr: Addr, new_vma: Vma, new_addr: Addr, length: int, extent_is_pmd: bool,
    need_rmap_locks: bool,
) -> None:  # fmt: skip
    old_pmd = pmd_of(vma)
    new_pmd = pmd_of(new_vma)
    if pmd_none(old_pmd):  # get_old_pmd
        return
    while True:  # `continue` is goto again
        if extent_is_pmd and move_pgt_entry(vma, old_addr, length, old_pmd, new_pmd):
            break
        if pmd_none(old_pmd):
            break
        pte_alloc(new_pmd)
        if move_ptes(vma, old_pmd, new_pmd, old_addr, new_addr, length, need_rmap_locks) < 0:
            continue
        break


@kernel("mm/mremap.c:move_vma", "7.2")
def move_vma(vma: Vma, new_vma: Vma, extent_is_pmd: bool, need_rmap_locks: bool) -> None:
    """With both VMAs locked, as copy_vma() and vma_start_write() have done before."""
    mmap_write_lock(vma.mm)
    vma_start_write(vma)
    vma_start_write(new_vma)
    move_page_tables(
        vma, vma.start, new_vma, new_vma.start, vma.end - vma.start, extent_is_pmd, need_rmap_locks
    )  # fmt: skip
    reports_moved(vma.start, vma.end)
    mmap_write_unlock(vma.mm)

# SPDX-License-Identifier: GPL-2.0-only
"""munmap of a whole VMA: taken out of the tree with mmap_lock held for writing, unmapped after.

Left out: the table goes too if nothing else lies in it (free_pgd_range), which no world says of
its VMAs; splitting, several VMAs, MMU notifiers.  The kernel clears the entries of a table in one
section of its lock, the model one entry a section.
"""

from __future__ import annotations

from model.lang import kernel

from ..folio import all_folios, folio_put
from ..locks import anon_vma_lock_write, anon_vma_unlock_write
from ..mmap_lock import (
    mmap_read_unlock,
    mmap_write_downgrade,
    mmap_write_lock,
    mmap_write_unlock,
    pages_of,
    vma_lookup,
    vma_mark_detached,
    vma_start_write,
)
from ..mmu_gather import dec_tlb_flush_pending, tlb_flush_mmu, tlb_gather_mmu
from ..objects import Folio, Vma
from .zap import zap_pte


@kernel("mm/rmap.c:unlink_anon_vmas", "7.2")
def unlink_anon_vmas(vma: Vma) -> None:
    """Take the lock of the root, under which the VMA leaves the trees, once for all of them.

    Left out: that it leaves them, for walks that still find it find entries that map nothing; and
    anon_vmas that no VMA is left in.
    """
    anon_vma_lock_write(vma.anon_vma)
    anon_vma_unlock_write(vma.anon_vma)


@kernel("mm/vma.c:unmap_region", "7.3.4")
def unmap_region(vma: Vma) -> None:
    dead: frozenset[Folio] = frozenset()
    tlb_gather_mmu(vma.mm)
    for addr in pages_of(vma):
        folio = zap_pte(vma, addr)
        if folio is not None:
            dead = dead | frozenset({folio})
    unlink_anon_vmas(vma)  # of free_pgtables, before tlb_finish_mmu
    tlb_flush_mmu(vma.mm)
    for gone in all_folios():
        if gone in dead:
            folio_put(gone)
    dec_tlb_flush_pending(vma.mm)


@kernel("mm/vma.c:do_vmi_align_munmap", "7.3.4")
def munmap(vma: Vma) -> None:
    """The lock is only held for reading while entries are cleared: nobody finds the VMA then."""
    mmap_write_lock(vma.mm)
    if not vma_lookup(vma):
        mmap_write_unlock(vma.mm)
        return
    vma_start_write(vma)
    vma_mark_detached(vma)
    mmap_write_downgrade(vma.mm)
    unmap_region(vma)
    mmap_read_unlock(vma.mm)

# SPDX-License-Identifier: GPL-2.0-only
"""change_pte_range from the two callers that hold the VMA for reading only.

NUMA hinting makes entries inaccessible to the user; UFFDIO_WRITEPROTECT makes them read-only.
Left out: batches of one large folio; the skips of NUMA hinting that only concern which pages it
picks (shared, on the right node), except pinned pages; non-present entries; undoing either.
"""

from __future__ import annotations

from dataclasses import replace

from model.hw.machine import Addr, Pte, PteVal
from model.lang import kernel, primitive

from .folio import folio_maybe_dma_pinned, vm_normal_folio
from .objects import Vma
from .pgtable import (
    pte_offset_map_lock,
    pte_present,
    pte_unmap_unlock,
    ptep_get,
    ptep_get_and_clear,
    set_pte_at,
)
from .rmap import pmd_of
from .tlbflush import (
    dec_tlb_flush_pending,
    flush_tlb_batched_pending,
    tlb_flush_mmu,
    tlb_gather_mmu,
    tlb_remove_tlb_entry,
)


@primitive("include/linux/pgtable.h:ptep_modify_prot_start", "7.3.4")
def ptep_modify_prot_start(vma: Vma, addr: Addr, pte: Pte) -> PteVal:
    return ptep_get_and_clear(vma.mm, addr, pte)


@primitive("include/linux/pgtable.h:ptep_modify_prot_commit", "7.3.4")
def ptep_modify_prot_commit(vma: Vma, addr: Addr, pte: Pte, val: PteVal) -> None:
    set_pte_at(vma.mm, addr, pte, val)


@kernel("mm/mprotect.c:change_pte_range", "7.3.4")
def change_pte(vma: Vma, addr: Addr, prot_numa: bool) -> bool:
    """One entry; whether a flush is due."""
    pte = pte_offset_map_lock(pmd_of(vma), addr)
    if pte is None:
        return False
    flush_tlb_batched_pending(vma.mm)
    oldpte = ptep_get(pte)
    if not pte_present(oldpte) or (prot_numa and oldpte.protnone):
        pte_unmap_unlock(pte)
        return False
    if prot_numa:
        folio = vm_normal_folio(oldpte)
        if folio is None or folio_maybe_dma_pinned(folio):
            pte_unmap_unlock(pte)
            return False
    oldpte = ptep_modify_prot_start(vma, addr, pte)
    if prot_numa:
        ptent = replace(oldpte, protnone=True)
    else:
        ptent = replace(oldpte, write=False, uffd_wp=True)
    ptep_modify_prot_commit(vma, addr, pte, ptent)
    recorded = ptent != oldpte
    if recorded:
        tlb_remove_tlb_entry(addr)
    pte_unmap_unlock(pte)
    return recorded


@kernel("mm/mprotect.c:change_protection", "7.3.4")
def change_protection(vma: Vma, addr: Addr, prot_numa: bool) -> None:
    """change_prot_numa (kernel/sched/fair.c:task_numa_work), or uffd_wp_range
    (mm/userfaultfd.c:mwriteprotect_range)."""
    tlb_gather_mmu(vma.mm)
    recorded = change_pte(vma, addr, prot_numa)
    tlb_flush_mmu(vma.mm, addr, addr + 1, recorded, False)
    dec_tlb_flush_pending(vma.mm)

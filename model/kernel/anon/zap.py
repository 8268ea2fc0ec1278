# SPDX-License-Identifier: GPL-2.0-only
"""MADV_DONTNEED: clear entries, flush, free pages; and, since 6.14, free a table that is empty.

Holds mmap_lock or the VMA lock for reading.  A cast zaps one page at a time.
Left out: batching of equal entries, file pages (delayed rmap), reschedule in the middle.
"""

from __future__ import annotations

from model.hw.objects import Addr, Pmd, Pte, PteVal, Table
from model.lang import kernel, step

from ..folio import all_folios, folio_put, folio_remove_rmap_pte, vm_normal_folio
from ..locks import spin_lock, spin_lock_nested, spin_trylock, spin_unlock
from ..mmu_gather import (
    dec_tlb_flush_pending,
    pte_free_tlb,
    tlb_flush_mmu,
    tlb_gather_mmu,
    tlb_remove_tlb_entry,
)
from ..objects import Folio, Vma
from ..pgtable import (
    NONE,
    addresses_of,
    pmd_clear,
    pte_none,
    pte_offset_map_lock,
    pte_present,
    pte_unmap_unlock,
    ptep_get,
    ptep_get_and_clear,
    set_pte_at,
)
from ..rmap import pmd_of
from ..swap import is_swap_entry, swap_free
from ..task import synchronize_rcu
from ..tlbflush import flush_tlb_batched_pending


@kernel("mm/memory.c:zap_pte_range", "7.3.4")
def zap_pte(vma: Vma, addr: Addr) -> Folio | None:
    """Clear one entry of an anonymous VMA; the folio that is to be freed after the flush.

    What the function does besides for a file, which no cast has, is in
    `file.reclaim.zap_file_pte`.
    """
    pte = pte_offset_map_lock(pmd_of(vma), addr)
    if pte is None:
        return None
    flush_tlb_batched_pending(vma.mm)
    folio: Folio | None = None
    ptent = ptep_get(pte)
    if pte_present(ptent):
        ptent = ptep_get_and_clear(vma.mm, addr, pte)
        tlb_remove_tlb_entry(addr)
        folio = vm_normal_folio(ptent)
        if folio is not None:
            folio_remove_rmap_pte(folio)
    elif not pte_none(ptent):
        if is_swap_entry(ptent):
            swap_free(ptent.entry)
        set_pte_at(vma.mm, addr, pte, NONE)
    pte_unmap_unlock(pte)
    return folio


@kernel("mm/madvise.c:madvise_dontneed_single_vma", "7.3.4")
def madvise_dontneed(vma: Vma, addr: Addr) -> None:
    tlb_gather_mmu(vma.mm)
    folio = zap_pte(vma, addr)
    tlb_flush_mmu(vma.mm)
    if folio is not None:
        folio_put(folio)
    dec_tlb_flush_pending(vma.mm)


# -- empty tables ----------------------------------------------------------------------------------


@step("mm/memory.c:zap_empty_pte_table", "7.3.4", order="once", traits="lockless")
def pmdp_get(pmd: Pmd) -> Table | None:
    """The pmd value, its lock being held."""
    return pmd.table


@step("mm/mmu_gather.c:tlb_remove_table_rcu", "7.3.4", order="plain", traits="free-table")
def free_table(table: Table) -> None:
    """The RCU callback: the page of the table goes back."""
    table.freed = True


@step("include/linux/pgtable.h:ptep_get", "7.3.4", order="once")
def ptep_get_again(pte: Pte) -> PteVal:
    """The entry of a table that may be empty.  The call has done with the address: for what is gone
    here by now it does not answer, as it does at `ptep_get`."""
    return pte.val


@kernel("mm/memory.c:zap_pte_table_if_empty", "7.3.4")
def zap_pte_table_if_empty(vma: Vma) -> Table | None:
    """Take the table away if all its entries are none."""
    pmd = pmd_of(vma)
    spin_lock(pmd.ptl)
    table = pmdp_get(pmd)
    if table is None:
        spin_unlock(pmd.ptl)
        return None
    spin_lock_nested(table.ptl)
    empty = True
    for other in addresses_of(pmd):
        now = ptep_get_again(table.slots[other])
        if not pte_none(now):
            empty = False
    if empty:
        pmd_clear(pmd)
    spin_unlock(table.ptl)
    spin_unlock(pmd.ptl)
    return table if empty else None


@kernel("mm/memory.c:zap_pte_range", "7.3.4")
def zap_table(vma: Vma) -> None:
    """MADV_DONTNEED over all that a table maps.

    Nothing skipped: the table is taken away at once, the pmd lock by trylock under the
    page-table lock.  Failing that, after the page-table lock was dropped, all entries are looked
    at again with both locks held.
    """
    pmd = pmd_of(vma)
    taken: Table | None = None
    tlb_gather_mmu(vma.mm)
    pte = pte_offset_map_lock(pmd, vma.start)
    if pte is None:
        tlb_flush_mmu(vma.mm)
        dec_tlb_flush_pending(vma.mm)
        return
    flush_tlb_batched_pending(vma.mm)
    dead: frozenset[Folio] = frozenset()
    for addr in addresses_of(pmd):
        ptent = ptep_get(pte.table.slots[addr])
        if pte_present(ptent):
            ptent = ptep_get_and_clear(vma.mm, addr, pte.table.slots[addr])
            tlb_remove_tlb_entry(addr)
            folio = vm_normal_folio(ptent)
            if folio is not None:
                folio_remove_rmap_pte(folio)
                dead = dead | frozenset({folio})
        elif not pte_none(ptent):
            if is_swap_entry(ptent):
                swap_free(ptent.entry)
            set_pte_at(vma.mm, addr, pte.table.slots[addr], NONE)
    if spin_trylock(pmd.ptl):
        taken = pmdp_get(pmd)
        pmd_clear(pmd)
        spin_unlock(pmd.ptl)
    pte_unmap_unlock(pte)
    if taken is None:
        taken = zap_pte_table_if_empty(vma)
    if taken is not None:
        pte_free_tlb(vma.mm, vma.start)
    tlb_flush_mmu(vma.mm)
    for gone in all_folios():
        if gone in dead:
            folio_put(gone)
    if taken is not None:
        synchronize_rcu()
        free_table(taken)
    dec_tlb_flush_pending(vma.mm)

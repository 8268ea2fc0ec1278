# SPDX-License-Identifier: GPL-2.0-only
"""MADV_FREE: the page may be thrown away unless it is written to again.

Left out: large folios, ranges (one page a call), swap entries of a shared page.
"""

from __future__ import annotations

from dataclasses import replace

from model.hw.arch import Remote, arch
from model.hw.objects import Addr, Pte, Thread
from model.hw.tlb import drop_pte
from model.lang import current, kernel, step

from ...hw.orders import PTE_CLEAR_YOUNG_DIRTY
from ..folio import (
    folio_clear_dirty,
    folio_mapcount,
    folio_mark_lazyfree,
    folio_test_dirty,
    vm_normal_folio,
)
from ..locks import folio_trylock, folio_unlock
from ..mmu_gather import dec_tlb_flush_pending, tlb_flush_mmu, tlb_gather_mmu, tlb_remove_tlb_entry
from ..objects import Vma
from ..pgtable import (
    NONE,
    changed,
    pte_none,
    pte_offset_map_lock,
    pte_present,
    pte_unmap_unlock,
    ptep_get,
    set_pte_at,
)
from ..rmap import pmd_of
from ..swap import (
    folio_free_swap,
    folio_swap_entry,
    folio_swap_entry_lockless,
    is_swap_entry,
    swap_free,
)
from ..tlbflush import flush_tlb_batched_pending


@step("include/linux/pgtable.h:clear_young_dirty_ptes", "7.3.4", order=PTE_CLEAR_YOUNG_DIRTY,
      traits="pte")  # fmt: skip
def clear_young_dirty_pte(vma: Vma, addr: Addr, pte: Pte) -> None:
    """get_and_clear, old and clean, set; as one, since the entry is none only under its lock.

    s390 has the generic text: ptep_get_and_clear drops the translations with the entry.
    """
    me: Thread = current()
    old = pte.val
    new = replace(old, young=False, dirty=False)
    changed(pte, old, new)
    pte.val = new
    if arch().remote == Remote.WITH_ENTRY:
        drop_pte(me.cpu, pte)
    if old.frame is not None:
        old.frame.modified = False


@kernel("mm/madvise.c:madvise_free_pte_range", "7.3.4")
def madvise_free_pte(vma: Vma, addr: Addr) -> None:
    """Make one entry clean and old."""
    pte = pte_offset_map_lock(pmd_of(vma), addr)
    if pte is None:
        return
    flush_tlb_batched_pending(vma.mm)
    ptent = ptep_get(pte)
    if not pte_present(ptent):
        if not pte_none(ptent) and is_swap_entry(ptent):
            swap_free(ptent.entry)
            set_pte_at(vma.mm, addr, pte, NONE)
        pte_unmap_unlock(pte)
        return
    folio = vm_normal_folio(ptent)
    if folio is None:
        pte_unmap_unlock(pte)
        return
    entry = folio_swap_entry_lockless(folio)
    if entry != 0 or folio_test_dirty(folio):
        if not folio_trylock(folio):
            pte_unmap_unlock(pte)
            return
        maps = folio_mapcount(folio)
        entry = folio_swap_entry(folio)
        if maps != 1 or (entry != 0 and not folio_free_swap(folio)):
            folio_unlock(folio)
            pte_unmap_unlock(pte)
            return
        folio_clear_dirty(folio)
        folio_unlock(folio)
    if ptent.young or ptent.dirty:
        clear_young_dirty_pte(vma, addr, pte)
        tlb_remove_tlb_entry(addr)
    folio_mark_lazyfree(folio)
    pte_unmap_unlock(pte)


@kernel("mm/madvise.c:madvise_free_single_vma", "7.3.4")
def madvise_free(vma: Vma, addr: Addr) -> None:
    tlb_gather_mmu(vma.mm)
    madvise_free_pte(vma, addr)
    tlb_flush_mmu(vma.mm)
    dec_tlb_flush_pending(vma.mm)

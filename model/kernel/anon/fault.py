# SPDX-License-Identifier: GPL-2.0-only
"""Faults on anonymous pages: swap-in, and a write to a page that is not writable.

Hold the VMA lock (or mmap_lock) for reading.  Left out: the first touch of a page (see `uffd`,
where the page comes from), NUMA hinting faults, unsharing, readahead and synchronous swap, KSM,
large folios, unlocked retries.
"""

from __future__ import annotations

from dataclasses import replace

from model.hw.objects import Addr, PteKind, PteVal
from model.lang import kernel

from ..folio import (
    PageAnonExclusive,
    SetPageAnonExclusive,
    copy_page,
    folio_add_anon_rmap_pte,
    folio_add_new_anon_rmap,
    folio_alloc,
    folio_get,
    folio_mapping,
    folio_move_anon_rmap,
    folio_put,
    folio_ref_count,
    folio_remove_rmap_pte,
    vm_normal_folio,
)
from ..locks import folio_lock, folio_trylock, folio_unlock, spin_lock
from ..objects import Folio, Vma
from ..pgtable import (
    pte_none,
    pte_offset_map,
    pte_offset_map_lock,
    pte_same,
    pte_unmap,
    pte_unmap_unlock,
    ptep_clear_flush,
    ptep_get,
    ptep_get_lockless,
    ptep_set_access_flags,
    set_pte_at,
    userfaultfd_pte_wp,
)
from ..rmap import pmd_of
from ..swap import (
    folio_free_swap,
    folio_swap_entry,
    folio_swap_entry_lockless,
    is_migration_entry,
    is_swap_entry,
    swap_cache_get_folio,
    swap_free,
    swap_read_folio,
)
from ..tlbflush import flush_tlb_page, mm_tlb_flush_pending
from .migrate import migration_entry_wait


@kernel("mm/memory.c:wp_can_reuse_anon_folio", "7.3.4")
def wp_can_reuse_anon_folio(folio: Folio, vma: Vma) -> bool:
    refs = folio_ref_count(folio)
    entry = folio_swap_entry_lockless(folio)
    if refs > (2 if entry != 0 else 1):
        return False
    if not folio_trylock(folio):
        return False
    entry = folio_swap_entry(folio)
    if entry != 0:
        folio_free_swap(folio)
    refs = folio_ref_count(folio)
    if refs != 1:
        folio_unlock(folio)
        return False
    folio_move_anon_rmap(folio, vma)
    folio_unlock(folio)
    return True


@kernel("mm/memory.c:wp_page_copy", "7.3.4")
def wp_page_copy(vma: Vma, addr: Addr, old_folio: Folio, orig_pte: PteVal) -> None:
    """A reference to the old folio is held; no lock is."""
    new_folio = folio_alloc()
    if new_folio is None:
        folio_put(old_folio)
        return
    copy_page(new_folio, old_folio)
    pte = pte_offset_map_lock(pmd_of(vma), addr)
    if pte is None:
        folio_put(new_folio)
        folio_put(old_folio)
        return
    now = ptep_get(pte)
    if not pte_same(now, orig_pte):
        pte_unmap_unlock(pte)
        folio_put(new_folio)
        folio_put(old_folio)
        return
    ptep_clear_flush(vma, addr, pte)
    folio_add_new_anon_rmap(new_folio, vma, addr, True)
    entry = PteVal(
        kind=PteKind.PRESENT, frame=new_folio.frame, write=vma.writable, dirty=True,
        soft_dirty=True,
    )  # fmt: skip
    set_pte_at(vma.mm, addr, pte, entry)
    folio_remove_rmap_pte(old_folio)
    pte_unmap_unlock(pte)
    folio_put(old_folio)
    folio_put(old_folio)


@kernel("mm/memory.c:do_wp_page", "7.3.4")
def write_fault(vma: Vma, addr: Addr) -> None:
    """handle_pte_fault and do_wp_page, for a write to a present page that is not writable."""
    pte = pte_offset_map(pmd_of(vma), addr)
    if pte is None:
        return
    orig_pte = ptep_get_lockless(pte)
    if orig_pte.kind != PteKind.PRESENT or orig_pte.protnone or orig_pte.write:
        pte_unmap(pte)
        return
    folio = vm_normal_folio(orig_pte)
    if folio is None:
        pte_unmap(pte)
        return
    spin_lock(pte.table.ptl)
    now = ptep_get(pte)
    if not pte_same(now, orig_pte) or userfaultfd_pte_wp(vma, orig_pte):
        pte_unmap_unlock(pte)
        return
    if vma.uffd_wp and mm_tlb_flush_pending(vma.mm):
        flush_tlb_page(vma, addr)
    reuse = PageAnonExclusive(folio)
    if not reuse:
        reuse = wp_can_reuse_anon_folio(folio, vma)
        if reuse:
            SetPageAnonExclusive(folio)
    if reuse:
        entry = replace(orig_pte, write=vma.writable, dirty=True)
        ptep_set_access_flags(vma, addr, pte, entry)
        pte_unmap_unlock(pte)
        return
    folio_get(folio)
    pte_unmap_unlock(pte)
    wp_page_copy(vma, addr, folio, orig_pte)


@kernel("mm/memory.c:do_swap_page", "7.3.4")
def swap_fault(vma: Vma, addr: Addr) -> None:
    """A read fault on a swap entry, or a wait on a migration entry."""
    pte = pte_offset_map(pmd_of(vma), addr)
    if pte is None:
        return
    orig_pte = ptep_get_lockless(pte)
    pte_unmap(pte)
    if is_migration_entry(orig_pte):
        migration_entry_wait(vma.mm, pmd_of(vma), addr)
        return
    if pte_none(orig_pte) or not is_swap_entry(orig_pte):
        return
    entry = orig_pte.entry
    folio = swap_cache_get_folio(entry)
    if folio is None:
        folio = folio_alloc()
        if folio is None:
            return
        folio_lock(folio)
        if not swap_read_folio(folio, entry):
            folio_unlock(folio)
            folio_put(folio)
            return
    else:
        folio_lock(folio)
    now_entry = folio_swap_entry(folio)
    if now_entry != entry:
        folio_unlock(folio)
        folio_put(folio)
        return
    pte = pte_offset_map_lock(pmd_of(vma), addr)
    if pte is None:
        folio_free_swap(folio)
        folio_unlock(folio)
        folio_put(folio)
        return
    now = ptep_get(pte)
    if not pte_same(now, orig_pte):
        pte_unmap_unlock(pte)
        folio_free_swap(folio)
        folio_unlock(folio)
        folio_put(folio)
        return
    exclusive = orig_pte.exclusive
    new_pte = PteVal(
        kind=PteKind.PRESENT, frame=folio.frame, soft_dirty=orig_pte.soft_dirty,
        uffd_wp=orig_pte.uffd_wp,
        write=exclusive and vma.writable and not userfaultfd_pte_wp(vma, orig_pte),
    )  # fmt: skip
    mapping = folio_mapping(folio)
    if mapping is None:
        folio_add_new_anon_rmap(folio, vma, addr, exclusive)
    else:
        folio_add_anon_rmap_pte(folio, exclusive)
    swap_free(entry)
    set_pte_at(vma.mm, addr, pte, new_pte)
    folio_free_swap(folio)
    folio_unlock(folio)
    pte_unmap_unlock(pte)


@kernel("mm/memory.c:do_swap_page", "7.3.4")
def swap_fault_of_locked(vma: Vma, addr: Addr) -> None:
    """What it does besides in a VM_LOCKED VMA, where the swap cache is always left
    (should_try_to_free_swap): who has the only reference then has it for itself.

    In the kernel this is in the same section of the page-table lock.  As 6.18 was seen to do, but
    where the page is being written still.
    """
    pte = pte_offset_map_lock(pmd_of(vma), addr)
    if pte is None:
        return
    now = ptep_get(pte)
    if now.kind != PteKind.PRESENT:
        pte_unmap_unlock(pte)
        return
    folio = vm_normal_folio(now)
    if folio is None:
        pte_unmap_unlock(pte)
        return
    refs = folio_ref_count(folio)
    if refs == 1:
        SetPageAnonExclusive(folio)
        write = vma.writable and not userfaultfd_pte_wp(vma, now)
        ptep_set_access_flags(vma, addr, pte, replace(now, write=write))
    pte_unmap_unlock(pte)

# SPDX-License-Identifier: GPL-2.0-only
"""change_pte_range: for NUMA hinting, for UFFDIO_WRITEPROTECT, and for mprotect.

The first two hold the VMA for reading only: `change_pte` is what may run beside other readers.
NUMA hinting makes entries inaccessible to the user; UFFDIO_WRITEPROTECT makes them read-only.
Left out there: the skips of NUMA hinting that only concern which pages it picks (shared, on the
right node), except pinned pages; non-present entries; undoing either.  `change_prot_pte` has all
that mprotect and either direction of write protection do to one entry.  Left out in both: batches
of one large folio, migration and device entries.
"""

from __future__ import annotations

from dataclasses import replace

from model.hw.objects import Addr, Pte, PteVal
from model.lang import kernel, primitive, pure

from ..folio import PageAnonExclusive, folio_maybe_dma_pinned, folio_test_anon, vm_normal_folio
from ..mmu_gather import dec_tlb_flush_pending, tlb_flush_mmu, tlb_gather_mmu, tlb_remove_tlb_entry
from ..objects import Vma
from ..pgtable import (
    NONE,
    UFFD_WP_MARKER,
    is_uffd_wp_marker,
    pte_alloc,
    pte_none,
    pte_offset_map_lock,
    pte_present,
    pte_unmap_unlock,
    ptep_get,
    ptep_get_and_clear,
    set_pte_at,
    userfaultfd_pte_wp,
)
from ..rmap import pmd_of
from ..swap import is_swap_entry
from ..tlbflush import flush_tlb_batched_pending


@primitive("include/linux/pgtable.h:ptep_modify_prot_start", "7.3.4")
def ptep_modify_prot_start(vma: Vma, addr: Addr, pte: Pte) -> PteVal:
    return ptep_get_and_clear(vma.mm, addr, pte)


@primitive("include/linux/pgtable.h:ptep_modify_prot_commit", "7.3.4")
def ptep_modify_prot_commit(vma: Vma, addr: Addr, pte: Pte, val: PteVal) -> None:
    set_pte_at(vma.mm, addr, pte, val)


@kernel("mm/mprotect.c:change_pte_range", "7.3.4")
def change_pte(vma: Vma, addr: Addr, prot_numa: bool) -> None:
    """Take rights from one entry."""
    pte = pte_offset_map_lock(pmd_of(vma), addr)
    if pte is None:
        return
    flush_tlb_batched_pending(vma.mm)
    oldpte = ptep_get(pte)
    if not pte_present(oldpte) or (prot_numa and oldpte.protnone):
        pte_unmap_unlock(pte)
        return
    if prot_numa:
        folio = vm_normal_folio(oldpte)
        if folio is None or folio_maybe_dma_pinned(folio):
            pte_unmap_unlock(pte)
            return
    oldpte = ptep_modify_prot_start(vma, addr, pte)
    if prot_numa:
        ptent = replace(oldpte, protnone=True)
    else:
        ptent = replace(oldpte, write=False, uffd_wp=True)
    ptep_modify_prot_commit(vma, addr, pte, ptent)
    if ptent != oldpte:
        tlb_remove_tlb_entry(addr)
    pte_unmap_unlock(pte)


@kernel("mm/mprotect.c:change_protection", "7.3.4")
def change_protection(vma: Vma, addr: Addr, prot_numa: bool) -> None:
    """change_prot_numa (kernel/sched/fair.c:task_numa_work), or uffd_wp_range
    (mm/userfaultfd.c:mwriteprotect_range)."""
    tlb_gather_mmu(vma.mm)
    change_pte(vma, addr, prot_numa)
    tlb_flush_mmu(vma.mm)
    dec_tlb_flush_pending(vma.mm)


# -- mprotect, and write protection in both directions --------------------------------------------


@pure
def pte_modify(vma: Vma, pte: PteVal) -> PteVal:
    """include/asm/pgtable.h: the entry with the protection of the VMA (vm_page_prot, which is
    read-only where a write has to fault first: in private mappings, and where a userfaultfd
    protects)."""
    writable = vma.shared and vma.writable and not vma.uffd_wp
    return replace(pte, write=writable, protnone=not vma.readable)


@kernel("mm/mprotect.c:can_change_private_pte_writable", "7.3.4")
def can_change_private_pte_writable(vma: Vma, pte: PteVal) -> bool:
    """Whether a write fault would make the entry writable without any other check."""
    if not vma.writable or pte.protnone or userfaultfd_pte_wp(vma, pte):
        return False
    folio = vm_normal_folio(pte)
    if folio is None or not folio_test_anon(folio):
        return False
    return PageAnonExclusive(folio)


@kernel("mm/mprotect.c:can_change_shared_pte_writable", "7.3.4")
def can_change_shared_pte_writable(vma: Vma, pte: PteVal) -> bool:
    """Of a mapping whose first writes fault: what is dirty has had its own."""
    if not vma.writable or pte.protnone or userfaultfd_pte_wp(vma, pte):
        return False
    return pte.dirty


@kernel("mm/mprotect.c:change_pte_range", "7.3.4")
def change_prot_pte(vma: Vma, addr: Addr, uffd_wp: bool, uffd_wp_resolve: bool) -> None:
    """Give one entry what the VMA says now.

    `uffd_wp` is MM_CP_UFFD_WP, `uffd_wp_resolve` undoes it.  Without the first,
    MM_CP_TRY_CHANGE_WRITABLE is set for private writable VMAs
    (vma_wants_manual_pte_write_upgrade).
    """
    if uffd_wp and vma.file is not None:
        pte_alloc(pmd_of(vma))
    pte = pte_offset_map_lock(pmd_of(vma), addr)
    if pte is None:
        return
    flush_tlb_batched_pending(vma.mm)
    oldpte = ptep_get(pte)
    if pte_none(oldpte) and uffd_wp and vma.file is not None:
        set_pte_at(vma.mm, addr, pte, UFFD_WP_MARKER)
    if is_uffd_wp_marker(oldpte) and uffd_wp_resolve:
        set_pte_at(vma.mm, addr, pte, NONE)
    if is_swap_entry(oldpte):
        entry = replace(oldpte, uffd_wp=(oldpte.uffd_wp or uffd_wp) and not uffd_wp_resolve)
        if entry != oldpte:
            set_pte_at(vma.mm, addr, pte, entry)
        pte_unmap_unlock(pte)
        return
    if not pte_present(oldpte):
        pte_unmap_unlock(pte)
        return
    oldpte = ptep_modify_prot_start(vma, addr, pte)
    ptent = pte_modify(vma, oldpte)
    if uffd_wp:
        ptent = replace(ptent, write=False, uffd_wp=True)
    elif uffd_wp_resolve:
        ptent = replace(ptent, uffd_wp=False)
    upgrade = False
    if not uffd_wp and not vma.shared:
        upgrade = can_change_private_pte_writable(vma, ptent)
    elif not uffd_wp and vma.uffd_wp:
        upgrade = can_change_shared_pte_writable(vma, ptent)
    if upgrade:
        ptent = replace(ptent, write=True)
    ptep_modify_prot_commit(vma, addr, pte, ptent)
    if ptent != oldpte:
        tlb_remove_tlb_entry(addr)
    pte_unmap_unlock(pte)

# SPDX-License-Identifier: GPL-2.0-only
"""hugetlb: what happens to the entries of a range: mprotect, unmap, mremap, fork.

A routine takes a range that lies in one table; the kernel's loop over several.  A table that
others share (`tables`) is left, and none of its entries is touched.
"""

from __future__ import annotations

from dataclasses import replace

from model.hw.objects import Addr, Pte
from model.lang import kernel, unmodelled

from ..anon.mprotect import pte_modify, ptep_modify_prot_commit, ptep_modify_prot_start
from ..folio import (
    all_folios,
    folio_add_file_rmap_pte,
    folio_get,
    folio_put,
    folio_remove_rmap_pte,
    folio_test_anon,
    folio_try_dup_anon_rmap_pte,
    vm_normal_folio,
)
from ..locks import (
    i_mmap_lock_write,
    i_mmap_unlock_write,
    spin_lock,
    spin_lock_nested,
    spin_unlock,
)
from ..mmu_gather import (
    dec_tlb_flush_pending,
    tlb_end_vma,
    tlb_flush_mmu,
    tlb_flush_mmu_tlbonly,
    tlb_gather_mmu,
    tlb_remove_tlb_entry,
)
from ..objects import Folio, Mapping, Vma
from ..pgtable import (
    pte_none,
    pte_present,
    ptep_get,
    ptep_get_and_clear,
    ptep_get_lockless,
    ptep_set_wrprotect,
    set_pte_at,
)
from .tables import (
    huge_pmd_unshare,
    huge_pmd_unshare_flush,
    huge_pte_alloc,
    hugetlb_vma_lock_write,
    hugetlb_vma_unlock_write,
    hugetlb_walk,
)


@kernel("mm/hugetlb.c:hugetlb_change_protection", "7.3.4")
def hugetlb_change_protection(vma: Vma, mapping: Mapping, start: Addr, end: Addr) -> None:
    """To what the VMA says now.  A shared table is left instead: its pages fault again."""
    tlb_gather_mmu(vma.mm)
    hugetlb_vma_lock_write(vma)
    i_mmap_lock_write(mapping)
    addr = start
    while addr < end:
        pte = hugetlb_walk(vma, addr)
        if pte is None:
            break
        spin_lock(pte.table.ptl)
        left = huge_pmd_unshare(vma, addr, pte)
        if left:
            spin_unlock(pte.table.ptl)
            break
        now = ptep_get(pte)
        if pte_present(now):
            old = ptep_modify_prot_start(vma, addr, pte)
            ptep_modify_prot_commit(vma, addr, pte, pte_modify(vma, old))
            tlb_remove_tlb_entry(addr)
        spin_unlock(pte.table.ptl)
        addr += 1
    tlb_flush_mmu_tlbonly(vma.mm)
    huge_pmd_unshare_flush(vma.mm)
    i_mmap_unlock_write(mapping)
    hugetlb_vma_unlock_write(vma)
    tlb_flush_mmu(vma.mm)
    dec_tlb_flush_pending(vma.mm)


@kernel("mm/hugetlb.c:__unmap_hugepage_range", "7.3.4")
def unmap_hugepage_range(vma: Vma, mapping: Mapping, start: Addr, end: Addr) -> None:
    """Between hugetlb_zap_begin and hugetlb_zap_end, and what is freed after the flush.

    A shared table is left whole, also where only a part of it is asked for.
    """
    dead: frozenset[Folio] = frozenset()
    tlb_gather_mmu(vma.mm)
    hugetlb_vma_lock_write(vma)
    i_mmap_lock_write(mapping)
    addr = start
    while addr < end:
        pte = hugetlb_walk(vma, addr)
        if pte is None:
            break
        spin_lock(pte.table.ptl)
        left = huge_pmd_unshare(vma, addr, pte)
        if left:
            spin_unlock(pte.table.ptl)
            break
        now = ptep_get(pte)
        if pte_present(now):
            old = ptep_get_and_clear(vma.mm, addr, pte)
            tlb_remove_tlb_entry(addr)
            folio = vm_normal_folio(old)
            if folio is not None:
                folio_remove_rmap_pte(folio)
                dead = dead | frozenset({folio})
        spin_unlock(pte.table.ptl)
        addr += 1
    tlb_end_vma(vma.mm)
    huge_pmd_unshare_flush(vma.mm)
    i_mmap_unlock_write(mapping)
    hugetlb_vma_unlock_write(vma)
    tlb_flush_mmu(vma.mm)
    for gone in all_folios():
        if gone in dead:
            folio_put(gone)
    dec_tlb_flush_pending(vma.mm)


@kernel("mm/hugetlb.c:move_huge_pte", "7.3.4")
def move_huge_pte(vma: Vma, old_addr: Addr, new_addr: Addr, src_pte: Pte, dst_pte: Pte) -> None:
    src_ptl = src_pte.table.ptl
    dst_ptl = dst_pte.table.ptl
    spin_lock(dst_ptl)
    if src_ptl != dst_ptl:
        spin_lock_nested(src_ptl)
    pte = ptep_get_and_clear(vma.mm, old_addr, src_pte)
    set_pte_at(vma.mm, new_addr, dst_pte, pte)
    if src_ptl != dst_ptl:
        spin_unlock(src_ptl)
    spin_unlock(dst_ptl)


@kernel("mm/hugetlb.c:move_hugetlb_page_tables", "7.3.4")
def move_hugetlb_page_tables(
    vma: Vma, new_vma: Vma, mapping: Mapping, old_addr: Addr, new_addr: Addr, length: int
) -> None:
    """mremap.  mmap_lock is held for writing.  The table is left without its lock.

    The new table is asked for with i_mmap_rwsem held for writing; where the new VMA may share one,
    huge_pmd_share takes it for reading, and waits for itself.
    """
    done = 0
    tlb_gather_mmu(vma.mm)
    hugetlb_vma_lock_write(vma)
    i_mmap_lock_write(mapping)
    while done < length:
        src_pte = hugetlb_walk(vma, old_addr + done)
        if src_pte is None:
            break
        now = ptep_get_lockless(src_pte)
        if not pte_none(now):
            left = huge_pmd_unshare(vma, old_addr + done, src_pte)
            if left:
                break
            first = huge_pte_alloc(new_vma, mapping, new_addr)
            dst_pte = first.table.slots[new_addr + done]
            move_huge_pte(vma, old_addr + done, new_addr + done, src_pte, dst_pte)
            tlb_remove_tlb_entry(old_addr + done)
        done += 1
    tlb_flush_mmu_tlbonly(vma.mm)
    huge_pmd_unshare_flush(vma.mm)
    i_mmap_unlock_write(mapping)
    hugetlb_vma_unlock_write(vma)
    tlb_flush_mmu(vma.mm)
    dec_tlb_flush_pending(vma.mm)


@kernel("mm/hugetlb.c:copy_hugetlb_page_range", "7.3.4")
def copy_huge_pte(
    dst_vma: Vma, src_vma: Vma, mapping: Mapping, dst_addr: Addr, src_addr: Addr
) -> None:
    """fork: one entry of a private mapping; others are not copied.  The parent is flushed at the
    end of all (flush_tlb_mm).  Left out: pinned pages."""
    src_pte = hugetlb_walk(src_vma, src_addr)
    if src_pte is None:
        return
    dst_pte = huge_pte_alloc(dst_vma, mapping, dst_addr)
    src_ptl = src_pte.table.ptl
    spin_lock(dst_pte.table.ptl)
    spin_lock_nested(src_ptl)
    entry = ptep_get(src_pte)
    if pte_present(entry):
        folio = vm_normal_folio(entry)
        if folio is not None:
            folio_get(folio)
            if not folio_test_anon(folio):
                folio_add_file_rmap_pte(folio)
            elif not folio_try_dup_anon_rmap_pte(folio):
                unmodelled("fork of a huge page that is pinned")
            ptep_set_wrprotect(src_vma.mm, src_addr, src_pte)
            set_pte_at(dst_vma.mm, dst_addr, dst_pte, replace(entry, write=False))
    spin_unlock(src_ptl)
    spin_unlock(dst_pte.table.ptl)

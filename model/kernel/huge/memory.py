# SPDX-License-Identifier: GPL-2.0-only
"""Transparent huge pages: faults, copy-on-write, zap, mprotect, fork, mremap and split of a leaf.

Left out: files, NUMA hinting, no memory (a fault falls back to small pages then), MMU notifiers,
device and migration entries, memory cgroups.
"""

from __future__ import annotations

from dataclasses import replace

from model.hw.objects import Addr, Pmd, PteKind, PteVal
from model.lang import kernel, primitive, pure, step, unmodelled

from ..anon.anonymous import zero_page
from ..anon.mprotect import pte_modify
from ..anon.mremap import moved_pte
from ..errno import EAGAIN, VM_FAULT_SIGBUS
from ..folio import (
    ClearPageAnonExclusive,
    PageAnonExclusive,
    SetPageAnonExclusive,
    all_folios,
    folio_add_anon_rmap_pte,
    folio_get,
    folio_mark_dirty,
    folio_move_anon_rmap,
    folio_put,
    folio_ref_count,
)
from ..locks import folio_trylock, folio_unlock, spin_lock, spin_lock_nested, spin_unlock
from ..mmu_gather import tlb_remove_pmd_tlb_entry
from ..objects import Folio, Vma
from ..pgtable import NONE, pmd_populate, pte_same, set_pte_at, spare_table, userfaultfd_pte_wp
from .pmd import (
    addrs_of_pmd,
    flush_pmd_tlb_range,
    folio_add_new_anon_rmap_pmd,
    folio_ref_add,
    folio_remove_rmap_pmd,
    folio_try_dup_anon_rmap_pmd,
    huge_zero_page,
    is_huge_zero_pmd,
    pmd_folio,
    pmd_none_at_all,
    pmd_trans_huge,
    pmdp_get_leaf,
    pmdp_get_leaf_lockless,
    pmdp_huge_clear_flush,
    pmdp_huge_get_and_clear,
    pmdp_invalidate,
    pmdp_make_invalid,
    pmdp_set_access_flags,
    pmdp_set_wrprotect,
    set_pmd_at,
)

VM_FAULT_FALLBACK = 0x8
"""The fault goes on with page-table entries (include/linux/mm_types.h:vm_fault_reason, where it is
0x800; results of the models are small)."""


# -- splitting a leaf ------------------------------------------------------------------------------


@pure
def pte_of_leaf(page: Folio, leaf: PteVal) -> PteVal:
    """What one page has of the leaf that was split."""
    return replace(leaf, frame=page.frame)


@kernel("mm/huge_memory.c:__split_huge_zero_page_pmd", "7.3.4")
def split_huge_zero_page_pmd(vma: Vma, pmd: Pmd, haddr: Addr) -> None:
    old_pmd = pmdp_huge_clear_flush(vma, haddr, pmd)
    table = spare_table(pmd)
    if table is None:
        unmodelled("no table was deposited")
    else:
        for addr in addrs_of_pmd(vma.mm, pmd):
            entry = replace(old_pmd, frame=zero_page(), protnone=not vma.readable)
            set_pte_at(vma.mm, addr, table.slots[addr], entry)
        pmd_populate(pmd, table)


@primitive("mm/rmap.c:folio_add_anon_rmap_ptes", "7.3.4")
def folio_add_anon_rmap_ptes(folio: Folio, vma: Vma, pmd: Pmd, exclusive: bool) -> None:
    """Every page of a folio has an entry more."""
    for place in range(len(addrs_of_pmd(vma.mm, pmd))):
        folio_add_anon_rmap_pte(folio.pages[place], exclusive)


@pure
def migration_of_leaf(page: Folio, leaf: PteVal, exclusive: bool) -> PteVal:
    """make_..._migration_entry of one page, with what the leaf said."""
    return PteVal(
        kind=PteKind.MIGRATION, frame=page.frame, write=leaf.write, dirty=leaf.dirty,
        young=leaf.young, exclusive=exclusive, soft_dirty=leaf.soft_dirty, uffd_wp=leaf.uffd_wp,
    )  # fmt: skip


@kernel("mm/huge_memory.c:__split_huge_pmd_locked", "7.3.4")
def split_huge_pmd_locked(vma: Vma, pmd: Pmd, haddr: Addr, freeze: bool) -> None:
    """A table takes the place of the leaf; `freeze`: its entries are migration entries at once."""
    now = pmdp_get_leaf(pmd)
    if is_huge_zero_pmd(now):
        split_huge_zero_page_pmd(vma, pmd, haddr)
        return
    old_pmd = pmdp_invalidate(vma, haddr, pmd)
    folio = pmd_folio(old_pmd)
    if old_pmd.dirty:
        folio_mark_dirty(folio)
    anon_exclusive = PageAnonExclusive(folio)
    if not freeze:
        folio_ref_add(folio, len(addrs_of_pmd(vma.mm, pmd)) - 1)
        folio_add_anon_rmap_ptes(folio, vma, pmd, anon_exclusive)
    elif anon_exclusive:
        ClearPageAnonExclusive(folio)  # the migration entries say it; the caller knows of no pin
    table = spare_table(pmd)
    if table is None:
        unmodelled("no table was deposited")
    else:
        for place, addr in enumerate(addrs_of_pmd(vma.mm, pmd)):
            entry = pte_of_leaf(folio.pages[place], old_pmd)
            if freeze:
                entry = migration_of_leaf(folio.pages[place], old_pmd, anon_exclusive)
            set_pte_at(vma.mm, addr, table.slots[addr], entry)
        folio_remove_rmap_pmd(folio)
        if freeze:
            folio_put(folio)
        set_pmd_at(vma.mm, haddr, pmd, NONE)
        pmd_populate(pmd, table)


@kernel("mm/huge_memory.c:__split_huge_pmd", "7.3.4")
def split_huge_pmd(vma: Vma, pmd: Pmd, haddr: Addr) -> None:
    """The folio stays large."""
    spin_lock(pmd.ptl)
    now = pmdp_get_leaf(pmd)
    if pmd_trans_huge(now):
        split_huge_pmd_locked(vma, pmd, haddr, False)
    spin_unlock(pmd.ptl)


# -- faults ----------------------------------------------------------------------------------------


@step("mm/huge_memory.c:vma_alloc_anon_folio_pmd", "7.3.4", order="plain", traits="alloc",
      several="the page allocator hands out pages that nobody else can see")  # fmt: skip
def folio_alloc_pmd() -> Folio | None:
    """A new folio as large as a PMD, zeroed, with one reference."""
    got: Folio | None = None
    for folio in all_folios():
        if got is None and folio.free and folio.large:
            got = folio
    if got is not None:
        got.free = False
        got.refcount = 1
    return got


@pure
def huge_pmd(folio: Folio, vma: Vma) -> PteVal:
    """folio_mk_pmd, dirty, writable if the VMA is."""
    return PteVal(
        kind=PteKind.PRESENT, frame=folio.frame, write=vma.writable, dirty=True, soft_dirty=True,
        protnone=not vma.readable,
    )  # fmt: skip


@kernel("mm/huge_memory.c:map_anon_folio_pmd_pf", "7.3.4")
def map_anon_folio_pmd(folio: Folio, pmd: Pmd, vma: Vma, haddr: Addr) -> None:
    folio_add_new_anon_rmap_pmd(folio, vma, haddr)
    set_pmd_at(vma.mm, haddr, pmd, huge_pmd(folio, vma))


@kernel("mm/huge_memory.c:do_huge_pmd_anonymous_page", "7.3.4")
def do_huge_pmd_anonymous_page(vma: Vma, pmd: Pmd, haddr: Addr, zero: bool) -> int:
    """Where nothing is: a new folio, or the huge zero page.  VM_FAULT_*."""
    if zero:
        spin_lock(pmd.ptl)
        if pmd_none_at_all(pmd):
            if vma.uffd_missing:
                spin_unlock(pmd.ptl)
                return VM_FAULT_SIGBUS
            entry = PteVal(kind=PteKind.PRESENT, frame=huge_zero_page(), protnone=not vma.readable)
            set_pmd_at(vma.mm, haddr, pmd, entry)
        spin_unlock(pmd.ptl)
        return 0
    folio = folio_alloc_pmd()
    if folio is None:
        return VM_FAULT_FALLBACK
    spin_lock(pmd.ptl)
    if not pmd_none_at_all(pmd):
        spin_unlock(pmd.ptl)
        folio_put(folio)
        return 0
    if vma.uffd_missing:
        spin_unlock(pmd.ptl)
        folio_put(folio)
        return VM_FAULT_SIGBUS
    map_anon_folio_pmd(folio, pmd, vma, haddr)
    spin_unlock(pmd.ptl)
    return 0


@kernel("mm/huge_memory.c:do_huge_zero_wp_pmd", "7.3.4")
def do_huge_zero_wp_pmd(vma: Vma, pmd: Pmd, haddr: Addr, orig_pmd: PteVal) -> int:
    """A write to the huge zero page: a new folio takes its place."""
    folio = folio_alloc_pmd()
    if folio is None:
        return VM_FAULT_FALLBACK
    spin_lock(pmd.ptl)
    now = pmdp_get_leaf(pmd)
    if not pte_same(now, orig_pmd):
        spin_unlock(pmd.ptl)
        folio_put(folio)
        return 0
    pmdp_huge_clear_flush(vma, haddr, pmd)
    map_anon_folio_pmd(folio, pmd, vma, haddr)
    spin_unlock(pmd.ptl)
    return 0


@kernel("mm/huge_memory.c:do_huge_pmd_wp_page", "7.3.4")
def do_huge_pmd_wp_page(vma: Vma, pmd: Pmd, haddr: Addr) -> int:
    """A write to a leaf that is not writable; VM_FAULT_FALLBACK once it is split.

    Left out: waiting for the folio lock, the swap cache (no leaf of 7.3.4 is in it).
    """
    orig_pmd = pmdp_get_leaf_lockless(pmd)
    if userfaultfd_pte_wp(vma, orig_pmd):
        return VM_FAULT_SIGBUS
    if is_huge_zero_pmd(orig_pmd):
        fault = do_huge_zero_wp_pmd(vma, pmd, haddr, orig_pmd)
        if fault == VM_FAULT_FALLBACK:
            split_huge_pmd(vma, pmd, haddr)
        return fault
    spin_lock(pmd.ptl)
    now = pmdp_get_leaf(pmd)
    if not pte_same(now, orig_pmd):
        spin_unlock(pmd.ptl)
        return 0
    folio = pmd_folio(orig_pmd)
    reuse = PageAnonExclusive(folio)
    if not reuse and folio_trylock(folio):
        refs = folio_ref_count(folio)
        if refs == 1:
            folio_move_anon_rmap(folio, vma)
            SetPageAnonExclusive(folio)
            reuse = True
        folio_unlock(folio)
    if reuse:
        entry = replace(orig_pmd, write=vma.writable, dirty=True, young=True)
        pmdp_set_access_flags(vma, haddr, pmd, entry)
        spin_unlock(pmd.ptl)
        return 0
    spin_unlock(pmd.ptl)
    split_huge_pmd(vma, pmd, haddr)
    return VM_FAULT_FALLBACK


# -- zap, mprotect ---------------------------------------------------------------------------------


@kernel("mm/huge_memory.c:zap_huge_pmd", "7.3.4")
def zap_huge_pmd(vma: Vma, pmd: Pmd, haddr: Addr) -> Folio | None:
    """Clear a leaf, recorded for the flush; the folio that is to be freed after it."""
    folio: Folio | None = None
    spin_lock(pmd.ptl)
    orig_pmd = pmdp_huge_get_and_clear(vma.mm, haddr, pmd)
    tlb_remove_pmd_tlb_entry(pmd)
    if not is_huge_zero_pmd(orig_pmd):
        folio = pmd_folio(orig_pmd)
        folio_remove_rmap_pmd(folio)
    spin_unlock(pmd.ptl)
    return folio


@kernel("mm/huge_memory.c:can_change_pmd_writable", "7.3.4")
def can_change_private_pmd_writable(vma: Vma, pmd: PteVal) -> bool:
    """Of a private VMA: whether a write fault would make it writable without any other check."""
    if not vma.writable or pmd.protnone or userfaultfd_pte_wp(vma, pmd):
        return False
    if is_huge_zero_pmd(pmd):
        return False
    return PageAnonExclusive(pmd_folio(pmd))


@kernel("mm/huge_memory.c:change_huge_pmd", "7.3.4")
def change_huge_pmd(vma: Vma, pmd: Pmd, haddr: Addr, uffd_wp: bool, uffd_wp_resolve: bool) -> None:
    """A leaf, to what the VMA says now.  See `change_prot_pte`."""
    spin_lock(pmd.ptl)
    oldpmd = pmdp_make_invalid(vma.mm, haddr, pmd)  # pmdp_invalidate_ad: no flush yet
    entry = pte_modify(vma, oldpmd)
    if uffd_wp:
        entry = replace(entry, write=False, uffd_wp=True)
    elif uffd_wp_resolve:
        entry = replace(entry, uffd_wp=False)
    upgrade = False
    if not uffd_wp:
        upgrade = can_change_private_pmd_writable(vma, entry)
    if upgrade:
        entry = replace(entry, write=True)
    set_pmd_at(vma.mm, haddr, pmd, entry)
    if entry != oldpmd:
        tlb_remove_pmd_tlb_entry(pmd)
    spin_unlock(pmd.ptl)


# -- fork, mremap ----------------------------------------------------------------------------------


@pure
def child_pmd(dst_vma: Vma, pmd: PteVal) -> PteVal:
    """What the child gets of a leaf."""
    return replace(pmd, write=False, young=False, uffd_wp=pmd.uffd_wp and dst_vma.uffd_wp)


@kernel("mm/huge_memory.c:copy_huge_pmd", "7.3.4")
def copy_huge_pmd(dst_vma: Vma, src_vma: Vma, dst_pmd: Pmd, src_pmd: Pmd, addr: Addr) -> int:
    """0, or -EAGAIN once the leaf is split because it may be pinned."""
    spin_lock(dst_pmd.ptl)
    spin_lock_nested(src_pmd.ptl)
    pmd = pmdp_get_leaf(src_pmd)
    if not is_huge_zero_pmd(pmd):
        folio = pmd_folio(pmd)
        folio_get(folio)
        if not folio_try_dup_anon_rmap_pmd(folio):
            folio_put(folio)
            spin_unlock(src_pmd.ptl)
            spin_unlock(dst_pmd.ptl)
            split_huge_pmd(src_vma, src_pmd, addr)
            return -EAGAIN
    pmdp_set_wrprotect(src_vma.mm, addr, src_pmd)
    set_pmd_at(dst_vma.mm, addr, dst_pmd, child_pmd(dst_vma, pmd))
    spin_unlock(src_pmd.ptl)
    spin_unlock(dst_pmd.ptl)
    return 0


@kernel("mm/huge_memory.c:move_huge_pmd", "7.3.4")
def move_huge_pmd(vma: Vma, old_addr: Addr, new_addr: Addr, old_pmd: Pmd, new_pmd: Pmd) -> bool:
    """The leaf goes where nothing is; false if something is there.  mmap_lock held for writing."""
    if not pmd_none_at_all(new_pmd):
        return False
    spin_lock(old_pmd.ptl)
    if new_pmd.ptl != old_pmd.ptl:
        spin_lock_nested(new_pmd.ptl)
    pmd = pmdp_huge_get_and_clear(vma.mm, old_addr, old_pmd)
    set_pmd_at(vma.mm, new_addr, new_pmd, moved_pte(pmd, vma.uffd_wp or vma.uffd_missing))
    flush_pmd_tlb_range(vma, old_pmd)
    if new_pmd.ptl != old_pmd.ptl:
        spin_unlock(new_pmd.ptl)
    spin_unlock(old_pmd.ptl)
    return True

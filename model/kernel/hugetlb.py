# SPDX-License-Identifier: GPL-2.0-only
"""hugetlb: page tables of huge pages, which VMAs share that map the same of a file alike.

An address is a huge page here: a Pmd stands for the entry of a PUD, its Table for the PMD table, a
Pte for the entry of that which maps a huge page.  `Table.sharers` counts the entries that point to
a table besides the first; one lock (the split lock of the PMD table) guards its entries whoever
looks at them.  Who sets up sharing holds i_mmap_rwsem for reading; who leaves a table holds it for
writing, with the VMA's hugetlb lock, and flushes before it is dropped.

A routine takes a range that lies in one table; the kernel's loop over several.  Left out: pages of
PUD size, migration and poisoned entries, markers, notifiers, reservations, userfaultfd (a
registered VMA never shares).
"""

from __future__ import annotations

from dataclasses import replace

from model.hw.arch import arch
from model.hw.machine import Addr, Pmd, Pte, Table
from model.lang import current, kernel, primitive, pure, static, step, unmodelled, wait_until

from .filemap import (
    i_mmap,
    i_mmap_lock_read,
    i_mmap_lock_write,
    i_mmap_unlock_read,
    i_mmap_unlock_write,
)
from .folio import (
    all_folios,
    folio_add_file_rmap_pte,
    folio_get,
    folio_put,
    folio_remove_rmap_pte,
    folio_test_anon,
    folio_try_dup_anon_rmap_pte,
    vm_normal_folio,
)
from .locks import (
    down_read,
    down_write,
    spin_lock,
    spin_lock_nested,
    spin_unlock,
    up_read,
    up_write,
)
from .mprotect import pte_modify, ptep_modify_prot_commit, ptep_modify_prot_start
from .objects import Folio, Mapping, Mm, Vma
from .pgtable import (
    first_addr,
    pmd_clear,
    pmd_none,
    pmd_populate,
    pmdp_get_lockless,
    pte_none,
    pte_present,
    ptep_get,
    ptep_get_and_clear,
    ptep_get_lockless,
    ptep_set_wrprotect,
    set_pte_at,
)
from .task import threads
from .tlbflush import (
    dec_tlb_flush_pending,
    flush_everywhere,
    tlb_flush_mmu,
    tlb_gather_mmu,
    tlb_remove_tlb_entry,
)

# -- locks -----------------------------------------------------------------------------------------


@kernel("mm/hugetlb.c:hugetlb_vma_lock_read", "7.3.4")
def hugetlb_vma_lock_read(vma: Vma) -> None:
    """A VMA that cannot share has none here.  Left out: the lock of private reservations."""
    if vma.hugetlb_lock is not None:
        down_read(vma.hugetlb_lock)


@kernel("mm/hugetlb.c:hugetlb_vma_unlock_read", "7.3.4")
def hugetlb_vma_unlock_read(vma: Vma) -> None:
    if vma.hugetlb_lock is not None:
        up_read(vma.hugetlb_lock)


@kernel("mm/hugetlb.c:hugetlb_vma_lock_write", "7.3.4")
def hugetlb_vma_lock_write(vma: Vma) -> None:
    if vma.hugetlb_lock is not None:
        down_write(vma.hugetlb_lock)


@kernel("mm/hugetlb.c:hugetlb_vma_unlock_write", "7.3.4")
def hugetlb_vma_unlock_write(vma: Vma) -> None:
    if vma.hugetlb_lock is not None:
        up_write(vma.hugetlb_lock)


# -- tables ----------------------------------------------------------------------------------------


@pure
def pud_of(vma: Vma, addr: Addr) -> Pmd:
    """pud_offset: the entry that points to the PMD table of an address."""
    return vma.mm.root.pmds[addr]


@static
def pmd_indexes(mm: Mm) -> tuple[int, ...]:
    """pmd_index of each address: its place in the range that one PUD entry maps."""
    pmds = mm.root.pmds
    return tuple(sum(p is pmd for p in pmds[:a]) for a, pmd in enumerate(pmds))


@static
def pud_bases(mm: Mm) -> tuple[Addr, ...]:
    """addr & PUD_MASK of each address."""
    return tuple(a - i for a, i in enumerate(pmd_indexes(mm)))


@static
def pud_ends(mm: Mm) -> tuple[Addr, ...]:
    """The first address behind what the PUD entry of each address maps."""
    pmds = mm.root.pmds
    return tuple(base + sum(p is pmds[a] for p in pmds) for a, base in enumerate(pud_bases(mm)))


@static
def new_pmd_table(pud: Pmd) -> Table | None:
    """A table that the entry may be given when it has none."""
    for table in pud.world.all(Table):
        if table.spare and table.slots[first_addr(pud)] is not None:
            return table
    return None


@primitive("mm/hugetlb.c:huge_pte_offset", "7.3.4")
def hugetlb_walk(vma: Vma, addr: Addr) -> Pte | None:
    """The entry of a huge page; None where there is no PMD table."""
    table = pmdp_get_lockless(pud_of(vma, addr))
    if table is None:
        return None
    return table.slots[addr]


@primitive("mm/memory.c:__pmd_alloc", "7.3.4")
def pmd_alloc(pud: Pmd) -> None:
    """Give the entry a table if it has none.  Left out: no memory."""
    if pmd_none(pud):
        spare = new_pmd_table(pud)
        if spare is None:
            unmodelled("a second PMD table for one PUD entry")
        else:
            spin_lock(pud.ptl)
            if pmd_none(pud):
                pmd_populate(pud, spare)
            spin_unlock(pud.ptl)


@step("include/linux/mm_types.h:ptdesc_pmd_pts_inc", "7.3.4", order="relaxed")
def ptdesc_pmd_pts_inc(table: Table) -> None:
    table.sharers = table.sharers + 1


@step("include/linux/mm_types.h:ptdesc_pmd_pts_dec", "7.3.4", order="relaxed")
def ptdesc_pmd_pts_dec(table: Table) -> None:
    table.sharers = table.sharers - 1


@step("include/linux/mm_types.h:ptdesc_pmd_is_shared", "7.3.4", order="relaxed")
def ptdesc_pmd_is_shared(table: Table) -> bool:
    return table.sharers > 0


# -- sharing ---------------------------------------------------------------------------------------


@static
def range_in_vma(vma: Vma, addr: Addr) -> bool:
    """The whole range of the PUD entry of an address lies in the VMA."""
    return vma.start <= pud_bases(vma.mm)[addr] and pud_ends(vma.mm)[addr] <= vma.end


@kernel("mm/hugetlb.c:want_pmd_share", "7.3.4")
def want_pmd_share(vma: Vma, addr: Addr) -> bool:
    if vma.uffd_missing or vma.uffd_wp:
        return False
    return vma.shared and vma.hugetlb_lock is not None and range_in_vma(vma, addr)


@static
def page_table_shareable(svma: Vma, vma: Vma, addr: Addr, saddr: Addr) -> bool:
    """Whether `svma`, which has the page of the file at `saddr`, maps all of the PUD entry's range
    with the same flags and at the same places of the table."""
    flags = [(v.shared, v.writable, v.readable, v.uffd_missing, v.uffd_wp) for v in (svma, vma)]
    return (
        range_in_vma(svma, saddr)
        and pmd_indexes(svma.mm)[saddr] == pmd_indexes(vma.mm)[addr]
        and flags[0] == flags[1]
        and svma.hugetlb_lock is not None
    )


@static
def shareable_puds(mapping: Mapping, vma: Vma, addr: Addr) -> tuple[Pmd, ...]:
    """The PUD entries of other VMAs whose table could be shared for an address, in order."""
    idx = addr - vma.shift
    found = [(v, idx + v.shift) for v in i_mmap(mapping) if v.start <= idx + v.shift < v.end]
    return tuple(
        v.mm.root.pmds[saddr]
        for v, saddr in found
        if v is not vma and page_table_shareable(v, vma, addr, saddr)
    )


@kernel("mm/hugetlb.c:huge_pmd_share", "7.3.4")
def huge_pmd_share(vma: Vma, mapping: Mapping, addr: Addr) -> Pte:
    """The entry of a page, in the table of another VMA if there is one that can be shared."""
    pud = pud_of(vma, addr)
    shared: Table | None = None
    i_mmap_lock_read(mapping)
    for other in shareable_puds(mapping, vma, addr):
        if shared is None:
            table = pmdp_get_lockless(other)
            if table is not None:
                ptdesc_pmd_pts_inc(table)
                shared = table
    if shared is not None:
        spin_lock(pud.ptl)
        if pmd_none(pud):
            pmd_populate(pud, shared)
        else:
            ptdesc_pmd_pts_dec(shared)
        spin_unlock(pud.ptl)
    pmd_alloc(pud)
    i_mmap_unlock_read(mapping)
    return hugetlb_walk(vma, addr)  # type: ignore[return-value]  # the table is there by now


@kernel("mm/hugetlb.c:huge_pte_alloc", "7.3.4")
def huge_pte_alloc(vma: Vma, mapping: Mapping, addr: Addr) -> Pte:
    """The entry of a page, with the table that it needs."""
    pud = pud_of(vma, addr)
    if want_pmd_share(vma, addr) and pmd_none(pud):
        return huge_pmd_share(vma, mapping, addr)
    pmd_alloc(pud)
    return hugetlb_walk(vma, addr)  # type: ignore[return-value]  # the table is there by now


@kernel("mm/hugetlb.c:huge_pmd_unshare", "7.3.4")
def huge_pmd_unshare(vma: Vma, addr: Addr, pte: Pte) -> bool:
    """Leave a table that others use; true if it was shared.  The caller flushes, before it drops
    i_mmap_rwsem (`huge_pmd_unshare_flush`)."""
    table = pte.table
    if not ptdesc_pmd_is_shared(table):
        return False
    pmd_clear(pud_of(vma, addr))
    ptdesc_pmd_pts_dec(table)
    return True


@step("mm/mmu_gather.c:tlb_remove_table_sync_one", "7.3.4", order="full",
      several="an interrupt to every CPU, and the wait for all")  # fmt: skip
def tlb_remove_table_sync_one() -> None:
    """Nobody walks page tables with interrupts off any more (GUP-fast)."""
    for thread in threads():
        wait_until(thread is current() or not thread.cpu.irqs_off)


@primitive("mm/hugetlb.c:huge_pmd_unshare_flush", "7.3.4")
def huge_pmd_unshare_flush(vma: Vma, addr: Addr, table: Table) -> None:
    """tlb_flush_unshared_tables: all that the PUD entry mapped, and the pointer to the table; then,
    if only one user is left, who may write to it alone, wait for GUP-fast."""
    flush_everywhere(vma.mm, pud_bases(vma.mm)[addr], pud_ends(vma.mm)[addr], False, False)
    if arch().table_sync_ipi:
        alone = not ptdesc_pmd_is_shared(table)
        if alone:
            tlb_remove_table_sync_one()


@kernel("mm/hugetlb.c:hugetlb_unshare_pmds", "7.3.4")
def hugetlb_unshare_pmds(vma: Vma, mapping: Mapping, addr: Addr, take_locks: bool) -> None:
    """Leave the table of one PUD entry.  hugetlb_split, before a VMA is split inside of what the
    entry maps, does not take the locks: it holds i_mmap_rwsem, and nobody else walks."""
    if take_locks:
        hugetlb_vma_lock_write(vma)
        i_mmap_lock_write(mapping)
    pte = hugetlb_walk(vma, addr)
    if pte is not None:
        spin_lock(pte.table.ptl)
        left = huge_pmd_unshare(vma, addr, pte)
        spin_unlock(pte.table.ptl)
        if left:
            huge_pmd_unshare_flush(vma, addr, pte.table)
    if take_locks:
        i_mmap_unlock_write(mapping)
        hugetlb_vma_unlock_write(vma)


# -- what happens to a range -----------------------------------------------------------------------


@kernel("mm/hugetlb.c:hugetlb_change_protection", "7.3.4")
def hugetlb_change_protection(vma: Vma, mapping: Mapping, start: Addr, end: Addr) -> None:
    """To what the VMA says now.  A shared table is left instead: its pages fault again."""
    recorded = False
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
            huge_pmd_unshare_flush(vma, addr, pte.table)
            break
        now = ptep_get(pte)
        if pte_present(now):
            old = ptep_modify_prot_start(vma, addr, pte)
            ptep_modify_prot_commit(vma, addr, pte, pte_modify(vma, old))
            tlb_remove_tlb_entry(addr)
            recorded = True
        spin_unlock(pte.table.ptl)
        addr += 1
    tlb_flush_mmu(vma.mm, start, end, recorded, False)
    i_mmap_unlock_write(mapping)
    hugetlb_vma_unlock_write(vma)
    dec_tlb_flush_pending(vma.mm)


@kernel("mm/hugetlb.c:__unmap_hugepage_range", "7.3.4")
def unmap_hugepage_range(vma: Vma, mapping: Mapping, start: Addr, end: Addr) -> None:
    """Between hugetlb_zap_begin and hugetlb_zap_end, and what is freed after the flush.

    A shared table is left whole, also where only a part of it is asked for.
    """
    recorded = False
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
            huge_pmd_unshare_flush(vma, addr, pte.table)
            break
        now = ptep_get(pte)
        if pte_present(now):
            old = ptep_get_and_clear(vma.mm, addr, pte)
            tlb_remove_tlb_entry(addr)
            recorded = True
            folio = vm_normal_folio(old)
            if folio is not None:
                folio_remove_rmap_pte(folio)
                dead = dead | frozenset({folio})
        spin_unlock(pte.table.ptl)
        addr += 1
    tlb_flush_mmu(vma.mm, start, end, recorded, False)
    i_mmap_unlock_write(mapping)
    hugetlb_vma_unlock_write(vma)
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
    moved = False
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
                huge_pmd_unshare_flush(vma, old_addr + done, src_pte.table)
                break
            first = huge_pte_alloc(new_vma, mapping, new_addr)
            dst_pte = first.table.slots[new_addr + done]
            move_huge_pte(vma, old_addr + done, new_addr + done, src_pte, dst_pte)
            tlb_remove_tlb_entry(old_addr + done)
            moved = True
        done += 1
    tlb_flush_mmu(vma.mm, old_addr, old_addr + length, moved, False)
    i_mmap_unlock_write(mapping)
    hugetlb_vma_unlock_write(vma)
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
    folio = vm_normal_folio(entry)
    if pte_present(entry) and folio is not None:
        folio_get(folio)
        if not folio_test_anon(folio):
            folio_add_file_rmap_pte(folio)
        elif not folio_try_dup_anon_rmap_pte(folio):
            unmodelled("fork of a huge page that is pinned")
        ptep_set_wrprotect(src_vma.mm, src_addr, src_pte)
        set_pte_at(dst_vma.mm, dst_addr, dst_pte, replace(entry, write=False))
    spin_unlock(src_ptl)
    spin_unlock(dst_pte.table.ptl)

# SPDX-License-Identifier: GPL-2.0-only
"""hugetlb: page tables of huge pages, which VMAs share that map the same of a file alike.

An address is a huge page here: a Pmd stands for the entry of a PUD, its Table for the PMD table, a
Pte for the entry of that which maps a huge page.  `Table.sharers` counts the entries that point to
a table besides the first; one lock (the split lock of the PMD table) guards its entries whoever
looks at them.  Who sets up sharing holds i_mmap_rwsem for reading; who leaves a table holds it for
writing, with the VMA's hugetlb lock, and flushes before it is dropped.

What happens to the entries is in `hugetlb_range` and `hugetlb_fault`.  Left out in all: pages of
PUD size, migration and poisoned entries, markers, notifiers, reservations, userfaultfd (a
registered VMA never shares).
"""

from __future__ import annotations

from model.hw.arch import arch
from model.hw.objects import Addr, Pmd, Pte, Table
from model.lang import current, kernel, primitive, pure, static, step, unmodelled, wait_until

from ..file.filemap import i_mmap
from ..locks import (
    down_read,
    down_write,
    i_mmap_lock_read,
    i_mmap_lock_write,
    i_mmap_unlock_read,
    i_mmap_unlock_write,
    spin_lock,
    spin_unlock,
    up_read,
    up_write,
)
from ..mmu_gather import (
    clear_fully_unshared,
    dec_tlb_flush_pending,
    gathered,
    tlb_flush_mmu,
    tlb_flush_mmu_tlbonly,
    tlb_gather_mmu,
    tlb_unshare_pmd_ptdesc,
)
from ..objects import Mapping, Mm, Vma
from ..pgtable import first_addr, pmd_clear, pmd_none, pmd_populate, pmdp_get_lockless
from ..task import threads

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
    """Leave a table that others use; true if it was shared.  It is recorded in the caller's gather,
    which is flushed before i_mmap_rwsem is dropped (`huge_pmd_unshare_flush`)."""
    table = pte.table
    if not ptdesc_pmd_is_shared(table):
        return False
    pmd_clear(pud_of(vma, addr))
    tlb_unshare_pmd_ptdesc(table, pud_bases(vma.mm)[addr], pud_ends(vma.mm)[addr])
    return True


@step("mm/mmu_gather.c:tlb_remove_table_sync_one", "7.3.4", order="full",
      several="an interrupt to every CPU, and the wait for all")  # fmt: skip
def tlb_remove_table_sync_one() -> None:
    """Nobody walks page tables with interrupts off any more (GUP-fast)."""
    for thread in threads():
        wait_until(thread is current() or not thread.cpu.irqs_off)


@primitive("mm/hugetlb.c:huge_pmd_unshare_flush", "7.3.4")
def huge_pmd_unshare_flush(mm: Mm) -> None:
    """tlb_flush_unshared_tables: flush, unless that is done; then, if a table has only one user
    left, who may write to it alone, wait for GUP-fast."""
    todo = gathered()
    if todo.unshared_tables:
        tlb_flush_mmu_tlbonly(mm)
    if todo.fully_unshared_tables:
        if arch().table_sync_ipi:
            tlb_remove_table_sync_one()
        clear_fully_unshared()


@kernel("mm/hugetlb.c:hugetlb_unshare_pmds", "7.3.4")
def hugetlb_unshare_pmds(vma: Vma, mapping: Mapping, addr: Addr, take_locks: bool) -> None:
    """Leave the table of one PUD entry.  hugetlb_split, before a VMA is split inside of what the
    entry maps, does not take the locks: it holds i_mmap_rwsem, and nobody else walks."""
    tlb_gather_mmu(vma.mm)
    if take_locks:
        hugetlb_vma_lock_write(vma)
        i_mmap_lock_write(mapping)
    pte = hugetlb_walk(vma, addr)
    if pte is not None:
        spin_lock(pte.table.ptl)
        huge_pmd_unshare(vma, addr, pte)
        spin_unlock(pte.table.ptl)
    huge_pmd_unshare_flush(vma.mm)
    if take_locks:
        i_mmap_unlock_write(mapping)
        hugetlb_vma_unlock_write(vma)
    tlb_flush_mmu(vma.mm)
    dec_tlb_flush_pending(vma.mm)

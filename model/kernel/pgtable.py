# SPDX-License-Identifier: GPL-2.0-only
"""Page-table entries: reading, clearing, setting, mapping a table for access.

Every write of an entry goes through here, because what it takes away from user code is noted
(`Thread.removed`) for the invariants, and because the TLB sets of the eager semantics grow with
each write.

Left out: highmem mapping of tables (kmap_local), paravirt, contpte and batching of equal
entries; none changes which entry is written under which lock.
"""

from __future__ import annotations

from dataclasses import replace

from model.hw.arch import Remote, arch
from model.hw.objects import (
    Addr,
    Pmd,
    Pte,
    PteKind,
    PteVal,
    Root,
    Table,
    Thread,
    Translation,
    moves,
    permitted,
    tables_move,
    translates,
)
from model.hw.tlb import drop_pte
from model.lang import (
    check,
    current,
    effect,
    primitive,
    pure,
    static,
    step,
    unmodelled,
    wait_until,
)

from ..hw.orders import PTE_ADD_PERMISSIONS, PTE_WRITE_PROTECT, XCHG_PTE
from .locks import spin_lock, spin_unlock
from .objects import Gather, Mm, Vma
from .task import mine, rcu_read_lock, rcu_read_unlock, threads
from .tlbflush import flush_tlb_page, mm_tlb_flush_pending

NONE = PteVal()
"""pte_none."""

UFFD_WP_MARKER = PteVal(kind=PteKind.MARKER, entry=1, uffd_wp=True)
"""make_pte_marker(PTE_MARKER_UFFD_WP): in VMAs of files, where the bit has no entry to be in."""


# -- what an entry says ----------------------------------------------------------------------------


@pure
def pte_none(val: PteVal) -> bool:
    return val.kind == PteKind.NONE


@pure
def pte_present(val: PteVal) -> bool:
    return val.kind == PteKind.PRESENT


@pure
def next_pte(pte: Pte) -> Pte:
    """The entry after this one in its table (`pte++`)."""
    return pte.table.slots[pte.addr + 1]


@pure
def pte_same(one: PteVal, two: PteVal) -> bool:
    return one == two


@pure
def userfaultfd_pte_wp(vma: Vma, val: PteVal) -> bool:
    """include/linux/userfaultfd_k.h: the bit alone is not enough, for it stays in an entry whose
    VMA was registered anew without."""
    return vma.uffd_wp and val.uffd_wp


@pure
def is_uffd_wp_marker(val: PteVal) -> bool:
    """pte_is_uffd_wp_marker: nothing is mapped, and what will be is to be write-protected."""
    return val.kind == PteKind.MARKER and val.uffd_wp


@pure
def is_zero_page(val: PteVal) -> bool:
    """is_zero_pfn(pte_pfn(val))."""
    return val.frame is not None and val.frame.zero


@effect
def changed(pte: Pte, old: PteVal, new: PteVal) -> None:
    """Note what the entry was when its lock was taken, and what user code could do under `old` and
    cannot under `new`; what it can do again is no longer taken away by anybody."""
    me: Thread = current()
    if me.took[pte.addr].kind == PteKind.NONE:
        me.took[pte.addr] = old
    if me.took[pte.addr].kind == PteKind.NONE and new.kind != PteKind.NONE:
        me.placed[pte.addr] = True
    if (old.kind == PteKind.NONE) != (new.kind == PteKind.NONE):
        me.taken[pte.addr] = new.kind == PteKind.NONE
    before, after = permitted(old), permitted(new)
    if not tables_move(me):
        taken_away(pte.addr, before, after)
    else:
        if pte.here is None or pte.here.table == pte.table:
            taken_away(pte.addr, before, after)
        if pte.there is not None and pte.there.table == pte.table:
            taken_away(pte.elsewhere, before, after)


@effect
def taken_away(addr: Addr, old: frozenset[Translation], new: frozenset[Translation]) -> None:
    """Note what user code could do at an address, and what it can from now on."""
    me: Thread = current()
    for thread in threads():
        if thread is me:
            me.removed[addr] = (me.removed[addr] | (old - new)) - new
        else:
            thread.removed[addr] = thread.removed[addr] - new


@effect
def looked_at_for(pte: Pte) -> None:
    """Note what others have taken away here and not flushed yet.  A call with an mmu_gather takes
    an entry that it finds gone for flushed when it returns: the gather of another call makes its
    own flush the whole mm (mm_tlb_flush_nested), and an unmap whose flush was put off it flushes
    as it takes the page-table lock (flush_tlb_batched_pending)."""
    me: Thread = current()
    if mine(Gather).mm is not None:
        if not tables_move(me):
            answered_for(pte.addr)
        else:
            if pte.here is None or pte.here.table == pte.table:
                answered_for(pte.addr)
            if pte.there is not None and pte.there.table == pte.table:
                answered_for(pte.elsewhere)


@effect
def answered_for(addr: Addr) -> None:
    """Make this call answer for what others have taken away at an address."""
    me: Thread = current()
    for thread in threads():
        if thread is not me:
            me.removed[addr] = me.removed[addr] | thread.removed[addr]


@effect
def looked_for_table(pmd: Pmd) -> None:
    """Note the same where there is no table, of all entries that one would have."""
    me: Thread = current()
    if pmd.table is None and mine(Gather).mm is not None:
        for thread in threads():
            if thread is not me:
                for addr in addresses_of(pmd):
                    me.removed[addr] = me.removed[addr] | thread.removed[addr]


# -- one entry -------------------------------------------------------------------------------------


@step("include/linux/pgtable.h:ptep_get", "7.3.4", order="once")
def ptep_get(pte: Pte) -> PteVal:
    looked_at_for(pte)
    return pte.val


@step("include/linux/pgtable.h:ptep_get_lockless", "7.3.4", order="once", traits="lockless")
def ptep_get_lockless(pte: Pte) -> PteVal:
    """The entry, read without its lock."""
    return pte.val


@step("include/linux/pgtable.h:set_ptes", "7.3.4", order="once", traits="pte")
def set_pte_at(mm: Mm, addr: Addr, pte: Pte, val: PteVal) -> None:
    changed(pte, pte.val, val)
    pte.val = val
    folio = val.frame.folio if val.frame is not None else None
    if folio is not None and folio.copy_of is not None:
        folio.copy_of = folio


@step("arch/x86/include/asm/pgtable.h:ptep_get_and_clear", "7.3.4", order=XCHG_PTE, traits="pte")
def ptep_get_and_clear(mm: Mm, addr: Addr, pte: Pte) -> PteVal:
    """s390: IPTE, which drops the translations with the entry.

    Left out there: with a single CPU attached the flush is put off to the next return to user
    code; a user CPU is always attached here besides the caller's.
    """
    me: Thread = current()
    old = pte.val
    changed(pte, old, NONE)
    pte.val = NONE
    if arch().remote == Remote.WITH_ENTRY:
        drop_pte(me.cpu, pte)
    return old


@primitive("mm/pgtable-generic.c:ptep_clear_flush", "7.3.4")
def ptep_clear_flush(vma: Vma, addr: Addr, pte: Pte) -> PteVal:
    """Clear a present entry, and flush if it is accessible (pte_accessible of x86 and arm64): if
    hardware may use it, or could until a flush that somebody owes.  s390 has a text of its own,
    whose flush is in the clear.

    On arm64 the clear orders nothing, and the flush is the barrier between it and what follows.  An
    entry that is not accessible has none; GUP-fast, which whoever clears an entry and then asks
    whether the page is pinned has to fear, takes no such entry (pte_access_permitted, 7.3-rc7:
    mm/pgtable-generic.c:ptep_clear_flush, mm/gup.c:gup_fast_pte_range).
    """
    old = ptep_get_and_clear(vma.mm, addr, pte)
    check(pte_present(old), "model:present")
    accessible = translates(old)
    if not accessible:
        accessible = mm_tlb_flush_pending(vma.mm)
    if accessible:
        flush_tlb_page(vma, addr)
    return old


@step("arch/x86/mm/pgtable.c:ptep_set_access_flags", "7.3.4", order=PTE_ADD_PERMISSIONS,
      traits="pte")  # fmt: skip
def ptep_set_access_flags(vma: Vma, addr: Addr, pte: Pte, val: PteVal) -> None:
    """Permissions are only added: nothing needs a flush, a CPU with the old entry faults again.

    arm64 before 6.19 broadcasts an invalidation here; it is not needed for safety and left out.
    """
    changed(pte, pte.val, val)
    pte.val = val


@step("arch/x86/include/asm/pgtable.h:ptep_set_wrprotect", "7.3.4", order=PTE_WRITE_PROTECT,
      traits="pte")  # fmt: skip
def ptep_set_wrprotect(mm: Mm, addr: Addr, pte: Pte) -> None:
    """Take Write away; the caller flushes.  s390: IPTE (ptep_xchg_lazy).

    Not modelled: riscv since 7.2, where it is a load and a store, and hardware may set Dirty
    between them.
    """
    check(arch().wrprotects_at_once, "model:ptep_set_wrprotect is two accesses")
    me: Thread = current()
    old = pte.val
    new = replace(old, write=False)
    changed(pte, old, new)
    pte.val = new
    if arch().remote == Remote.WITH_ENTRY:
        drop_pte(me.cpu, pte)


# -- tables ----------------------------------------------------------------------------------------


@step("include/linux/pgtable.h:pmdp_get_lockless", "7.3.4", order="once", traits="lockless")
def pmdp_get_lockless(pmd: Pmd) -> Table | None:
    looked_for_table(pmd)
    return pmd.table


@step("arch/x86/include/asm/pgtable.h:pmd_none", "7.3.4", order="plain", traits="lockless")
def pmd_none(pmd: Pmd) -> bool:
    return pmd.table is None


@primitive("mm/pgtable-generic.c:__pte_offset_map", "7.3.4")
def pte_offset_map(pmd: Pmd, addr: Addr) -> Pte | None:
    """The entry for an address, under RCU; None where there is no table.

    The table that was found is `pte.table`: the pmd value that pte_offset_map_rw_nolock hands out.
    """
    rcu_read_lock()
    table = pmdp_get_lockless(pmd)
    if table is None:
        rcu_read_unlock()
        return None
    return table.slots[addr]


@primitive("include/linux/pgtable.h:pte_unmap", "7.3.4")
def pte_unmap(pte: Pte) -> None:
    rcu_read_unlock()


@primitive("mm/pgtable-generic.c:pte_offset_map_lock", "7.3.4")
def pte_offset_map_lock(pmd: Pmd, addr: Addr) -> Pte | None:
    """The entry with its table's lock held, the table being the one that is in use."""
    while True:
        pte = pte_offset_map(pmd, addr)
        if pte is None:
            return None
        spin_lock(pte.table.ptl)
        table = pmdp_get_lockless(pmd)
        if table == pte.table:
            return pte
        spin_unlock(pte.table.ptl)
        rcu_read_unlock()


@primitive("include/linux/mm.h:pte_unmap_unlock", "7.3.4")
def pte_unmap_unlock(pte: Pte) -> None:
    spin_unlock(pte.table.ptl)
    rcu_read_unlock()


@static
def movable_tables(pmd: Pmd) -> tuple[Table, ...]:
    """The tables that have a place under a PMD entry, and another one."""
    found: tuple[Table, ...] = pmd.world.all(Table)
    here = first_addr(pmd)
    return tuple(t for t in found if t.slots[here] is not None and moves(t.slots[here]))


@effect
def table_leaves(pmd: Pmd) -> None:
    """Note the table, and what user code loses with it.  Of one that has one place in its life the
    entries are none before it goes (`a_freed_table_maps_nothing`)."""
    nothing: frozenset[Translation] = frozenset()
    me: Thread = current()
    me.unlinked[pmd] = pmd.table
    if tables_move(me):
        for table in movable_tables(pmd):
            if pmd.table == table:
                for addr in addresses_of(pmd):
                    taken_away(addr, permitted(table.slots[addr].val), nothing)


@effect
def table_arrives(pmd: Pmd, table: Table | None) -> None:
    """Note what user code may do where a table has been moved to."""
    nothing: frozenset[Translation] = frozenset()
    me: Thread = current()
    if tables_move(me):
        for other in movable_tables(pmd):
            if table == other:
                for addr in addresses_of(pmd):
                    taken_away(addr, nothing, permitted(other.slots[addr].val))


@step("arch/x86/include/asm/pgtable.h:pmd_clear", "7.3.4", order="once", traits="pmd")
def pmd_clear(pmd: Pmd) -> None:
    """On s390, too, a store: translations through the entry stay (see `pmd_unlink_table`)."""
    table_leaves(pmd)
    pmd.table = None


@step("mm/memory.c:pmd_install", "7.3.4", order="release", traits="pmd")
def pmd_populate(pmd: Pmd, table: Table | None) -> None:
    """Publish a table, after the smp_wmb of pmd_install; None: pmd_pgtable() of an entry that was
    none, which is the first page of memory."""
    table_arrives(pmd, table)
    pmd.table = table


@static
def spare_table(pmd: Pmd) -> Table | None:
    """A table that the entry may be given when it has none (a cast has one at the most, and another
    one for each place of those that move)."""
    here = first_addr(pmd)
    for table in pmd.world.all(Table):
        slot = table.slots[here]
        if table.spare and slot is not None and slot.addr == here:
            return table
    return None


@static
def addresses_of(pmd: Pmd) -> tuple[Addr, ...]:
    """The addresses that an entry translates."""
    return tuple(a for r in pmd.world.all(Root) for a, p in enumerate(r.pmds) if p is pmd)


@static
def first_addr(pmd: Pmd) -> Addr:
    """The first address that an entry translates."""
    return addresses_of(pmd)[0]


@step("mm/memory.c:__pte_alloc", "7.3.4", order="plain")
def pte_alloc_one(table: Table) -> None:
    """Take the page of a table from the allocator; the kernel does so before it takes the pmd lock.
    A spare one that was in use comes back with the grace period.  Left out: that another page could
    be had meanwhile."""
    wait_until(table.freed or not table.spare)
    table.freed = False


@primitive("mm/memory.c:__pte_alloc", "7.3.4")
def pte_alloc(pmd: Pmd) -> None:
    """Give the entry a table if it has none.  Left out: no memory."""
    if pmd_none(pmd):
        spare = spare_table(pmd)
        if spare is None:
            unmodelled("a second table for one pmd")
        else:
            spin_lock(pmd.ptl)
            if pmd_none(pmd):
                pte_alloc_one(spare)
                pmd_populate(pmd, spare)
            spin_unlock(pmd.ptl)

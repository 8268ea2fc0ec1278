# SPDX-License-Identifier: GPL-2.0-only
"""The reverse map of anonymous folios: finding and locking the anon_vma, and walking it.

Two generations.  Until 6.18 some callers walk a folio that they have not locked, so the anon_vma
lock is taken and then folio->mapping is read again; since 6.19 (95b34d66480b) every caller holds
the folio lock and there is no second look.

Left out: KSM and file folios, PMD mappings, device-private entries, mlock; an anon_vma is
never freed, also where a cast unmaps its last VMA.
"""

from __future__ import annotations

from dataclasses import replace

from model.hw.objects import Addr, Pmd, Pte, PteKind, PteVal, Thread
from model.lang import check, current, effect, kernel, primitive, pure, static, step

from ..hw.orders import DOWN_READ_TRYLOCK, PTE_CLEAR_YOUNG
from .folio import (
    folio_isolate_lru,
    folio_mapped,
    folio_mapping,
    folio_mapping_lockless,
    folio_putback_lru,
)
from .locks import (
    anon_vma_lock_read,
    anon_vma_unlock_read,
    folio_trylock,
    folio_unlock,
    spin_lock,
    spin_unlock,
)
from .objects import AnonVma, Folio, RmapWalk, Vma
from .pgtable import pmdp_get_lockless, pte_offset_map, pte_offset_map_lock, pte_unmap, ptep_get
from .task import addresses, entries, mine, rcu_read_lock, rcu_read_unlock


@static
def vmas() -> tuple[Vma, ...]:
    """Every VMA, in the order in which an interval tree gives them."""
    me: Thread = current()
    return me.world.all(Vma)


@static
def pmd_of(vma: Vma) -> Pmd:
    """The entry above all of a VMA's page-table entries (no VMA of a cast spans two)."""
    return vma.mm.root.pmds[vma.start]


@pure
def in_tree(vma: Vma, anon_vma: AnonVma, index: Addr) -> bool:
    """Whether the interval tree has the VMA at a page index."""
    addr = index + vma.shift
    return anon_vma in vma.trees and vma.start <= addr and addr < vma.end


# -- the anon_vma of a folio -----------------------------------------------------------------------


@step("mm/util.c:folio_anon_vma", "7.3.4", order="once")
def folio_anon_vma(folio: Folio) -> AnonVma | None:
    return folio.mapping


@step("include/linux/pagemap.h:folio_pgoff", "7.3.4", order="plain")
def folio_pgoff(folio: Folio) -> Addr:
    """Where a locked folio is mapped in its VMAs."""
    return folio.index


@step("include/linux/pagemap.h:folio_pgoff", "7.3.4", order="plain", traits="lockless")
def folio_pgoff_lockless(folio: Folio) -> Addr:
    """The same of a folio that is not locked."""
    return folio.index


@step("mm/internal.h:get_anon_vma", "7.3.4", order="full", traits="anon-ref")
def get_anon_vma(anon_vma: AnonVma) -> None:
    """atomic_inc_not_zero(&anon_vma->refcount): it never fails here, for VMAs hold references and
    no anon_vma is freed here.  The count is a ghost, for the balance."""
    walk = mine(RmapWalk)
    walk.references[anon_vma] = walk.references[anon_vma] + 1


@step("mm/internal.h:put_anon_vma", "7.3.4", order="full", traits="anon-ref")
def put_anon_vma(anon_vma: AnonVma) -> None:
    """Never the last reference, for the same reason."""
    walk = mine(RmapWalk)
    walk.references[anon_vma] = walk.references[anon_vma] - 1


@primitive("mm/rmap.c:folio_get_anon_vma", "7.3.4")
def folio_get_anon_vma(folio: Folio) -> AnonVma | None:
    rcu_read_lock()
    anon_vma = folio_mapping(folio)
    if anon_vma is None or not folio_mapped(folio):
        rcu_read_unlock()
        return None
    get_anon_vma(anon_vma)
    if not folio_mapped(folio):
        rcu_read_unlock()
        put_anon_vma(anon_vma)
        return None
    rcu_read_unlock()
    return anon_vma


@step("mm/internal.h:anon_vma_trylock_read", "7.3.4", order=DOWN_READ_TRYLOCK, traits="trylock")
def anon_vma_trylock_read(anon_vma: AnonVma) -> bool:
    me: Thread = current()
    taken = anon_vma.rwsem.writer is None
    if taken:
        anon_vma.rwsem.readers = anon_vma.rwsem.readers | frozenset({me})
    return taken


@kernel("mm/rmap.c:folio_lock_anon_vma_read", "6.12")
def folio_lock_anon_vma_read_unlocked(folio: Folio, try_lock: bool) -> AnonVma | None:
    """For a caller that may not hold the folio lock: mapping is read again under the lock."""
    while True:  # `continue` is goto retry
        rcu_read_lock()
        anon_vma = folio_mapping_lockless(folio)
        if anon_vma is None or not folio_mapped(folio):
            rcu_read_unlock()
            return None
        if anon_vma_trylock_read(anon_vma):
            mapping = folio_mapping_lockless(folio)
            if mapping != anon_vma:
                anon_vma_unlock_read(anon_vma)
                rcu_read_unlock()
                continue
            if not folio_mapped(folio):
                anon_vma_unlock_read(anon_vma)
                rcu_read_unlock()
                return None
            rcu_read_unlock()
            return anon_vma
        if try_lock:
            rcu_read_unlock()
            return None
        get_anon_vma(anon_vma)
        if not folio_mapped(folio):
            rcu_read_unlock()
            put_anon_vma(anon_vma)
            return None
        rcu_read_unlock()
        anon_vma_lock_read(anon_vma)
        mapping = folio_mapping_lockless(folio)
        if mapping != anon_vma:
            anon_vma_unlock_read(anon_vma)
            put_anon_vma(anon_vma)
            continue
        put_anon_vma(anon_vma)
        return anon_vma


@kernel("mm/rmap.c:folio_lock_anon_vma_read", "7.3.4")
def folio_lock_anon_vma_read(folio: Folio, try_lock: bool) -> AnonVma | None:
    """For a caller that holds the folio lock, which keeps mapping within its root."""
    rcu_read_lock()
    anon_vma = folio_mapping(folio)
    if anon_vma is None or not folio_mapped(folio):
        rcu_read_unlock()
        return None
    if anon_vma_trylock_read(anon_vma):
        if not folio_mapped(folio):
            anon_vma_unlock_read(anon_vma)
            rcu_read_unlock()
            return None
        rcu_read_unlock()
        return anon_vma
    if try_lock:
        rcu_read_unlock()
        return None
    get_anon_vma(anon_vma)
    if not folio_mapped(folio):
        rcu_read_unlock()
        put_anon_vma(anon_vma)
        return None
    rcu_read_unlock()
    anon_vma_lock_read(anon_vma)
    put_anon_vma(anon_vma)
    return anon_vma


# -- one entry -------------------------------------------------------------------------------------


@pure
def check_pte(val: PteVal, folio: Folio, migration: bool) -> bool:
    """Whether the entry is one of the folio: mapped, or under migration when that is asked."""
    kind = PteKind.MIGRATION if migration else PteKind.PRESENT
    return val.kind == kind and val.frame == folio.frame


@effect
def looked_at(addr: Addr) -> None:
    walk = mine(RmapWalk)
    walk.seen[addr] = True


@step("mm/page_vma_mapped.c:map_pte", "7.3.4", order="once", traits="lockless")
def look_without_lock(pte: Pte, addr: Addr) -> PteVal:
    """The look without the lock: an entry that is none is passed over."""
    looked_at(addr)
    return pte.val


@kernel("mm/page_vma_mapped.c:page_vma_mapped_walk", "7.3.4")
def page_vma_mapped_walk(folio: Folio, vma: Vma, addr: Addr, migration: bool) -> Pte | None:
    """The entry of the folio at an address, with its lock held; None if there is none."""
    pmd = pmd_of(vma)
    while True:  # `continue` is goto again
        pte = pte_offset_map(pmd, addr)
        if pte is None:
            return None
        val = look_without_lock(pte, addr)
        if val.kind != (PteKind.MIGRATION if migration else PteKind.PRESENT):
            pte_unmap(pte)
            return None
        spin_lock(pte.table.ptl)
        table = pmdp_get_lockless(pmd)
        if table != pte.table:
            spin_unlock(pte.table.ptl)
            pte_unmap(pte)
            continue
        val = ptep_get(pte)
        if check_pte(val, folio, migration):
            return pte
        spin_unlock(pte.table.ptl)
        pte_unmap(pte)
        return None


@kernel("mm/page_vma_mapped.c:page_vma_mapped_walk", "7.3.4")
def page_vma_mapped_walk_sync(folio: Folio, vma: Vma, addr: Addr, migration: bool) -> Pte | None:
    """PVMW_SYNC: the lock first."""
    pte = pte_offset_map_lock(pmd_of(vma), addr)
    if pte is None:
        return None
    val = ptep_get(pte)
    saw_entry(addr)
    if check_pte(val, folio, migration):
        return pte
    spin_unlock(pte.table.ptl)
    pte_unmap(pte)
    return None


# -- ghosts of a walk ------------------------------------------------------------------------------


@step(traits="ghost")
def saw_entry(addr: Addr) -> None:
    looked_at(addr)


@step(traits="ghost")
def walk_begins(folio: Folio, locked: bool) -> None:
    """The walk holds the anon_vma lock; `locked`: and the folio lock."""
    walk = mine(RmapWalk)
    walk.folio = folio
    walk.locked = locked
    walk.mapped = False
    for pte in entries():
        if pte.val.kind == PteKind.PRESENT and pte.val.frame == folio.frame:
            walk.mapped = True
    for addr in addresses():
        walk.seen[addr] = False


@step(traits="ghost")
def walk_ends(folio: Folio, complete: bool) -> None:
    """The walk is about to let go of the anon_vma; `complete`: it was not broken off."""
    walk = mine(RmapWalk)
    walk.folio = None
    walk.locked = False
    walk.mapped = False
    for addr in addresses():
        walk.seen[addr] = False


@step(traits="ghost")
def found_every_entry(folio: Folio) -> None:
    """A walk with PVMW_SYNC and the anon_vma lock is about to let go of it: whoever called it goes
    on as if no entry were left that names the folio."""


# -- folio_referenced ------------------------------------------------------------------------------


@step("arch/x86/mm/pgtable.c:ptep_clear_flush_young", "7.3.4", order=PTE_CLEAR_YOUNG, traits="pte")
def ptep_clear_flush_young(vma: Vma, addr: Addr, pte: Pte) -> None:
    """Clear Accessed of a present entry.  x86 does not flush; arm64 issues an invalidation and does
    not wait: no rule about downgrades may count on either."""
    check(pte.val.kind == PteKind.PRESENT, "model:present")
    pte.val = replace(pte.val, young=False)


@kernel("mm/rmap.c:folio_referenced_one", "7.3.4")
def folio_referenced_one(folio: Folio, vma: Vma, addr: Addr) -> None:
    pte = page_vma_mapped_walk(folio, vma, addr, False)
    if pte is None:
        return
    ptep_clear_flush_young(vma, addr, pte)
    spin_unlock(pte.table.ptl)
    pte_unmap(pte)


@kernel("mm/rmap.c:rmap_walk_anon", "7.3.4")
def walk_referenced(folio: Folio, anon_vma: AnonVma, locked: bool) -> None:
    """rmap_walk_anon for folio_referenced, the anon_vma locked for reading."""
    walk_begins(folio, locked)
    if locked:
        index = folio_pgoff(folio)
    else:
        index = folio_pgoff_lockless(folio)
    for vma in vmas():
        if in_tree(vma, anon_vma, index):
            folio_referenced_one(folio, vma, index + vma.shift)
    walk_ends(folio, True)
    anon_vma_unlock_read(anon_vma)


@kernel("mm/rmap.c:folio_referenced", "6.12")
def folio_referenced_unlocked(folio: Folio) -> None:
    """From shrink_active_list until 6.18: an anonymous folio is walked without its lock.

    The folio is isolated from the LRU, which holds a reference.
    """
    if not folio_isolate_lru(folio):
        return
    if folio_mapped(folio):
        anon_vma = folio_lock_anon_vma_read_unlocked(folio, True)
        if anon_vma is not None:
            walk_referenced(folio, anon_vma, False)
    folio_putback_lru(folio)


@kernel("mm/rmap.c:folio_referenced", "7.3.4")
def folio_referenced(folio: Folio) -> None:
    """From shrink_active_list since 6.19: try the folio lock, give up if it is taken."""
    if not folio_isolate_lru(folio):
        return
    if folio_mapped(folio) and folio_trylock(folio):
        anon_vma = folio_lock_anon_vma_read(folio, True)
        if anon_vma is not None:
            walk_referenced(folio, anon_vma, True)
        folio_unlock(folio)
    folio_putback_lru(folio)

# SPDX-License-Identifier: GPL-2.0-only
"""PMD entries that are leaves: reading, clearing, setting them, and counting what they map.

A leaf maps a large folio, or the huge zero page, as a whole; its frame is that of the head.
Left out: the tables that are deposited for when a leaf is split (one is always there), migration
and device entries, the ghosts of what is taken from user code (no cast has a leaf).
"""

from __future__ import annotations

from dataclasses import replace

from model.hw.arch import Remote, arch
from model.hw.objects import Addr, Frame, Pmd, PteKind, PteVal, Thread
from model.hw.tlb import drop_entry, drop_table
from model.lang import current, primitive, pure, static, step

from ...hw.orders import ATOMIC, PTE_ADD_PERMISSIONS, PTE_WRITE_PROTECT, XCHG_PTE
from ..folio import (
    ClearPageAnonExclusive,
    PageAnonExclusive,
    folio_maybe_dma_pinned,
    linear_page_index,
)
from ..objects import Folio, Mm, Vma
from ..pgtable import NONE, table_leaves
from ..tlbflush import flush_table_range, flush_tlb_range

# -- what a leaf says ------------------------------------------------------------------------------


@static
def addrs_of_pmd(mm: Mm, pmd: Pmd) -> tuple[Addr, ...]:
    """Every address that an entry of the PMD translates."""
    return tuple(a for a, other in enumerate(mm.root.pmds) if other is pmd)


@static
def huge_zero_page() -> Frame:
    """The frame of the huge zero page."""
    found: tuple[Frame, ...] = current().world.all(Frame)
    return next(f for f in reversed(found) if f.zero)


@pure
def pmd_trans_huge(val: PteVal) -> bool:
    return val.kind == PteKind.PRESENT


@pure
def is_huge_zero_pmd(val: PteVal) -> bool:
    return val.frame is not None and val.frame.zero


@pure
def pmd_folio(val: PteVal) -> Folio:
    """The folio of a leaf that is not the huge zero page."""
    return val.frame.folio  # type: ignore[union-attr,no-any-return]  # such a leaf has one


@step("include/linux/pgtable.h:pmdp_get", "7.3.4", order="once")
def pmdp_get_leaf(pmd: Pmd) -> PteVal:
    """The leaf; NONE if the entry points to a table or to nothing."""
    return pmd.leaf


@step("include/linux/pgtable.h:pmdp_get_lockless", "7.3.4", order="once", traits="lockless")
def pmdp_get_leaf_lockless(pmd: Pmd) -> PteVal:
    """The same without the lock."""
    return pmd.leaf


@step("arch/x86/include/asm/pgtable.h:pmd_none", "7.3.4", order="plain", traits="lockless",
      several="a leaf and a pointer to a table are one word")  # fmt: skip
def pmd_none_at_all(pmd: Pmd) -> bool:
    """Neither a table nor a leaf."""
    return pmd.table is None and pmd.leaf.kind == PteKind.NONE


# -- writing one -----------------------------------------------------------------------------------


@step("arch/x86/include/asm/pgtable.h:set_pmd_at", "7.3.4", order="once", traits="pmd")
def set_pmd_at(mm: Mm, addr: Addr, pmd: Pmd, val: PteVal) -> None:
    pmd.leaf = val


@step("arch/x86/include/asm/pgtable.h:pmdp_huge_get_and_clear", "7.3.4", order=XCHG_PTE,
      traits="pmd")  # fmt: skip
def pmdp_huge_get_and_clear(mm: Mm, addr: Addr, pmd: Pmd) -> PteVal:
    """s390: IDTE, which drops the translations with the entry."""
    me: Thread = current()
    old = pmd.leaf
    pmd.leaf = NONE
    if arch().remote == Remote.WITH_ENTRY:
        for each in addrs_of_pmd(mm, pmd):
            drop_entry(me.cpu, each)
    return old


@primitive("arch/x86/include/asm/tlbflush.h:flush_tlb_range", "7.3.4")
def flush_pmd_tlb_range(vma: Vma, pmd: Pmd) -> None:
    """flush_pmd_tlb_range (include/linux/pgtable.h), a macro."""
    addrs = addrs_of_pmd(vma.mm, pmd)
    flush_tlb_range(vma, addrs[0], addrs[-1] + 1)


@primitive("mm/pgtable-generic.c:pmdp_huge_clear_flush", "7.3.4")
def pmdp_huge_clear_flush(vma: Vma, addr: Addr, pmd: Pmd) -> PteVal:
    old = pmdp_huge_get_and_clear(vma.mm, addr, pmd)
    flush_pmd_tlb_range(vma, pmd)
    return old


@step("arch/x86/include/asm/pgtable.h:pmdp_establish", "7.3.4", order=XCHG_PTE, traits="pmd")
def pmdp_make_invalid(mm: Mm, addr: Addr, pmd: Pmd) -> PteVal:
    """Not for hardware any more, and a leaf still."""
    me: Thread = current()
    old = pmd.leaf
    pmd.leaf = replace(old, protnone=True)
    if arch().remote == Remote.WITH_ENTRY:
        for each in addrs_of_pmd(mm, pmd):
            drop_entry(me.cpu, each)
    return old


@primitive("mm/pgtable-generic.c:pmdp_invalidate", "7.3.4")
def pmdp_invalidate(vma: Vma, addr: Addr, pmd: Pmd) -> PteVal:
    old = pmdp_make_invalid(vma.mm, addr, pmd)
    flush_pmd_tlb_range(vma, pmd)
    return old


@step("arch/x86/mm/pgtable.c:pmdp_set_access_flags", "7.3.4",
      order=PTE_ADD_PERMISSIONS, traits="pmd")  # fmt: skip
def pmdp_set_access_flags(vma: Vma, addr: Addr, pmd: Pmd, val: PteVal) -> None:
    """Permissions are only added."""
    pmd.leaf = val


@step("arch/x86/include/asm/pgtable.h:pmdp_set_wrprotect", "7.3.4",
      order=PTE_WRITE_PROTECT, traits="pmd")  # fmt: skip
def pmdp_set_wrprotect(mm: Mm, addr: Addr, pmd: Pmd) -> None:
    """Take Write away; the caller flushes."""
    me: Thread = current()
    pmd.leaf = replace(pmd.leaf, write=False)
    if arch().remote == Remote.WITH_ENTRY:
        for each in addrs_of_pmd(mm, pmd):
            drop_entry(me.cpu, each)


@step("arch/x86/include/asm/pgtable.h:pmd_clear", "7.3.4", order="once", traits="pmd")
def pmd_unlink_table(mm: Mm, pmd: Pmd) -> None:
    """Take a table out of use.  s390: IDTE, which drops the translations through it."""
    me: Thread = current()
    table_leaves(pmd)
    pmd.table = None
    if arch().remote == Remote.WITH_ENTRY:
        drop_table(me.cpu, pmd)
        for each in addrs_of_pmd(mm, pmd):
            drop_entry(me.cpu, each)


@primitive("mm/pgtable-generic.c:pmdp_collapse_flush", "7.3.4")
def pmdp_collapse_flush(vma: Vma, pmd: Pmd) -> None:
    addrs = addrs_of_pmd(vma.mm, pmd)
    pmd_unlink_table(vma.mm, pmd)
    flush_table_range(vma, addrs[0], addrs[-1] + 1)


# -- map counts and exclusivity --------------------------------------------------------------------


@step("mm/rmap.c:folio_add_new_anon_rmap", "7.3.4", order="plain", traits="rmap new",
      several="the folio is not visible to anybody yet")  # fmt: skip
def folio_add_new_anon_rmap_pmd(folio: Folio, vma: Vma, addr: Addr) -> None:
    """The first mapping of a folio is a leaf: of its pages the head alone says exclusive."""
    folio.mapping = vma.anon_vma
    folio.index = linear_page_index(vma, addr)
    folio.entire_mapcount = 1
    folio.anon_exclusive = True
    folio.lru = True


@step("include/linux/rmap.h:__folio_try_dup_anon_rmap", "7.3.4", order="relaxed", traits="rmap")
def folio_add_rmap_pmd(folio: Folio) -> None:
    """One more leaf maps it."""
    folio.entire_mapcount = folio.entire_mapcount + 1


@primitive("include/linux/rmap.h:folio_try_dup_anon_rmap_pmd", "7.3.4")
def folio_try_dup_anon_rmap_pmd(folio: Folio) -> bool:
    """One more leaf, of a child, after which the folio is not exclusive; not if it is pinned.

    The kernel returns 0 or -EBUSY.
    """
    if PageAnonExclusive(folio) and folio_maybe_dma_pinned(folio):
        return False
    ClearPageAnonExclusive(folio)
    folio_add_rmap_pmd(folio)
    return True


@step("mm/rmap.c:folio_remove_rmap_pmd", "7.3.4", order="relaxed", traits="rmap")
def folio_remove_rmap_pmd(folio: Folio) -> None:
    folio.entire_mapcount = folio.entire_mapcount - 1


@step("include/linux/page_ref.h:folio_ref_add", "7.3.4", order=ATOMIC, traits="ref")
def folio_ref_add(folio: Folio, count: int) -> None:
    folio.refcount = folio.refcount + count

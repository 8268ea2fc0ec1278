# SPDX-License-Identifier: GPL-2.0-only
"""Deliberate errors of the reference MM: functions that run in the place of others.

Each is a mistake that somebody could make, in one function.  `seen` says what has to notice it:
the structural checks and the flat oracle; or only a running kernel, where memory stays right
and the structure stays sound.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from model.hw.objects import Addr, Frame, Pte, PteKind, PteVal
from model.kernel.anon import fork, mprotect, mremap, zap
from model.kernel.anon.fault import wp_can_reuse_anon_folio
from model.kernel.anon.uffd import mfill_atomic_pte
from model.kernel.file import reclaim
from model.kernel.folio import (
    ClearPageAnonExclusive,
    PageAnonExclusive,
    SetPageAnonExclusive,
    copy_page,
    folio_maybe_dma_pinned,
    folio_move_anon_rmap,
    set_folio_index,
)
from model.kernel.mmu_gather import tlb_flush_mmu
from model.kernel.objects import Folio, Vma
from model.kernel.objects import Mapping as PageCache
from model.kernel.pgtable import ptep_set_wrprotect
from model.kernel.swap import swap_dup_entry_direct, swap_free
from model.kernel.tlbflush import flush_tlb_mm, flush_tlb_page, flush_tlb_range
from model.lang import kernel, primitive, pure, step
from model.lang.declare import ModelFunction
from model.patches.uffd_move_batching import common


@dataclass(frozen=True)
class Mutant:
    """A name, what is wrong, and whether the checks or the oracle see it without a kernel."""

    name: str
    swaps: Mapping[ModelFunction[..., Any], ModelFunction[..., Any]]
    seen: bool = True


@step()
def nothing(*_: Any) -> None:
    pass


@step()
def once_mapped(folio: Folio) -> bool:
    return folio.mapcount == 1


@step()
def always(*_: Any) -> bool:
    return True


@step()
def never(*_: Any) -> bool:
    return False


@pure
def clean(frame: Frame | None, dst_vma: Vma, orig_src_pte: PteVal) -> PteVal:
    return PteVal(kind=PteKind.PRESENT, frame=frame, soft_dirty=True, write=dst_vma.writable)


@pure
def with_uffd_wp(frame: Frame | None, dst_vma: Vma, orig_src_pte: PteVal) -> PteVal:
    wp = orig_src_pte.uffd_wp
    return PteVal(
        kind=PteKind.PRESENT, frame=frame, soft_dirty=True, dirty=orig_src_pte.dirty,
        write=dst_vma.writable and not wp, uffd_wp=wp,
    )  # fmt: skip


@pure
def writable_child(dst_vma: Vma, pte: PteVal) -> PteVal:
    return replace(pte, young=False)


@pure
def keeps_uffd_wp(pte: PteVal, clear_uffd_wp: bool) -> PteVal:
    return pte


@pure
def keeps_write(vma: Vma, pte: PteVal) -> PteVal:
    return replace(pte, write=vma.writable, protnone=not vma.readable)


@pure
def all_accessible(vma: Vma, pte: PteVal) -> PteVal:
    return replace(pte, write=vma.shared and vma.writable)


@kernel("mm/memory.c:copy_nonpresent_pte", "7.3.4")
def swap_stays_exclusive(
    dst_vma: Vma, src_vma: Vma, dst_addr: Addr, src_addr: Addr, dst_pte: Pte, src_pte: Pte,
    pte: PteVal,
) -> None:  # fmt: skip
    if pte.kind == PteKind.SWAP:
        swap_dup_entry_direct(pte.entry)
        dst_pte.val = replace(pte, exclusive=False)


@primitive("arch/x86/include/asm/tlbflush.h:flush_tlb_range", "7.3.4")
def one_page_short(vma: Vma, start: Addr, end: Addr) -> None:
    if end - start > 1:
        flush_tlb_page.fn(vma, start)


@kernel("mm/shmem.c:shmem_writeout", "7.3.4")
def thrown_away(folio: Folio, cache: PageCache, index: Addr) -> bool:
    folio.dirty = False
    cache.pages[index] = None
    return True


@kernel("mm/userfaultfd.c:mfill_atomic_pte_zeropage", "7.3.4")
def over_what_is_there(vma: Vma, addr: Addr, val: PteVal) -> int:
    table = vma.mm.root.pmds[addr].table
    assert table is not None
    table.slots[addr].val = val
    return 0


def mutant(
    name: str, old: ModelFunction[..., Any], new: ModelFunction[..., Any], *, seen: bool = True
) -> Mutant:
    return Mutant(name, {old: new}, seen)


MUTANTS = (
    mutant("exclusive is map count 1", PageAnonExclusive, once_mapped),
    mutant("the move drops the dirty bit", common.moved_pte, clean),
    mutant("the move keeps uffd-wp", common.moved_pte, with_uffd_wp, seen=False),
    mutant("the move leaves the index", set_folio_index, nothing),
    mutant("the move leaves the anon_vma", folio_move_anon_rmap, nothing),
    mutant("no range flush", flush_tlb_range, nothing),
    mutant("the range flush is one page short", flush_tlb_range, one_page_short),
    mutant("no flush of one page", flush_tlb_page, nothing),
    mutant("no flush after fork", flush_tlb_mm, nothing),
    mutant("no flush after a gather", tlb_flush_mmu, nothing),
    mutant("pins are not looked at", folio_maybe_dma_pinned, never),
    mutant("everything counts as pinned", folio_maybe_dma_pinned, always, seen=False),
    mutant("fork leaves the parent writable", ptep_set_wrprotect, nothing),
    mutant("fork gives the child writable entries", fork.child_pte, writable_child),
    mutant("fork leaves pages exclusive", ClearPageAnonExclusive, nothing),
    mutant("fork leaves swap entries exclusive", fork.copy_nonpresent_pte, swap_stays_exclusive),
    mutant("fork counts no swap entry", swap_dup_entry_direct, nothing),
    mutant("zap counts no swap entry", swap_free, nothing),
    mutant("any page is reused", wp_can_reuse_anon_folio, always),
    mutant("no page is reused", wp_can_reuse_anon_folio, never, seen=False),
    mutant("reuse does not make exclusive", SetPageAnonExclusive, nothing),
    mutant("a copy copies nothing", copy_page, nothing),
    mutant("mprotect does not unshare", mprotect.pte_modify, keeps_write),
    mutant("mprotect upgrades any page", mprotect.can_change_private_pte_writable, always),
    mutant("PROT_NONE leaves entries accessible", mprotect.pte_modify, all_accessible),
    mutant("mremap keeps uffd-wp", mremap.moved_pte, keeps_uffd_wp, seen=False),
    mutant("a zap leaves a file's page clean", reclaim.zap_file_pte, zap.zap_pte),
    mutant("a page of a file is thrown away", reclaim.shmem_writeout, thrown_away),
    mutant("UFFDIO_ZEROPAGE replaces what is there", mfill_atomic_pte, over_what_is_there),
)  # fmt: skip
"""By name; what each is told by is tested."""

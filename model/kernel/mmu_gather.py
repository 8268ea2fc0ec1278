# SPDX-License-Identifier: GPL-2.0-only
"""mmu_gather: entries and tables that a call has taken away, recorded, and flushed at its end.

A thread has one at a time.  `tlb_flush_mmu` is what tlb_finish_mmu does before pages and tables are
freed, and `dec_tlb_flush_pending` what it does after.  Left out: full batches, and with them pages
that are freed in the middle; delayed_rmap; the flags of VMAs; a gather over a whole mm (exit).
"""

from __future__ import annotations

from dataclasses import replace

from model.hw.arch import GatherFlush, arch
from model.hw.objects import Addr, Pmd, Table, Thread
from model.hw.tlb import broadcast_flush
from model.lang import check, current, primitive, pure, step

from ..hw.orders import ATOMIC
from .objects import Gather, Gathered, Mm
from .pgtable import addresses_of
from .task import addresses, mine
from .tlbflush import PTRS_PER_TABLE, end_of, flush_everywhere, flush_tlb_mm, is_whole_mm

_OWN = "the gather is the caller's own: nobody else sees it"

# -- recording -------------------------------------------------------------------------------------


@step("mm/mmu_gather.c:tlb_gather_mmu", "7.3.4", order=ATOMIC, several=_OWN)
def tlb_gather_mmu(mm: Mm) -> None:
    """inc_tlb_flush_pending: from now on others know that a flush is due."""
    tlb = mine(Gather)
    check(tlb.mm is None, "model:one gather a thread")
    tlb.todo = Gathered()
    mm.tlb_flush_pending = mm.tlb_flush_pending + 1
    tlb.mm = mm


@pure
def with_range(todo: Gathered, start: Addr, end: Addr) -> Gathered:
    """__tlb_adjust_range."""
    first = todo.start if todo.end > todo.start and todo.start < start else start
    last = todo.end if todo.end > end else end
    return replace(todo, start=first, end=last)


@step("include/asm-generic/tlb.h:tlb_remove_tlb_entry", "7.3.4", order="plain")
def tlb_remove_tlb_entry(addr: Addr) -> None:
    """An entry of a table."""
    tlb = mine(Gather)
    tlb.todo = replace(with_range(tlb.todo, addr, addr + 1), cleared_ptes=True)
    tlb.range[addr] = True


@step("include/asm-generic/tlb.h:tlb_remove_pmd_tlb_entry", "7.3.4", order="plain")
def tlb_remove_pmd_tlb_entry(pmd: Pmd) -> None:
    """A leaf."""
    tlb = mine(Gather)
    addrs = addresses_of(pmd)
    tlb.todo = replace(with_range(tlb.todo, addrs[0], addrs[-1] + 1), cleared_pmds=True)
    for addr in addrs:
        tlb.range[addr] = True


@step("include/asm-generic/tlb.h:pte_free_tlb", "7.3.4", order="plain",
      several=_OWN)  # fmt: skip
def pte_free_tlb(mm: Mm, addr: Addr) -> None:
    """A table that was taken away: the range has one page of it."""
    tlb = mine(Gather)
    gone = replace(with_range(tlb.todo, addr, addr + 1), cleared_pmds=True)
    tlb.todo = replace(gone, freed_tables=True)
    if arch().gather == GatherFlush.S390:
        mm.flush_mm = True


@step("include/asm-generic/tlb.h:tlb_unshare_pmd_ptdesc", "7.3.4", order="full",
      several=_OWN)  # fmt: skip
def tlb_unshare_pmd_ptdesc(table: Table, start: Addr, end: Addr) -> None:
    """ptdesc_pmd_pts_dec, and the range of the PUD entry, at the level of PMDs."""
    tlb = mine(Gather)
    alone = table.sharers == 1
    table.sharers = table.sharers - 1
    left = replace(with_range(tlb.todo, start, end), cleared_pmds=True)
    tlb.todo = replace(
        left, unshared_tables=True,
        fully_unshared_tables=left.fully_unshared_tables or alone,
    )  # fmt: skip


# -- flushing --------------------------------------------------------------------------------------


@step("include/asm-generic/tlb.h:tlb_flush_mmu_tlbonly", "7.3.4", order="plain")
def gathered() -> Gathered:
    """Read what there is to flush."""
    return mine(Gather).todo


@step("include/asm-generic/tlb.h:__tlb_reset_range", "7.3.4", order="plain")
def tlb_reset_range() -> None:
    """All that was recorded is flushed."""
    tlb = mine(Gather)
    tlb.todo = Gathered(
        fullmm=tlb.todo.fullmm, fully_unshared_tables=tlb.todo.fully_unshared_tables
    )
    for addr in addresses():
        tlb.range[addr] = False


@step("include/asm-generic/tlb.h:tlb_flush_unshared_tables", "7.3.4", order="plain")
def clear_fully_unshared() -> None:
    tlb = mine(Gather)
    tlb.todo = replace(tlb.todo, fully_unshared_tables=False)


@step("mm/mmu_gather.c:tlb_finish_mmu", "7.3.4", order="plain")
def flush_as_nested() -> None:
    """Another gather is open, whose entries this call may have found changed and not flushed."""
    tlb = mine(Gather)
    tlb.todo = Gathered(fullmm=True, freed_tables=True)


@pure
def is_due(todo: Gathered) -> bool:
    """True if something was recorded; a range alone does not count."""
    return todo.freed_tables or todo.cleared_ptes or todo.cleared_pmds or todo.unshared_tables


@step("arch/s390/include/asm/tlbflush.h:__tlb_flush_mm_lazy", "7.3.4", order="full")
def takes_flush_mm(mm: Mm) -> bool:
    due = mm.flush_mm
    mm.flush_mm = False
    return due


@primitive("include/asm-generic/tlb.h:tlb_flush", "7.3.4")
def flush_range_of(mm: Mm, todo: Gathered, skip_lazy: bool, last_level: bool) -> None:
    """The range, or the whole mm if that of a shared table, all that a PUD entry maps, is so
    long."""
    if todo.unshared_tables and is_whole_mm(PTRS_PER_TABLE):
        flush_everywhere(mm, 0, end_of(mm), skip_lazy, False)
    else:
        flush_everywhere(mm, todo.start, todo.end, skip_lazy, last_level)


@primitive("arch/x86/include/asm/tlb.h:tlb_flush", "7.3.4")
def tlb_flush_x86(mm: Mm, todo: Gathered) -> None:
    """Lazy CPUs are left alone unless tables were freed; unshared ones do not count."""
    if todo.fullmm:
        if todo.freed_tables:
            flush_everywhere(mm, 0, end_of(mm), False, False)
        else:
            flush_everywhere(mm, 0, end_of(mm), arch().page_skips_lazy, False)
    elif todo.freed_tables:
        flush_range_of(mm, todo, False, False)
    else:
        flush_range_of(mm, todo, arch().page_skips_lazy, False)


@primitive("arch/arm64/include/asm/tlb.h:tlb_flush", "7.3.4")
def tlb_flush_arm64(mm: Mm, todo: Gathered) -> None:
    """Of a whole mm nothing unless tables were freed: its ASID is used no more."""
    walks = todo.freed_tables
    if arch().gather != GatherFlush.ARM64_FREED:
        walks = walks or todo.unshared_tables
    if todo.fullmm:
        if todo.freed_tables or (arch().gather == GatherFlush.ARM64_6_12 and walks):
            flush_tlb_mm(mm)
    elif walks:
        flush_range_of(mm, todo, False, False)
    else:
        flush_range_of(mm, todo, False, True)


@primitive("arch/riscv/include/asm/tlb.h:tlb_flush", "7.3.4")
def tlb_flush_riscv(mm: Mm, todo: Gathered) -> None:
    """Unshared tables do not count."""
    if todo.fullmm or todo.freed_tables:
        flush_tlb_mm(mm)
    else:
        flush_range_of(mm, todo, False, True)


@primitive("arch/s390/include/asm/tlb.h:tlb_flush", "7.3.4")
def tlb_flush_s390(mm: Mm) -> None:
    """Entries were flushed as they were cleared; tables, and what was cleared lazily, are not."""
    me: Thread = current()
    if takes_flush_mm(mm):
        broadcast_flush(me.cpu, mm.root, 0, end_of(mm), False)


@primitive("include/asm-generic/tlb.h:tlb_flush_mmu_tlbonly", "7.3.4")
def tlb_flush_mmu_tlbonly(mm: Mm) -> None:
    todo = gathered()
    if not is_due(todo):
        return
    if arch().gather == GatherFlush.X86:
        tlb_flush_x86(mm, todo)
    elif arch().gather == GatherFlush.RISCV:
        tlb_flush_riscv(mm, todo)
    elif arch().gather == GatherFlush.S390:
        tlb_flush_s390(mm)
    else:
        tlb_flush_arm64(mm, todo)
    tlb_reset_range()


@step("include/linux/mm_inline.h:mm_tlb_flush_nested", "7.3.4", order="relaxed")
def mm_tlb_flush_nested(mm: Mm) -> bool:
    return mm.tlb_flush_pending > 1


@primitive("include/asm-generic/tlb.h:tlb_end_vma", "7.3.4")
def tlb_end_vma(mm: Mm) -> None:
    """Flush between two VMAs; not where their ranges are merged (MMU_GATHER_MERGE_VMAS: x86 and
    s390)."""
    if arch().gather not in (GatherFlush.X86, GatherFlush.S390):
        tlb_flush_mmu_tlbonly(mm)


@primitive("mm/mmu_gather.c:tlb_finish_mmu", "7.3.4")
def tlb_flush_mmu(mm: Mm) -> None:
    """The flush of tlb_finish_mmu; frees nothing yet."""
    if mm_tlb_flush_nested(mm):
        flush_as_nested()
    tlb_flush_mmu_tlbonly(mm)


@step("mm/mmu_gather.c:tlb_finish_mmu", "7.3.4", order=ATOMIC, several=_OWN)
def dec_tlb_flush_pending(mm: Mm) -> None:
    tlb = mine(Gather)
    mm.tlb_flush_pending = mm.tlb_flush_pending - 1
    tlb.mm = None
    tlb.todo = Gathered()
    for addr in addresses():
        tlb.range[addr] = False

# SPDX-License-Identifier: GPL-2.0-only
"""Flushing: the calls that mm code makes, and the flush that unmapping puts off."""

from __future__ import annotations

from dataclasses import replace

from model.hw.arch import Remote, arch
from model.hw.objects import Addr, Cpu, PteVal, Thread, translates
from model.hw.tlb import broadcast_flush, dsb, ipi, tlbi
from model.lang import current, primitive, static, step

from ..hw.orders import ATOMIC, CMPXCHG
from .objects import Batched, Gather, Mm, Vma
from .task import cpus, mine


@static
def in_mm_cpumask(cpu: Cpu, mm: Mm) -> bool:
    """True if a flush of the mm is for this CPU: it runs user code of the mm, or kernel code of
    its process."""
    return cpu.root is mm.root


@static
def mms() -> tuple[Mm, ...]:
    """Every address space."""
    me: Thread = current()
    return me.world.all(Mm)


PTRS_PER_TABLE = 512
"""Entries of a table, whatever a world has of them."""


@primitive("arch/x86/mm/tlb.c:flush_tlb_mm_range", "7.3.4")
def flush_everywhere(mm: Mm, start: Addr, end: Addr, skip_lazy: bool, last_level: bool) -> None:
    """Invalidate [start, end) on all CPUs and wait until that is complete.

    x86: an interrupt to each CPU in turn; the order does not matter, because the initiator waits
    for all of them and an entry that is still cached is looked at by itself.
    """
    me: Thread = current()
    if arch().remote == Remote.IPI:
        for cpu in cpus():
            if in_mm_cpumask(cpu, mm):
                ipi(cpu, start, end, skip_lazy, last_level)
    elif arch().remote == Remote.BROADCAST:
        broadcast_flush(me.cpu, mm.root, start, end, last_level)


@primitive("arch/x86/include/asm/tlbflush.h:flush_tlb_page", "7.3.4")
def flush_tlb_page(vma: Vma, addr: Addr) -> None:
    flush_everywhere(vma.mm, addr, addr + 1, arch().page_skips_lazy, arch().page_last_level)


@primitive("arch/x86/include/asm/tlbflush.h:flush_tlb_range", "7.3.4")
def flush_tlb_range(vma: Vma, start: Addr, end: Addr) -> None:
    flush_everywhere(vma.mm, start, end, arch().range_skips_lazy, arch().range_last_level)


@primitive("arch/x86/include/asm/tlbflush.h:flush_tlb_range", "7.3.4")
def flush_table_range(vma: Vma, start: Addr, end: Addr) -> None:
    """flush_tlb_range() of all that a table maps, which the few entries of a model stand for."""
    if is_whole_mm(PTRS_PER_TABLE):
        flush_tlb_mm(vma.mm)
    else:
        flush_tlb_range(vma, start, end)


@static
def end_of(mm: Mm) -> int:
    """The address after the last one of an mm; the first is 0."""
    return len(mm.root.pmds)


@static
def is_whole_mm(strides: int) -> bool:
    """True if the flush of a range of so many strides is one of the whole mm."""
    return strides >= arch().whole_mm_from


@primitive("arch/x86/include/asm/tlbflush.h:flush_tlb_mm", "7.3.4")
def flush_tlb_mm(mm: Mm) -> None:
    flush_everywhere(mm, 0, end_of(mm), False, False)


@step("include/linux/mm_inline.h:mm_tlb_flush_pending", "7.3.4", order="relaxed")
def mm_tlb_flush_pending(mm: Mm) -> bool:
    return mm.tlb_flush_pending > 0


# -- the flush that try_to_unmap puts off ----------------------------------------------------------


@step("mm/rmap.c:set_tlb_ubc_flush_pending", "7.3.4", order=ATOMIC)
def inc_tlb_flush_batched(mm: Mm, addr: Addr) -> None:
    """Left out: the reset at half range."""
    batch = mm.tlb_flush_batched
    mm.tlb_flush_batched = replace(batch, pending=batch.pending + 1)
    mine(Gather).put_off[addr] = mm


@primitive("mm/rmap.c:set_tlb_ubc_flush_pending", "7.3.4")
def set_tlb_ubc_flush_pending(mm: Mm, addr: Addr, pteval: PteVal) -> bool:
    """arm64 issues the invalidation now and waits for it later; the others note whose flush is
    due.  False of an entry that is not accessible (see ptep_clear_flush): none is due."""
    me: Thread = current()
    accessible = translates(pteval)
    if not accessible:
        accessible = mm_tlb_flush_pending(mm)
    if not accessible:
        return False
    if arch().broadcasts_by_entry:
        tlbi(me.cpu, mm.root, addr, addr + 1, True)
    inc_tlb_flush_batched(mm, addr)
    return True


@primitive("mm/rmap.c:try_to_unmap_flush", "7.3.4")
def try_to_unmap_flush(deferred: frozenset[Mm]) -> None:
    """arch_tlbbatch_flush: what set_tlb_ubc_flush_pending put off, for these address spaces.

    x86 interrupts the CPUs that were noted (batch->cpumask), each of which drops all that it has
    of any process; here, of the one that it runs.  Lazy CPUs are left alone: they know by the
    generation that set_tlb_ubc_flush_pending has counted up.  Where there is INVLPGB it broadcasts.
    """
    me: Thread = current()
    if arch().broadcasts_by_entry:
        nobody: frozenset[Mm] = frozenset()
        if deferred != nobody:
            dsb(me.cpu)
    else:
        for mm in mms():
            if mm in deferred:
                if arch().batch == Remote.BROADCAST:
                    broadcast_flush(me.cpu, mm.root, 0, end_of(mm), False)
                else:
                    flush_everywhere(mm, 0, end_of(mm), arch().page_skips_lazy, False)


@step("mm/rmap.c:flush_tlb_batched_pending", "7.3.4", order="relaxed")
def read_tlb_flush_batched(mm: Mm) -> Batched:
    return mm.tlb_flush_batched


@step("mm/rmap.c:flush_tlb_batched_pending", "7.3.4", order=CMPXCHG)
def mark_flushed(mm: Mm, seen: Batched) -> None:
    """cmpxchg of the value read before: a newer pending unmap survives."""
    if mm.tlb_flush_batched == seen:
        mm.tlb_flush_batched = replace(seen, flushed=seen.pending)


@primitive("mm/rmap.c:flush_tlb_batched_pending", "7.3.4")
def flush_tlb_batched_pending(mm: Mm) -> None:
    """Under a page-table lock: an entry here may have been unmapped and not yet flushed."""
    if arch().batches_unmap:
        batch = read_tlb_flush_batched(mm)
        if batch.pending != batch.flushed:
            flush_tlb_mm(mm)
            mark_flushed(mm, batch)

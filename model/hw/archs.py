# SPDX-License-Identifier: GPL-2.0-only
"""The table of architectures: what a flush does on each, with the source of each entry.

One that comes in two forms has two rows; what changed with a release is in `earlier`, newest first.
Rows that are not decided by default differ from another one only in what few patches touch, and are
asked for by name.  Left out: riscv where firmware flushes (SBI), which interrupts no kernel, and of
which it is not known whether it drops walk caches.
"""

from __future__ import annotations

from dataclasses import replace

from model.lang.errors import ModelError, near

from .arch import Arch, Earlier, GatherFlush, Remote

_X86 = Arch(
    "x86_64", "flushes by interrupts", "x86", Remote.IPI, batch=Remote.IPI,
    page_last_level=False, range_last_level=False, page_skips_lazy=True, range_skips_lazy=False,
    gather=GatherFlush.X86, whole_mm_from=34, batches_unmap=True, table_sync_ipi=True,
    broadcasts_by_entry=False, moves_tables=True,
    cites=(
        "arch/x86/mm/tlb.c:flush_tlb_mm_range 7.3.4 (IPI to mm_cpumask, waits; more than 33 "
        "strides are the mm)",
        "arch/x86/mm/tlb.c:native_flush_tlb_multi 7.3.4 (lazy CPUs unless freed_tables)",
        "arch/x86/include/asm/tlbflush.h:flush_tlb_range 7.3.4 (freed_tables true)",
        "arch/x86/include/asm/tlbflush.h:flush_tlb_page 7.3.4 (freed_tables false)",
        "arch/x86/include/asm/tlb.h:tlb_flush 7.3.4 (passes freed_tables, not unshared_tables)",
        "arch/x86/mm/tlb.c:arch_tlbbatch_flush 7.3.4; mm/rmap.c:should_defer_flush 7.3.4",
        "mm/mmu_gather.c:tlb_remove_table_sync_one 7.3.4",
        "Intel SDM vol. 3, 4.10.4.1 (INVLPG drops paging-structure caches of the PCID)",
    ),
)  # fmt: skip

_ARM64 = Arch(
    "arm64", "broadcasts, with range TLBI (FEAT_TLBIRANGE)", "arm64", Remote.BROADCAST,
    batch=Remote.BROADCAST,
    page_last_level=True, range_last_level=False, page_skips_lazy=False, range_skips_lazy=False,
    gather=GatherFlush.ARM64, whole_mm_from=2**21 + 1, batches_unmap=True, table_sync_ipi=True,
    broadcasts_by_entry=True, moves_tables=True,
    cites=(
        "arch/arm64/include/asm/tlbflush.h:flush_tlb_range 7.3.4 (VAE1IS, all levels)",
        "arch/arm64/include/asm/tlbflush.h:flush_tlb_page 7.3.4 (VALE1IS, last level)",
        "arch/arm64/include/asm/tlb.h:tlb_flush 7.3.4, 6.12.117, 6.1.170",
        "arch/arm64/include/asm/tlbflush.h:arch_tlbbatch_add_pending 7.3.4 (no DSB)",
        "Arm ARM D8.14 (TLBI is complete after a DSB of the PE that issued it)",
    ),
    earlier=(
        Earlier("7.2", "", (("gather", GatherFlush.ARM64_6_12),)),
        # 6.1.170 has that commit without its part for arm64.
        Earlier("6.19", "8ce720d5bd91", (("gather", GatherFlush.ARM64_FREED),)),
    ),
)  # fmt: skip

_RISCV = Arch(
    "riscv", "flushes by interrupts, which it sends itself", "riscv", Remote.IPI, batch=Remote.IPI,
    page_last_level=True, range_last_level=True, page_skips_lazy=False, range_skips_lazy=False,
    gather=GatherFlush.RISCV, whole_mm_from=65, batches_unmap=True, table_sync_ipi=True,
    broadcasts_by_entry=False, moves_tables=True, wrprotects_at_once=False, by_default=False,
    cites=(
        "arch/riscv/include/asm/pgtable.h:ptep_set_wrprotect 7.3.4 (a load, then a plain store)",
        "arch/riscv/mm/tlbflush.c:__flush_tlb_range 7.3.4 (mm_cpumask, waits; no CPU is left out "
        "for being lazy)",
        "arch/riscv/mm/tlbflush.c:local_flush_tlb_range_asid 7.3.4 (more than 64 entries are the "
        "mm)",
        "arch/riscv/mm/pgtable.c:pmdp_collapse_flush 7.3.4 (sfence.vma with an address: leaves)",
        "arch/riscv/include/asm/tlb.h:tlb_flush 7.3.4",
        "arch/riscv/mm/tlbflush.c:arch_tlbbatch_flush 7.3.4",
    ),
    # GUP-fast, tables that RCU frees, and batched unmapping came between 6.1 and 6.12.
    earlier=(
        Earlier("7.2", "", (("wrprotects_at_once", True),)),
        Earlier("6.12", "", (("batches_unmap", False), ("table_sync_ipi", False))),
    ),
)  # fmt: skip

_EVERY = (
    _X86,
    replace(
        _X86, name="x86_64-invlpgb", doc="broadcasts: INVLPGB, and a process with a global ASID",
        remote=Remote.BROADCAST, batch=Remote.BROADCAST, page_skips_lazy=False,
        cites=(
            "arch/x86/mm/tlb.c:broadcast_tlb_flush 7.3.4 (INVLPGB, then TLBSYNC, no IPI)",
            "arch/x86/mm/tlb.c:arch_tlbbatch_flush 7.3.4 (all non-globals by INVLPGB)",
            "AMD APM vol. 3, INVLPGB and TLBSYNC",
        ),
    ),
    replace(
        _X86, name="x86_64-dynamic-asid",
        doc="INVLPGB, and a process without a global ASID: interrupts, the batch by INVLPGB",
        batch=Remote.BROADCAST, by_default=False,
        cites=(
            "arch/x86/mm/tlb.c:flush_tlb_mm_range 7.3.4 (no global ASID: IPIs)",
            "arch/x86/mm/tlb.c:consider_global_asid 7.3.4 (who gets one)",
            "arch/x86/mm/tlb.c:arch_tlbbatch_flush 7.3.4 (all non-globals by INVLPGB)",
        ),
    ),
    _ARM64,
    replace(
        _ARM64, name="arm64-no-range", doc="broadcasts, without range TLBI", whole_mm_from=512,
        by_default=False,
        cites=("arch/arm64/include/asm/tlbflush.h:__flush_tlb_range_limit_excess 7.3.4 (512 "
               "strides and more are the mm)", *_ARM64.cites),
    ),
    _RISCV,
    Arch(
        "s390", "flushes with the instruction that changes the entry", "s390", Remote.WITH_ENTRY,
        batch=Remote.WITH_ENTRY,
        page_last_level=True, range_last_level=True, page_skips_lazy=False, range_skips_lazy=False,
        gather=GatherFlush.S390, whole_mm_from=1, batches_unmap=False, table_sync_ipi=True,
        broadcasts_by_entry=False, moves_tables=False,
        cites=(
            "arch/s390/include/asm/pgtable.h:ptep_get_and_clear 7.3.4 (IPTE)",
            "arch/s390/mm/pgtable.c:ptep_xchg_direct, ptep_xchg_lazy 7.3.4",
            "arch/s390/include/asm/tlb.h:tlb_flush 7.3.4 (the whole mm if flush_mm)",
            "arch/s390/include/asm/tlbflush.h:flush_tlb_range 7.3.4 (the whole mm if flush_mm)",
        ),
    ),
)  # fmt: skip

ARCHS = {a.name: a for a in _EVERY}
DEFAULT = tuple(a.name for a in _EVERY if a.by_default)
"""The names of those that are decided where nothing is said."""


def arch_named(name: str) -> Arch:
    """The architecture of a name, as the newest kernel has it; ModelError lists the known ones."""
    if name not in ARCHS:
        raise ModelError(f"no architecture '{name}'", instead=near(name, ARCHS))
    return ARCHS[name]

# SPDX-License-Identifier: GPL-2.0-only
"""The table of architectures: what a flush does on each, with the source of each entry.

A scenario is decided for one of these.  Model code asks ``arch()`` and branches on the answer
while it is compiled, so that nothing of another architecture is left in a transition system.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from model.lang import static
from model.lang.errors import ModelError, near
from model.lang.order import MODELS


class Remote(enum.Enum):
    """How a flush reaches the other CPUs."""

    IPI = "an interrupt; the initiator waits, a CPU with interrupts off holds it off"
    BROADCAST = "an instruction that all CPUs obey; complete at a barrier of the issuer"
    WITH_ENTRY = "the instruction that changes the entry; nothing is left to flush"


@dataclass(frozen=True)
class Arch:
    """What the models ask of an architecture.

    `memory_model` names the memory model, for which every order has a line (`model.lang.order`).
    `page_last_level`: flush_tlb_page drops no walk-cache entries.  `page_skips_lazy`,
    `range_skips_lazy`: that flush leaves lazy CPUs alone, which flush when they next run the mm.
    `table_sync_ipi`: tlb_remove_table_sync_one() interrupts every CPU.  `gather_last_level`: the
    flush at the end of an mmu_gather that freed no tables drops no walk-cache entries.
    `batches_unmap`: try_to_unmap may defer its flush; `broadcasts_by_entry`: it then broadcasts an
    invalidation for each entry at once, and puts off only the wait for it.
    """

    name: str
    memory_model: str
    remote: Remote
    page_last_level: bool
    range_last_level: bool
    page_skips_lazy: bool
    range_skips_lazy: bool
    gather_last_level: bool
    batches_unmap: bool
    table_sync_ipi: bool
    broadcasts_by_entry: bool
    cites: tuple[str, ...]

    def __post_init__(self) -> None:
        if self.memory_model not in MODELS:
            raise ModelError(
                f"no memory model '{self.memory_model}'", instead=near(self.memory_model, MODELS)
            )


ARCHS = {
    a.name: a
    for a in (
        Arch(
            "x86_64", "x86", Remote.IPI,
            page_last_level=False, range_last_level=False,
            page_skips_lazy=True, range_skips_lazy=False,
            gather_last_level=False, batches_unmap=True, table_sync_ipi=True,
            broadcasts_by_entry=False,
            cites=(
                "arch/x86/mm/tlb.c:flush_tlb_mm_range 7.3.4 (IPI to mm_cpumask, waits)",
                "arch/x86/mm/tlb.c:native_flush_tlb_multi 7.3.4 (lazy CPUs unless freed_tables)",
                "arch/x86/include/asm/tlbflush.h:flush_tlb_range 7.3.4 (freed_tables true)",
                "arch/x86/include/asm/tlbflush.h:flush_tlb_page 7.3.4 (freed_tables false)",
                "arch/x86/include/asm/tlb.h:tlb_flush 7.3.4 (passes freed_tables)",
                "arch/x86/mm/tlb.c:arch_tlbbatch_flush 7.3.4; mm/rmap.c:should_defer_flush 7.3.4",
                "mm/mmu_gather.c:tlb_remove_table_sync_one 7.3.4",
                "Intel SDM vol. 3, 4.10.4.1 (INVLPG drops paging-structure caches of the PCID)",
            ),
        ),
        Arch(
            "x86_64-invlpgb", "x86", Remote.BROADCAST,
            page_last_level=False, range_last_level=False,
            page_skips_lazy=False, range_skips_lazy=False,
            gather_last_level=False, batches_unmap=True, table_sync_ipi=True,
            broadcasts_by_entry=False,
            cites=(
                "arch/x86/mm/tlb.c:broadcast_tlb_flush 7.3.4 (INVLPGB, then TLBSYNC, no IPI)",
                "arch/x86/mm/tlb.c:arch_tlbbatch_flush 7.3.4 (all non-globals by INVLPGB)",
                "AMD APM vol. 3, INVLPGB and TLBSYNC",
            ),
        ),
        Arch(
            "arm64", "arm64", Remote.BROADCAST,
            page_last_level=True, range_last_level=False,
            page_skips_lazy=False, range_skips_lazy=False,
            gather_last_level=True, batches_unmap=True, table_sync_ipi=True,
            broadcasts_by_entry=True,
            cites=(
                "arch/arm64/include/asm/tlbflush.h:flush_tlb_range 7.3.4 (VAE1IS, all levels)",
                "arch/arm64/include/asm/tlbflush.h:flush_tlb_page 7.3.4 (VALE1IS, last level)",
                "arch/arm64/include/asm/tlb.h:tlb_flush 7.3.4 (last level unless freed_tables)",
                "arch/arm64/include/asm/tlbflush.h:arch_tlbbatch_add_pending 7.3.4 (no DSB)",
                "Arm ARM D8.14 (TLBI is complete after a DSB of the PE that issued it)",
            ),
        ),
        Arch(
            "s390", "s390", Remote.WITH_ENTRY,
            page_last_level=True, range_last_level=True,
            page_skips_lazy=False, range_skips_lazy=False,
            gather_last_level=True, batches_unmap=False, table_sync_ipi=True,
            broadcasts_by_entry=False,
            cites=(
                "arch/s390/include/asm/pgtable.h:ptep_get_and_clear 7.3.4 (IPTE)",
                "arch/s390/mm/pgtable.c:ptep_xchg_direct, ptep_xchg_lazy 7.3.4",
                "arch/s390/include/asm/tlbflush.h:flush_tlb_range 7.3.4 (the whole mm if flush_mm)",
            ),
        ),
    )
}  # fmt: skip

_selected: list[Arch] = []


@contextmanager
def selected(name: str) -> Iterator[Arch]:
    """Compile for this architecture; ModelError for a name that is not in the table."""
    if name not in ARCHS:
        raise ModelError(f"no architecture '{name}'", instead=near(name, ARCHS))
    _selected.append(ARCHS[name])
    try:
        yield ARCHS[name]
    finally:
        _selected.pop()


@static
def arch() -> Arch:
    """The architecture that a model is compiled for."""
    return _selected[-1]

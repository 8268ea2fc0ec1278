# SPDX-License-Identifier: GPL-2.0-only
"""Deliberate errors in what the reference MM does with huge pages of hugetlb."""

from __future__ import annotations

from typing import Any

from model.hw.objects import Addr, Table
from model.kernel.folio import folio_mapcount
from model.kernel.hugetlb import ranges, tables
from model.kernel.mmu_gather import tlb_unshare_pmd_ptdesc
from model.kernel.objects import Gather, Gathered, Vma
from model.kernel.task import mine
from model.lang import kernel, static, step
from model.lang.declare import ModelFunction, swapped
from tests.model.reference.mutants import Mutant, mutant, never


def without_unsharing(routine: ModelFunction[..., Any]) -> ModelFunction[..., Any]:
    """The routine, which takes no table for a shared one."""
    whole = routine.fn

    @kernel(routine.cite, routine.version)
    def apart(*arguments: Any) -> None:
        with swapped({tables.huge_pmd_unshare: never}):
            whole(*arguments)

    return apart


@static
def whatever_rights(svma: Vma, vma: Vma, addr: Addr, saddr: Addr) -> bool:
    return svma.shared and tables.range_in_vma(svma, saddr) and (saddr - addr) % 4 == 0


@step()
def counted_alone(table: Table, start: Addr, end: Addr) -> None:
    """Leave a table, and record nothing for the flush."""
    table.sharers = table.sharers - 1


@step()
def recorded_alone(table: Table, start: Addr, end: Addr) -> None:
    """Record the flush, and go on as a user of the table."""
    mine(Gather).todo = Gathered(start=start, end=end, cleared_pmds=True, unshared_tables=True)


@step()
def one(*_: Any) -> int:
    return 1


def _unsharing(name: str, routine: ModelFunction[..., Any]) -> Mutant:
    return mutant(name, routine, without_unsharing(routine))


HUGETLB_MUTANTS = (
    _unsharing("no unshare on mprotect", ranges.hugetlb_change_protection),
    _unsharing("no unshare on zap", ranges.unmap_hugepage_range),
    _unsharing("no unshare on mremap", ranges.move_hugetlb_page_tables),
    mutant("no flush of a table that is left", tlb_unshare_pmd_ptdesc, counted_alone),
    mutant("who leaves a table is not counted", tlb_unshare_pmd_ptdesc, recorded_alone),
    mutant("tables are shared whatever the rights", tables.page_table_shareable,
            whatever_rights),
    mutant("no PMD table is shared", tables.want_pmd_share, never, seen=False),
    mutant("any huge page is reused", folio_mapcount, one),
)  # fmt: skip
"""Of huge pages.  That a split unshares one thread alone cannot tell: what it does next would."""

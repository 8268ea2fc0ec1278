# SPDX-License-Identifier: GPL-2.0-only
"""The PMD entry as it was written up to 5.13."""

from __future__ import annotations

from model.hw.objects import Addr, Pmd, Table
from model.kernel.objects import Mm
from model.kernel.pgtable import table_arrives
from model.lang import step


@step("arch/x86/include/asm/pgtable.h:set_pmd_at", "6.12", order="once", traits="pmd")
def set_pmd_at(mm: Mm, addr: Addr, pmd: Pmd, table: Table | None) -> None:
    """The value of another entry, as it was read: none if that was.

    Since 0881ace292b6 (5.14) it is populated with the page of the table (`pmd_populate`), which a
    none entry has not.
    """
    table_arrives(pmd, table)
    pmd.table = table

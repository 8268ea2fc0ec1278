# SPDX-License-Identifier: GPL-2.0-only
"""A planted bug that merging once hid: a grace period before the table is unlinked."""

from __future__ import annotations

from dataclasses import replace

from checks.reduce.reducer import Passes
from model.hw.objects import Table
from model.kernel.anon.zap import free_table, pmdp_get, zap_table
from model.kernel.locks import spin_trylock, spin_unlock
from model.kernel.mmu_gather import (
    dec_tlb_flush_pending,
    pte_free_tlb,
    tlb_flush_mmu,
    tlb_gather_mmu,
)
from model.kernel.objects import Vma
from model.kernel.pgtable import (
    addresses_of,
    pmd_clear,
    pte_none,
    pte_offset_map_lock,
    pte_unmap_unlock,
    ptep_get,
)
from model.kernel.rmap import pmd_of
from model.kernel.task import synchronize_rcu
from model.lang import kernel
from tests.command import run

from .playing import cast, variant, violated


@kernel("mm/memory.c:zap_pte_range", "7.3.4")
def waits_too_early(vma: Vma) -> None:
    """An empty table is taken away, and freed at once: the grace period was before."""
    pmd = pmd_of(vma)
    taken: Table | None = None
    tlb_gather_mmu(vma.mm)
    pte = pte_offset_map_lock(pmd, vma.start)
    if pte is None:
        tlb_flush_mmu(vma.mm)
        dec_tlb_flush_pending(vma.mm)
        return
    empty = True
    for addr in addresses_of(pmd):
        now = ptep_get(pte.table.slots[addr])
        if not pte_none(now):
            empty = False
    pte_unmap_unlock(pte)
    if spin_trylock(pmd.ptl):
        if empty:
            taken = pmdp_get(pmd)
            synchronize_rcu()
            pmd_clear(pmd)
        spin_unlock(pmd.ptl)
    if taken is not None:
        pte_free_tlb(vma.mm, vma.start)
    tlb_flush_mmu(vma.mm)
    if taken is not None:
        free_table(taken)
    dec_tlb_flush_pending(vma.mm)


def test_a_grace_period_before_the_unlink_does_not_keep_a_walker() -> None:
    of = variant("merged")
    early = replace(of, name="early", swap={**of.swap, zap_table: waits_too_early})
    one = cast(of, "move+pt_reclaim/1p/ptl=different/init=all_at_src")
    for passes in (Passes(), Passes(movers=False), Passes(merge=False, movers=False)):
        (found,) = violated(early, [one], "x86_64", passes).values()
        assert "no_use_of_a_free_table" in found
        (found,) = violated(of, [one], "x86_64", passes).values()
        assert "no_use_of_a_free_table" not in found


def test_a_cast_that_is_decided_again_is_said() -> None:
    """Without the lock of the destination the fields under it are used without it."""
    ran = run(
        "uffd_move_batching", "--variant", "merged", "--mutant", "no PTL of the destination",
        "--arch", "x86_64", "--scenario", "move+uffd_copy/1p/ptl=different/init=all_at_src",
        "--stats", "--no-cache", "--jobs", "1",
    )  # fmt: skip
    assert ran.exit_code == 1
    assert "1 casts were decided again without movers" in ran.stderr

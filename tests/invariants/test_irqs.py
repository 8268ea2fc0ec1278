# SPDX-License-Identifier: GPL-2.0-only
"""Waiting for a CPU under a lock that somebody takes with interrupts off."""

from __future__ import annotations

from dataclasses import replace

import pytest

from checks.stage.stage import Role, Setting, Stage
from invariants import REGISTRY
from model.cast.neighbour import Neighbour
from model.kernel.locks import spin_lock, spin_unlock
from model.kernel.objects import Vma
from model.kernel.rmap import pmd_of
from model.kernel.task import local_irq_restore, local_irq_save
from model.lang import kernel
from model.lang.declare import ModelFunction
from tests.families import MOVE


@kernel("mm/gup.c:gup_fast", "as it would be with the page-table lock")
def look_with_irqs_off(vma: Vma) -> None:
    table = pmd_of(vma).table
    if table is None:
        return
    local_irq_save()
    spin_lock(table.ptl)
    spin_unlock(table.ptl)
    local_irq_restore()


@kernel("mm/gup.c:gup_fast", "as it would be with the page-table lock")
def look_with_irqs_on(vma: Vma) -> None:
    table = pmd_of(vma).table
    if table is None:
        return
    spin_lock(table.ptl)
    local_irq_save()
    local_irq_restore()
    spin_unlock(table.ptl)


@pytest.mark.parametrize(
    ("look", "arch", "wrong"),
    [
        (look_with_irqs_off, "x86_64", {"no_wait_for_a_cpu_with_irqs_off", "no_deadlock"}),
        (look_with_irqs_off, "arm64", set()),
        (look_with_irqs_on, "x86_64", set()),
    ],
)
def test_a_flush_under_a_lock_that_is_taken_with_interrupts_off(
    look: ModelFunction[..., None], arch: str, wrong: set[str]
) -> None:
    """On arm64 an invalidation is broadcast: MOVE waits for nobody."""
    merged = MOVE.variant("merged")
    cast = MOVE.casts.named("move/1p/ptl=different/init=all_at_src", merged.kernel)
    assert cast is not None
    beside = Neighbour("look", "", {"6.12": look}, role="src")
    cast = replace(cast, others=(beside,))
    stage = Stage(Setting.of(cast), arch, REGISTRY.values())
    _, search = stage.search(cast, Role(merged))
    assert search.why == ""
    assert set(search.violations) == wrong

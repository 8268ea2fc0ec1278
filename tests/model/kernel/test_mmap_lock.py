# SPDX-License-Identifier: GPL-2.0-only
"""mmap_lock and VMA locks: gone where nobody writes, and there where somebody does."""

from __future__ import annotations

import pytest

from checks.stage.stage import Role, Setting, Stage
from model.lang.expr import Cell
from model.patches.uffd_move_batching import FAMILY

START = "1p/ptl=different/init=all_at_src"


def lock_words(beside: str) -> set[str]:
    """The words of these locks that the searched system of a cast still has."""
    variant = FAMILY.variant("merged")
    cast = FAMILY.casts.named(f"move+{beside}/{START}", variant.neighbours_from)
    assert cast is not None
    stage = Stage(Setting.of(cast), "x86_64", ())
    edges = [e for t in stage.reduced(cast, Role(variant)).threads for e in t.edges]
    places = {cell.var for e in edges for cell in e.op.cells}
    places |= {u.place.var for e in edges for u in e.op.updates if isinstance(u.place, Cell)}
    return {p for p in places if p.startswith(("MmapLock.", "VmaLock."))}


@pytest.mark.parametrize("beside", ["zap_src", "uffd_wp", "numa_hint", "write_fault", "uffd_copy"])
def test_locks_that_nobody_writes_are_erased(beside: str) -> None:
    assert lock_words(beside) == set()


def test_locks_that_somebody_writes_stay() -> None:
    assert lock_words("vma_writer") >= {"VmaLock.readers", "VmaLock.writer", "MmapLock.writer"}

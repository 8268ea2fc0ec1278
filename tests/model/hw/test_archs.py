# SPDX-License-Identifier: GPL-2.0-only
"""Rows of the table of architectures: each decides, and each flushes what its kernel does."""

from __future__ import annotations

import pytest

from model.cast.kernels import kernel_named
from model.cast.parts import Plan
from model.cast.worlds import TWO_VMAS
from model.hw.arch import selected
from model.hw.archs import ARCHS, DEFAULT, arch_named
from model.hw.objects import translation
from model.kernel.mmu_gather import (
    tlb_flush_mmu,
    tlb_flush_mmu_tlbonly,
    tlb_gather_mmu,
    tlb_remove_tlb_entry,
)
from model.kernel.objects import Gather, Gathered
from model.lang import runtime
from model.lang.errors import ModelError
from tests.command import run

SCENE = "move+zap_src/1p/ptl=different/init=all_at_src"
BY_NAME = [name for name in ARCHS if name not in DEFAULT]


@pytest.mark.parametrize("arch", BY_NAME)
def test_a_row_that_is_asked_for_by_name_decides(arch: str) -> None:
    asked = ("uffd_move_batching", "--arch", arch, "--scenario", SCENE, "--invariant", "tlb")
    assert run(*asked, "--variant", "merged").exit_code == 0
    found = run(*asked, "--mutant", "no flush")
    assert found.exit_code == 1
    assert f"{SCENE}@{arch}" in found.stdout


def test_by_default_are_those_of_before() -> None:
    assert DEFAULT == ("x86_64", "x86_64-invlpgb", "arm64", "s390")
    with pytest.raises(ModelError, match="no architecture 'arm46'; did you mean arm64"):
        arch_named("arm46")


def left(arch: str, kernel: str, todo: Gathered, *, lazy: bool = False) -> str:
    """What a CPU keeps when a gather that has recorded this is flushed."""
    setup = TWO_VMAS.world(Plan({"pages": 1, "ptl": "different"}, crew=("mm",) * 3))
    vma, cpu, thread = setup.vma("src"), setup.users["mm"], setup.threads[0]
    pmd, entry = vma.mm.root.pmds[vma.start], setup.pte("src", 0).val
    assert pmd.table is not None
    cpu.tlb[vma.start] = frozenset({translation(entry, entry.write, entry.dirty)})
    cpu.walk[pmd] = frozenset({pmd.table})
    cpu.lazy = lazy
    vma.mm.tlb_flush_pending = 1
    setup.world.all(Gather)[0].todo = todo
    as_in = arch_named(arch).at(kernel_named(kernel).has)
    with selected(as_in), runtime.observed(runtime.Alone(thread)):
        tlb_flush_mmu(vma.mm)
    kept = ["entry"] * bool(cpu.tlb[vma.start]) + ["table"] * bool(cpu.walk[pmd])
    return " ".join(kept)


ENTRY = Gathered(end=1, cleared_ptes=True)
FREED = Gathered(end=1, cleared_pmds=True, freed_tables=True)
SHARED = Gathered(end=1, cleared_pmds=True, unshared_tables=True)
EXIT_SHARED = Gathered(fullmm=True, cleared_pmds=True, unshared_tables=True)
EXIT_FREED = Gathered(fullmm=True, cleared_pmds=True, freed_tables=True)


@pytest.mark.parametrize(
    ("arch", "kernel", "todo", "kept"),
    [
        ("x86_64", "7.3.4", Gathered(end=1), "entry table"),
        ("x86_64", "7.3.4", ENTRY, ""),
        ("arm64", "7.3.4", Gathered(end=1), "entry table"),
        ("arm64", "7.3.4", ENTRY, "table"),
        ("arm64", "7.3.4", FREED, ""),
        ("arm64", "7.3.4", SHARED, ""),
        ("arm64", "7.3.4", EXIT_SHARED, "entry table"),
        ("arm64", "7.3.4", EXIT_FREED, ""),
        ("arm64", "6.12.117", SHARED, ""),
        ("arm64", "6.12.117", EXIT_SHARED, ""),
        ("arm64", "6.12", SHARED, "table"),
        ("arm64", "6.12", EXIT_SHARED, "entry table"),
        ("arm64-no-range", "6.12", SHARED, ""),
        ("riscv", "7.3.4", ENTRY, "table"),
        ("riscv", "7.3.4", FREED, ""),
        ("riscv", "7.3.4", SHARED, ""),
        ("s390", "7.3.4", FREED, "entry table"),
    ],
)
def test_a_gather_flushes_what_tlb_flush_does(
    arch: str, kernel: str, todo: Gathered, kept: str
) -> None:
    assert left(arch, kernel, todo) == kept


@pytest.mark.parametrize(
    ("arch", "todo", "kept"),
    [
        ("x86_64", ENTRY, "entry table"),
        ("x86_64", SHARED, "entry table"),
        ("x86_64", EXIT_SHARED, "entry table"),
        ("x86_64", FREED, ""),
        ("x86_64", EXIT_FREED, ""),
        ("x86_64-invlpgb", SHARED, ""),
        ("x86_64-dynamic-asid", SHARED, "entry table"),
        ("riscv", ENTRY, "table"),
    ],
)
def test_a_lazy_cpu_is_left_alone_on_x86(arch: str, todo: Gathered, kept: str) -> None:
    """Unless tables were freed; that some were unshared is no reason (asm/tlb.h: tlb_flush)."""
    assert left(arch, "7.3.4", todo, lazy=True) == kept


def test_where_nothing_was_recorded_another_gather_still_is_made_up_for() -> None:
    setup = TWO_VMAS.world(Plan({"pages": 1, "ptl": "different"}, crew=("mm",) * 3))
    vma, cpu = setup.vma("src"), setup.users["mm"]
    pmd = vma.mm.root.pmds[vma.start]
    assert pmd.table is not None
    cpu.walk[pmd] = frozenset({pmd.table})
    vma.mm.tlb_flush_pending = 2
    with selected(arch_named("arm64")), runtime.observed(runtime.Alone(setup.threads[0])):
        tlb_flush_mmu(vma.mm)
    assert not cpu.walk[pmd]


def test_a_thread_has_one_gather_at_a_time() -> None:
    setup = TWO_VMAS.world(Plan({"pages": 1, "ptl": "different"}, crew=("mm",) * 3))
    mm = setup.vma("src").mm
    with selected(arch_named("x86_64")), runtime.observed(runtime.Alone(setup.threads[0])):
        tlb_gather_mmu(mm)
        with pytest.raises(runtime.CheckFailed, match="one gather a thread"):
            tlb_gather_mmu(mm)


def test_what_was_flushed_is_no_longer_on_record() -> None:
    """An entry that is cleared again, and not recorded again, is not taken for recorded."""
    setup = TWO_VMAS.world(Plan({"pages": 1, "ptl": "different"}, crew=("mm",) * 3))
    vma = setup.vma("src")
    gather = setup.world.all(Gather)[0]
    with selected(arch_named("x86_64")), runtime.observed(runtime.Alone(setup.threads[0])):
        tlb_gather_mmu(vma.mm)
        tlb_remove_tlb_entry(vma.start)
        assert gather.range[vma.start]
        tlb_flush_mmu_tlbonly(vma.mm)
    assert not gather.range[vma.start]

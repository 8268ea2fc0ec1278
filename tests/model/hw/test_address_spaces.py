# SPDX-License-Identifier: GPL-2.0-only
"""A flush of one process leaves the TLBs of another alone, on every architecture."""

from __future__ import annotations

from dataclasses import replace

import pytest

from checks.engine.search import Limits
from checks.play.play import Play, Theatre
from checks.stage.stage import Role
from invariants import REGISTRY
from model.hw.archs import ARCHS
from model.hw.objects import Addr
from model.kernel.objects import Vma
from model.kernel.tlbflush import flush_tlb_mm, flush_tlb_page, mms
from model.lang import primitive
from model.patches.family import Variant

from .forked import FAMILY

ASKED = "no_translation_to_a_free_page"
FLUSHES = [a for a in ARCHS if a != "s390"]
"""On s390 the instruction that clears the entry drops the translations with it."""


def violated(variant: Variant, arch: str, *others: str) -> bool:
    beside = tuple(n for n in FAMILY.casts.neighbours if n.name in others)
    play = Play(FAMILY.casts.cast(beside), Role(variant), arch)
    found = Theatre([REGISTRY[ASKED]]).play(play, Limits())
    assert (found.why, found.broken) == ("", ())
    return ASKED in found.violated


@pytest.mark.parametrize("arch", ARCHS)
@pytest.mark.parametrize("beside", ["", "gup_fast", "gup_fast_child"])
def test_each_process_flushed(arch: str, beside: str) -> None:
    assert not violated(FAMILY.variant("right"), arch, beside)


@pytest.mark.parametrize("arch", ARCHS)
@pytest.mark.parametrize("wrong", ["parent_twice", "child_twice"])
def test_one_process_flushed_for_both(arch: str, wrong: str) -> None:
    assert violated(FAMILY.variant(wrong), arch) == (arch in FLUSHES)


@primitive("include/asm-generic/tlb.h:tlb_flush", "no ASIDs")
def flush_all(vma: Vma, addr: Addr) -> None:
    """Instead of `flush_tlb_page`: every address space is flushed."""
    for mm in mms():
        flush_tlb_mm(mm)


@pytest.mark.parametrize("arch", FLUSHES)
@pytest.mark.parametrize("wrong", ["parent_twice", "child_twice"])
def test_a_flush_that_empties_all_would_hide_it(arch: str, wrong: str) -> None:
    variant = replace(FAMILY.variant(wrong), swap={flush_tlb_page: flush_all})
    assert not violated(variant, arch)


@primitive("include/asm-generic/tlb.h:tlb_flush", "the whole address space")
def flush_whole(vma: Vma, addr: Addr) -> None:
    """Instead of `flush_tlb_page`: all of the address space that it is for, and no other."""
    flush_tlb_mm(vma.mm)


@pytest.mark.parametrize("arch", FLUSHES)
@pytest.mark.parametrize("wrong", ["parent_twice", "child_twice"])
def test_a_flush_of_a_whole_address_space_leaves_the_other(arch: str, wrong: str) -> None:
    variant = replace(FAMILY.variant(wrong), swap={flush_tlb_page: flush_whole})
    assert violated(variant, arch)

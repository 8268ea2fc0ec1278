# SPDX-License-Identifier: GPL-2.0-only
"""Conditions of reductions: the table says what there is, and those of eager TLBs are enforced."""

from __future__ import annotations

import importlib
import re
from dataclasses import replace
from pathlib import Path

import pytest

from checks.reduce.conditions import CONDITIONS, TESTED, Condition, page
from checks.reduce.reducer import Passes
from checks.stage.stage import Role, Setting, Stage
from model.hw.eager_tlb import eager
from model.hw.objects import Addr, Cpu, Root
from model.hw.tlb import broadcast_flush, dsb, tlbi
from model.lang import expr as ex
from model.lang import primitive
from model.lang.errors import ModelError
from model.lang.ir import Check, Kind, Op, StateCheck, System, Update
from tests.command import run

from .playing import EVERY, STALE, casts, variant, violated

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("condition", CONDITIONS, ids=lambda c: c.condition[:40])
def test_the_table_names_what_there_is(condition: Condition) -> None:
    if condition.enforced != TESTED:
        module, _, names = condition.enforced.partition(":")
        found: object = importlib.import_module(module)
        for name in names.split("."):
            found = getattr(found, name)
        assert callable(found)
    file, _, test = condition.test.partition("::")
    assert re.search(rf"^def {test}\(", (ROOT / file).read_text(), re.MULTILINE), condition.test


def test_the_document_is_made_from_the_table() -> None:
    assert (ROOT / "docs" / "reductions.md").read_text() == page()


# -- eager TLBs ------------------------------------------------------------------------------------


def test_two_stores_of_user_code_are_refused() -> None:
    """Each could use what no CPU held after the other; with TLBs at any time there are as many."""
    ran = run(
        "uffd_move_batching", "--variant", "merged", "--arch", "x86_64", "--scenario",
        "move+user+user/1p/ptl=different/init=all_at_src",
    )  # fmt: skip
    assert ran.exit_code == 2
    assert "one store" in ran.stderr


def with_a_tlb() -> tuple[System, ex.Cell]:
    """A system in which TLBs fill at any time, and a cell of one."""
    (one, *_) = casts(variant("merged"), "all_at_src")
    stage = Stage(Setting.of(one), "x86_64", EVERY, passes=Passes(), anytime=True)
    system = stage.raw_system(one, Role(variant("merged")))
    places = (u.place for r in system.rules for u in r.op.updates)
    return system, next(c for c in places if isinstance(c, ex.Cell) and c.var == "Cpu.tlb")


def test_what_eager_sets_would_not_decide_is_refused() -> None:
    """An invariant that holds because some CPU has an entry."""
    system, tlb = with_a_tlb()
    held = StateCheck("somebody has it", ex.not_(ex.is_empty(tlb)))
    bare = replace(system, checks=(), rules=tuple(r for r in system.rules if "fill" in r.name))
    threads = tuple(
        replace(t, edges=tuple(replace(e, op=replace(e.op, checks=())) for e in t.edges))
        for t in bare.threads
    )
    with pytest.raises(ModelError, match="more"):
        eager(replace(bare, threads=threads, checks=(held,)))


def test_a_fill_with_a_check_is_refused() -> None:
    """Eager sets have no fills, so that nobody would judge it."""
    system, tlb = with_a_tlb()
    holds = Check("something", ex.is_empty(tlb))
    rules = [
        replace(r, op=replace(r.op, checks=(holds,))) if r.name.startswith("fill") else r
        for r in system.rules
    ]
    with pytest.raises(ModelError, match="a fill has a check"):
        eager(replace(system, rules=tuple(rules)))


@pytest.mark.parametrize(
    ("var", "said"),
    [("Cpu.irqs_off", "Cpu.irqs_off depends on a cache"), ("Folio.dirty", "software depends")],
)
def test_software_that_looks_at_a_cache_is_refused(var: str, said: str) -> None:
    """By what it writes to what it waits for, or by which object it writes to."""
    system, tlb = with_a_tlb()
    declared = next(v for v in system.variables if v.name == var)
    codes = [ex.const(code + d.lowest, d) for d in declared.dims for code in (0, 1)]
    empty = ex.is_empty(tlb)
    at = codes[0] if var == "Cpu.irqs_off" else ex.ite(empty, codes[0], codes[1])
    value = empty if var == "Cpu.irqs_off" else ex.TRUE
    looks = Op(Kind.RMW, updates=(Update(ex.cell(var, (at,), declared.sort), value),))
    (first, *rest) = system.threads
    changed = replace(first.edges[0], op=looks)
    first = replace(first, edges=(changed, *first.edges[1:]))
    with pytest.raises(ModelError, match=said):
        eager(replace(system, threads=(first, *rest)))


def test_a_cache_that_has_less_by_another_having_more_is_refused() -> None:
    """With TLBs that forget, the one may be there without the other."""
    system, tlb = with_a_tlb()
    (first, *rest) = system.threads
    nothing = ex.const(0, tlb.sort)
    both = Op(Kind.RMW, updates=(Update(tlb, ex.ite(ex.is_empty(tlb), tlb, nothing)),))
    first = replace(first, edges=(replace(first.edges[0], op=both), *first.edges[1:]))
    with pytest.raises(ModelError, match=r"Cpu\.tlb may have less by another holding more"):
        eager(replace(system, threads=(first, *rest)))


@primitive("arch/arm64/include/asm/tlbflush.h:__flush_tlb_range")
def flush_in_two_steps(cpu: Cpu, root: Root, start: Addr, end: Addr, last_level: bool) -> None:
    """Instead of `broadcast_flush`."""
    tlbi(cpu, root, start, end, last_level)
    dsb(cpu)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["merged", "merged, no flush"])
def test_a_broadcast_flush_in_two_steps_is_no_other(name: str) -> None:
    """With TLBs that fill and forget at any time."""
    one = variant(name)
    two = replace(
        one, name=f"{name}, in two", swap={**one.swap, broadcast_flush: flush_in_two_steps}
    )
    chosen = [c for c in casts(one, "all_at_src") if len(c.others) <= 1][:3]
    together = violated(one, chosen, "arm64", Passes(), anytime=True)
    assert violated(two, chosen, "arm64", Passes(), anytime=True) == together
    assert any(found & STALE for found in together.values()) == name.endswith("no flush")

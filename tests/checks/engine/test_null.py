# SPDX-License-Identifier: GPL-2.0-only
"""After a NULL pointer is followed nothing comes: no field of None is written, in no explorer."""

from __future__ import annotations

import pytest

from checks.engine.codegen.code_cache import CodeCache
from checks.engine.codegen.layout import Layout
from checks.engine.engines import Engine
from checks.engine.native import extension
from checks.engine.native.explorer import Native
from checks.engine.reference import Explorer
from checks.mutate.steps import steps_of
from checks.stage.stage import Setting, Stage
from checks.target.selection import chosen_casts
from checks.target.target import by_name
from invariants import REGISTRY
from model.lang import expr as ex
from model.lang.ir import (
    NULL_POINTER,
    Check,
    Edge,
    Kind,
    Op,
    StateCheck,
    System,
    Thread,
    Update,
    Variable,
)
from model.lang.sorts import Int

SCENE = "move/2p/ptl=different/init=one_at_dst"


@pytest.mark.skipif(not extension.present(), reason="it was not built")
def test_nothing_comes_after_it() -> None:
    subject = by_name("uffd_move_batching", "merged")
    role = subject.selected.role
    (one,) = chosen_casts(subject.family.casts, role.variant.neighbours_from, SCENE, full=False)
    (step,) = [
        s for s in steps_of(role.variant, one)
        if s.name.startswith("no check src_folio is None, move_present_ptes")
    ]  # fmt: skip
    stage = Stage(Setting.of(one), "x86_64", REGISTRY.values())
    _, reference = stage.search(one, step.of(role), engine=Engine.REFERENCE)
    assert set(reference.violations) == {NULL_POINTER}
    _, found = stage.search(one, step.of(role), engine=Engine.NATIVE)
    assert found.violations == reference.violations
    assert (found.states, found.fired) == (reference.states, reference.fired)


@pytest.mark.skipif(not extension.present(), reason="it was not built")
def test_what_else_could_have_happened_is_still_judged() -> None:
    """Of two ways one follows a NULL pointer: the other one is not forgotten."""
    place = ex.cell("n", (), Int(0, 3))
    dies = Op(Kind.CHOICE, checks=(Check(NULL_POINTER, ex.FALSE),))
    goes = Op(Kind.CHOICE, updates=(Update(place, ex.number(1)),))
    thread = Thread("cpu0", "f", (), (Edge(0, 1, dies), Edge(0, 2, goes)), 0, 2, 3)
    zero = StateCheck("n_is_0", ex.eq(place, ex.number(0)))
    system = System("s", (Variable("n", (), Int(0, 3)),), (thread,), (), (zero,))
    explorer = Explorer(system, CodeCache(Layout(system.variables, frozenset(), 1)))
    found = Native(explorer, {place: 0}).run()
    assert set(found.violations) == {NULL_POINTER, "n_is_0"}
    assert explorer.run({place: 0}).violations == found.violations

# SPDX-License-Identifier: GPL-2.0-only
"""What passes keep is kept by all that it was made from: also by elements of arrays that are named
only once an index is known."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from checks.reduce.propagate import Facts, _View
from checks.reduce.reducer import Reducer
from checks.reduce.usage import Part
from checks.stage.stage import Role, Setting, Stage
from model.lang import expr as ex
from model.lang.ir import Kind, Op, Rule, Update
from model.lang.sorts import Int

from .playing import EVERY, casts, variant

SMALL = Int(0, 3)
INDEX = ex.cell("P", (), SMALL)
ELEMENT = ex.cell("A", (ex.const(1, SMALL),), SMALL)
OTHER = ex.cell("B", (), SMALL)
CHOSEN = ex.ite(
    ex.lt(ex.const(0, SMALL), ex.cell("A", (INDEX,), SMALL)), ex.const(2, SMALL), ex.const(3, SMALL)
)


def test_an_element_whose_index_becomes_known_is_judged_by_the_facts_at_hand() -> None:
    """The same expression with the same index, where the element holds 1, 0 and anything."""
    index: Facts = {INDEX: frozenset({1})}
    assert _View({**index, ELEMENT: frozenset({1})}).simple(CHOSEN) == ex.const(2, SMALL)
    assert _View({**index, ELEMENT: frozenset({0})}).simple(CHOSEN) == ex.const(3, SMALL)
    assert not isinstance(_View(index).simple(CHOSEN), ex.Const)


def test_a_part_is_folded_anew_where_less_is_known_of_an_element() -> None:
    """The same pointer, to an element that never changes in one family and may in another."""
    rule = Rule("r", Op(Kind.STORE, ex.eq(CHOSEN, ex.const(2, SMALL)), (Update(OTHER, CHOSEN),)))
    part, reducer = Part(None, -1, (rule,)), Reducer([])
    assert reducer._folded(part, {INDEX: 1, ELEMENT: 1}, {}).rules[0].op.guard is ex.TRUE
    (folded,) = reducer._folded(part, {INDEX: 1}, {}).rules
    assert not isinstance(folded.op.guard, ex.Const)


def test_a_guard_that_cannot_hold_leads_nowhere() -> None:
    op = Op(Kind.ASSUME, ex.eq(OTHER, ex.const(2, SMALL)))
    for values, goes_on in (({1}, False), ({1, 2}, True)):
        view = _View({OTHER: frozenset(values)})
        assert (view.after(op, {OTHER: 1}) is not None) is goes_on
        assert (view.op(op).guard is not ex.FALSE) is goes_on


def test_what_an_operation_does_is_as_if_it_were_worked_out_each_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In real threads, for the facts at each location and the operation that is put there."""
    known_after, known_op, asked = _View.after, _View.op, [0, 0]

    def after(view: _View, op: Op, own: Mapping[ex.Cell, int]) -> Facts | None:
        asked[0] += 1
        found = known_after(view, op, own)
        assert found == view._after(op, own)
        return found

    def op(view: _View, op: Op) -> Op:
        asked[1] += 1
        found = known_op(view, op)
        assert found == view._with_all(op)
        return found

    monkeypatch.setattr(_View, "after", after)
    monkeypatch.setattr(_View, "op", op)
    merged = variant("merged")
    some = [one for one in casts(merged, "all_at_src") if len(one.others) == 1][:6]
    stage = Stage(Setting.of(some[0]), "x86_64", EVERY)
    stage.prepare([(one, Role(merged)) for one in some])
    assert min(asked) > 1000

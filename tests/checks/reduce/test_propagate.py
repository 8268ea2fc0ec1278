# SPDX-License-Identifier: GPL-2.0-only
"""What is certain at one location is not taken to be so at another."""

from __future__ import annotations

from checks.reduce.propagate import Facts, _View
from model.lang import expr as ex
from model.lang.sorts import Int

SMALL = Int(0, 3)
INDEX = ex.cell("P", (), SMALL)
ELEMENT = ex.cell("A", (ex.const(1, SMALL),), SMALL)
CHOSEN = ex.ite(
    ex.lt(ex.const(0, SMALL), ex.cell("A", (INDEX,), SMALL)), ex.const(2, SMALL), ex.const(3, SMALL)
)


def test_an_element_whose_index_becomes_known_is_judged_by_the_facts_at_hand() -> None:
    """The same expression with the same index, where the element holds 1, 0 and anything."""
    index: Facts = {INDEX: frozenset({1})}
    assert _View({**index, ELEMENT: frozenset({1})}).simple(CHOSEN) == ex.const(2, SMALL)
    assert _View({**index, ELEMENT: frozenset({0})}).simple(CHOSEN) == ex.const(3, SMALL)
    assert not isinstance(_View(index).simple(CHOSEN), ex.Const)

# SPDX-License-Identifier: GPL-2.0-only
"""Memory orders: a gap in a declaration is refused, and nothing falls back to `plain`."""

from __future__ import annotations

from dataclasses import replace

import pytest

from model.hw import orders as kernel_orders
from model.hw.archs import ARCHS
from model.lang import expr as ex
from model.lang import orders, step
from model.lang.errors import ModelError
from model.lang.expr import Expr
from model.lang.ir import Kind, Op, Update
from model.lang.order import MODELS, WORDS, success_conditions
from model.lang.sorts import BOOL, Int

LINE = ("full", "once", "mm/x.c:x")


@pytest.mark.parametrize("missing", MODELS)
def test_a_memory_model_without_an_order_is_refused(missing: str) -> None:
    given = {name: LINE for name in MODELS if name != missing}
    with pytest.raises(ModelError, match=f"no order for the memory model {missing}: what it "):
        orders(**given)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (("ful", "once", "mm/x.c:x"), "no memory order 'ful'; did you mean full?"),
        (("full", "one", "mm/x.c:x"), "no memory order 'one'; did you mean once?"),
        (("", "once", "mm/x.c:x"), "no memory order ''"),
        (("full", "once", ""), "the order on arm64 has no source; name file and function"),
    ],
)
def test_a_line_that_says_nothing_is_refused(line: tuple[str, str, str], message: str) -> None:
    with pytest.raises(ModelError) as error:
        orders(**{**dict.fromkeys(MODELS, LINE), "arm64": line})
    assert str(error.value).startswith(message)


def test_a_memory_model_that_is_not_known_is_refused() -> None:
    with pytest.raises(ModelError, match="no memory model 'x68'; did you mean x86"):
        orders(x68=LINE, **dict.fromkeys(MODELS, LINE))
    with pytest.raises(ModelError, match="no memory model 'arm46'; did you mean arm64"):
        replace(ARCHS["arm64"], memory_model="arm46")


def test_a_word_for_every_memory_model_is_checked_too() -> None:
    with pytest.raises(ModelError, match="no memory order 'acquires'; did you mean acquire"):

        @step("mm/x.c:x", "1.0", order="acquires")
        def misspelt() -> None: ...


def test_every_order_of_the_kernel_has_its_source() -> None:
    """For each memory model, with a file and a function in it."""
    assert {a.memory_model for a in ARCHS.values()} == set(MODELS)
    named = {n: o for n, o in vars(kernel_orders).items() if n.isupper() and isinstance(o, dict)}
    assert len(named) > 15
    for name, order in named.items():
        assert set(order) == set(MODELS), name
        for line in order.values():
            assert line.success in WORDS
            assert ":" in line.cite, name


NUMBER = Int(0, 3)
X, Y = (ex.cell(n, (), NUMBER) for n in "xy")
FLAG, T = ex.cell("flag", (), BOOL), ex.local("t", BOOL)
ONE = ex.number(1)


@pytest.mark.parametrize(
    ("updates", "tests"),
    [
        ([(X, ONE)], set()),  # always writes
        ([(X, ex.ite(T, ONE, X))], {T}),
        ([(X, ex.ite(T, X, ONE))], {ex.not_(T)}),
        ([(FLAG, ex.ite(T, ex.FALSE, FLAG))], {T}),  # turns into a conjunction
        ([(FLAG, ex.ite(T, ex.TRUE, FLAG))], {T}),  # and this into a disjunction
        ([(X, ex.ite(T, ONE, X)), (Y, ONE)], set()),  # writes one of them anyway
        ([(X, ex.ite(T, ONE, X)), (FLAG, ex.ite(T, ex.FALSE, FLAG))], {T}),
        ([(X, ex.ite(T, ONE, Y))], set()),  # writes either way
        ([(X, ex.ite(T, ONE, X)), (Y, ex.ite(T, Y, ONE))], set()),  # one or the other
    ],
)
def test_what_decides_whether_a_step_writes(
    updates: list[tuple[ex.Cell, Expr]], tests: set[Expr]
) -> None:
    op = Op(Kind.RMW, updates=tuple(Update(place, value) for place, value in updates))
    assert success_conditions(op, {"x", "y", "flag"}) == tests

# SPDX-License-Identifier: GPL-2.0-only
"""The oracle's evaluator, against values that are worked out by hand."""

from __future__ import annotations

from typing import Any

import pytest

from model.lang import expr as ex
from model.lang.expr import Expr
from model.lang.sorts import BOOL, Int, Rec, Ref, Set, Sort

from . import evaluator
from .evaluator import OPERATORS, Elements, Evaluator, MeaninglessError

SMALL = Int(-2, 3)
THING = Ref("Thing", ("a", "b"))
MAYBE = Ref("Thing", ("a", "b"), nullable=True)
THINGS = Set(THING)
NUMBERS = Set(SMALL)
PAIR = Rec("Pair", (("n", SMALL), ("on", BOOL), ("at", MAYBE)))

M, N, T = (ex.local(n, SMALL) for n in "mnt")
YES, NO = ex.local("yes", BOOL), ex.local("no", BOOL)
A, W = ex.local("a", THING), ex.local("w", MAYBE)
GROUP, FEW, REC = ex.local("group", THINGS), ex.local("few", NUMBERS), ex.local("rec", PAIR)
VALUES = {
    "m": -2, "n": 3, "t": 1, "yes": 1, "no": 0, "a": 1, "w": 2,
    "group": 0b100,  # {b}
    "few": 0b001001,  # {-2, 1}
    "rec": 0b10_1_011,  # Pair(n=1 on at=b)
}  # fmt: skip
ROW = {(1,): 7, (2,): 9}


def row(at: Expr) -> Expr:
    return ex.cell("Row.n", (at,), Int(0, 9))


def table(*index: Expr) -> Expr:
    return ex.exactly("table", index, Int(0, 9), ((0, 5, 6, 7, 8, 9), ((0, 2), (-1, 3))))


KNOWN: list[tuple[Expr, int]] = [
    (ex.number(-2), -2),
    (M, -2),
    (ex.not_(YES), 0),
    (ex.not_(NO), 1),
    (ex.and_(YES, ex.eq(N, ex.number(3))), 1),
    (ex.and_(YES, NO), 0),
    (ex.or_(NO, ex.eq(N, ex.number(3))), 1),
    (ex.or_(NO, ex.eq(N, ex.number(2))), 0),
    (ex.ite(NO, M, N), 3),
    (ex.ite(YES, M, N), -2),
    (ex.eq(W, ex.const(2, MAYBE)), 1),
    (ex.eq(W, A), 0),
    (ex.lt(M, T), 1),
    (ex.lt(T, T), 0),
    (ex.lt(N, T), 0),
    (ex.add(M, N), 1),
    (ex.sub(M, N), -5),
    (ex.narrow(ex.add(N, T), SMALL), -2),
    (ex.narrow(ex.add(N, M), SMALL), 1),
    (ex.narrow(ex.sub(M, N), SMALL), -2),
    (ex.union(GROUP, ex.single(A, THINGS)), 0b110),
    (ex.inter(GROUP, ex.single(A, THINGS)), 0),
    (ex.diff(GROUP, ex.single(W, THINGS)), 0),
    (ex.diff(GROUP, ex.single(A, THINGS)), 0b100),
    (ex.has(GROUP, W), 1),
    (ex.has(GROUP, A), 0),
    (ex.has(FEW, M), 1),
    (ex.has(FEW, T), 1),
    (ex.has(FEW, N), 0),
    (ex.single(M, NUMBERS), 0b000001),
    (ex.single(T, NUMBERS), 0b001000),
    (ex.get(REC, "n"), 1),
    (ex.get(REC, "on"), 1),
    (ex.get(REC, "at"), 2),
    (ex.record(PAIR, (N, YES, ex.const(0, MAYBE))), 0b00_1_101),
    (ex.put(REC, "n", M), 0b10_1_000),
    (table(YES, T), 9),
    (table(NO, T), 6),
    (row(A), 7),
    (row(W), 9),
]


def value(e: Expr) -> int:
    """The oracle's value of an expression."""
    names: dict[str, Any] = {}
    elements = Elements("Row.n")
    start = list(VALUES.values())
    for index, held in ROW.items():
        elements[index] = len(start)
        start.append(held)
    own = {name: at for at, name in enumerate(VALUES)}
    text = Evaluator({"Row.n": elements}, own, names).value(e)
    found: int = eval(text, names, {"s": tuple(start)})
    return found


def wrong() -> list[Expr]:
    """The expressions whose value is not the one that is known."""
    return [e for e, expected in KNOWN if value(e) != expected]


@pytest.mark.parametrize(("e", "expected"), KNOWN, ids=[ex.show(e) for e, _ in KNOWN])
def test_values(e: Expr, expected: int) -> None:
    assert value(e) == expected


def test_every_operation_is_among_them() -> None:
    def names(e: Expr) -> set[str]:
        own = {e.name} if isinstance(e, ex.Apply) else set()
        return own.union(*map(names, ex.children(e)))

    assert set().union(*(names(e) for e, _ in KNOWN)) == OPERATORS.keys()


MUTANTS = {
    "not": "({0})", "and": "(1 if {0} or {1} else 0)", "or": "(1 if {0} and {1} else 0)",
    "ite": "({2} if {0} else {1})", "eq": "(1 if {0} >= {1} else 0)",
    "lt": "(1 if {0} <= {1} else 0)", "add": "({0} - {1})", "sub": "({1} - {0})", "narrow": "({0})",
    "union": "({0})", "inter": "({0})", "diff": "({0})", "has": "({0} >> {1} + 3 & 1)",
    "single": "(1 << {0} + 2)", "get": "({0} & 7)", "record": "({0} + 2)", "table": "(6)",
}  # fmt: skip


@pytest.mark.parametrize("name", OPERATORS)
def test_an_operation_that_is_wrong_is_noticed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert wrong() == []
    monkeypatch.setitem(OPERATORS, name, lambda _, *args: MUTANTS[name].format(*args))
    assert wrong() != []


def test_a_shift_by_the_value_and_not_its_code_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    def uncoded(_: Sort, text: str) -> str:
        return f"({text} + 2)"

    monkeypatch.setattr(evaluator, "_code", uncoded)
    assert wrong() != []


@pytest.mark.parametrize("e", [row(ex.const(0, MAYBE)), table(YES, M), table(N, T)])
def test_what_is_not_there_has_no_value(e: Expr) -> None:
    with pytest.raises(MeaninglessError, match="no element"):
        value(e)


def test_what_is_not_looked_at_may_be_missing() -> None:
    nothing = row(ex.const(0, MAYBE))
    assert value(ex.ite(YES, T, nothing)) == 1
    assert value(ex.and_(NO, ex.eq(nothing, T))) == 0

# SPDX-License-Identifier: GPL-2.0-only
"""The part of a condition that fails: the first conjunct, every alternative, the first object."""

from __future__ import annotations

import ast

import pytest

from checks.trace.binding import failing
from model.lang import pure


@pure
def below(x: int, most: int) -> bool:
    return x < most


@pure
def first_conjunct(a: int, b: int) -> bool:
    return a > 0 and b > 0 and a < b


@pure
def every_alternative(a: int, b: int) -> bool:
    return a > 0 or (b > 0 and b > 100)


@pure
def some_object(pairs: tuple[tuple[int, int], ...]) -> bool:
    return all(below(x, 3) or y > 8 for x, y in pairs if y > 0)


@pure
def negated(xs: tuple[int, ...]) -> bool:
    limit = 3
    return not any(x > limit for x in xs)


def parts(found: object) -> list[str]:
    return [ast.unparse(p.node) for p in found.parts]  # type: ignore[attr-defined]


def test_the_first_conjunct_that_fails() -> None:
    assert parts(failing(first_conjunct, {"a": 1, "b": 0})) == ["b > 0"]
    assert parts(failing(first_conjunct, {"a": 2, "b": 1})) == ["a < b"]


def test_each_alternative_in_its_part_that_fails() -> None:
    assert parts(failing(every_alternative, {"a": 0, "b": 5})) == ["a > 0", "b > 100"]


def test_the_first_object_by_name_into_what_is_called() -> None:
    found = failing(some_object, {"pairs": ((1, 1), (9, 0), (4, 7))})
    assert (found.names["x"], found.names["y"]) == (4, 7)
    assert parts(found) == ["x < most", "y > 8"]
    assert [p.value() for p in found.parts] == [False, False]


def test_what_makes_a_negation_fail_and_names_that_are_assigned() -> None:
    found = failing(negated, {"xs": (1, 5, 7)})
    assert (found.names["x"], found.names["limit"]) == (5, 3)
    assert parts(found) == ["x > limit"]


def test_a_condition_that_holds_has_no_failing_part() -> None:
    with pytest.raises(ValueError, match="holds"):
        failing(negated, {"xs": (1,)})

# SPDX-License-Identifier: GPL-2.0-only
"""Routines that came out otherwise than Python carries them out, once: now they are alike.

Each runs as plain Python and as IR, from several states; what it leaves is compared.
"""

from __future__ import annotations

from typing import Annotated, Any

import pytest

from checks.engine.interpret import Interpreter
from model.lang import (
    Array,
    Bounded,
    Kobject,
    World,
    check,
    compose,
    kernel,
    kfield,
    pure,
    runtime,
    step,
    wait_until,
)
from model.lang.compose import Invocation
from model.lang.declare import ModelFunction
from model.lang.frontend.source import Context, assigned_names
from model.lang.sorts import Int

Slot = Annotated[int, Bounded("slot")]


class Task(Kobject):
    """The thread that runs."""


class Box(Kobject):
    n: int = kfield(0, hi=9)
    out: int = kfield(0, lo=-9, hi=9)
    flag: bool = kfield(False)
    next: Box | None = kfield(None)
    kept: frozenset[Slot] = kfield(frozenset())
    row: Array[Slot, int] = kfield(0, hi=9)
    links: tuple[Box, ...] = kfield((), const=True)


routine = kernel("mm/x.c:x", "1.0")
Routine = ModelFunction[..., Any]
SEVERAL = "what the step reads and writes does not matter here"
ALIKE: list[Routine] = []


def alike(fn: Routine) -> Routine:
    ALIKE.append(fn)
    return fn


@step(order="plain")
def read_n(b: Box) -> int:
    return b.n


@step(order="plain")
def write(b: Box, value: int) -> None:
    b.out = value


@pure
def positive(n: int) -> bool:
    check(n != 1, "never one")
    return True


# -- assignments -----------------------------------------------------------------------------------


@routine
def unless_small(b: Box, n: int, needed: bool) -> None:
    if n > 1:
        needed = False
    if needed:
        write(b, 5)


@alike
@routine
def a_parameter_is_assigned_in_a_branch(b: Box) -> None:
    n = read_n(b)
    unless_small(b, n, True)


@routine
def add_up(b: Box, n: int) -> None:
    m = n + n
    if m > 3:
        write(b, 1)


first = add_up


def wrapped() -> Routine:
    @routine
    def add_up(b: Box, n: int) -> None:
        m = n + 1
        first(b, 3)
        write(b, m + n)

    return add_up


outer = wrapped()


@alike
@routine
def two_functions_of_one_name(b: Box) -> None:
    n = read_n(b)
    outer(b, n)


# -- arguments -------------------------------------------------------------------------------------


@routine
def with_a_default(b: Box, n: int, plus: int = 1, *, twice: bool = True) -> None:
    write(b, n + plus + (1 if twice else 0))


@alike
@routine
def a_default_beside_one_by_name(b: Box) -> None:
    n = read_n(b)
    with_a_default(b, n, 3)


@alike
@routine
def a_default_before_one_by_name(b: Box) -> None:
    n = read_n(b)
    with_a_default(b, n, twice=False)


# -- conditions ------------------------------------------------------------------------------------


@alike
@routine
def a_check_behind_an_or(b: Box) -> None:
    n = read_n(b)
    if n == 2 or positive(n):
        write(b, 1)


@alike
@routine
def a_check_under_a_condition(b: Box) -> None:
    n = read_n(b)
    check(n != 1, "never one") if n > 1 else None
    write(b, 1)


@step(order="plain", several=SEVERAL)
def wait_for_next(b: Box) -> None:
    wait_until(b.next.n == 3)  # type: ignore[union-attr]  # on purpose


@alike
@routine
def a_wait_by_a_pointer_that_may_be_null(b: Box) -> None:
    wait_for_next(b)


@step(order="plain", several=SEVERAL)
def compare_three(b: Box) -> None:
    if 1 < b.n < b.next.n:  # type: ignore[union-attr]  # on purpose
        b.out = 1


@alike
@routine
def a_comparison_that_stops_early(b: Box) -> None:
    compare_three(b)


@step(order="plain")
def wait_for_three(b: Box, less: int) -> None:
    wait_until(b.n == 3 and less < 3)


@pure
def small(n: int) -> int:
    check(n > 1, "never small")
    return n


@alike
@routine
def a_check_on_the_way_to_a_wait(b: Box) -> None:
    n = read_n(b)
    wait_for_three(b, small(n) - 1)


# -- values ----------------------------------------------------------------------------------------


@step(order="plain")
def bump(b: Box) -> tuple[tuple[int, int], int]:
    old = b.out
    b.out = 7
    return (0, old), 1


@alike
@routine
def a_result_in_a_tuple_in_a_tuple(b: Box) -> None:
    old = bump(b)[0][1]
    write(b, old + 1)


@step(order="plain", several=SEVERAL)
def links_of_next(b: Box) -> tuple[Box, ...]:
    found = b.next
    b.next = None
    return found.links  # type: ignore[union-attr]  # on purpose


@alike
@routine
def a_field_of_tuples_as_a_result(b: Box) -> None:
    box: Box = links_of_next(b)[0]
    write(box, 4)


@step(order="plain", several=SEVERAL)
def keep(b: Box) -> None:
    b.kept = frozenset({1, 3})


@step(order="plain", several=SEVERAL)
def keep_one_more(b: Box) -> None:
    if b.n < 3:
        b.kept = b.kept | {b.n + 1}


@step(order="plain", several=SEVERAL)
def count_kept(b: Box) -> None:
    b.out = sum(1 for s in b.kept) + (4 if 1 in b.kept else 0)


@alike
@routine
def sets_of_numbers(b: Box) -> None:
    keep(b)
    keep_one_more(b)
    count_kept(b)


# -- carrying them out -----------------------------------------------------------------------------

STATES = [
    (n, flag, following) for n in (0, 1, 2, 3) for flag in (False, True) for following in (0, 1)
]


def world(state: tuple[int, bool, int]) -> tuple[World, Task, Box]:
    """Two boxes, one of which may point to the other."""
    w = World(slot=Int(0, 3))
    task, one, two = w.new(Task, "task"), w.new(Box, "one"), w.new(Box, "two")
    one.__dict__["links"], two.__dict__["links"] = (one, two), (two, one)
    one.n, one.flag, following = state
    one.out = one.n
    one.next = two if following else None
    two.n = 3
    return w, task, one


def as_python(fn: Routine, state: tuple[int, bool, int]) -> object:
    w, task, one = world(state)
    try:
        with runtime.observed(runtime.Alone(task)):
            fn(one)
    except runtime.CheckFailed as error:
        return str(error).partition(":")[0]
    except AttributeError:
        return "model:null"
    except runtime.WouldBlock:
        return "waits"
    return w.snapshot()


def as_ir(fn: Routine, state: tuple[int, bool, int]) -> object:
    w, task, one = world(state)
    ctx = Context(w, "x86")
    system = compose.system(ctx, "alike", [Invocation(task, fn, (one,))])
    it = Interpreter(system)
    pos = it.start(compose.initial_state(ctx))
    while edges := it.enabled(pos, 0):
        failing = [c.invariant for e in edges for c in it.failing(pos, e.op, 0)]
        if failing:
            return failing[0]
        pos = it.take(pos, 0, edges[0])
    if not it.ended(pos):
        return "waits"
    return {(c.var, tuple(i.value for i in c.index)): v for c, v in pos.cells.items()}  # type: ignore[attr-defined]


@pytest.mark.parametrize("fn", ALIKE, ids=lambda fn: fn.name)
def test_alike(fn: Routine) -> None:
    found: list[object] = []
    for state in STATES:
        found.append(as_python(fn, state))
        assert as_ir(fn, state) == found[-1], state
    assert len({str(f) for f in found}) > 1, "the states make a difference"


def test_what_is_not_alike_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A parameter is taken for one that is never assigned, as it was."""

    def fewer(tree: Any) -> dict[str, int]:
        return dict.fromkeys(assigned_names(tree), 1)

    monkeypatch.setattr("model.lang.frontend.routine.assigned_names", fewer)
    (fn,) = (f for f in ALIKE if f.name == "a_parameter_is_assigned_in_a_branch")
    assert any(as_ir(fn, state) != as_python(fn, state) for state in STATES)

# SPDX-License-Identifier: GPL-2.0-only
"""Steps that use one object by two names: what they do as plain Python, and as an operation."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import pytest

from model.lang import Kobject, World, check, compose, effect, ghost, kernel, kfield, step
from model.lang import expr as ex
from model.lang.errors import ModelError
from model.lang.expr import Cell
from model.lang.frontend.source import Context
from model.lang.frontend.steps import compile_step
from model.lang.ir import Kind, State
from model.lang.traits import Trait


class Task(Kobject):
    """The thread that runs."""


class Node(Kobject):
    n: int = kfield(0, hi=9)
    next: Node | None = kfield(None)
    seen: int = ghost(0, hi=9)


@effect
def count(a: Node) -> None:
    a.n = 1


@step(order="plain")
def count_by_an_effect(a: Node) -> None:
    count(a)


@kernel("mm/x.c:x", "1.0")
def stores(a: Node) -> None:
    a.n = 1
    count_by_an_effect(a)


def test_what_functions_outside_of_the_models_do_is_foreign(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Bare stores, and steps that are the models' but for a function that they call."""
    monkeypatch.setattr(count_by_an_effect, "traits", count_by_an_effect.traits - {Trait.FOREIGN})
    monkeypatch.setattr(count_by_an_effect.fn, "__module__", "model.x")
    w = World()
    thread = w.new(Task, "t")
    system = compose.system(
        Context(w, "x86"), "foreign", [compose.Invocation(thread, stores, (w.new(Node, "a"),))]
    )
    calls = [e.call for e in system.threads[0].edges if e.call is not None]
    assert [c.name for c in calls] == ["write", "count_by_an_effect"]
    assert all(Trait.FOREIGN in c.traits for c in calls)


def test_what_a_field_cannot_hold_is_refused() -> None:
    w = World()
    w.new(Node, "a").n = 12
    with pytest.raises(ModelError, match=r"a\.n holds what it cannot: 12 is not in 0\.\.9"):
        compose.initial_state(Context(w, "x86"))


SEVERAL = "two names of what may be one object"


@step(order="plain", several=SEVERAL)
def write_thrice(a: Node) -> int:
    b = a.next
    if b is None:
        return 9
    a.n = 1
    b.n = 2
    a.n = 3
    return b.n


@step(order="plain", several=SEVERAL)
def write_last_by_the_other(a: Node) -> int:
    b = a.next
    if b is None:
        return 9
    b.n = 1
    a.n = 2
    b.n = 3
    return a.n


@step(order="plain", several=SEVERAL)
def count_thrice(a: Node) -> int:
    b = a.next
    if b is None:
        return 9
    a.n += 1
    b.n += 1
    a.n += 1
    return a.n


@step(order="plain", several=SEVERAL)
def write_where(a: Node) -> int:
    b = a.next
    if b is None:
        return 9
    a.n = 1
    if b.n == 1:
        b.n = 2
        a.n = a.n + 1
    return b.n


@step(order="plain", several=SEVERAL)
def write_through(a: Node) -> int:
    b = a.next
    if b is None or b.next is None:
        return 9
    a.n = 1
    b.next.n = 2
    b.n = 3
    a.n = a.n + b.next.n
    return b.next.n


@step(order="plain", several="one is only looked at")
def names_under_a_condition(a: Node) -> int:
    if a.n == 0:
        found = a.next
    return 1 if found is a else 0


STEPS = (write_thrice, write_last_by_the_other, count_thrice, write_where, write_through)


def run(call: Callable[[Node], int], links: tuple[int, int]) -> tuple[int, list[int]]:
    """The result and the numbers behind a step that runs as Python."""
    _, nodes = world(links)
    return call(nodes[0]), [node.n for node in nodes]


def world(links: tuple[int, int]) -> tuple[Context, list[Node]]:
    """Two nodes, each with the other or itself behind it."""
    ctx = Context(World(), "x86")
    nodes = [ctx.world.new(Node, name) for name in ("first", "second")]
    for node, to in zip(nodes, links, strict=True):
        node.next = nodes[to]
    return ctx, nodes


def evaluated(fn: Any, links: tuple[int, int]) -> tuple[int, list[int]]:
    """The same of the operation that it is."""
    ctx, nodes = world(links)
    made = compile_step(ctx, fn, [nodes[0]])
    state = compose.initial_state(ctx)
    cells = {update.place: update.value for update in made.op.updates}
    after: State = dict(state)
    for place, value in cells.items():
        assert isinstance(place, Cell)
        at = tuple(ex.const(ex.evaluate(i, state.__getitem__), i.sort) for i in place.index)
        after[ex.cell(place.var, at, place.sort)] = ex.evaluate(value, state.__getitem__)
    result = made.result
    given = ex.evaluate(result, state.__getitem__) if isinstance(result, ex.Expr) else result
    numbers = [after[c] for c in state if isinstance(c, Cell) and c.var == "Node.n"]
    assert isinstance(given, int)
    return given, numbers


@pytest.mark.parametrize("fn", STEPS, ids=lambda fn: fn.name)
@pytest.mark.parametrize("links", [(0, 0), (0, 1), (1, 0), (1, 1)])
def test_a_step_is_what_python_does(fn: Any, links: tuple[int, int]) -> None:
    assert evaluated(fn, links) == run(fn, links)


@pytest.mark.parametrize("n", [0, 1])
def test_a_name_without_a_value_is_an_error_of_the_model(n: int) -> None:
    """The check fails where Python has no value for it."""
    ctx, nodes = world((0, 1))
    nodes[0].n = n
    (check,) = (
        c for c in compile_step(ctx, names_under_a_condition, [nodes[0]]).op.checks
        if c.invariant == "model:a name without a value"
    )  # fmt: skip
    state = compose.initial_state(ctx)
    assert bool(ex.evaluate(check.cond, state.__getitem__)) == (n == 0)
    with contextlib.nullcontext() if n == 0 else pytest.raises(UnboundLocalError):
        names_under_a_condition(nodes[0])


@step()
def noted(a: Node, b: Node) -> None:
    check(b.n < 5, "model:few")
    a.seen = a.n + b.n


@step(order="plain")
def noted_beside_a_store(a: Node, b: Node) -> None:
    a.seen = b.n
    a.n = 1


def test_what_is_read_for_ghosts_and_checks_is_no_access() -> None:
    """No order is asked for, and two places are none too many."""
    ctx, nodes = world((0, 1))
    assert compile_step(ctx, noted, list(nodes)).op.access is None
    stored = compile_step(ctx, noted_beside_a_store, list(nodes)).op
    assert stored.kind is Kind.STORE
    assert stored.access is not None
    assert stored.access.place.var == "Node.n"

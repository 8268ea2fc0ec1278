# SPDX-License-Identifier: GPL-2.0-only
"""Building an expression simplifies it and keeps its meaning; generated text has the same one."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Mapping
from random import Random
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from checks.engine.codegen.layout import Layout, Seat
from checks.engine.codegen.python_code import Judge, RulesCode, ThreadCode
from checks.engine.codegen.python_text import PyText
from checks.engine.interpret import Interpreter, Position
from model.lang import expr as ex
from model.lang.expr import Expr, Local, evaluate
from model.lang.ir import Check, Edge, Kind, Op, Rule, StateCheck, System, Thread, Update
from model.lang.sorts import BOOL, Int, Set

from .strategies import (
    CELLS,
    LOCALS,
    ROWS,
    SORTS,
    VARIABLES,
    Env,
    Sample,
    environment,
    samples,
    seeds,
    updates,
)  # fmt: skip

PAIRS = tuple(zip(LOCALS[: len(SORTS)], CELLS[: len(SORTS)], strict=True))
"""A local and a cell of each sort."""

some = settings(
    max_examples=150, deadline=None, derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)  # fmt: skip
anything = st.sampled_from(SORTS).flatmap(samples)


def known(env: Env) -> Any:
    return env.__getitem__


@some
@given(anything, seeds)
def test_what_is_built_means_what_its_parts_mean(sample: Sample, seed: int) -> None:
    env = environment(seed)
    assert evaluate(sample.expr, known(env)) == sample.value(env)


@some
@given(anything, seeds)
def test_the_sort_bounds_the_value(sample: Sample, seed: int) -> None:
    env = environment(seed)
    value, sort = evaluate(sample.expr, known(env)), sample.expr.sort
    if isinstance(sort, Set):
        assert value in range(1 << sort.bits)
    else:
        assert value - sort.lowest in sort.codes()


@some
@given(anything, seeds, seeds)
def test_substituting_and_evaluating_commute(sample: Sample, seed: int, other: int) -> None:
    """Some leaves made constant, which simplifies anew: the same value where they have it."""
    env, random = environment(seed), Random(other)
    swap = {p: ex.const(env[p], p.sort) for p in env if random.random() < 0.5}
    known_now = ex.substitute(sample.expr, swap.get)
    assert evaluate(known_now, known(env)) == sample.value(env)


@settings(some, max_examples=500)
@given(anything, seeds, seeds)
def test_places_are_exchanged_once(sample: Sample, seed: int, other: int) -> None:
    """Locals and cells that stand for each other, where all else is known, which simplifies."""
    env, random = environment(seed), Random(other)
    swap: dict[Expr, Expr] = {p: ex.const(env[p], p.sort) for p in env}
    for one, two in PAIRS:
        swap.update({one: two, two: one} if random.random() < 0.8 else {})
    exchanged = {p: env[p] if isinstance(swap.get(p, p), ex.Const) else env[swap.get(p, p)]
                 for p in env}  # fmt: skip
    assert evaluate(ex.substitute(sample.expr, swap.get), known(env)) == sample.value(exchanged)


def test_what_is_put_in_is_not_looked_at_again() -> None:
    """An operation that turns out to be one of its operands is no place to swap."""
    (x, _), (y, place) = PAIRS[0], PAIRS[1]
    chosen = ex.ite(x, ex.number(0), y)
    swap: dict[Expr, Expr] = {x: ex.FALSE, y: place, place: ex.number(1)}
    assert ex.substitute(chosen, swap.get) is place


@some
@given(anything, seeds)
def test_all_leaves_known_leaves_a_constant(sample: Sample, seed: int) -> None:
    env = environment(seed)
    done = ex.substitute(sample.expr, lambda e: ex.const(env[e], e.sort) if e in env else None)
    assert isinstance(done, ex.Const)
    assert done.value == sample.value(env)


@some
@given(anything)
def test_rebuilding_a_node_gives_the_node(sample: Sample) -> None:
    """What was simplified once is not simplified differently a second time."""

    def again(e: Expr) -> Expr:
        args = tuple(again(a) for a in ex.children(e))
        return ex.rebuild(e, args) if args else e

    once = again(sample.expr)
    assert again(once) is once


# -- generated text ------------------------------------------------------------------------------


def packed(layout: Layout, seat: Seat, *values: Mapping[Any, int]) -> int:
    state = 0
    for place, value in ChainMap(*map(dict, values)).items():
        slot = layout.slot(place, seat)
        assert slot is not None
        state |= value - slot.lowest << slot.offset
    return state


def laid_out(*edges: Edge) -> tuple[Layout, Seat, Thread]:
    layout = Layout(VARIABLES, frozenset(ROWS.values()), 1)
    thread = Thread("T0", "f", LOCALS, edges, 0, 1, 2)
    return layout, layout.seat(0, thread, None), thread


@some
@given(anything, seeds)
def test_python_text_means_what_the_expression_means(sample: Sample, seed: int) -> None:
    env = environment(seed)
    layout, seat, _ = laid_out()
    text = PyText(layout, seat)
    value = text.value(sample.expr)
    test = text.test(sample.expr) if sample.expr.sort == BOOL else None
    start = packed(layout, seat, env)
    run = text.define("run", ["def run(s):", f"    return {value}, {test}"])
    found, truth = run(start)
    assert found == sample.value(env)
    assert test is None or bool(truth) == bool(sample.value(env))


@some
@given(samples(BOOL), samples(BOOL, 2), updates(local=True), seeds)
def test_generated_edges_do_what_the_interpreter_does(
    guard: Sample, check: Sample, assigned: Any, seed: int
) -> None:
    env = environment(seed)
    op = Op(Kind.RMW, guard.expr, assigned, (Check("holds", check.expr),))
    edge = Edge(0, 1, op, number=0)
    layout, seat, thread = laid_out(edge)
    code = ThreadCode(layout, seat, thread)
    start = packed(layout, seat, env)
    moves = code.moves(start)
    successors = [new for _, new in moves.taken]
    assert all((new ^ start) & ~code.footprints[0] == 0 for new in successors)

    it = Interpreter(System("s", VARIABLES, (thread,)))
    own = {v: env[v] for v in LOCALS}
    pos = Position({c: env[c] for c in CELLS}, (own,), (0,))
    enabled = it.enabled(pos, 0)
    assert bool(successors) == bool(enabled)
    if enabled:
        failed = [op.checks[k] for _, k in moves.failed]
        assert failed == it.failing(pos, op, 0)
        after = it.take(pos, 0, edge)
        expected = packed(layout, seat, after.cells, after.locals[0])
        assert successors == [expected | 1 << seat.pc.offset]


@some
@given(samples(BOOL), samples(BOOL, 2), updates(local=True), seeds, seeds)
def test_what_an_edge_does_depends_on_its_footprint_only(
    guard: Sample, check: Sample, assigned: Any, seed: int, other: int
) -> None:
    op = Op(Kind.RMW, guard.expr, assigned, (Check("holds", check.expr),))
    layout, seat, thread = laid_out(Edge(0, 1, op, number=0))
    code = ThreadCode(layout, seat, thread)
    one, two = (packed(layout, seat, environment(s)) for s in (seed, other))
    two = two & ~code.footprints[0] | one & code.footprints[0]
    first, second = code.moves(one), code.moves(two)
    assert first.failed == second.failed
    assert [n ^ one for _, n in first.taken] == [n ^ two for _, n in second.taken]


def without_locals(sample: Sample, env: Env) -> Expr:
    return ex.substitute(
        sample.expr, lambda e: ex.const(env[e], e.sort) if isinstance(e, Local) else None
    )


@some
@given(samples(BOOL), samples(SORTS[1]), samples(BOOL), seeds)
def test_generated_rules_and_judges_do_what_the_interpreter_does(
    guard: Sample, value: Sample, judge: Sample, seed: int
) -> None:
    env = environment(seed)
    place = CELLS[1]
    assert isinstance(place.sort, Int)
    new = ex.narrow(without_locals(value, env), place.sort)
    op = Op(Kind.RMW, without_locals(guard, env), (Update(place, new),))
    rule = Rule("rule", op)
    check = StateCheck("judge", without_locals(judge, env))
    layout, seat, _ = laid_out()
    start = packed(layout, seat, env)
    successors = [new for _, new in RulesCode(layout, (rule,)).moves(start).taken]
    it = Interpreter(System("s", VARIABLES, (), (rule,), (check,)))
    pos = Position({c: env[c] for c in CELLS}, (), ())
    assert [s for s in successors if s != start] == [
        packed(layout, seat, it.fire(pos, r).cells, env) for r in it.rules(pos)
    ]
    assert it.broken(pos) == ([] if Judge(layout, check).holds(start) else ["judge"])

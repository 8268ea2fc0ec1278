# SPDX-License-Identifier: GPL-2.0-only
"""Making a program smaller as long as it fails in the same way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TypeVar

from model.lang import expr as ex
from model.lang.expr import Cell, Const, Expr, Local
from model.lang.ir import Check, Op, StateCheck, Update
from model.lang.traits import Trait

from .statements import Body, Do, Form, Hold, If, Leave, Program, Statement, While
from .world import least

T = TypeVar("T")

UNSEEN = frozenset({Trait.PUT, Trait.ALLOC})


def shrink(program: Program, fails: Callable[[Program], bool]) -> Program:
    """A program none of whose smaller forms fails."""
    while True:
        found = next((p for p in _smaller(program) if fails(p)), None)
        if found is None:
            return program
        program = found


def _smaller(program: Program) -> Iterator[Program]:
    """Forms with one thing less, the larger things first."""
    if len(program.threads) > 1:
        for threads in _without_one(program.threads):
            yield replace(program, threads=threads)
    for threads in _one_changed(program.threads, _bodies):
        yield replace(program, threads=threads)
    for rules in _without_one(program.rules):
        yield replace(program, rules=rules)
    for checks in _without_one(program.checks):
        yield replace(program, checks=checks)
    for finals in _without_one(program.finals):
        yield replace(program, finals=finals)
    for initial in _without_one(program.initial):
        yield replace(program, initial=initial)
    for rules in _one_changed(program.rules, lambda r: (replace(r, op=op) for op in _ops(r.op))):
        yield replace(program, rules=rules)
    for checks in _one_changed(program.checks, _judges):
        yield replace(program, checks=checks)
    for finals in _one_changed(program.finals, _judges):
        yield replace(program, finals=finals)


def _without_one(items: tuple[T, ...]) -> Iterator[tuple[T, ...]]:
    for n in range(len(items)):
        yield (*items[:n], *items[n + 1 :])


def _one_changed(
    items: tuple[T, ...], change: Callable[[T], Iterator[T]]
) -> Iterator[tuple[T, ...]]:
    for n, item in enumerate(items):
        for other in change(item):
            yield (*items[:n], other, *items[n + 1 :])


def _bodies(body: Body) -> Iterator[Body]:
    yield from _without_one(body)
    for n, statement in enumerate(body):
        for inside in _insides(statement):
            yield (*body[:n], *inside, *body[n + 1 :])
    yield from _one_changed(body, _statements)


def _insides(statement: Statement) -> Iterator[Body]:
    """The body of a statement without what is around it."""
    if isinstance(statement, Hold | If | While):
        yield statement.body
    if isinstance(statement, Hold | If):
        yield statement.other


def _statements(statement: Statement) -> Iterator[Statement]:
    if isinstance(statement, Do):
        if statement.traits & UNSEEN:  # it says that what it writes to is free before or after
            return
        for op in _ops(statement.op):
            yield replace(statement, op=op)
        return
    if isinstance(statement, Hold):
        if statement.also is not None:
            yield replace(statement, also=None)
        if statement.form is not Form.WAIT and not statement.other:
            yield replace(statement, form=Form.WAIT)
    if isinstance(statement, Hold | If | While):
        for body in _bodies(statement.body):
            yield replace(statement, body=body)
    if isinstance(statement, Hold | If):
        for body in _bodies(statement.other):
            yield replace(statement, other=body)
    if isinstance(statement, If | While | Leave) and statement.cond is not None:
        for cond in _exprs(statement.cond):
            yield replace(statement, cond=cond)


def _ops(op: Op) -> Iterator[Op]:
    for updates in _without_one(op.updates):
        yield replace(op, updates=updates)
    for checks in _without_one(op.checks):
        yield replace(op, checks=checks)
    for guard in _exprs(op.guard):
        yield replace(op, guard=guard)
    for updates in _one_changed(op.updates, _updates):
        yield replace(op, updates=updates)
    for checks in _one_changed(op.checks, _checks):
        yield replace(op, checks=checks)


def _updates(update: Update) -> Iterator[Update]:
    place = update.place
    if isinstance(place, Cell):
        for index in _one_changed(place.index, _exprs):
            yield update._replace(place=ex.cell(place.var, index, place.sort))
    for value in _exprs(update.value):
        yield update._replace(value=value)


def _checks(check: Check) -> Iterator[Check]:
    yield from map(check.with_cond, _exprs(check.cond))


def _judges(check: StateCheck) -> Iterator[StateCheck]:
    for cond in _exprs(check.cond):
        yield replace(check, cond=cond)


def _exprs(e: Expr) -> Iterator[Expr]:
    """Simpler expressions of the same sort: a constant, a part of it, or one part simpler."""
    if isinstance(e, Const):
        return
    simple = ex.TRUE if e.sort == ex.TRUE.sort else ex.const(least(e.sort), e.sort)
    yield simple
    parts = ex.children(e)
    yield from (part for part in parts if part.sort == e.sort)
    if isinstance(e, Local):
        return
    for changed in _one_changed(parts, _exprs):
        other = ex.rebuild(e, changed)
        if other.sort == e.sort:
            yield other

# SPDX-License-Identifier: GPL-2.0-only
"""Sequence: one operation after another, as one."""

from __future__ import annotations

from collections.abc import Callable

from model.lang import expr as ex
from model.lang.expr import Cell, Expr, Local
from model.lang.ir import Kind, Op, Update


def one_after_the_other(first: Op, second: Op, post: Callable[[Expr], Expr]) -> Op:
    """The operation that does the first and then the second; `post` is `behind` the first."""
    written: dict[Cell | Local, Expr] = {u.place: u.value for u in first.updates}
    arrays: dict[str, int] = {}
    for place in written:
        if isinstance(place, Cell):
            arrays[place.var] = arrays.get(place.var, 0) + 1
    guard = ex.and_(first.guard, post(second.guard))
    checks = (*first.checks, *(c.with_cond(post(c.cond)) for c in second.checks))
    checks = tuple(c for c in checks if c.cond is not ex.TRUE)
    updates = dict(written)
    for u in second.updates:
        place, value = u.place, post(u.value)
        if isinstance(place, Cell):
            place = ex.cell(place.var, tuple(post(i) for i in place.index), place.sort)
            if arrays.get(place.var, 0) > (place in updates):
                for other, held in updates.items():
                    if other is not place and isinstance(other, Cell) and other.var == place.var:
                        updates[other] = ex.ite(_same_place(other, place), value, held)
            if place not in updates:
                arrays[place.var] = arrays.get(place.var, 0) + 1
        updates[place] = value
    kind = first.kind if _is_nothing(second) else second.kind if _is_nothing(first) else Kind.MERGED
    new = tuple(Update(p, v) for p, v in updates.items() if p is not v)
    return Op(kind, guard, new, tuple(dict.fromkeys(checks)), first.access or second.access)


def behind(op: Op) -> Callable[[Expr], Expr]:
    """A function from an expression to the one that has its value of behind the operation, before
    it."""
    written: dict[Cell | Local, Expr] = {u.place: u.value for u in op.updates}
    if not written:
        return _itself
    arrays = {p.var for p in written if isinstance(p, Cell)}

    def after(e: Expr) -> Expr | None:
        """The value of a place after it; an element at a computed index may be the same."""
        if not isinstance(e, Cell | Local):
            return None
        if e in written or isinstance(e, Local):
            return written.get(e)
        value: Expr = e
        for place, new in written.items():
            if isinstance(place, Cell) and place.var == e.var:
                value = ex.ite(_same_place(place, e), new, value)
        return None if value is e else value

    memo: dict[Expr, Expr] = {}

    def post(e: Expr) -> Expr:
        if not ex.leaves(e):
            return e
        among = frozenset(
            p for p in ex.leaves(e) if p in written or (isinstance(p, Cell) and p.var in arrays)
        )
        return ex.substitute(e, after, memo, among) if among else e

    return post


def _itself(e: Expr) -> Expr:
    return e


def _same_place(one: Cell, two: Cell) -> Expr:
    return ex.and_(*(ex.eq(a, b) for a, b in zip(one.index, two.index, strict=True)))


def _is_nothing(op: Op) -> bool:
    return op.kind in (Kind.LET, Kind.ASSUME) and not op.updates and not op.checks

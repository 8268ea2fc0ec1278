# SPDX-License-Identifier: GPL-2.0-only
"""The functions that build expressions, which simplify as they build.

Nothing else makes a node (`nodes`).  Import them from `expr`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import Any

from .nodes import Apply, Const, Expr, applied, const
from .sorts import BOOL, Bool, Int, Rec, Ref, Set, Sort, join

# -- constants -------------------------------------------------------------------------------------


def exactly(name: str, args: tuple[Expr, ...], sort: Sort, data: Any = None) -> Expr:
    """The node as it is said to be, not simplified: what the reader of a text makes."""
    return applied(name, args, sort, data)


TRUE = const(1, BOOL)
FALSE = const(0, BOOL)


@functools.cache
def number(value: int) -> Const:
    return const(value, Int(value, value))


def boolean(value: bool) -> Const:
    return TRUE if value else FALSE


# -- booleans --------------------------------------------------------------------------------------


def not_(a: Expr) -> Expr:
    if isinstance(a, Const):
        return boolean(not a.value)
    if isinstance(a, Apply) and a.name == "not":
        return a.args[0]
    return applied("not", (a,), BOOL)


def _junction(name: str, unit: Expr, zero: Expr, parts: Iterable[Expr]) -> Expr:
    flat: dict[Expr, None] = {}
    for part in parts:
        if part is zero:
            return zero
        if isinstance(part, Apply) and part.name == name:
            flat.update(dict.fromkeys(part.args))
        else:
            flat[part] = None
    flat.pop(unit, None)
    if len(flat) < 2:
        return next(iter(flat), unit)
    for item in flat:
        if item is zero or (
            isinstance(item, Apply) and item.name == "not" and item.args[0] in flat
        ):
            return zero
    return applied(name, tuple(flat), BOOL)


def and_(*parts: Expr) -> Expr:
    return _junction("and", TRUE, FALSE, parts)


def or_(*parts: Expr) -> Expr:
    return _junction("or", FALSE, TRUE, parts)


def implies(a: Expr, b: Expr) -> Expr:
    return or_(not_(a), b)


def ite(cond: Expr, then: Expr, other: Expr) -> Expr:
    """`then` if `cond` else `other`; the sort is the join of the two."""
    if isinstance(cond, Const):
        return then if cond.value else other
    if then is other:
        return then
    if isinstance(cond, Apply) and cond.name == "not":
        return ite(cond.args[0], other, then)
    if isinstance(then.sort, Bool):
        if then is TRUE or then is cond:
            return or_(cond, other)
        if then is FALSE:
            return and_(not_(cond), other)
        if other is TRUE:
            return or_(not_(cond), then)
        if other is FALSE or other is cond:
            return and_(cond, then)
    if isinstance(then, Apply) and then.name == "ite" and then.args[0] is cond:
        then = then.args[1]
    if isinstance(other, Apply) and other.name == "ite" and other.args[0] is cond:
        other = other.args[2]
    sort = join(then.sort, other.sort)
    if isinstance(then, Const) and isinstance(other, Const) and then.value == other.value:
        return const(then.value, sort)
    return applied("ite", (cond, then, other), sort)


def _between_constants(e: Expr) -> bool:
    """Whether `e` is a choice between constants, into which operations may be pushed."""
    return (
        isinstance(e, Apply)
        and e.name == "ite"
        and all(isinstance(x, Const) or _between_constants(x) for x in e.args[1:])
    )


def eq(a: Expr, b: Expr) -> Expr:
    if a is b:
        return TRUE
    if isinstance(a, Const) and isinstance(b, Const):
        return boolean(a.value == b.value)
    if isinstance(a, Const):
        a, b = b, a
    if isinstance(b, Const):
        if isinstance(a.sort, Bool):
            return a if b.value else not_(a)
        if isinstance(a.sort, Int) and not a.sort.lo <= b.value <= a.sort.hi:
            return FALSE
        if isinstance(a.sort, Ref) and not b.value and not a.sort.nullable:
            return FALSE
        if _between_constants(a):
            assert isinstance(a, Apply)
            return ite(a.args[0], eq(a.args[1], b), eq(a.args[2], b))
        if b.sort != a.sort:
            b = const(b.value, a.sort)
        return applied("eq", (a, b), BOOL)
    return applied("eq", (a, b), BOOL)


def lt(a: Expr, b: Expr) -> Expr:
    """a < b, for integers."""
    one, two = a.sort, b.sort
    assert isinstance(one, Int)
    assert isinstance(two, Int)
    if isinstance(a, Const) and isinstance(b, Const):
        return boolean(a.value < b.value)
    if one.hi < two.lo:
        return TRUE
    if one.lo >= two.hi:
        return FALSE
    return applied("lt", (a, b), BOOL)


def add(a: Expr, b: Expr) -> Expr:
    return _sum("add", a, b, 1)


def sub(a: Expr, b: Expr) -> Expr:
    return _sum("sub", a, b, -1)


def _sum(name: str, a: Expr, b: Expr, sign: int) -> Expr:
    one, two = a.sort, b.sort
    assert isinstance(one, Int)
    assert isinstance(two, Int)
    if isinstance(a, Const) and isinstance(b, Const):
        return number(a.value + sign * b.value)
    if isinstance(b, Const) and b.value == 0:
        return a
    ends = sorted(x + sign * y for x in (one.lo, one.hi) for y in (two.lo, two.hi))
    return applied(name, (a, b), Int(ends[0], ends[-1]))


def narrow(e: Expr, sort: Int) -> Expr:
    """The number as one of a smaller range; out of range it is the lowest, to stay total.

    Whoever narrows also checks (`model:range`), so that the lowest is never relied on.
    """
    inner = e.sort
    assert isinstance(inner, Int)
    if isinstance(e, Const):
        return const(e.value if sort.lo <= e.value <= sort.hi else sort.lo, sort)
    if sort.lo <= inner.lo and inner.hi <= sort.hi:
        return e
    return applied("narrow", (e,), sort)


# -- records, sets, tables -------------------------------------------------------------------------


def record(sort: Rec, parts: tuple[Expr, ...]) -> Expr:
    """A record from its fields, in the order of the sort."""
    if all(isinstance(part, Const) for part in parts):
        code = 0
        for (name, _), part in zip(sort.fields, parts, strict=True):
            shift, inner = sort.field(name)
            assert isinstance(part, Const)
            code |= part.value - inner.lowest << shift
        return const(code, sort)
    sources = {p.args[0] for p in parts if isinstance(p, Apply) and p.name == "get"}
    for source in sources:
        if source.sort == sort and all(
            part is get(source, name) for (name, _), part in zip(sort.fields, parts, strict=True)
        ):
            return source
    return applied("record", parts, sort)


def get(rec: Expr, name: str) -> Expr:
    """One field of a record."""
    sort = rec.sort
    assert isinstance(sort, Rec)
    shift, inner = sort.field(name)
    if isinstance(rec, Const):
        return const((rec.value >> shift & (1 << inner.bits) - 1) + inner.lowest, inner)
    if isinstance(rec, Apply) and rec.name == "record":
        return rec.args[[n for n, _ in sort.fields].index(name)]
    if isinstance(rec, Apply) and rec.name == "ite":
        cond, then, other = rec.args
        if any(isinstance(x, Const | Apply) for x in (then, other)):
            return ite(cond, get(then, name), get(other, name))
    return applied("get", (rec,), inner, name)


def put(rec: Expr, name: str, value: Expr) -> Expr:
    """The record with one field replaced."""
    sort = rec.sort
    assert isinstance(sort, Rec)
    return record(sort, tuple(value if n == name else get(rec, n) for n, _ in sort.fields))


def _as_member(elem: Expr, group: Set) -> Expr:
    """The element as one of the sort that the set is of, by whose codes it is in it or not; it has
    to be in its range."""
    own, sort = elem.sort, group.elem
    if not isinstance(own, Int) or not isinstance(sort, Int):
        return elem
    if (own.lo, own.hi) == (sort.lo, sort.hi):
        return elem
    if isinstance(elem, Const):
        assert sort.lo <= elem.value <= sort.hi
        return const(elem.value, sort)
    return applied("narrow", (elem,), sort)


def single(elem: Expr, sort: Set) -> Expr:
    """The set of one element."""
    elem = _as_member(elem, sort)
    if isinstance(elem, Const):
        return const(1 << elem.value - elem.sort.lowest, sort)
    return applied("single", (elem,), sort)


def union(a: Expr, b: Expr) -> Expr:
    return _bitwise("union", a, b, lambda x, y: x | y)


def inter(a: Expr, b: Expr) -> Expr:
    return _bitwise("inter", a, b, lambda x, y: x & y)


def diff(a: Expr, b: Expr) -> Expr:
    return _bitwise("diff", a, b, lambda x, y: x & ~y)


def _bitwise(name: str, a: Expr, b: Expr, fold: Callable[[int, int], int]) -> Expr:
    if isinstance(a, Const) and isinstance(b, Const):
        return const(fold(a.value, b.value), a.sort)
    if a is b:
        return const(0, a.sort) if name == "diff" else a
    if isinstance(b, Const) and b.value == 0:
        return b if name == "inter" else a
    if isinstance(a, Const) and a.value == 0:
        return b if name == "union" else a  # nothing is left of an empty set
    if isinstance(b, Const) and _between_constants(a):
        return _each(a, lambda c: const(fold(c.value, b.value), a.sort))
    return applied(name, (a, b), a.sort)


def _each(e: Expr, change: Callable[[Const], Const]) -> Expr:
    """The choice with each of its constants changed."""
    if isinstance(e, Const):
        return change(e)
    assert isinstance(e, Apply)
    return ite(e.args[0], _each(e.args[1], change), _each(e.args[2], change))


def has(group: Expr, elem: Expr) -> Expr:
    """Whether `elem` is in the set."""
    elem = _as_member(elem, _set(group))
    if isinstance(group, Const):
        if group.value == 0:
            return FALSE
        members = [c for c in elem.sort.codes() if group.value >> c & 1]
        low = elem.sort.lowest
        return or_(*(eq(elem, const(c + low, elem.sort)) for c in members))
    if isinstance(elem, Const):
        return not_(eq(inter(group, single(elem, _set(group))), const(0, group.sort)))
    return applied("has", (group, elem), BOOL)


def _set(e: Expr) -> Set:
    assert isinstance(e.sort, Set)
    return e.sort


def is_empty(group: Expr) -> Expr:
    return eq(group, const(0, group.sort))


Ranges = tuple[tuple[int, int], ...]
"""For each index of a table, its lowest value and how many there are."""


def table(
    values: tuple[int, ...], index: tuple[Expr, ...], sort: Sort, ranges: Ranges | None = None
) -> Expr:
    """`values[index]`, row by row.

    `ranges` are those of the indices' sorts when the table is made, and stay when an index is
    replaced by an expression of a narrower sort.
    """
    if ranges is None:
        ranges = tuple((i.sort.lowest, span(i.sort)) for i in index)
    if all(isinstance(i, Const) for i in index):
        at = 0
        for i, (low, size) in zip(index, ranges, strict=True):
            assert isinstance(i, Const)
            at = at * size + i.value - low
        return const(values[at], sort)
    if len(set(values)) == 1:
        return const(values[0], sort)
    return applied("table", index, sort, (values, ranges))


def span(sort: Sort) -> int:
    """How many codes an index of this sort runs over, from 0 up."""
    return int(sort.codes()[-1]) + 1

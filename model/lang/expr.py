# SPDX-License-Identifier: GPL-2.0-only
"""Expressions: pure, total, over finite sorts.

The nodes are in `nodes`, the functions that build them in `terms`; here is what is done with an
expression once it is there.  This module is the one to import both from.

A value is a natural number (the code of `sorts`), except that an Int is the number itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet

from .nodes import Apply, Cell, Const, Expr, Local, cell, const, local, show
from .sorts import Int, Rec, Set
from .terms import (
    FALSE,
    TRUE,
    Ranges,
    add,
    and_,
    boolean,
    diff,
    eq,
    exactly,
    get,
    has,
    implies,
    inter,
    is_empty,
    ite,
    lt,
    narrow,
    not_,
    number,
    or_,
    put,
    record,
    single,
    span,
    sub,
    table,
    union,
)  # fmt: skip

__all__ = [
    "FALSE",
    "TRUE",
    "Apply",
    "Cell",
    "Const",
    "Expr",
    "Local",
    "Ranges",
    "add",
    "and_",
    "boolean",
    "cell",
    "children",
    "conjuncts",
    "const",
    "diff",
    "eq",
    "evaluate",
    "exactly",
    "get",
    "has",
    "implies",
    "inter",
    "is_empty",
    "ite",
    "leaves",
    "local",
    "lt",
    "narrow",
    "not_",
    "number",
    "or_",
    "put",
    "rebuild",
    "record",
    "show",
    "single",
    "span",
    "sub",
    "substitute",
    "table",
    "union",
]  # fmt: skip


def children(e: Expr) -> tuple[Expr, ...]:
    if isinstance(e, Apply):
        return e.args
    return e.index if isinstance(e, Cell) else ()


def conjuncts(e: Expr) -> tuple[Expr, ...]:
    """The conditions that all hold where `e` does, and only there."""
    if isinstance(e, Apply) and e.name == "and":
        return e.args
    if isinstance(e, Apply) and e.name == "not":
        inner = e.args[0]
        if isinstance(inner, Apply) and inner.name == "or":
            return tuple(map(not_, inner.args))
    return () if e is TRUE else (e,)


_SIMPLE: Mapping[str, Callable[..., Expr]] = {
    "not": not_, "and": and_, "or": or_, "ite": ite, "eq": eq, "lt": lt, "add": add,
    "sub": sub, "union": union, "inter": inter, "diff": diff, "has": has,
}  # fmt: skip
"""Operations that are made from their arguments alone."""


def rebuild(e: Expr, args: tuple[Expr, ...]) -> Expr:
    """The same node over other arguments, simplified again."""
    if isinstance(e, Cell):
        return cell(e.var, args, e.sort)
    assert isinstance(e, Apply)
    make = _SIMPLE.get(e.name)
    if make is not None:
        return make(*args)
    if e.name == "narrow":
        assert isinstance(e.sort, Int)
        return narrow(args[0], e.sort)
    if e.name == "get":
        return get(args[0], e.data)
    if e.name == "record":
        assert isinstance(e.sort, Rec)
        return record(e.sort, args)
    if e.name == "single":
        assert isinstance(e.sort, Set)
        return single(args[0], e.sort)
    assert e.name == "table", e.name
    return table(e.data[0], args, e.sort, e.data[1])


def substitute(
    e: Expr, swap: Callable[[Expr], Expr | None], memo: dict[Expr, Expr] | None = None,
    among: AbstractSet[Expr] | None = None,
) -> Expr:  # fmt: skip
    """Replace the places for which `swap` answers, from the leaves up; one memo per `swap`.

    What is put in is not looked at again, also where an operation turns out to be nothing else.
    What has no leaf in `among`, if that is given, stays as it is.
    """
    if not e.leaves or (among is not None and e.leaves.isdisjoint(among)):
        return e
    memo = {} if memo is None else memo
    done = memo.get(e)
    if done is None:
        old = children(e)
        new = tuple([substitute(arg, swap, memo, among) for arg in old])
        done = e if old == new else rebuild(e, new)
        if isinstance(e, Local | Cell):
            done = swap(done) or done
        memo[e] = done
    return done


def leaves(e: Expr) -> frozenset[Expr]:
    """The locals and cells that the value may depend on, the ones inside an index included."""
    return e.leaves


def evaluate(e: Expr, read: Callable[[Expr], int], memo: dict[Expr, int] | None = None) -> int:
    """The value where `read` gives the locals and cells (whose index is constant by then)."""
    memo = {} if memo is None else memo
    if e in memo:
        return memo[e]
    if isinstance(e, Const):
        return e.value
    if isinstance(e, Local):
        value = read(e)
    elif isinstance(e, Cell):
        index = tuple(const(evaluate(i, read, memo), i.sort) for i in e.index)
        value = read(cell(e.var, index, e.sort))
    else:
        assert isinstance(e, Apply)
        if e.name in ("and", "or", "ite"):
            value = _lazily(e, read, memo)
        else:
            args = tuple(const(evaluate(a, read, memo), a.sort) for a in e.args)
            value = _apply(e, args)
    memo[e] = value
    return value


def _lazily(e: Apply, read: Callable[[Expr], int], memo: dict[Expr, int]) -> int:
    if e.name == "ite":
        chosen = e.args[1] if evaluate(e.args[0], read, memo) else e.args[2]
        return evaluate(chosen, read, memo)
    stop = 0 if e.name == "and" else 1
    return stop if any(evaluate(a, read, memo) == stop for a in e.args) else 1 - stop


def _apply(e: Apply, args: tuple[Const, ...]) -> int:
    result = rebuild(e, args)
    assert isinstance(result, Const), show(result)
    return result.value

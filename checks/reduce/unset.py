# SPDX-License-Identifier: GPL-2.0-only
"""Fields of records that are false in every state, because nobody ever sets them.

What no initial state has, no constant has and no operation makes, no run has, in whatever order its
accesses are taken: a value is copied from somewhere.  So whoever asks about such a field knows the
answer, and a branch on it is none.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from model.lang import expr as ex
from model.lang.expr import Const, Expr
from model.lang.ir import Edge, Op, State, Thread, Update
from model.lang.sorts import Bool, Rec, Sort

Field = tuple[Rec, str]


def unset_fields(ops: Iterable[Op], states: Iterable[State]) -> frozenset[Field]:
    """The boolean fields that nothing of these sets."""
    seen: set[Field] = set()
    made: set[Field] = set()
    values: list[Expr] = [ex.const(v, place.sort) for state in states for place, v in state.items()]
    values += [u.value for op in ops for u in op.updates]
    for part in dict.fromkeys(_parts(values)):
        seen.update(_booleans(part.sort))
        made.update(_sets(part))
    return frozenset(seen - made)


def without(thread: Thread, unset: frozenset[Field]) -> Thread:
    """The thread, where it asks about one of these fields, told that it is false."""
    memo: dict[Expr, Expr] = {}

    def told(e: Expr) -> Expr:
        done = memo.get(e)
        if done is None:
            old = ex.children(e)
            new = tuple(told(part) for part in old)
            done = e if new == old else ex.rebuild(e, new)
            if isinstance(e, ex.Apply) and e.name == "get" and (e.args[0].sort, e.data) in unset:
                done = ex.FALSE
            memo[e] = done
        return done

    def of(edge: Edge) -> Edge:
        updates = tuple(Update(u.place, told(u.value)) for u in edge.op.updates)
        checks = tuple(c.with_cond(told(c.cond)) for c in edge.op.checks)
        return replace(
            edge, op=replace(edge.op, guard=told(edge.op.guard), updates=updates, checks=checks)
        )

    return replace(thread, edges=tuple(map(of, thread.edges))) if unset else thread


def _parts(values: Iterable[Expr]) -> Iterator[Expr]:
    """The values, and all that they are made of."""
    todo, seen = list(values), set[Expr]()
    while todo:
        e = todo.pop()
        if e not in seen:
            seen.add(e)
            yield e
            todo.extend(ex.children(e))


def _booleans(sort: Sort) -> Iterator[Field]:
    if isinstance(sort, Rec):
        for name, inner in sort.fields:
            if isinstance(inner, Bool):
                yield sort, name
            yield from _booleans(inner)


def _sets(e: Expr) -> Iterator[Field]:
    """The fields that a value may have set, other than by copying one that has."""
    sort = e.sort
    if not isinstance(sort, Rec):
        return
    if isinstance(e, Const):
        yield from _in_constant(sort, e.value)
    elif isinstance(e, ex.Apply) and e.name == "record":
        for (name, inner), part in zip(sort.fields, e.args, strict=True):
            if isinstance(inner, Bool) and part is not ex.FALSE and not _copies(part, sort, name):
                yield sort, name
    elif isinstance(e, ex.Apply) and e.name not in ("ite", "get"):
        yield from _booleans(sort)  # a table, say: nothing is known of what it holds


def _in_constant(sort: Rec, code: int) -> Iterator[Field]:
    parts: Mapping[str, int] = sort.parts(code)
    for name, inner in sort.fields:
        if isinstance(inner, Bool) and parts[name]:
            yield sort, name
        elif isinstance(inner, Rec):
            yield from _in_constant(inner, parts[name])


def _copies(part: Expr, sort: Rec, name: str) -> bool:
    return (
        isinstance(part, ex.Apply) and part.name == "get"
        and (part.args[0].sort, part.data) == (sort, name)
    )  # fmt: skip

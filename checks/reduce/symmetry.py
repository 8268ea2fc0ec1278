# SPDX-License-Identifier: GPL-2.0-only
"""Symmetry: states that differ only in which of several like objects is which are one.

A class of objects is symmetric if exchanging any two of them changes neither the initial state, nor
the operations, nor what is judged, taken together.  That is looked at in the text of the system,
so that a class that only seems symmetric is refused.  For safety only: a cycle of orbits need not
be one of states.

`checks.engine.orbits` takes states to the one that stands for their orbit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import factorial

from model.lang import expr as ex
from model.lang.expr import Apply, Cell, Const, Expr
from model.lang.ir import Op, State, System
from model.lang.sorts import Rec, Ref, Set, Sort

MOST = 5040
"""Orders of all objects together that are looked at, at most."""

WIDEST = 8
"""Bits of a variable, at most."""

Exchange = Mapping[str, Sequence[int]]
"""For each class the code that takes the place of each code; code 0 is None and stays."""


def symmetric_classes(system: System, initial: State) -> tuple[dict[str, int], dict[str, str]]:
    """The classes of objects that may be exchanged, with how many there are; and for the others why
    not."""
    found: dict[str, int] = {}
    refused: dict[str, str] = {}
    orders = 1
    for name, count in sorted(_classes(system).items()):
        if count < 2:
            continue
        why = _why_not(system, initial, name, count)
        if not why and orders * factorial(count) > MOST:
            why = f"there would be more than {MOST} orders"
        if why:
            refused[name] = why
        else:
            found[name] = count
            orders *= factorial(count)
    return found, refused


def _classes(system: System) -> dict[str, int]:
    found: dict[str, int] = {}

    def note(sort: Sort) -> None:
        if isinstance(sort, Ref) and sort.cls:
            found[sort.cls] = max(found.get(sort.cls, 0), len(sort.objects))
        elif isinstance(sort, Rec):
            for _, inner in sort.fields:
                note(inner)
        elif isinstance(sort, Set):
            note(sort.elem)

    for var in system.variables:
        for sort in (*var.dims, var.sort):
            note(sort)
    return found


def _why_not(system: System, initial: State, name: str, count: int) -> str:
    if system.threads:
        return "threads are not exchanged yet"
    if any(_holds(v.sort, name) and not isinstance(v.sort, Ref) for v in system.variables):
        return "sets and records of them are not exchanged yet"
    if any(v.sort.bits > WIDEST for v in system.variables):
        return f"a variable has more than {WIDEST} bits"
    for low in range(1, count):
        codes = list(range(count + 1))
        codes[low], codes[low + 1] = codes[low + 1], codes[low]
        why = _changed_by({name: codes}, system, initial)
        if why:
            return why
    return ""


def _holds(sort: Sort, name: str) -> bool:
    if isinstance(sort, Rec):
        return any(_holds(inner, name) for _, inner in sort.fields)
    if isinstance(sort, Set):
        return _holds(sort.elem, name)
    return isinstance(sort, Ref) and sort.cls == name


def _changed_by(exchange: Exchange, system: System, initial: State) -> str:
    """What an exchange changes; "" if nothing."""
    for cell, value in initial.items():
        if isinstance(cell, Cell):
            index = tuple(
                ex.const(_code(i.sort, i.value, exchange), i.sort)
                for i in cell.index
                if isinstance(i, Const)
            )
            there = ex.cell(cell.var, index, cell.sort)
            if initial[there] != _code(cell.sort, value, exchange):
                return f"{cell.var} differs at first"
    ops = [r.op for r in system.rules]
    judged = [(c.invariant, c.cond) for c in (*system.checks, *system.finals)]
    try:
        if sorted(_operation(o, {}) for o in ops) != sorted(_operation(o, exchange) for o in ops):
            return "the rules are not the same for all of them"
        if sorted((n, _text(c, {})) for n, c in judged) != sorted(
            (n, _text(c, exchange)) for n, c in judged
        ):
            return "what is judged is not the same for all of them"
    except _NotSymmetricError as error:
        return str(error)
    return ""


class _NotSymmetricError(Exception):
    """An expression that is not looked into far enough."""


def _operation(op: Op, exchange: Exchange) -> str:
    """An operation about the exchanged objects, written so that order does not matter."""
    updates = sorted(
        f"{_text(u.place, exchange)} := {_text(u.value, exchange)}" for u in op.updates
    )
    checks = sorted(f"{c.invariant}: {_text(c.cond, exchange)}" for c in op.checks)
    return f"{_text(op.guard, exchange)} | {updates} | {checks}"


_ANY_ORDER = frozenset({"and", "or", "union", "inter", "eq", "add"})


def _text(e: Expr, exchange: Exchange) -> str:
    if isinstance(e, Const):
        return f"{type(e.sort).__name__} {_code(e.sort, e.value, exchange)}"
    if isinstance(e, Cell):
        return f"{e.var}[{', '.join(_text(i, exchange) for i in e.index)}]"
    if not isinstance(e, Apply):
        return ex.show(e)
    parts = [_text(a, exchange) for a in e.args]
    if e.name in _ANY_ORDER:
        parts.sort()
    if e.name == "table" and any(
        isinstance(s, Ref) and s.cls in exchange for s in (e.sort, *(a.sort for a in e.args))
    ):
        raise _NotSymmetricError("constants are not the same for all of them")
    return f"{e.name} {e.data}({', '.join(parts)})"


def _code(sort: Sort, code: int, exchange: Exchange) -> int:
    if isinstance(sort, Ref) and sort.cls in exchange:
        return exchange[sort.cls][code]
    return code

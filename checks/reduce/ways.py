# SPDX-License-Identifier: GPL-2.0-only
"""Facts about the locals of a thread on one way through it.

A fact is a boolean expression over locals.  Facts come from constants that are assigned and from
branches that are taken; they follow a copy, and end with the locals that they are about.  So a
value that several `return`s of a function leave in one local is followed on each way by itself: a
branch on it that contradicts what the way has come by is not taken.
"""

from __future__ import annotations

from model.lang import expr as ex
from model.lang.expr import Cell, Const, Expr, Local
from model.lang.ir import Op, Thread
from model.lang.sorts import Bool

from .liveness import backward

Facts = frozenset[Expr]

NOTHING: Facts = frozenset()


def asked_ahead(thread: Thread) -> list[frozenset[Local]]:
    """For each location, the locals that a branch ahead depends on, through others too."""
    return backward(thread, _asked)


def _asked(op: Op, after: frozenset[Local]) -> frozenset[Local]:
    sources = {
        u.place: u.value for u in op.updates if isinstance(u.place, Local) and u.place in after
    }
    through = (ex.leaves(value) for value in sources.values())
    locals_of = {v for v in ex.leaves(op.guard).union(*through) if isinstance(v, Local)}
    return (after - sources.keys()) | locals_of


def branched(known: Facts, guard: Expr) -> Facts | None:
    """The facts after a branch; None if they contradict it, so that no run takes it."""
    new: set[Expr] = set()
    for part in ex.conjuncts(guard):
        rest = simplified(part, known)
        if rest is ex.FALSE:
            return None
        new.update(p for p in ex.conjuncts(rest) if _is_of_locals(p))
    return known | new


def assigned(known: Facts, op: Op, asked: frozenset[Local]) -> Facts:
    """The facts after the assignments of an operation, of those locals that will be asked about."""
    found = carried(known, op)
    for update in op.updates:
        if isinstance(update.place, Local) and _is_of_locals(update.value):
            value = simplified(update.value, known)
            if isinstance(value, Const):
                found.add(ex.eq(update.place, value))
    return frozenset(f for f in found if not isinstance(f, Const) and ex.leaves(f) <= asked)


def carried(facts: Facts, op: Op) -> set[Expr]:
    """The facts that outlive the assignments of an operation, and those that its copies get."""
    if not facts:
        return set()
    changed = {u.place for u in op.updates if isinstance(u.place, Local)}
    found = {f for f in facts if ex.leaves(f).isdisjoint(changed)}
    for update in op.updates:
        place, value = update.place, update.value
        if isinstance(place, Local) and isinstance(value, Local):
            found.update(
                renamed(f, value, place)
                for f in facts
                if value in ex.leaves(f) and (ex.leaves(f) - {value}).isdisjoint(changed)
            )
    return found


def renamed(fact: Expr, old: Expr, new: Expr) -> Expr:
    """A fact about one place as one about another."""
    return ex.substitute(fact, lambda place: new if place is old else None)


def simplified(e: Expr, known: Facts) -> Expr:
    """The expression, simplified where these facts hold."""
    mine = ex.leaves(e)
    about = [f for f in known if not mine.isdisjoint(ex.leaves(f))]
    if not about:
        return e
    values = dict(filter(None, map(_value, about)))
    facts = frozenset(about)

    def under(part: Expr) -> Expr:
        if isinstance(part.sort, Bool):
            if part in facts:
                return ex.TRUE
            if ex.not_(part) in facts:
                return ex.FALSE
        if isinstance(part, Local):
            return values.get(part, part)
        old = ex.children(part)
        new = tuple(under(arg) for arg in old)
        return part if new == old else ex.rebuild(part, new)

    return under(e)


def _value(fact: Expr) -> tuple[Expr, Expr] | None:
    """The local that a fact gives a value, and the value."""
    if isinstance(fact, ex.Apply) and fact.name == "eq" and isinstance(fact.args[1], Const):
        return (fact.args[0], fact.args[1]) if isinstance(fact.args[0], Local) else None
    return None


def _is_of_locals(e: Expr) -> bool:
    return not any(isinstance(v, Cell) for v in ex.leaves(e))

# SPDX-License-Identifier: GPL-2.0-only
"""Objects that may be free: which writes of a step are to one that is free before or after it.

Nobody else sees such a write, for what is free is not used.  A put drops a reference, and writes to
the object where that was the last one; an allocation writes to what it found free.  That a step is
declared to be either is not believed: its text has to show it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping

from model.lang import expr as ex
from model.lang.expr import Cell, Expr
from model.lang.ir import Op, Update
from model.lang.sorts import BOOL

from .sequence import behind

_MOST = 14
"""Conditions that are tried both ways, one within the other."""

InUse = Callable[[Cell], Expr]
"""A function from a cell to the condition that its object is not free."""


def is_unseen(op: Op, update: Update, in_use: InUse) -> bool:
    """True if an operation plainly leaves a cell as it is, or its object is free before or after.

    The cell is that of one of the operation's updates.  False where the text is not plain enough,
    as where the operation changes which object that is: behind it the same text is of another.
    """
    place = update.place
    assert isinstance(place, Cell)
    if any(_may_write(op, leaf) for index in place.index for leaf in ex.leaves(index)):
        return False
    used = in_use(place)
    free = ex.or_(ex.not_(used), ex.not_(behind(op)(used)), ex.not_(op.guard))
    return _is_plain(ex.or_(ex.eq(update.value, place), free))


def _may_write(op: Op, leaf: Expr) -> bool:
    """True if an operation writes a local, or a cell of this variable."""
    if isinstance(leaf, Cell):
        return any(isinstance(u.place, Cell) and u.place.var == leaf.var for u in op.updates)
    return any(u.place is leaf for u in op.updates)


@functools.lru_cache(50_000)
def _is_plain(e: Expr) -> bool:
    """Families, architectures and threads ask the same again and again."""
    return _is_certain(e, {})


def _is_certain(e: Expr, known: Mapping[Expr, Expr]) -> bool:
    """True if a condition holds whatever each of the conditions that it is made from is.

    `known` are those that were decided on the way here.
    """
    e = _with(e, known, {})
    if isinstance(e, ex.Const) or len(known) == _MOST:
        return e is ex.TRUE
    atom = _innermost(e)
    assert atom is not None
    return all(_is_certain(e, {**known, atom: value}) for value in (ex.TRUE, ex.FALSE))


def _innermost(e: Expr) -> Expr | None:
    """A condition in an expression that is made from no other; None if there is none."""
    found = next(filter(None, map(_innermost, ex.children(e))), None)
    if found is None and e.sort == BOOL and not isinstance(e, ex.Const):
        return e
    return found


def _with(e: Expr, known: Mapping[Expr, Expr], memo: dict[Expr, Expr]) -> Expr:
    """The expression with some conditions decided, simplified.

    An index that is decided may make another of them, so that this is done from the leaves up.
    """
    done = memo.get(e)
    if done is None:
        old = ex.children(e)
        new = tuple(_with(child, known, memo) for child in old)
        made = e if old == new else ex.rebuild(e, new)
        done = memo[e] = known.get(made, made)
    return done

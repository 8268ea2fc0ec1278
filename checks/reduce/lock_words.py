# SPDX-License-Identifier: GPL-2.0-only
"""Lock words: what an operation does to one, and how it waits for one, by the form of its text.

A word with one holder names a thread, or nobody; one with several is a set of threads; a depth, as
of read sections of RCU, is a number.  Whoever waits for any of them waits for nothing to be in it.
"""

from __future__ import annotations

from collections.abc import Callable

from model.lang import expr as ex
from model.lang.expr import Cell, Const, Expr
from model.lang.sorts import Int, Set

GAINS = ("union", "diff", "add", "sub")
"""Operations by which a word gains or loses one holder, whatever it held."""


Holder = Callable[[Cell], Expr]
"""The lock word that must name the thread that uses a cell."""


def is_made_from(place: Expr, value: Expr) -> bool:
    """True if a value is what the place holds, with a holder more or less."""
    return value is place or (
        isinstance(value, ex.Apply) and value.name in GAINS and value.args[0] is place
    )


def awaited(e: Expr) -> Cell | None:
    """The lock word that a guard waits for to be free, which is none, or the empty set."""
    if isinstance(e, ex.Apply) and e.name == "eq" and isinstance(e.args[0], Cell):
        free = isinstance(e.args[1], Const) and e.args[1].value == 0
        return e.args[0] if free else None
    return None


def own_part(word: Cell, value: Expr, who: int) -> Expr:
    """The condition under which a thread that writes a value changes its own part in a lock word
    only: it holds the one that it lets go of, and takes none that another has."""
    if isinstance(word.sort, Int):  # a depth has no holders: adding commutes, all else is a look
        return ex.TRUE
    if isinstance(word.sort, Set):
        mine = ex.const(1 << who, word.sort)
        if value in (word, ex.union(word, mine), ex.diff(word, mine)):
            return ex.TRUE
        if isinstance(value, ex.Apply) and value.name == "ite":
            test, yes, no = value.args
            return ex.ite(test, own_part(word, yes, who), own_part(word, no, who))
        return ex.eq(ex.diff(value, mine), ex.diff(word, mine))
    mine, nobody = ex.const(who, word.sort), ex.const(0, word.sort)
    if value is nobody:
        return ex.eq(word, mine)
    if _tries(word, value, who):
        return ex.TRUE
    takes_free = ex.and_(ex.eq(value, mine), ex.eq(word, nobody))
    keeps_or_drops = ex.and_(ex.eq(word, mine), ex.or_(ex.eq(value, mine), ex.eq(value, nobody)))
    return ex.or_(ex.eq(value, word), takes_free, keeps_or_drops)


def _tries(word: Cell, value: Expr, who: int) -> bool:
    """True if a value is a trylock's: mine where the word is free, and else what it was."""
    if not isinstance(value, ex.Apply) or value.name != "ite":
        return False
    test, yes, no = value.args
    takes_it = isinstance(yes, Const) and yes.value == who
    free = ex.eq(word, ex.const(0, word.sort))
    return takes_it and no is word and free in ex.conjuncts(test)


def frees(word: Cell, value: Expr) -> bool:
    """True if a value leaves a lock word as free as it was, or makes it more so."""
    if isinstance(value, Const):
        return value.value == 0
    value = _wide(value)
    if value is word or not isinstance(value, ex.Apply):
        return value is word
    if value.name == "ite":
        return all(frees(word, arm) for arm in value.args[1:])
    if value.name == "sub" and value.args[0] is word:
        less = value.args[1]
        return isinstance(less, Const) and less.value >= 0
    return value.name == "diff" and value.args[0] is word


def _wide(value: Expr) -> Expr:
    """A number before it is made to fit."""
    return value.args[0] if isinstance(value, ex.Apply) and value.name == "narrow" else value


def takes(word: Cell, value: Expr, who: int) -> bool:
    """True if a value makes a thread the holder of a lock, or one of its holders."""
    if isinstance(word.sort, Int):  # a depth: whoever waits for it waits for 0
        value = _wide(value)
        if isinstance(value, ex.Apply) and value.name == "add" and value.args[0] is word:
            value = value.args[1]
        return isinstance(value, Const) and value.value > 0
    if not isinstance(word.sort, Set):
        return isinstance(value, Const) and value.value == who
    if isinstance(value, ex.Apply) and value.name == "union" and value.args[0] is word:
        value = value.args[1]
    return isinstance(value, Const) and value.value == 1 << who

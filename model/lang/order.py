# SPDX-License-Identifier: GPL-2.0-only
"""How a step orders the accesses around it, on each memory model; a gap is refused.

A step that touches memory says so with `@step(order=...)`: a word for all memory models, or
`orders(...)`, which has for each model the word, the word for the way on which the step fails (a
trylock that did not get the lock), and the place in the kernel's source where that is to be read.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from . import expr as ex
from .errors import ModelError, near
from .expr import Cell, Expr
from .ir import Op

MODELS = ("x86", "arm64", "s390", "riscv")
"""The memory models.  Each architecture has one of them, and several may have the same; riscv is
RVWMO."""

WORDS = ("plain", "once", "relaxed", "acquire", "release", "full")

BARRIERS = frozenset({"acquire", "full"})
"""Words that order what comes later, so that it matters whether a step that says one has failed."""


@dataclass(frozen=True)
class Ordered:
    """The order of a step on one memory model: when it succeeds, when it fails ("" for a step that
    cannot), and where that is to be read."""

    success: str
    failure: str = ""
    cite: str = ""


Order = str | Mapping[str, Ordered]
"""The order on every memory model in one word, or what `orders` makes."""


def orders(**models: tuple[str, str, str]) -> Mapping[str, Ordered]:
    """An order for each memory model: on success, on failure, source.  ModelError for a gap."""
    for name in models:
        if name not in MODELS:
            raise ModelError(f"no memory model '{name}'", instead=near(name, MODELS))
    for name in MODELS:
        if name not in models:
            raise ModelError(
                f"no order for the memory model {name}", why="what it orders there is not known",
                instead="look it up in the kernel's source and say it",
            )  # fmt: skip
    return {name: _checked(name, Ordered(*parts)) for name, parts in models.items()}


def declared(order: Order) -> Mapping[str, Ordered]:
    """The orders that a step declares, by memory model; nothing if it declares nothing."""
    if not isinstance(order, str):
        return order
    return {name: _checked(name, Ordered(order, cite="-")) for name in MODELS} if order else {}


def _checked(model: str, found: Ordered) -> Ordered:
    for word in (found.success, found.failure or WORDS[0]):
        if word not in WORDS:
            raise ModelError(f"no memory order '{word}'", instead=near(word, WORDS))
    if not found.cite:
        raise ModelError(f"the order on {model} has no source", instead="name file and function")
    return found


def success_conditions(op: Op, words: Collection[str]) -> frozenset[Expr]:
    """Conditions under which an operation writes any of these variables; none if it always does, or
    never.

    It fails where it leaves all that it may write as it was.
    """
    found = set()
    for update in op.updates:
        if isinstance(update.place, Cell) and update.place.var in words:
            test = _written_if(update.place, update.value)
            if test is None:
                return frozenset()
            found.add(test)
    return frozenset() if ex.or_(*found) is ex.TRUE else frozenset(found)


def _written_if(place: Cell, value: Expr) -> Expr | None:
    """The condition without which a place is left as it was; None where it is always written."""
    if not isinstance(value, ex.Apply) or place not in value.args:
        return None
    if value.name == "ite" and place is not value.args[0]:
        return value.args[0] if place is value.args[2] else ex.not_(value.args[0])
    if value.name in ("and", "or"):  # what a choice between a constant and a boolean turns into
        rest = [a for a in value.args if a is not place]
        return ex.not_(ex.and_(*rest)) if value.name == "and" else ex.or_(*rest)
    return None

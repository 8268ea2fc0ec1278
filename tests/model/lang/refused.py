# SPDX-License-Identifier: GPL-2.0-only
# mypy: ignore-errors
# ruff: noqa
"""Functions that the front end refuses, each with the message, and where: ``# here: TEXT`` marks
the line, TEXT begins at the column.

No type checker or linter looks at this file: what it holds is wrong on purpose.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, replace
from typing import Annotated

from model.lang import (
    Array,
    Bounded,
    Kobject,
    World,
    check,
    choose,
    current,
    effect,
    ghost,
    kernel,
    kfield,
    orders,
    pure,
    record,
    rule,
    static,
    step,
    unmodelled,
    wait_until,
)
from model.lang.sorts import Int


class Colour(enum.Enum):
    RED = 0
    GREEN = 1


Slot = Annotated[int, Bounded("slot")]


@record
class Pair:
    flag: bool = False
    colour: Colour = Colour.RED
    n: Slot


class Box(Kobject):
    n: int = kfield(0, hi=3)
    flag: bool = kfield(False)
    colour: Colour = kfield(Colour.RED)
    next: Box | None = kfield(None)
    pair: Pair = kfield(Pair(n=0))
    group: frozenset[Box] = kfield(frozenset())
    row: Array[Slot, bool] = kfield(False)
    label: int = kfield(0, const=True)
    links: tuple[Box, ...] = kfield((), const=True)
    seen: bool = ghost(False)


class Lid(Kobject):
    open: bool = kfield(False)


def world() -> World:
    w = World(slot=Int(0, 2))
    boxes = [w.new(Box, name, label=n) for n, name in enumerate(("first", "second"))]
    for box in boxes:
        box.__dict__["links"] = tuple(boxes)
    w.new(Lid, "lid")
    return w


@dataclass(frozen=True)
class Case:
    function: object
    message: str


CASES: list[Case] = []


def refused(message):
    """The message that compiling a function gives, without the place."""

    def note(function):
        CASES.append(Case(function, message))
        return function

    return note


routine = kernel("mm/x.c:x", "1.0")


# -- helpers that are fine by themselves ------------------------------------------------------------


@step(order="plain")
def take(b: Box) -> bool:
    got = not b.flag
    b.flag = True
    return got


@step(order="plain")
def read_n(b: Box) -> int:
    return b.n


@step(order="plain")
def read_next(b: Box) -> Box | None:
    return b.next


@step(order="plain")
def read_colour(b: Box) -> Colour:
    return b.colour


@step(order="plain")
def read_pair(b: Box) -> Pair:
    return b.pair


@step(order="plain")
def read_group(b: Box) -> frozenset[Box]:
    return b.group


@static
def doubled(n: int) -> int:
    return 2 * n


@static
def is_marked(b: Box) -> bool:
    return b.flag


@effect
def mark(b: Box) -> None:
    b.flag = True


def ordinary(b: Box) -> None:
    pass


@pure
def reads_memory(b: Box) -> int:
    return b.n  # here: b.n


# -- steps in routines ------------------------------------------------------------


@refused(
    "'take(b)' is a step that may not be carried out: a step inside an expression is one that a "
    "trace cannot show; write an `if` statement"
)
@routine
def maybe_a_step(b: Box) -> None:
    n = read_n(b)
    got = n == 1 and take(b)  # here: take


@refused(
    "'read_n(b)' is the second step of one statement: one statement, one step, one line in a "
    "trace; assign the first to a variable"
)
@routine
def two_steps(b: Box) -> None:
    n = b.n + read_n(b)  # here: read_n


@refused("mark is part of a step; call it from a @step")
@routine
def effect_in_routine(b: Box) -> None:
    mark(b)  # here: mark


@refused("wait_until in a routine: waiting is part of a step; write a @step that waits")
@routine
def waits(b: Box) -> None:
    flag = take(b)
    wait_until(flag)  # here: wait_until


@refused(
    "choose() needs a constant sequence: each choice is an edge of the graph; choose among "
    "constants, and test afterwards"
)
@routine
def chooses_from_int(b: Box) -> None:
    n = read_n(b)
    x = choose(n)  # here: choose


@refused("recurses calls itself: recursion has no finite graph; write a loop")
@routine
def recurses(b: Box) -> None:
    recurses(b)  # here: recurses


@refused(
    "'b.n' reads Box.n inside a pure function: each access to memory is a step of the routine "
    "that makes it; read it in a @step, or pass the value in"
)
@routine
def pure_read(b: Box) -> None:
    n = reads_memory(b)  # calls: reads_memory


@refused("never_ends never returns: a thread is one call, from entry to return; leave the loop")
@routine
def never_ends(b: Box) -> None:  # here: def
    while True:
        take(b)


# -- statements ------------------------------------------------------------


@refused(
    "'try:' is not in the modelling language: a routine is assignments, calls, if, while, for, "
    "break, continue, return; use those"
)
@routine
def tries(b: Box) -> None:
    try:  # here: try
        take(b)
    except ValueError:
        pass


@refused(
    "this type is not finite: <class 'float'> is not a finite type of the modelling language; "
    "use bool, int, an enum, an object, a record or a frozenset"
)
@routine
def floats(b: Box) -> None:
    x: float = 1  # here: x


@refused("a chained assignment; write two")
@routine
def chained(b: Box) -> None:
    x = y = 1  # here: x


@refused("an annotation of something that is no local; leave the annotation out")
@routine
def annotates_field(b: Box) -> None:
    b.n: int = 3  # here: b.n


@refused(
    "'b.n += 1' reads and writes memory: whether that is atomic must be said; call a @step that "
    "does it"
)
@routine
def increments(b: Box) -> None:
    b.n += 1  # here: b.n


@refused("a tuple may only be assigned to names; assign the parts one by one")
@routine
def stores_tuple(b: Box) -> None:
    b.n, x = 1, 2  # here: b.n


@refused("'(x, y)' cannot be assigned; assign to a name, a field or an element of an array")
@routine
def unpacks_int(b: Box) -> None:
    n = read_n(b)
    x, y = n  # here: x


@refused("'b.links[0]' cannot be assigned; assign to a name, a field or an element of an array")
@routine
def stores_constant_element(b: Box) -> None:
    b.links[0] = b  # here: b.links


@refused("while ... else; use a flag")
@routine
def while_else(b: Box) -> None:
    while take(b):  # here: while
        pass
    else:
        pass


@refused("for ... else; use a flag")
@routine
def for_else(b: Box) -> None:
    for x in (1, 2):  # here: for
        pass
    else:
        pass


@refused(
    "'range(n)': an argument is not constant: range is computed when the model is compiled; "
    "use constants, or loop over range(CONSTANT) and test inside"
)
@routine
def for_dynamic(b: Box) -> None:
    n = read_n(b)
    for x in range(n):  # here: range
        pass


@refused(
    "'group' is not constant: a `for` is unrolled when the model is compiled; use "
    "range(CONSTANT), a tuple of objects, or a `while`"
)
@routine
def for_set(b: Box) -> None:
    group = read_group(b)
    for x in group:  # here: for
        pass


@refused("'b.seen' reads the ghost Box.seen: it is kept for invariants only; use a field of memory")
@routine
def routine_reads_ghost(b: Box) -> None:
    x = b.seen  # here: b.seen

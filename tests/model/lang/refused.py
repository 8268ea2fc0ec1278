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


@step()
def take(b: Box) -> bool:
    got = not b.flag
    b.flag = True
    return got


@step()
def read_n(b: Box) -> int:
    return b.n


@step()
def read_next(b: Box) -> Box | None:
    return b.next


@step()
def read_colour(b: Box) -> Colour:
    return b.colour


@step()
def read_pair(b: Box) -> Pair:
    return b.pair


@step()
def read_group(b: Box) -> frozenset[Box]:
    return b.group


@static
def doubled(n: int) -> int:
    return 2 * n


@effect
def mark(b: Box) -> None:
    b.flag = True


def ordinary(b: Box) -> None:
    pass


@pure
def reads_memory(b: Box) -> int:
    return b.n  # here: b.n


# -- calls ------------------------------------------------------------


@refused("star arguments: a step shows each argument; write the arguments out")
@routine
def stars(b: Box) -> None:
    take(*(b,))  # here: take


@refused(
    "'ordinary' is not a function of the model: the front end knows only decorated functions; "
    "decorate it with @pure, @step, @static or @kernel"
)
@routine
def calls_ordinary(b: Box) -> None:
    ordinary(b)  # here: ordinary


@refused("'doubled(n)': an argument is not constant: doubled is @static; make it @pure")
@routine
def static_of_dynamic(b: Box) -> None:
    n = read_n(b)
    m = doubled(n)  # here: doubled


@refused("take takes 1 arguments, not 2; write one for each parameter")
@routine
def too_many(b: Box) -> None:
    take(b, b)  # here: take


@refused("take has no parameter 'box'; known: b")
@routine
def unknown_parameter(b: Box) -> None:
    take(box=b)  # here: take


@refused("take misses the argument 'b'; give it, or give the parameter a default")
@routine
def missing_argument(b: Box) -> None:
    take()  # here: take


@refused("replace() works on records; assign to the variable")
@routine
def replaces_int(b: Box) -> None:
    n = read_n(b)
    m = replace(n, flag=True)  # here: replace


@refused("Pair has no field 'flags'; did you mean flag?")
@routine
def replaces_unknown(b: Box) -> None:
    pair = read_pair(b)
    other = replace(pair, flags=True)  # here: replace


@refused("Pair has no field 'color'; did you mean colour?")
@routine
def constructs_unknown(b: Box) -> None:
    pair = Pair(color=Colour.RED, n=1)  # here: Pair


@refused("Pair misses the field 'n'; give it, or declare a default")
@routine
def constructs_part(b: Box) -> None:
    pair = Pair(flag=True)  # here: Pair


@refused("a tuple whose length is not constant; make a frozenset")
@routine
def dynamic_tuple(b: Box) -> None:
    n = read_n(b)
    some = tuple(x for x in b.links if n == x.label)  # here: (x for


@refused("'box.label' cannot be a loop variable; use a name, or a tuple of names")
@step()
def odd_target(box: Box) -> None:
    for box.label in (1, 2):  # here: box.label
        pass


@refused(
    "'n' cannot be looped over: a loop runs over a constant sequence or the members of a set; "
    "loop over range(CONSTANT) or over objects, and test inside"
)
@step()
def loops_over_int(b: Box) -> int:
    n = b.n
    return sum(x for x in n)  # here: n)


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
    n = reads_memory(b)


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


# -- bodies of steps ------------------------------------------------------------


@refused(
    "'while b.flag:' in a step: a step is one action: no loop that waits, no exception; use "
    "assignments, if, `for` over a constant, return, wait_until(...)"
)
@step()
def step_loops(b: Box) -> None:
    while b.flag:  # here: while
        pass


@refused("'b.links[0]' cannot be assigned; assign to a name, a field or an element of an array")
@step()
def step_stores_constant_element(b: Box) -> None:
    b.links[0] = b  # here: b.links


@refused("'(x, y)' cannot be assigned; assign to a name, a field or an element of an array")
@step()
def step_unpacks(b: Box) -> None:
    x, y = b.n  # here: x, y


@refused("Box has no field 'labels'; did you mean label?")
@step()
def step_stores_unknown(b: Box) -> None:
    b.labels = 1  # here: b.labels


@refused(
    "'n.x' cannot be assigned: int has no fields that can be stored to; use replace(...) for "
    "a record"
)
@step()
def step_stores_into_int(b: Box) -> None:
    n = b.n
    n.x = 1  # here: n.x


@refused("'b.label' cannot be assigned: the field is constant; declare it without const=True")
@step()
def step_stores_constant(b: Box) -> None:
    b.label = 1  # here: b.label


@refused("'b.row' cannot be assigned: it is an array; assign to an element")
@step()
def step_stores_array(b: Box) -> None:
    b.row = False  # here: b.row


@refused("a set without a type; annotate what the function returns")
@step()
def untyped_set(b: Box):
    return {b.next}  # here: return


@refused("wait_until after a write: a step that waits changes nothing; wait first")
@step()
def waits_late(b: Box) -> None:
    b.flag = True
    wait_until(b.flag)  # here: wait_until


@refused("choose inside a step: it is a step of its own; call it from the routine")
@step()
def step_chooses(b: Box) -> None:
    x = choose((1, 2))  # here: choose


@refused("unmodelled inside a step: it is a step of its own; call it from the routine")
@step()
def step_unmodelled(b: Box) -> None:
    unmodelled("not here")  # here: unmodelled


@refused(
    "take is called inside a step: it is a step of its own; call both from the routine, or make "
    "the inner one @pure"
)
@step()
def step_in_step(b: Box) -> None:
    take(b)  # here: take


@refused(
    "touches_two touches Box.n[first], Box.flag[first]: a step is one access to memory; split it, "
    "or say @step(several='why that is one action')"
)
@step()
def touches_two(b: Box) -> None:  # here: def
    b.flag = b.n == 1


@refused(
    "reads_ghost depends on Box.seen: it is a ghost, kept for invariants only; use a field of "
    "memory, or make the result a ghost too"
)
@step()
def reads_ghost(b: Box) -> None:  # here: def
    b.flag = b.seen


@refused(
    "returns_ghost depends on Box.seen: it is a ghost, kept for invariants only; use a field of "
    "memory, or make the result a ghost too"
)
@step()
def returns_ghost(b: Box) -> bool:  # here: def
    return b.seen


# -- names and fields ------------------------------------------------------------


@refused("the name 'tak' is not known: misspelt does not define it; did you mean take?")
@routine
def misspelt(b: Box) -> None:
    tak(b)  # here: tak


@refused("Box has no field 'labell'; did you mean label?")
@routine
def misspelt_field(b: Box) -> None:
    x = b.labell  # here: b.labell


@refused("Pair has no field 'color'; did you mean colour?")
@routine
def misspelt_record_field(b: Box) -> None:
    pair = read_pair(b)
    x = pair.color  # here: pair.color


@refused("'n.x': a int has no fields; only objects and records have fields")
@routine
def field_of_int(b: Box) -> None:
    n = read_n(b)
    x = n.x  # here: n.x


@refused("'nothing.n' reads a field of None; test for None first")
@routine
def field_of_none(b: Box) -> None:
    nothing = None
    x = nothing.n  # here: nothing.n


@refused("'b.row.x' needs an index first; write field[...]")
@step()
def field_of_array(b: Box) -> bool:
    return b.row.x  # here: b.row.x


@refused("Colour has no field 'REDD'; did you mean RED?")
@routine
def misspelt_member(b: Box) -> None:
    x = Colour.REDD  # here: Colour.REDD


# -- indices ------------------------------------------------------------


@refused("'b.links[2]': 2 is out of range: there are 2")
@routine
def index_too_large(b: Box) -> None:
    x = b.links[2]  # here: b.links


@refused("'b[0]' cannot be indexed; index a tuple, or a field declared as Array[...]")
@routine
def indexes_object(b: Box) -> None:
    x = b[0]  # here: b[0]


@refused("'(n, n)[n]' picks among values that are not constant; choose with `if`")
@routine
def picks_dynamic(b: Box) -> None:
    n = read_n(b)
    x = (n, n)[n]  # here: (n, n)


@refused("'other.links[flag]': the index is not an int; index a tuple with an int")
@routine
def index_no_int(b: Box) -> None:
    other = read_next(b)
    flag = take(b)
    x = other.links[flag]  # here: other.links


@refused("'other.links[5]': 5 is out of range: there are 2")
@routine
def column_too_large(b: Box) -> None:
    other = read_next(b)
    x = other.links[5]  # here: other.links


# -- operators ------------------------------------------------------------


@refused(
    "'lambda: 3' is not in the modelling language: a Lambda has no finite meaning; use calls, "
    "fields, comparisons, and/or/not, + and -, or a @pure function"
)
@routine
def has_lambda(b: Box) -> None:
    x = lambda: 3  # here: lambda


@refused(
    "'text' cannot be stored or compared here: 'text' is no value of the modelling language; use "
    "a bool, an int, an enum member, an object, a record or a frozenset"
)
@routine
def stores_text(b: Box) -> None:
    b.n = "text"  # here: b.n


@refused("'colour' is not a condition; compare it")
@routine
def tests_enum(b: Box) -> None:
    colour = read_colour(b)
    if colour:  # here: colour
        take(b)


@refused("the constant 1.5: only bool, int, str and None are; use an int, or an enum")
@routine
def fraction(b: Box) -> None:
    x = 1.5  # here: 1.5


@refused("'-n': only `not` and minus of a constant; write 0 - x")
@routine
def negates(b: Box) -> None:
    n = read_n(b)
    x = -n  # here: -n


@refused("'n * n' has no meaning for int; + and - work on ints, | & and - on sets")
@routine
def multiplies(b: Box) -> None:
    n = read_n(b)
    x = n * n  # here: n * n


@refused("'1 << 2' has no meaning for int; + and - work on ints, | & and - on sets")
@routine
def shifts(b: Box) -> None:
    x = 1 << 2  # here: 1 << 2


@refused("'n if flag else b' may be int and Box: a value has one sort; use two variables")
@routine
def two_sorts(b: Box) -> None:
    n = read_n(b)
    flag = take(b)
    x = n if flag else b  # here: n if


@refused("'n == b' compares int with Box: they are never equal; compare values of one sort")
@routine
def compares_sorts(b: Box) -> None:
    n = read_n(b)
    x = n == b  # here: n == b


@refused("'colour < other': only ints have an order; compare with == or `in`")
@routine
def orders_enums(b: Box) -> None:
    colour = read_colour(b)
    other = read_colour(b)
    x = colour < other  # here: colour <


@refused("'n in b': `in` needs a set or a tuple; compare with ==")
@routine
def member_of_object(b: Box) -> None:
    n = read_n(b)
    x = n in b  # here: n in


# -- sorts ------------------------------------------------------------


@refused(
    "'b.next = n' is int, not Box | None: every value that is stored has the declared sort; "
    "change the declaration, or the value"
)
@routine
def stores_other_sort(b: Box) -> None:
    n = read_n(b)
    b.next = n  # here: b.next


@refused("4 is not in 0..3; give it a wider range where it is declared")
@routine
def stores_too_much(b: Box) -> None:
    b.n = 4  # here: b.n


# -- declarations ------------------------------------------------------------


@refused(
    "a rule cannot run over 'colours': a rule fires for every choice of its arguments; annotate "
    "it with a class of objects, a record or a bounded int"
)
@rule
def over_a_set(colours: frozenset[Colour]) -> None:  # here: def
    pass


@refused("not a plain function: only `def` functions are compiled; write `def name(...):`")
@routine
async def asynchronous(b: Box) -> None:  # here: async
    pass

# SPDX-License-Identifier: GPL-2.0-only
# mypy: ignore-errors
# ruff: noqa
"""Steps, rules and expressions that the front end refuses; as `refused`, which holds routines."""

from __future__ import annotations

from .refused import *


# -- bodies of steps ------------------------------------------------------------


@refused(
    "'while b.flag:' in a step: a step is one action: no loop that waits, no exception; use "
    "assignments, if, `for` over a constant, return, wait_until(...)"
)
@step(order="plain")
def step_loops(b: Box) -> None:
    while b.flag:  # here: while
        pass


@refused("'b.links[0]' cannot be assigned; assign to a name, a field or an element of an array")
@step(order="plain")
def step_stores_constant_element(b: Box) -> None:
    b.links[0] = b  # here: b.links


@refused("'(x, y)' cannot be assigned; assign to a name, a field or an element of an array")
@step(order="plain")
def step_unpacks(b: Box) -> None:
    x, y = b.n  # here: x, y


@refused("Box has no field 'labels'; did you mean label?")
@step(order="plain")
def step_stores_unknown(b: Box) -> None:
    b.labels = 1  # here: b.labels


@refused(
    "'n.x' cannot be assigned: int has no fields that can be stored to; use replace(...) for "
    "a record"
)
@step(order="plain")
def step_stores_into_int(b: Box) -> None:
    n = b.n
    n.x = 1  # here: n.x


@refused("'b.label' cannot be assigned: the field is constant; declare it without const=True")
@step(order="plain")
def step_stores_constant(b: Box) -> None:
    b.label = 1  # here: b.label


@refused("'b.row' cannot be assigned: it is an array; assign to an element")
@step(order="plain")
def step_stores_array(b: Box) -> None:
    b.row = False  # here: b.row


@refused("a set without a type; annotate what the function returns")
@step(order="plain")
def untyped_set(b: Box):
    return {b.next}  # here: return


@refused(
    "wait_until after a write: a step that waits changes nothing and fails nowhere; wait first"
)
@step(order="plain")
def waits_late(b: Box) -> None:
    b.flag = True
    wait_until(b.flag)  # here: wait_until


@refused("choose inside a step: it is a step of its own; call it from the routine")
@step(order="plain")
def step_chooses(b: Box) -> None:
    x = choose((1, 2))  # here: choose


@refused("unmodelled inside a step: it is a step of its own; call it from the routine")
@step(order="plain")
def step_unmodelled(b: Box) -> None:
    unmodelled("not here")  # here: unmodelled


@refused(
    "take is called inside a step: it is a step of its own; call both from the routine, or make "
    "the inner one @pure"
)
@step(order="plain")
def step_in_step(b: Box) -> None:
    take(b)  # here: take


@refused(
    "touches_two touches Box.n[first], Box.flag[first]: a step is one access to memory; split it, "
    "or say @step(several='why that is one action')"
)
@step(order="plain")
def touches_two(b: Box) -> None:  # here: def
    b.flag = b.n == 1


@refused(
    "reads_ghost depends on Box.seen: it is a ghost, kept for invariants only; use a field of "
    "memory, or make the result a ghost too"
)
@step(order="plain")
def reads_ghost(b: Box) -> None:  # here: def
    b.flag = b.seen


@refused(
    "returns_ghost depends on Box.seen: it is a ghost, kept for invariants only; use a field of "
    "memory, or make the result a ghost too"
)
@step(order="plain")
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
@step(order="plain")
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


# -- memory order ---------------------------------------------------------------


@refused(
    "says_no_order says no memory order: it touches memory; look it up in the kernel's source and "
    "say @step(order=...)"
)
@step()
def says_no_order(b: Box) -> None:  # here: def
    b.flag = True


@refused(
    "may_fail does not say how it is ordered when it fails: it is full where it writes, and may "
    "write nothing; say @step(order=orders(...)), which has both for each memory model"
)
@step(order="full")
def may_fail(b: Box) -> bool:  # here: def
    free = b.n == 0
    if free:
        b.n = 1
    return free


@refused(
    "clears_if does not say how it is ordered when it fails: it is acquire where it writes, and may "
    "write nothing; say @step(order=orders(...)), which has both for each memory model"
)
@step(
    order=orders(
        x86=("acquire", "", "x.h:x"),
        arm64=("full", "once", "x.h:x"),
        s390=("full", "once", "x.h:x"),
        riscv=("full", "once", "x.h:x"),
    ),
    several="one is only looked at",
)
def clears_if(b: Box) -> None:  # here: def
    if b.next is None:
        b.flag = False


# -- what Python would do otherwise ------------------------------------------------------------


@refused(
    "wait_until after a check: a step that waits changes nothing and fails nowhere; wait first"
)
@step(order="plain")
def checks_first(b: Box) -> None:
    check(b.n != 1, "never one")
    wait_until(b.n == 2)  # here: wait_until


@effect
def bump(b: Box) -> int:
    b.n = 2
    return 1


@refused(
    "bump is called inside an expression: it is part of what the step does, and might be done "
    "twice, or not at all; write a statement of its own, or assign its value to a name"
)
@step(order="plain")
def effect_in_an_expression(b: Box) -> None:
    b.n = 1 + bump(b)  # here: bump


@refused(
    "'limit' has no value yet: it is assigned further down, so that Python takes it for a "
    "local everywhere; give one of the two another name"
)
@step(order="plain")
def global_before_local(b: Box) -> None:
    n = limit  # here: limit
    limit = 1


limit = 3


@refused(
    "effect_in_disguise calls bump, which is an @effect: it is @pure itself; make it an @effect, too"
)
@pure
def effect_in_disguise(b: Box) -> int:
    return bump(b)  # here: bump


@refused(
    "said_to_be_a_ghost writes Box.n[first]: it is said to be about ghosts alone, so that no lock is "
    "asked for; leave the trait 'ghost' out"
)
@step(order="plain", traits="ghost")
def said_to_be_a_ghost(b: Box) -> None:  # here: def
    b.n = 1

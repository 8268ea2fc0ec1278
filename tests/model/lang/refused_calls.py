# SPDX-License-Identifier: GPL-2.0-only
# mypy: ignore-errors
# ruff: noqa
"""Calls, loops and comprehensions that the front end refuses; as `refused`, whose helpers these
use."""

from __future__ import annotations

import functools

from .refused import *


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


@refused(
    "is_marked uses first.flag: it is @static, which is run when the model is compiled, and that "
    "may change later; use it in a @step, or declare the field with const=True"
)
@routine
def static_of_memory(b: Box) -> None:
    m = is_marked(b)  # here: is_marked


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
@step(order="plain")
def odd_target(box: Box) -> None:
    for box.label in (1, 2):  # here: box.label
        pass


@refused(
    "the loop variable 'x' is used outside of its loop: a `for` is unrolled, and its variable is a "
    "constant in each round; give what is used behind the loop a name of its own"
)
@routine
def used_behind_the_loop(b: Box) -> int:
    for x in (1, 2):
        n = read_n(b)
        if n == x:
            break
    return x  # here: x


@refused(
    "'x' is a loop variable and is assigned, too: a `for` is unrolled, and its variable is a "
    "constant in each round; give what is used behind the loop a name of its own"
)
@routine
def changed_in_the_loop(b: Box) -> None:
    for x in (1, 2):
        x = x + 1  # here: x


@refused(
    "the loop variable 'b' is another variable, too: a `for` is unrolled, and its variable is a "
    "constant in each round; give what is used behind the loop a name of its own"
)
@step(order="plain")
def loops_over_a_parameter(b: Box) -> None:
    for b in (1, 2):  # here: b in
        pass


@refused(
    "'n + 1' is no bool, and may be the value of `and` or `or`: Python gives the operand itself, "
    "not whether it is true; compare it, or write `x if condition else y`"
)
@routine
def or_of_numbers(b: Box) -> int:
    n = read_n(b)
    return (n + 1) or 2  # here: n + 1


@refused(
    "'n' cannot be looped over: a loop runs over a constant sequence or the members of a set; "
    "loop over range(CONSTANT) or over objects, and test inside"
)
@step(order="plain")
def loops_over_int(b: Box) -> int:
    n = b.n
    return sum(x for x in n)  # here: n)


@refused(
    "the loop variable 'x' is used outside of its loop: a `for` is unrolled, and its variable is a "
    "constant in each round; give what is used behind the loop a name of its own"
)
@routine
def counted_behind_the_loop(b: Box) -> int:
    for x in (1, 2):
        if read_n(b) == x:
            break
    return sum(1 for x in range(x))  # here: x))


has_no_value = refused(
    "'got' may have no value here: not every way to this line has given it one, and Python would "
    "raise an error; give it a value on every way"
)


@has_no_value
@routine
def bound_on_one_way(b: Box) -> int:
    if read_n(b) == 1:
        got = 1
    return got  # here: got


@has_no_value
@routine
def bound_in_a_loop(b: Box) -> int:
    while read_n(b) == 1:
        got = 1
    return got  # here: got


@has_no_value
@routine
def counted_on_from_nothing(b: Box) -> int:
    for x in (1, 2):
        if read_n(b) == x:
            continue
        got += 1  # here: got


@has_no_value
@routine
def left_before_it_is_bound(b: Box) -> int:
    while True:
        if read_n(b) == 1:
            break
        got = read_n(b)
    return got  # here: got


@refused(
    "may_end_without_a_return may come to its end without a return: it returns a value elsewhere, "
    "and Python would give None there; end it with a return"
)
@step(order="plain")
def may_end_without_a_return(b: Box) -> bool:  # here: def
    if b.flag:
        return True


# -- what Python would do otherwise ------------------------------------------------------------


@refused(
    "'x' is None at first and is assigned again: what else it may be has to be known here; "
    "annotate it, as in `x: Folio | None = None`"
)
@routine
def none_at_first(b: Box) -> None:
    x = None  # here: x
    if take(b):
        x = b


@refused(
    "'sum((n for _ in range(2)), start=3)': an argument by name: what it asks for is not known "
    "here; do without it"
)
@routine
def sum_from(b: Box) -> None:
    n = read_n(b)
    m = sum((n for _ in range(2)), start=3)  # here: sum


@refused(
    "'max(n, 1, key=doubled)': an argument by name: what it asks for is not known here; do "
    "without it"
)
@routine
def largest_by(b: Box) -> None:
    n = read_n(b)
    m = max(n, 1, key=doubled)  # here: max


@refused("'Pair(True, n=1)': fields without their names; name each, as in PteVal(write=True)")
@routine
def fields_by_place(b: Box) -> None:
    p = Pair(True, n=1)  # here: Pair


@refused("with_named takes 1 arguments without a name, not 2; write one for each parameter")
@routine
def named_by_place(b: Box) -> None:
    with_named(b, True)  # here: with_named


@refused("with_named is given 'b' twice; give it once")
@routine
def given_twice(b: Box) -> None:
    with_named(b, b=b)  # here: with_named


@routine
def with_named(b: Box, *, flag: bool = False) -> None:
    take(b)


@refused("'it' is an iterator: a second use finds it used up; write it where it is used")
@routine
def kept_iterator(b: Box) -> None:
    it = zip(range(2), range(2))
    for x, y in it:  # here: it
        take(b)


@refused(
    "'p is q' asks whether two values are one object: of a number, a record or a set there may be "
    "several; compare with =="
)
@routine
def same_record(b: Box) -> None:
    p = Pair(n=1)
    q = Pair(n=1)
    if p is q:  # here: p is q
        take(b)


@refused(
    "'[1]' is not in the modelling language: a List has no finite meaning; use calls, fields, "
    "comparisons, and/or/not, + and -, or a @pure function"
)
@routine
def a_list(b: Box) -> None:
    for n in [1]:  # here: [1]
        take(b)


@refused("'other.links' is not a condition; compare an element of it")
@routine
def tuple_of_a_field(b: Box) -> None:
    other = next_of(b)
    if other.links:  # here: other.links
        take(b)


@step(order="plain")
def next_of(b: Box) -> Box:
    return b.next


@refused(
    "'x = None' gives None to what is Box: it may not be None by its declaration, or by its first "
    "value; declare it as `Box | None`"
)
@routine
def none_later(b: Box) -> None:
    x = b
    if take(b):
        x = None  # here: x


@refused("'(None, 4)[n]' has no one sort: it may be None or int; choose with `if`")
@routine
def none_among_numbers(b: Box) -> None:
    n = read_n(b)
    m = (None, 4)[n]  # here: (None


@refused("choose() among values of several sorts: a value has one sort")
@routine
def chooses_among_sorts(b: Box) -> None:
    x = choose((None, 0))  # here: choose


@refused("'max(n)' is not of two ints or more; compare them one by one")
@routine
def largest_of_one(b: Box) -> None:
    n = read_n(b)
    m = max(n)  # here: max


@refused(
    "'take(x)' inside any() or all(): they stop as soon as they know, and here each part is "
    "evaluated; write a loop"
)
@routine
def steps_in_a_search(b: Box) -> None:
    if any(take(x) for x in b.links):  # here: take
        pass


@refused(
    "'take(b)' is a step that may not be carried out: a step inside an expression is one that a "
    "trace cannot show; write an `if` statement"
)
@routine
def step_in_a_comparison(b: Box) -> None:
    n = read_n(b)
    if 0 < n < take(b):  # here: take
        pass


@refused(
    "of_two_lengths returns tuples of different lengths: which one is only known to a run; return "
    "tuples of one length"
)
@routine
def of_two_lengths(b: Box) -> tuple[int, ...]:  # here: def
    if take(b):
        return 1, 2
    return 1, 2, 3


def noisy(fn):
    @functools.wraps(fn)
    def louder(*args):
        return fn(*args)

    return louder


@refused(
    "wrapped is wrapped by another decorator: only its own text would be compiled, not what is "
    "done around it; leave the decorator out, and call what it does"
)
@routine
@noisy
def wrapped(b: Box) -> None:  # here: @routine
    take(b)


@refused(
    "any_number has parameters of an unusual kind: a step shows each argument; write plain ones"
)
@routine
def any_number(b: Box, *more: Box) -> None:  # here: def
    take(b)


@refused(
    "a set in a tuple is the value of a step: it has no type there; return the set alone, or make "
    "its members a record"
)
@routine
def set_in_a_tuple(b: Box) -> None:
    n = boxes_and_one(b)[1]  # here: boxes_and_one


@step(order="plain")
def boxes_and_one(b: Box) -> tuple[frozenset[Box], int]:
    return frozenset({b, b.next}), 1


@refused("'0 if taken else False' may be int and bool: a value has one sort; use two variables")
@routine
def zero_or_false(b: Box) -> None:
    taken = take(b)
    x = 0 if taken else False  # here: 0 if

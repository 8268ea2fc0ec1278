# SPDX-License-Identifier: GPL-2.0-only
"""Values of the front end: ordinary Python values as far as they are known, expressions beyond.

The front end is a partial evaluator.  A value is *static* (any Python object: a Kobject, an
int, an enum member, a record, a tuple of values) or *dynamic* (an `Expr`).  Whatever is static
is computed as Python would; the rest becomes the transition system.
"""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from .. import expr as ex
from ..expr import Const, Expr
from ..objects import Field, Kobject, World
from ..sorts import BOOL, NOTHING, Enum, Int, Rec, Ref, Set, Sort, fits, join, same_kind

Value = Any


@dataclass(frozen=True)
class ArrayField:
    """`obj.field` where the field is an array and not indexed yet."""

    owner: Expr
    spec: Field


@dataclass(frozen=True)
class Column:
    """A constant field of tuples, for an object that is not known: row `i` is object `i`'s."""

    rows: tuple[tuple[Any, ...], ...]
    owner: Expr


class NotLiftable(Exception):
    """A Python value that no sort of the modelling language holds."""


def lift(world: World, value: Value, like: Sort | None = None) -> Expr:
    """The value as an expression; `like` decides the sort of None, of sets and of records."""
    if isinstance(value, Expr):
        return _sharpen(value, like)
    if value is None:
        return ex.const(0, like if isinstance(like, Ref) and like.nullable else NOTHING)
    if isinstance(value, bool):
        return ex.boolean(value)
    if isinstance(value, enum.Enum):
        sort = world.sort(type(value))
        return ex.const(world.encode(value, sort), sort)
    if isinstance(value, int):
        return ex.number(value)
    if isinstance(value, Kobject):
        ref = world.ref(type(value))
        return ex.const(ref.objects.index(value.name) + 1, ref)
    if dataclasses.is_dataclass(value):
        sort = world.sort(type(value))
        return ex.const(world.encode(value, sort), sort)
    if isinstance(value, frozenset) and isinstance(like, Set):
        made = [ex.single(_member(world, v, like.elem), like) for v in value]
        parts = sorted(made, key=ex.show)  # sets have no order, the text of a system has
        group: Expr = ex.const(0, like)
        for part in parts:
            group = ex.union(group, part)
        return group
    raise NotLiftable(f"{value!r} is no value of the modelling language")


def _member(world: World, value: Value, sort: Sort) -> Expr:
    """An element of a set whose elements are of this sort."""
    made = lift(world, value, sort)
    if made.sort is NOTHING:
        raise ValueError("None is none of its members")
    if isinstance(sort, Int) and not fits(made.sort, sort):
        raise ValueError(f"the set is one of {sort_name(sort)} from {sort.show(sort.codes()[0])} "
                         f"to {sort.show(sort.codes()[-1])}")  # fmt: skip
    return made


def _sharpen(value: Expr, like: Sort | None) -> Expr:
    if value.sort is NOTHING and isinstance(like, Ref) and like.nullable:
        return ex.const(0, like)
    return value


def field_of(world: World, cls: str, name: str) -> Field | None:
    """The declaration of a field by class name."""
    return world.kind(cls).fields.get(name)


def read_const(world: World, spec: Field, owner: Expr, cls: str) -> Value:
    """A constant field of an object that may not be known."""
    objects = world.all(world.kind(cls))
    if isinstance(owner, Const):
        return objects[owner.value - 1].__dict__[spec.name]
    key = spec, owner
    if key not in world.constants:
        held = [obj.__dict__[spec.name] for obj in objects]
        world.constants[key] = _of_any(world, held, owner)
    return world.constants[key]


def _of_any(world: World, held: list[Value], owner: Expr) -> Value:
    """A constant field of an object that is not known, by what each of them holds."""
    if all(isinstance(v, tuple) for v in held):
        return Column(tuple(held), owner)
    return table(world, [UNREACHED, *held], (owner,))


UNREACHED = object()
"""Stands for an entry of a table that cannot be asked for."""


def table(world: World, held: list[Any], index: tuple[Expr, ...]) -> Value:
    """A look-up in constants; NotLiftable if they are not of one sort."""
    asked = [v for v in held if v is not UNREACHED]
    if all(v is None for v in asked):
        return None
    known = [lift(world, v) for v in asked]
    sort: Sort = known[0].sort
    for one in known[1:]:
        if not same_kind(sort, one.sort):
            raise NotLiftable(f"it may be {sort_name(sort)} or {sort_name(one.sort)}")
        sort = join(sort, one.sort)
    filler = sort.codes()[0] + sort.lowest if isinstance(sort, Int | Enum | Rec) else 0
    values = []
    for v in held:
        e = lift(world, v, sort) if v is not UNREACHED else ex.const(filler, sort)
        assert isinstance(e, Const)
        values.append(e.value)
    return ex.table(tuple(values), index, sort)


def expressions(value: Value) -> Iterator[Expr]:
    """The expressions that a value is made of."""
    if isinstance(value, Expr):
        yield value
    elif isinstance(value, ArrayField | Column):
        yield value.owner
    elif isinstance(value, tuple | frozenset):
        for part in value:
            yield from expressions(part)


def alike(one: Value, two: Value) -> bool:
    """True of two constants that nothing tells apart; 0 and False are equal, but not one."""
    return type(one) is type(two) and bool(one == two)


class Inexact(Exception):
    """A value for which there is no exact key."""


def exactly(value: Value) -> object:
    """A key for a value: equal keys are of values that nothing tells apart, unlike 0 and False."""
    if isinstance(value, tuple):
        return tuple, *map(exactly, value)
    if isinstance(value, frozenset):
        return frozenset, frozenset(map(exactly, value))
    if isinstance(value, Column | list | dict):
        raise Inexact
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return type(value), *(exactly(getattr(value, f.name)) for f in dataclasses.fields(value))
    return type(value), value


def is_static(value: Value) -> bool:
    if isinstance(value, tuple | frozenset):
        return all(is_static(v) for v in value)
    return not isinstance(value, Expr | ArrayField | Column)


def sort_name(sort: Sort) -> str:
    """A sort as an author knows it."""
    if isinstance(sort, Ref):
        return f"{sort.cls} | None" if sort.cls and sort.nullable else sort.cls or "None"
    if isinstance(sort, Rec | Enum):
        return sort.name
    if isinstance(sort, Set):
        return f"frozenset[{sort_name(sort.elem)}]"
    return "bool" if sort == BOOL else "int"

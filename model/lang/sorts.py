# SPDX-License-Identifier: GPL-2.0-only
"""Finite sorts: what a variable of a transition system may hold.

Every value of a sort is represented by a *code*, a natural number below ``2 ** bits``.
Engines compute on codes; only people see names.  A reference to "nothing" is code 0 and the
objects count from 1, so that a packed state of zeros is a state in which nothing points anywhere.

    Bool      0, 1
    Int       value - lo; in expressions an Int is the number itself
    Enum      position in the list of members
    Ref       0 for None, else 1 + position in the list of objects
    Rec       the fields side by side, the first one lowest
    Set       one bit for each code of the element
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, ClassVar


class _Once(type):
    """Makes equal sorts the same object: expressions are looked up by their sorts all the time, and
    to hash and compare an object by identity takes a tenth of the time."""

    _made: ClassVar[dict[object, Any]] = {}

    def __call__(cls, /, *args: Any, **named: Any) -> Any:
        key = cls, args, *named.items()
        found = cls._made.get(key)
        if found is None:
            sort = super().__call__(*args, **named)
            full = cls, tuple(getattr(sort, f.name) for f in fields(sort))
            found = cls._made[key] = cls._made.setdefault(full, sort)
        return found


@dataclass(frozen=True, eq=False)
class Sort(metaclass=_Once):
    """A finite set of values.  Subclasses say how values become codes."""

    @property
    def bits(self) -> int:
        """Width of a code, in bits (at least 1)."""
        raise NotImplementedError

    @property
    def lowest(self) -> int:
        """What a code is short of the value that expressions compute with (only Int has any)."""
        return 0

    def codes(self) -> tuple[int, ...]:
        """Every code that is a value, in increasing order."""
        raise NotImplementedError

    def show(self, code: int) -> str:
        """The value as a person reads it."""
        raise NotImplementedError


def _bits_for(count: int) -> int:
    return max(1, (count - 1).bit_length())


@dataclass(frozen=True, eq=False)
class Bool(Sort):
    @property
    def bits(self) -> int:
        return 1

    def codes(self) -> tuple[int, ...]:
        return (0, 1)

    def show(self, code: int) -> str:
        return "true" if code else "false"


@dataclass(frozen=True, eq=False)
class Int(Sort):
    """Integers from ``lo`` to ``hi``, both included; ``names`` are for display, one a value."""

    lo: int
    hi: int
    names: tuple[str, ...] = ()

    @cached_property
    def bits(self) -> int:
        return _bits_for(self.hi - self.lo + 1)

    @property
    def lowest(self) -> int:
        return self.lo

    def codes(self) -> tuple[int, ...]:
        return tuple(range(self.hi - self.lo + 1))

    def show(self, code: int) -> str:
        return self.names[code] if self.names else str(self.lo + code)


@dataclass(frozen=True, eq=False)
class Enum(Sort):
    name: str
    members: tuple[str, ...]

    @cached_property
    def bits(self) -> int:
        return _bits_for(len(self.members))

    def codes(self) -> tuple[int, ...]:
        return tuple(range(len(self.members)))

    def show(self, code: int) -> str:
        return self.members[code]


@dataclass(frozen=True, eq=False)
class Ref(Sort):
    """A pointer to one of the objects of a class, or, if ``nullable``, to nothing."""

    cls: str
    objects: tuple[str, ...]
    nullable: bool = False

    @cached_property
    def bits(self) -> int:
        return _bits_for(len(self.objects) + 1)

    def codes(self) -> tuple[int, ...]:
        return tuple(range(0 if self.nullable else 1, len(self.objects) + 1))

    def show(self, code: int) -> str:
        return self.objects[code - 1] if code else "-"


@dataclass(frozen=True, eq=False)
class Rec(Sort):
    name: str
    fields: tuple[tuple[str, Sort], ...]

    @cached_property
    def bits(self) -> int:
        return sum(sort.bits for _, sort in self.fields)

    @cached_property
    def _layout(self) -> dict[str, tuple[int, Sort]]:
        layout, shift = {}, 0
        for name, sort in self.fields:
            layout[name] = (shift, sort)
            shift += sort.bits
        return layout

    def field(self, name: str) -> tuple[int, Sort]:
        """Shift and sort of a field; KeyError if there is none of that name."""
        return self._layout[name]

    def codes(self) -> tuple[int, ...]:
        result = [0]
        for name, sort in self.fields:
            shift, _ = self.field(name)
            result = [low | code << shift for code in sort.codes() for low in result]
        return tuple(sorted(result))

    def parts(self, code: int) -> dict[str, int]:
        return {
            name: code >> shift & (1 << sort.bits) - 1
            for name, (shift, sort) in self._layout.items()
        }

    def show(self, code: int) -> str:
        parts = self.parts(code)
        inside = " ".join(f"{name}={sort.show(parts[name])}" for name, sort in self.fields)
        return f"{self.name}({inside})"


@dataclass(frozen=True, eq=False)
class Set(Sort):
    """Sets of values of ``elem``: a bit for each code, so keep the element small."""

    elem: Sort

    @cached_property
    def bits(self) -> int:
        return int(1 << self.elem.bits)

    def codes(self) -> tuple[int, ...]:
        raise ValueError(f"the sets over {self.elem} are too many to list")

    def show(self, code: int) -> str:
        return "{" + ", ".join(self.elem.show(e) for e in self.elem.codes() if code >> e & 1) + "}"


BOOL = Bool()


NOTHING = Ref("", (), nullable=True)
"""The sort of a bare None, comparable with every reference."""


def fits(value: Sort, target: Sort) -> bool:
    """Whether every value of one sort is a value of the other."""
    if isinstance(value, Int) and isinstance(target, Int):
        return target.lo <= value.lo and value.hi <= target.hi
    if isinstance(value, Ref) and isinstance(target, Ref):
        return value.cls in (target.cls, "") and (target.nullable or not value.nullable)
    return value == target


def same_kind(one: Sort, two: Sort) -> bool:
    """Whether two values may be compared or assigned at all (ranges and None set aside)."""
    if isinstance(one, Int) and isinstance(two, Int):
        return True
    if isinstance(one, Ref) and isinstance(two, Ref):
        return one.cls == two.cls or "" in (one.cls, two.cls)
    return one == two


def join(one: Sort, two: Sort) -> Sort:
    """The smallest sort that holds the values of both; both must be of the same kind."""
    if isinstance(one, Int) and isinstance(two, Int):
        names = one.names or two.names
        lo, hi = min(one.lo, two.lo), max(one.hi, two.hi)
        return Int(lo, hi, names if len(names) == hi - lo + 1 else ())
    if isinstance(one, Ref) and isinstance(two, Ref):
        wide = one if one.cls else two
        return Ref(wide.cls, wide.objects, one.nullable or two.nullable)
    return one

# SPDX-License-Identifier: GPL-2.0-only
"""Expressions of the IR as Python text over a state that is a tuple `s`.

Written for the oracle from what `model.lang.sorts` says of values, not from what the engines do:
an Int is the number itself, everything else its code.  `and`, `or` and `ite` look at no more than
they need, and using an element that an array has not is an error, so that no verdict hangs on it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from model.lang.expr import Apply, Cell, Const, Expr, Local
from model.lang.sorts import Int, Rec, Sort

Index = tuple[int, ...]


class MeaninglessError(Exception):
    """A system does what has no meaning: it uses an element that is not there, or a value that is
    none of its sort."""


class Elements(dict[Index, int]):
    """Where the elements of a variable are: in a state `s`, or in `known`, if nothing writes them.

    `of_none`, if there is one, is where a field of None is, whose index has a 0.
    """

    def __init__(self, name: str, within: str = "s") -> None:
        self.name, self.within = name, within
        self.of_none: int | None = None

    def __missing__(self, index: Index) -> int:
        if self.of_none is not None and 0 in index:
            return self.of_none
        raise MeaninglessError(f"{self.name} has no element {index}")


def _not(_: Apply, a: str) -> str:
    return f"(1 - {a})"


def _and(_: Apply, *parts: str) -> str:
    return f"(1 if {' and '.join(parts)} else 0)"


def _or(_: Apply, *parts: str) -> str:
    return f"(1 if {' or '.join(parts)} else 0)"


def _ite(_: Apply, cond: str, then: str, other: str) -> str:
    return f"({then} if {cond} else {other})"


def _eq(_: Apply, a: str, b: str) -> str:
    return f"(1 if {a} == {b} else 0)"


def _lt(_: Apply, a: str, b: str) -> str:
    return f"(1 if {a} < {b} else 0)"


def _add(_: Apply, a: str, b: str) -> str:
    return f"({a} + {b})"


def _sub(_: Apply, a: str, b: str) -> str:
    return f"({a} - {b})"


def _narrow(e: Apply, a: str) -> str:
    assert isinstance(e.sort, Int)
    return f"narrow({a}, {e.sort.lo}, {e.sort.hi})"


def _union(_: Apply, a: str, b: str) -> str:
    return f"({a} | {b})"


def _inter(_: Apply, a: str, b: str) -> str:
    return f"({a} & {b})"


def _diff(_: Apply, a: str, b: str) -> str:
    return f"({a} & ~{b})"


def _has(e: Apply, group: str, member: str) -> str:
    return f"({group} >> {_code(e.args[1].sort, member)} & 1)"


def _single(e: Apply, member: str) -> str:
    return f"(1 << {_code(e.args[0].sort, member)})"


def _get(e: Apply, rec: str) -> str:
    shift, sort = _field(e.args[0].sort, e.data)
    return f"(({rec} >> {shift} & {2**sort.bits - 1}) + {sort.lowest})"


def _record(e: Apply, *parts: str) -> str:
    assert isinstance(e.sort, Rec)
    shifted = []
    for (name, sort), part in zip(e.sort.fields, parts, strict=True):
        shifted.append(f"({_code(sort, part)} << {_field(e.sort, name)[0]})")
    return f"({' | '.join(shifted)})"


def _table(e: Apply, *index: str) -> str:
    values, ranges = e.data
    return f"look_up({values!r}, {ranges!r}, ({''.join(i + ', ' for i in index)}))"


OPERATORS: dict[str, Callable[..., str]] = {
    "not": _not, "and": _and, "or": _or, "ite": _ite, "eq": _eq, "lt": _lt, "add": _add,
    "sub": _sub, "narrow": _narrow, "union": _union, "inter": _inter, "diff": _diff, "has": _has,
    "single": _single, "get": _get, "record": _record, "table": _table,
}  # fmt: skip
"""How each operation is written, given its node and the texts of its arguments."""


def _code(sort: Sort, value: str) -> str:
    """The code of a value; only an Int differs from it."""
    return f"({value} - {sort.lo})" if isinstance(sort, Int) else value


def _field(sort: Sort, name: str) -> tuple[int, Sort]:
    """How far up a field of a record is: the fields lie side by side, the first one lowest."""
    assert isinstance(sort, Rec)
    shift = 0
    for field, inner in sort.fields:
        if field == name:
            return shift, inner
        shift += inner.bits
    raise KeyError(name)


def _narrow_to(value: int, lo: int, hi: int) -> int:
    return value if lo <= value <= hi else lo


def _look_up(values: Index, ranges: tuple[tuple[int, int], ...], index: Index) -> int:
    """A table lists its values row by row."""
    at = 0
    for i, (low, size) in zip(index, ranges, strict=True):
        if not low <= i < low + size:
            raise MeaninglessError(f"a table has no element {index}")
        at = at * size + i - low
    return values[at]


def _fitting(value: int, lo: int, hi: int) -> int:
    if not lo <= value <= hi:
        raise MeaninglessError(f"{value} is given to what holds {lo} to {hi}")
    return value


class Evaluator:
    """Writes expressions of one thread, or of rules and checks, which have no locals.

    `names` is what the text may use, by name; arrays are added to it as they are met.
    """

    def __init__(
        self, elements: Mapping[str, Elements], own: Mapping[str, int], names: dict[str, Any]
    ) -> None:
        self._elements, self._own, self._names = elements, own, names
        names.update(narrow=_narrow_to, look_up=_look_up, fitting=_fitting)

    def value(self, e: Expr) -> str:
        """The text of an expression's value."""
        if isinstance(e, Const):
            return str(e.value) if e.value >= 0 else f"({e.value})"
        if isinstance(e, Local):
            return f"s[{self.position(e)}]"
        if isinstance(e, Cell):
            return f"{self._elements[e.var].within}[{self.position(e)}]"
        assert isinstance(e, Apply)
        return OPERATORS[e.name](e, *map(self.value, e.args))

    def position(self, place: Cell | Local) -> str:
        """The text of where a place is in a state."""
        if isinstance(place, Local):
            return str(self._own[place.name])
        elements = self._elements[place.var]
        if all(isinstance(i, Const) for i in place.index):
            found = dict.get(elements, tuple(i.value for i in place.index if isinstance(i, Const)))
            if found is not None:
                return str(found)
        name = f"array_{''.join(c if c.isalnum() else '_' for c in place.var)}"
        while self._names.setdefault(name, elements) is not elements:
            name += "_"
        return f"{name}[{''.join(self.value(i) + ', ' for i in place.index)}]"

    def fitted(self, e: Expr, sort: Sort) -> str:
        """The text of a value that is stored in a place of this sort."""
        value = self.value(e)
        if not isinstance(sort, Int):
            return value
        assert isinstance(e.sort, Int)
        if sort.lo <= e.sort.lo and e.sort.hi <= sort.hi:
            return value
        return f"fitting({value}, {sort.lo}, {sort.hi})"

# SPDX-License-Identifier: GPL-2.0-only
"""Expressions of the IR as Z3 terms.

A truth value is a Bool.  An Int is a signed bit-vector, just wide enough for its sort; everything
else is a bit-vector of its code.  A variable of the state holds a Bool, or its code.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping

from model.lang.expr import Apply, Cell, Const, Expr, Local, cell, const
from model.lang.ir import Variable
from model.lang.sorts import Bool, Int, Rec, Sort

from ..engine.codegen.layout import extent, first
from .solver import Term, z3


class Values:
    """Translates the expressions of one thread, or of rules.

    `read` gives what a local or a cell at a constant index holds; None for a cell that does not
    exist, such as a field of None: that reads as the lowest value, and is not written.
    """

    def __init__(
        self, read: Callable[[Expr], Term | None], variables: Mapping[str, Variable]
    ) -> None:
        self._read, self._variables = read, variables
        self._terms: dict[Expr, Term] = {}

    def term(self, e: Expr) -> Term:
        """The value: a Bool, a signed number, or a code."""
        found = self._terms.get(e)
        if found is None:
            found = self._terms[e] = self._term(e)
        return found

    def stored(self, e: Expr, sort: Sort) -> Term:
        """What a variable of a sort holds once the value is put into it."""
        return _held(self.term(e), e.sort, sort)

    def elements(self, place: Cell) -> list[tuple[Cell, Term]]:
        """The cells that a cell may be, and when it is each of them."""
        choices = []
        for index, dim in zip(place.index, self._variables[place.var].dims, strict=True):
            values = [const(first(dim) + n, dim) for n in range(extent(dim))]
            if isinstance(index, Const):
                values = [v for v in values if v.value == index.value]
            choices.append([(v, self._same(index, v)) for v in values])
        return [
            (cell(place.var, tuple(i for i, _ in picked), place.sort),
             z3.And(*(here for _, here in picked)))
            for picked in itertools.product(*choices)
        ]  # fmt: skip

    # -- nodes -----------------------------------------------------------------------------------

    def _term(self, e: Expr) -> Term:
        if isinstance(e, Const):
            return constant(e.value, e.sort)
        if isinstance(e, Local | Cell):
            return self._loaded(e)
        assert isinstance(e, Apply)
        return self.operation(e)

    def _loaded(self, place: Local | Cell) -> Term:
        if isinstance(place, Cell) and not all(isinstance(i, Const) for i in place.index):
            found = constant(place.sort.lowest, place.sort)
            for one, here in self.elements(place):
                found = z3.If(here, _value(self._read(one), place.sort), found)
            return found
        return _value(self._read(place), place.sort)

    def operation(self, e: Apply) -> Term:
        """The value of an operator applied to its arguments."""
        a = e.args
        if e.name == "not":
            return z3.Not(self.term(a[0]))
        if e.name in ("and", "or"):
            return (z3.And if e.name == "and" else z3.Or)(*(self.term(x) for x in a))
        if e.name == "ite":
            return z3.If(self.term(a[0]), *(_as(self.term(x), e.sort) for x in a[1:]))
        if e.name == "eq":
            return self._same(*a)
        if e.name == "lt":
            one, two = _together(self.term(a[0]), self.term(a[1]))
            return one < two
        if e.name in ("add", "sub"):
            return self._sum(e)
        if e.name == "narrow":
            return self._narrowed(e)
        if e.name in ("get", "record"):
            return self._part(e) if e.name == "get" else self._record(e)
        if e.name == "table":
            return self._looked_up(e)
        return self._set(e)

    def _same(self, one: Expr, two: Expr) -> Term:
        left, right = self.term(one), self.term(two)
        if isinstance(one.sort, Bool):
            return left == right
        if isinstance(one.sort, Int):
            left, right = _together(left, right)
        else:
            width = max(left.size(), right.size())
            left, right = _resized(left, width), _resized(right, width)
        return left == right

    def _sum(self, e: Apply) -> Term:
        assert isinstance(e.sort, Int)
        width = max(_width(e.sort), *(self.term(x).size() for x in e.args))
        one, two = (_signed(self.term(x), width) for x in e.args)
        return _signed(one + two if e.name == "add" else one - two, _width(e.sort))

    def _narrowed(self, e: Apply) -> Term:
        assert isinstance(e.sort, Int)
        width = max(_width(e.sort), self.term(e.args[0]).size())
        value = _signed(self.term(e.args[0]), width)
        low, high = z3.BitVecVal(e.sort.lo, width), z3.BitVecVal(e.sort.hi, width)
        return _signed(z3.If(z3.And(low <= value, value <= high), value, low), _width(e.sort))

    def _part(self, e: Apply) -> Term:
        sort = e.args[0].sort
        assert isinstance(sort, Rec)
        shift, inner = sort.field(e.data)
        bits = z3.Extract(shift + inner.bits - 1, shift, self.term(e.args[0]))
        return _value(bits == 1 if isinstance(inner, Bool) else bits, inner)

    def _record(self, e: Apply) -> Term:
        assert isinstance(e.sort, Rec)
        fields = zip(e.args, e.sort.fields, strict=True)
        parts = [as_bits(self.stored(x, sort)) for x, (_, sort) in fields]
        return z3.Concat(*reversed(parts)) if len(parts) > 1 else parts[0]

    def _looked_up(self, e: Apply) -> Term:
        values, ranges = e.data
        rows = itertools.product(*(range(low, low + size) for low, size in ranges))
        found = constant(values[0], e.sort)
        for at, value in zip(rows, values, strict=True):
            if value != values[0]:
                here = (self._is(i, n) for i, n in zip(e.args, at, strict=True))
                found = z3.If(z3.And(*here), constant(value, e.sort), found)
        return found

    def _is(self, e: Expr, number: int) -> Term:
        """Whether what indexes a table has this value."""
        value = self.term(e)
        if isinstance(e.sort, Bool):
            return value if number else z3.Not(value)
        width = value.size()
        low = -(1 << width - 1) if isinstance(e.sort, Int) else 0
        return value == number if low <= number < low + (1 << width) else z3.BoolVal(False)

    def _set(self, e: Apply) -> Term:
        if e.name in ("union", "inter", "diff"):
            one, two = (self.term(x) for x in e.args)
            return one | two if e.name == "union" else one & (two if e.name == "inter" else ~two)
        if e.name == "single":
            return z3.BitVecVal(1, e.sort.bits) << self._bit(e.args[0], e.sort.bits)
        assert e.name == "has", e.name
        group = self.term(e.args[0])
        return z3.Extract(0, 0, z3.LShR(group, self._bit(e.args[1], group.size()))) == 1

    def _bit(self, e: Expr, width: int) -> Term:
        """The bit of a set that an element is."""
        return _resized(as_bits(self.stored(e, e.sort)), width)


def constant(value: int, sort: Sort) -> Term:
    """The term of a value of a sort."""
    if isinstance(sort, Bool):
        return z3.BoolVal(bool(value))
    return z3.BitVecVal(value, _width(sort) if isinstance(sort, Int) else sort.bits)


def as_bits(held: Term) -> Term:
    """What a variable holds, as a bit-vector of its code."""
    return z3.If(held, z3.BitVecVal(1, 1), z3.BitVecVal(0, 1)) if z3.is_bool(held) else held


def _width(sort: Int) -> int:
    """Bits of a signed number of a sort."""
    return max((sort.hi if sort.hi >= 0 else ~sort.hi).bit_length(),
               (sort.lo if sort.lo >= 0 else ~sort.lo).bit_length()) + 1  # fmt: skip


def _value(held: Term | None, sort: Sort) -> Term:
    """The value of a variable from what it holds."""
    if held is None:
        return constant(sort.lowest, sort)
    if not isinstance(sort, Int):
        return held
    width = max(_width(sort), held.size() + 1)
    return _signed(_resized(held, width) + sort.lo, _width(sort))


def _held(value: Term, own: Sort, sort: Sort) -> Term:
    """What a variable of a sort holds if it has this value of a sort of its own."""
    if isinstance(sort, Bool):
        return value
    if isinstance(own, Int):
        width = max(value.size(), _width(sort), sort.bits) + 1  # type: ignore[arg-type]  # both Int
        return _resized(_signed(value, width) - sort.lowest, sort.bits)
    return _resized(value, sort.bits)


def _as(value: Term, sort: Sort) -> Term:
    """The same value as one of a wider sort."""
    if isinstance(sort, Bool):
        return value
    if isinstance(sort, Int):
        return _signed(value, _width(sort))
    return _resized(value, sort.bits)


def _together(one: Term, two: Term) -> tuple[Term, Term]:
    """Two signed numbers with the same number of bits."""
    width = max(one.size(), two.size())
    return _signed(one, width), _signed(two, width)


def _signed(value: Term, width: int) -> Term:
    """A signed number with more bits, or without those that it does not need."""
    if value.size() < width:
        return z3.SignExt(width - value.size(), value)
    return z3.Extract(width - 1, 0, value) if value.size() > width else value


def _resized(value: Term, width: int) -> Term:
    """A code with more bits, or without those that it does not need."""
    if value.size() < width:
        return z3.ZeroExt(width - value.size(), value)
    return z3.Extract(width - 1, 0, value) if value.size() > width else value

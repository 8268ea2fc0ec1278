# SPDX-License-Identifier: GPL-2.0-only
"""Expressions as words of text for the interpreter of the native explorer, `native/c/bytecode.h`.

A text is made for one place (a location of a thread, the rules, a condition) when it is first
reached.  What is long is there once for all places of a thread, as a routine that is called.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from dataclasses import field as default
from enum import IntEnum, auto

from model.lang.expr import Apply, Cell, Const, Expr, children
from model.lang.sorts import Int, Rec

from .layout import Layout, Seat, Slot
from .text import TooWideError, fixed_place

WORD = 64
ALL = (1 << WORD) - 1
WIDEST = 63
"""Bits of a field that can be computed with: a value is a signed word."""

LONG = 8
"""An expression of more nodes becomes a routine."""

STACK = 200
"""Values, and calls, that may be on a stack at once; as in `bytecode.h`, with room to spare."""

_NUMBERS = range(-(1 << 31), 1 << 31)
"""Numbers that one word of text holds."""


class Instruction(IntEnum):
    """Actions of the interpreter; the order is that of `bytecode.h`."""

    RETURN = 0
    NUMBER = auto()
    POOLED = auto()
    FIELD = auto()
    FIELD_AT = auto()
    ADD = auto()
    SUBTRACT = auto()
    OR = auto()
    AND = auto()
    WITHOUT = auto()
    HAS = auto()
    LESS = auto()
    EQUAL = auto()
    IS_CODE = auto()
    NOT = auto()
    UNLESS = auto()
    IF = auto()
    UNLESS_CODE = auto()
    IF_CODE = auto()
    SWITCH = auto()
    GOTO = auto()
    UNLESS_KEEP = auto()
    IF_KEEP = auto()
    NARROW = auto()
    TABLE = auto()
    SINGLE = auto()
    PART = auto()
    LEFT = auto()
    TIMES = auto()
    CALL = auto()
    CHECK = auto()
    WORD = auto()
    STORE = auto()
    STORE_AT = auto()
    END_OP = auto()
    END = auto()


_BINARY = {
    "add": Instruction.ADD, "sub": Instruction.SUBTRACT, "union": Instruction.OR,
    "inter": Instruction.AND, "diff": Instruction.WITHOUT, "lt": Instruction.LESS,
}  # fmt: skip


@dataclass
class Chunk:
    """Words that are added to a text, constants to its pool; `at` is where the place begins."""

    words: list[int] = default(default_factory=list)
    pool: list[int] = default(default_factory=list)
    at: int = 0


class Bytecode:
    """Writes expressions, for one place after another.

    TooWideError for what a signed word does not hold.
    """

    def __init__(self, layout: Layout, seat: Seat | None = None) -> None:
        self._layout, self._seat = layout, seat
        self._written = self._pooled = 0
        self._routines: dict[Expr, int] = {}
        self._wanted: dict[Expr, list[int]] = {}
        self._fields: dict[Expr, Slot | None] = {}
        self._constants: dict[tuple[int, ...], int] = {}
        self._chunk = Chunk()
        self._out = self._chunk.words

    # -- places ------------------------------------------------------------------------------------

    def condition(self, cond: Expr) -> Chunk:
        """The text of a condition."""
        self._begin()
        self._value(cond)
        return self._end()

    def _begin(self) -> None:
        self._written += len(self._chunk.words)
        self._pooled += len(self._chunk.pool)
        self._chunk = Chunk(at=self._written)
        self._out = self._chunk.words

    def _end(self) -> Chunk:
        out = self._out
        out.append(Instruction.END)
        while self._wanted:
            e, calls = self._wanted.popitem()
            self._routines[e] = here = self._here()
            self._inline(e)
            out.append(Instruction.RETURN)
            for call in calls:
                out[call] = here
        return self._chunk

    def _here(self) -> int:
        return self._written + len(self._out)

    def _jump(self, instruction: Instruction) -> int:
        """A jump to an address that `_land` gives."""
        self._out += (instruction, 0)
        return len(self._out) - 1

    def _land(self, *jumps: int) -> None:
        for jump in jumps:
            self._out[jump] = self._here()

    # -- conditions --------------------------------------------------------------------------------

    def _unless(self, cond: Expr) -> list[int]:
        """Jumps that are taken where a condition does not hold."""
        return self._branch(cond, wanted=False)

    def _branch(self, cond: Expr, *, wanted: bool) -> list[int]:
        """Jumps that are taken where a condition is as wanted; else what follows is done."""
        if isinstance(cond, Const):
            return [self._jump(Instruction.GOTO)] if bool(cond.value) == wanted else []
        if isinstance(cond, Apply) and cond.name == "not":
            return self._branch(cond.args[0], wanted=not wanted)
        if isinstance(cond, Apply) and cond.name in ("and", "or"):
            if (cond.name == "or") == wanted:  # each of them decides it
                return [jump for arg in cond.args for jump in self._branch(arg, wanted=wanted)]
            past = [j for arg in cond.args[:-1] for j in self._branch(arg, wanted=not wanted)]
            jumps = self._branch(cond.args[-1], wanted=wanted)
            self._land(*past)
            return jumps
        compared = self._compared(cond)
        if compared is not None:
            instruction = Instruction.IF_CODE if wanted else Instruction.UNLESS_CODE
            self._out += (instruction, *compared, 0)
            return [len(self._out) - 1]
        self._value(cond)
        return [self._jump(Instruction.IF if wanted else Instruction.UNLESS)]

    def _compared(self, cond: Expr) -> tuple[int, int, int] | None:
        """Offset, width and code, if a condition compares a field with a constant."""
        code: int | None = None
        field = self._field(cond)
        if field is not None:
            code = 1
        elif isinstance(cond, Apply) and cond.name == "eq" and isinstance(cond.args[1], Const):
            field = self._field(cond.args[0])
            code = cond.args[1].value - field.lowest if field is not None else None
        if field is None or code not in _NUMBERS:
            return None
        assert code is not None
        return field.offset, width_of(field), code

    def _field(self, e: Expr) -> Slot | None:
        """The field at a fixed place that an expression is."""
        if e not in self._fields:
            place = fixed_place(e, self._slot)
            found = None if place is None else Slot(place[0], place[1].width, place[1].lowest)
            self._fields[e] = found
        return self._fields[e]

    def _slot(self, place: Expr) -> Slot | None:
        return self._layout.slot(place, self._seat)

    # -- expressions -------------------------------------------------------------------------------

    def _value(self, e: Expr) -> None:
        """Put a value on the stack."""
        nodes, deep = _size(e)
        if deep > STACK:
            raise TooWideError(f"an expression is {deep} deep")
        if nodes <= LONG or not isinstance(e, Apply):
            self._inline(e)
        elif e in self._routines:
            self._out += (Instruction.CALL, self._routines[e])
        else:
            self._wanted.setdefault(e, []).append(self._jump(Instruction.CALL))

    def _code(self, e: Expr, lowest: int) -> None:
        self._value(e)
        self._lift(-lowest)

    def _lift(self, by: int) -> None:
        if by:
            self._number(by)
            self._out.append(Instruction.ADD)

    def _number(self, value: int) -> None:
        if value in _NUMBERS:
            self._out += (Instruction.NUMBER, value)
        else:
            self._out += (Instruction.POOLED, self._pool((value,)))

    def _pool(self, values: tuple[int, ...]) -> int:
        """The position of constants in the pool."""
        if values not in self._constants:
            if any(not -(1 << WIDEST) <= value < 1 << WIDEST for value in values):
                raise TooWideError("a constant has more than 63 bits")
            self._constants[values] = self._pooled + len(self._chunk.pool)
            self._chunk.pool += values
        return self._constants[values]

    def _address(self, place: Cell) -> Slot:
        """Put the offset of a cell with a computed index on the stack; gives its shape."""
        offset, moving, shape = self._layout.array(place)
        for _, low, stride in moving:
            offset -= low * stride
        self._number(offset)
        for index, _, stride in moving:
            self._value(index)
            if stride != 1:
                self._out += (Instruction.TIMES, stride)
            self._out.append(Instruction.ADD)
        return shape

    def _inline(self, e: Expr) -> None:
        out = self._out
        if isinstance(e, Const):
            self._number(e.value)
            return
        field = self._field(e)
        if field is not None:
            out += (Instruction.FIELD, field.offset, width_of(field), field.lowest)
            return
        if isinstance(e, Cell):
            shape = self._address(e)
            out += (Instruction.FIELD_AT, width_of(shape), shape.lowest)
            return
        assert isinstance(e, Apply)
        self._operation(e)

    def _operation(self, e: Apply) -> None:
        out, a = self._out, e.args
        if e.name in _BINARY:
            self._value(a[0])
            self._value(a[1])
            out.append(_BINARY[e.name])
        elif e.name == "eq":
            self._equality(a[0], a[1])
        elif e.name == "not":
            self._value(a[0])
            out.append(Instruction.NOT)
        elif e.name in ("and", "or"):
            self._joined(e)
        elif e.name == "ite":
            other = self._unless(a[0])
            self._value(a[1])
            past = self._jump(Instruction.GOTO)
            self._land(*other)
            self._value(a[2])
            self._land(past)
        elif e.name == "has":
            self._value(a[0])
            self._code(a[1], a[1].sort.lowest)
            out.append(Instruction.HAS)
        elif e.name == "narrow":
            assert isinstance(e.sort, Int)
            self._value(a[0])
            if e.sort.lo not in _NUMBERS or e.sort.hi not in _NUMBERS:
                raise TooWideError(f"a number goes from {e.sort.lo} to {e.sort.hi}")
            out += (Instruction.NARROW, e.sort.lo, e.sort.hi)
        elif e.name == "single":
            self._code(a[0], a[0].sort.lowest)
            out.append(Instruction.SINGLE)
        elif e.name == "get":
            self._part(e)
        elif e.name == "record":
            self._record(e)
        else:
            self._table(e)

    def _joined(self, e: Apply) -> None:
        keep = Instruction.UNLESS_KEEP if e.name == "and" else Instruction.IF_KEEP
        jumps = []
        for arg in e.args[:-1]:
            self._value(arg)
            jumps.append(self._jump(keep))
        self._value(e.args[-1])
        self._land(*jumps)

    def _equality(self, left: Expr, right: Expr) -> None:
        field = self._field(left)
        if field is not None and isinstance(right, Const):
            code = right.value - field.lowest
            if code in _NUMBERS:
                self._out += (Instruction.IS_CODE, field.offset, width_of(field), code)
                return
        self._value(left)
        self._value(right)
        self._out.append(Instruction.EQUAL)

    def _part(self, e: Apply) -> None:
        rec = e.args[0]
        assert isinstance(rec.sort, Rec)
        shift, inner = rec.sort.field(e.data)
        if rec.sort.bits > WIDEST:
            raise TooWideError(f"a record has {rec.sort.bits} bits")
        self._value(rec)
        self._out += (Instruction.PART, shift, inner.bits)
        self._lift(inner.lowest)

    def _record(self, e: Apply) -> None:
        assert isinstance(e.sort, Rec)
        if e.sort.bits > WIDEST:
            raise TooWideError(f"a record has {e.sort.bits} bits")
        fixed, computed = 0, []
        for (name, _), arg in zip(e.sort.fields, e.args, strict=True):
            shift, inner = e.sort.field(name)
            if isinstance(arg, Const):
                fixed |= arg.value - inner.lowest << shift
            else:
                computed.append((shift, arg))
        self._number(fixed)
        for shift, arg in computed:
            self._code(arg, arg.sort.lowest)
            if shift:
                self._out += (Instruction.LEFT, shift)
            self._out.append(Instruction.OR)

    def _table(self, e: Apply) -> None:
        assert e.name == "table", e.name
        values, ranges = e.data
        for n, (index, (low, size)) in enumerate(zip(e.args, ranges, strict=True)):
            if n:
                self._out += (Instruction.TIMES, size)
            self._code(index, low)
            if n:
                self._out.append(Instruction.ADD)
        self._out += (Instruction.TABLE, self._pool(values), len(values))


@functools.lru_cache(200_000)
def _size(e: Expr) -> tuple[int, int]:
    """The number of nodes of an expression, and its depth."""
    below = [_size(child) for child in children(e)]
    nodes = 1 + sum(nodes for nodes, _ in below)
    return nodes, 1 + max((deep + n for n, (_, deep) in enumerate(below)), default=0)


def width_of(slot: Slot) -> int:
    """Bits of a field.  TooWideError if a signed word does not hold its values."""
    if slot.width > WIDEST:
        raise TooWideError(f"a field has {slot.width} bits")
    return slot.width

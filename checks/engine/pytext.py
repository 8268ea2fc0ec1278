# SPDX-License-Identifier: GPL-2.0-only
"""From expressions and operations to Python text over a packed state `s`.

Instead of interpreting the IR the reference explorer runs this text, and remembers what it did by
the bits that it may look at (`Text.bits`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from model.lang import ir
from model.lang.expr import Cell, Const, Expr, Local, Op, Ranges, children
from model.lang.ir import Update
from model.lang.sorts import Bool, Int, Rec

from .layout import Layout, Seat, Slot

LONG = 150
"""An expression of more characters becomes a function, so that its text is there once."""


class Text:
    """Writes expressions for one thread of a layout; tables become named constants."""

    def __init__(self, layout: Layout, seat: Seat | None = None) -> None:
        self.layout, self.seat = layout, seat
        self._values: dict[Expr, str] = {}
        self._tests: dict[Expr, str] = {}
        self._bits: dict[Expr, int] = {}
        self.names: dict[str, Any] = {}
        self._constants: dict[tuple[int, ...], str] = {}
        self._functions: list[str] = []
        self._count = 0

    # -- values -----------------------------------------------------------------------------------

    def value(self, e: Expr) -> str:
        """Python text for the value; a Bool is 0, 1, False or True."""
        text = self._values.get(e)
        if text is None:
            text = self._values[e] = self._once(self._value(e))
        return text

    def _value(self, e: Expr) -> str:
        if isinstance(e, Const):
            return str(e.value)
        if isinstance(e, Local | Cell):
            return self.load(e)
        assert isinstance(e, Op)
        if isinstance(e.sort, Bool) and e.name != "ite" and e.name != "get":
            return f"(1 if {self.test(e)} else 0)"
        return self.operation(e)

    def operation(self, e: Op) -> str:
        a = e.args
        if e.name == "ite":
            return f"({self.value(a[1])} if {self.test(a[0])} else {self.value(a[2])})"
        if e.name in ("add", "sub", "union", "inter"):
            sign = {"add": "+", "sub": "-", "union": "|", "inter": "&"}[e.name]
            return f"({self.value(a[0])} {sign} {self.value(a[1])})"
        if e.name == "diff":
            return f"({self.value(a[0])} & ~{self.value(a[1])})"
        if e.name == "narrow":
            assert isinstance(e.sort, Int)
            low, high = e.sort.lo, e.sort.hi
            inner = self.value(a[0])
            return f"({inner} if {low} <= {inner} <= {high} else {low})"
        if e.name == "get":
            return self.field(e)
        if e.name == "record":
            return self.record(e)
        if e.name == "single":
            return f"(1 << {self.code(a[0])})"
        assert e.name == "table", e.name
        values, ranges = e.data
        return f"{self.constant(values)}[{self.table_index(a, ranges)}]"

    def code(self, e: Expr) -> str:
        low = e.sort.lowest
        if isinstance(e, Const):
            return str(e.value - low)
        return f"({self.value(e)} - {low})" if low else self.value(e)

    def load(self, place: Local | Cell) -> str:
        slot = self.layout.slot(place, self.seat)
        if slot is not None:
            return _extract("s", slot.offset, slot)
        assert isinstance(place, Cell)
        offset, shape = self.computed(place)
        return _extract(f"(s >> {offset})", 0, shape)

    def computed(self, place: Cell) -> tuple[str, Slot]:
        """Where a cell with a computed index lies, and what an element looks like."""
        fixed, moving, shape = self.layout.array(place)
        terms = []
        for index, low, stride in moving:
            fixed -= low * stride
            terms.append(f"{self.value(index)} * {stride}" if stride > 1 else self.value(index))
        return "(" + " + ".join([*terms, str(fixed)]) + ")", shape

    def field(self, e: Op) -> str:
        rec = e.args[0]
        assert isinstance(rec.sort, Rec)
        shift, inner = rec.sort.field(e.data)
        part = Slot(0, inner.bits, inner.lowest)
        if isinstance(rec, Local | Cell):
            slot = self.layout.slot(rec, self.seat)
            if slot is not None:
                return _extract("s", slot.offset + shift, part)
        return _extract(self.value(rec), shift, part)

    def record(self, e: Op) -> str:
        assert isinstance(e.sort, Rec)
        fixed, parts = 0, []
        for (name, _), arg in zip(e.sort.fields, e.args, strict=True):
            shift, inner = e.sort.field(name)
            if isinstance(arg, Const):
                fixed |= arg.value - inner.lowest << shift
            else:
                parts.append(f"{self.code(arg)} << {shift}" if shift else self.code(arg))
        if fixed:
            parts.append(str(fixed))
        return "(" + " | ".join(parts) + ")"

    def table_index(self, index: Sequence[Expr], ranges: Ranges) -> str:
        text = ""
        for i, (low, size) in zip(index, ranges, strict=True):
            at = f"{self.value(i)} - {low}" if low else self.value(i)
            text = f"({text}) * {size} + ({at})" if text else at
        return text

    def constant(self, values: tuple[int, ...]) -> str:
        name = self._constants.get(values)
        if name is None:
            name = self._constants[values] = f"K{len(self._constants)}"
            self.names[name] = values
        return name

    def _once(self, text: str) -> str:
        """The text, or the call of a function that has it."""
        if len(text) <= LONG:
            return text
        self._count += 1
        self._functions.append(f"def f{self._count}(s):\n    return {text}")
        return f"f{self._count}(s)"

    def define(self, name: str, lines: Iterable[str]) -> Any:
        """Compile the definition of a function, with the functions that it needs."""
        source = "\n".join([*self._functions, *lines, ""])
        self._functions.clear()
        exec(compile(source, "<generated>", "exec"), self.names)
        return self.names[name]

    # -- conditions --------------------------------------------------------------------------------

    def test(self, e: Expr) -> str:
        """Python text that is true or false as the condition is."""
        text = self._tests.get(e)
        if text is None:
            text = self._tests[e] = self._once(self._test(e))
        return text

    def _test(self, e: Expr) -> str:
        if isinstance(e, Const):
            return "True" if e.value else "False"
        if isinstance(e, Local | Cell):
            slot = self.layout.slot(e, self.seat)
            return f"s & {1 << slot.offset}" if slot else self.load(e)
        assert isinstance(e, Op)
        if e.name == "not":
            return self.negation(e.args[0])
        if e.name in ("and", "or"):
            return "(" + f" {e.name} ".join(self.test(a) for a in e.args) + ")"
        if e.name == "eq":
            return self.equality(e, "==")
        if e.name == "lt":
            return f"({self.value(e.args[0])} < {self.value(e.args[1])})"
        if e.name == "has":
            return f"({self.value(e.args[0])} >> {self.code(e.args[1])} & 1)"
        return self.operation(e)

    def negation(self, e: Expr) -> str:
        if isinstance(e, Op) and e.name == "eq":
            return self.equality(e, "!=")
        return f"(not {self.test(e)})"

    def equality(self, e: Op, sign: str) -> str:
        left, right = e.args
        if isinstance(right, Const):
            place = self.fixed_place(left)
            if place is not None:
                offset, slot = place
                code = right.value - slot.lowest
                return f"(s & {slot.mask << offset} {sign} {code << offset})"
            masked = self.masked(left)
            if masked is not None and right.value == 0:
                return f"(s & {masked} {sign} 0)"
        return f"({self.value(left)} {sign} {self.value(right)})"

    def fixed_place(self, e: Expr) -> tuple[int, Slot] | None:
        """Offset and shape of an expression that is a bit field at a fixed place."""
        if isinstance(e, Local | Cell):
            slot = self.layout.slot(e, self.seat)
            return (slot.offset, slot) if slot else None
        if isinstance(e, Op) and e.name == "get" and isinstance(e.args[0], Local | Cell):
            slot = self.layout.slot(e.args[0], self.seat)
            if slot is not None:
                sort = e.args[0].sort
                assert isinstance(sort, Rec)
                shift, inner = sort.field(e.data)
                return slot.offset + shift, Slot(0, inner.bits, inner.lowest)
        return None

    def masked(self, e: Expr) -> int | None:
        """The bits that decide whether a set at a fixed place has elements of a constant one."""
        if isinstance(e, Op) and e.name == "inter" and isinstance(e.args[1], Const):
            place = self.fixed_place(e.args[0])
            if place is not None:
                return e.args[1].value << place[0]
        return None

    def bits(self, e: Expr) -> int:
        """The bits of the state that the text of an expression may look at."""
        found = self._bits.get(e)
        if found is None:
            found = self._bits[e] = self._bits_of(e)
        return found

    def _bits_of(self, e: Expr) -> int:
        place = self.fixed_place(e)
        if place is not None:
            offset, slot = place
            return slot.mask << offset
        masked = self.masked(e)
        if masked is not None:
            return masked
        found = self.layout.bits(e, self.seat) if isinstance(e, Cell) else 0
        for child in children(e):
            found |= self.bits(child)
        return found

    def footprint(self, op: ir.Op) -> int:
        """The bits that an operation may look at or write."""
        found = self.bits(op.guard)
        for check in op.checks:
            found |= self.bits(check.cond)
        for update in op.updates:
            found |= self.layout.bits(update.place, self.seat) | self.bits(update.value)
            for index in children(update.place):
                found |= self.bits(index)
        return found

    # -- updates -----------------------------------------------------------------------------------

    def successor(self, updates: Iterable[Update], extra: Iterable[tuple[Slot, int]] = ()) -> str:
        """The state after simultaneous updates; `extra` are fields set to constants."""
        clear, fixed = 0, 0
        parts: list[str] = []
        moving: list[tuple[str, int, str]] = []
        for slot, number in extra:
            clear |= slot.mask << slot.offset
            fixed |= number << slot.offset
        for update in updates:
            place, value = update.place, update.value
            where = self.layout.slot(place, self.seat)
            if where is None:
                assert isinstance(place, Cell)
                offset, shape = self.computed(place)
                moving.append((offset, shape.mask, self.stored(value, shape)))
                continue
            clear |= where.mask << where.offset
            if isinstance(value, Const):
                fixed |= value.value - where.lowest << where.offset
            else:
                parts.append(f"{self.stored(value, where)} << {where.offset}")
        state = f"s & ~{clear}" if clear else "s"
        if fixed:
            parts.append(str(fixed))
        state = " | ".join([state, *parts])
        for offset, mask, new in moving:
            state = f"({state}) & ~({mask} << {offset}) | {new} << {offset}"
        return state

    def stored(self, value: Expr, slot: Slot) -> str:
        if isinstance(value, Const):
            return str(value.value - slot.lowest)
        text = self.value(value)
        return f"({text} - {slot.lowest})" if slot.lowest else text


def _extract(source: str, offset: int, slot: Slot) -> str:
    text = f"({source} >> {offset} & {slot.mask})" if offset else f"({source} & {slot.mask})"
    return f"({text} + {slot.lowest})" if slot.lowest else text


def conjuncts(guard: Expr) -> tuple[Expr, ...]:
    """The conditions that all have to hold."""
    if isinstance(guard, Op) and guard.name == "and":
        return guard.args
    return () if isinstance(guard, Const) and guard.value else (guard,)

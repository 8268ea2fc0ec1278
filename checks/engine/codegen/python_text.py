# SPDX-License-Identifier: GPL-2.0-only
"""Python text over a packed state `s`, which is one natural number.

Instead of interpreting the IR the reference explorer runs this text, and remembers what it did by
the bits that it may look at (`PyText.bits`).
"""

from __future__ import annotations

from collections.abc import Iterable
from types import CodeType
from typing import Any

from model.lang import ir
from model.lang.expr import Cell, Const, Expr, children
from model.lang.ir import Update

from .layout import Layout, Seat, Slot
from .text import LONG, Text

_compiled: dict[str, CodeType] = {}
"""Code by its text: architectures and sides write much of the same."""


class PyText(Text):
    """Writes Python; tables become named constants, `names` has what the text uses."""

    def __init__(self, layout: Layout, seat: Seat | None = None) -> None:
        super().__init__(layout, seat)
        self._bits: dict[Expr, int] = {}
        self._constants: dict[tuple[int, ...], str] = {}
        self._functions: list[str] = []
        self._count = 0
        self.names: dict[str, Any] = {}

    def define(self, name: str, lines: Iterable[str]) -> Any:
        """Compile the definition of a function, with the functions that it needs."""
        source = "\n".join([*self._functions, *lines, ""])
        self._functions.clear()
        code = _compiled.get(source)
        if code is None:
            code = _compiled[source] = compile(source, "<generated>", "exec")
        exec(code, self.names)
        return self.names[name]

    def once(self, text: str) -> str:
        if len(text) <= LONG:
            return text
        self._count += 1
        self._functions.append(f"def f{self._count}(s):\n    return {text}")
        return f"f{self._count}(s)"

    def truth(self, value: bool) -> str:
        return str(value)

    def number(self, test: str) -> str:
        return f"(1 if {test} else 0)"

    def choose(self, test: str, yes: str, no: str) -> str:
        return f"({yes} if {test} else {no})"

    def join(self, name: str, tests: Iterable[str]) -> str:
        return "(" + f" {name} ".join(tests) + ")"

    def inverse(self, test: str) -> str:
        return f"(not {test})"

    def within(self, value: str, low: int, high: int) -> str:
        return f"({value} if {low} <= {value} <= {high} else {low})"

    def one_bit(self, code: str) -> str:
        return f"(1 << {code})"

    def constant(self, values: tuple[int, ...]) -> str:
        name = self._constants.get(values)
        if name is None:
            name = self._constants[values] = f"K{len(self._constants)}"
            self.names[name] = values
        return name

    def fixed(self, offset: int, slot: Slot) -> str:
        return f"(s >> {offset} & {slot.mask})" if offset else f"(s & {slot.mask})"

    def moving(self, offset: str, slot: Slot) -> str:
        return f"(s >> {offset} & {slot.mask})"

    def holds(self, offset: int, slot: Slot, mask: int) -> str:
        return f"s & {(mask & slot.mask) << offset}"

    def is_code(self, offset: int, slot: Slot, code: int, sign: str) -> str:
        return f"(s & {slot.mask << offset} {sign} {code << offset})"

    # -- what text looks at ------------------------------------------------------------------------

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
            offset, slot, mask = masked
            return (mask & slot.mask) << offset
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

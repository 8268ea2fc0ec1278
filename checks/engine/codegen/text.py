# SPDX-License-Identifier: GPL-2.0-only
"""From expressions to text over a packed state: what the languages of the engines have in common.

`Text` walks an expression; a subclass says how its language writes each thing.  `s` is the state.
"""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from model.lang.expr import Apply, Cell, Const, Expr, Local, Ranges
from model.lang.sorts import Bool, Int, Rec

from .layout import Layout, Seat, Slot

LONG = 150
"""An expression of more characters becomes a function, so that its text is there once."""

Place = tuple[int, Slot]
"""Offset and shape of a bit field that is always at the same place."""


Moved = Mapping[int, list[tuple[Slot, int]]]
"""By number of an operation, what the program counter is set to."""


class TooWideError(Exception):
    """A variable is wider than a language can compute with."""


class Text(ABC):
    """Writes expressions for one thread of a layout."""

    def __init__(self, layout: Layout, seat: Seat | None = None) -> None:
        self.layout, self.seat = layout, seat
        self._values: dict[Expr, str] = {}
        self._tests: dict[Expr, str] = {}

    # -- what languages differ in --------------------------------------------------------------

    @abstractmethod
    def once(self, text: str) -> str:
        """The text, or, if it is long, the call of a function that has it."""

    @abstractmethod
    def truth(self, value: bool) -> str: ...

    @abstractmethod
    def number(self, test: str) -> str:
        """1 or 0 for a condition."""

    @abstractmethod
    def choose(self, test: str, yes: str, no: str) -> str: ...

    @abstractmethod
    def join(self, name: str, tests: Iterable[str]) -> str:
        """Conditions joined by and, or by or."""

    @abstractmethod
    def inverse(self, test: str) -> str: ...

    @abstractmethod
    def within(self, value: str, low: int, high: int) -> str:
        """The value if it is from `low` to `high`, else `low`."""

    @abstractmethod
    def one_bit(self, code: str) -> str:
        """The set of one element."""

    @abstractmethod
    def constant(self, values: tuple[int, ...]) -> str:
        """The name of a table."""

    @abstractmethod
    def fixed(self, offset: int, slot: Slot) -> str:
        """The code of a bit field of the state."""

    @abstractmethod
    def moving(self, offset: str, slot: Slot) -> str:
        """The code of a bit field at a computed offset."""

    @abstractmethod
    def holds(self, offset: int, slot: Slot, mask: int) -> str:
        """A condition: whether a field has one of the bits of a mask."""

    @abstractmethod
    def is_code(self, offset: int, slot: Slot, code: int, sign: str) -> str:
        """A condition: whether a field has a code (`sign` ==) or another one (!=)."""

    # -- values --------------------------------------------------------------------------------

    def value(self, e: Expr) -> str:
        """Text for the value; a Bool is something that counts as 0 or 1."""
        text = self._values.get(e)
        if text is None:
            text = self._values[e] = self.once(self._value(e))
        return text

    def _value(self, e: Expr) -> str:
        if isinstance(e, Const):
            return str(e.value)
        if isinstance(e, Local | Cell):
            return self.load(e)
        assert isinstance(e, Apply)
        if isinstance(e.sort, Bool) and e.name != "ite" and e.name != "get":
            return self.number(self.test(e))
        return self._operation(e)

    def _operation(self, e: Apply) -> str:
        a = e.args
        if e.name == "ite":
            return self.choose(self.test(a[0]), self.value(a[1]), self.value(a[2]))
        if e.name in ("add", "sub", "union", "inter"):
            sign = {"add": "+", "sub": "-", "union": "|", "inter": "&"}[e.name]
            return f"({self.value(a[0])} {sign} {self.value(a[1])})"
        if e.name == "diff":
            return f"({self.value(a[0])} & ~{self.value(a[1])})"
        if e.name == "narrow":
            assert isinstance(e.sort, Int)
            return self.within(self.value(a[0]), e.sort.lo, e.sort.hi)
        if e.name == "get":
            return self._field(e)
        if e.name == "record":
            return self._record(e)
        if e.name == "single":
            return self.one_bit(self.code(a[0]))
        assert e.name == "table", e.name
        values, ranges = e.data
        return f"{self.constant(values)}[{self._table_index(a, ranges)}]"

    def code(self, e: Expr) -> str:
        """Text for the code of a value."""
        return _lowered(self.value(e), -e.sort.lowest) if e.sort.lowest else self.value(e)

    def load(self, place: Local | Cell) -> str:
        """Text for the value of a place."""
        slot = self.layout.slot(place, self.seat)
        if slot is not None:
            return _lowered(self.fixed(slot.offset, slot), slot.lowest)
        assert isinstance(place, Cell)
        offset, shape = self.computed(place)
        return _lowered(self.moving(offset, shape), shape.lowest)

    def computed(self, place: Cell) -> tuple[str, Slot]:
        """Where a cell with a computed index lies, and what an element looks like."""
        fixed, moving, shape = self.layout.array(place)
        terms = []
        for index, low, stride in moving:
            fixed -= low * stride
            terms.append(f"{self.value(index)} * {stride}" if stride > 1 else self.value(index))
        return "(" + " + ".join([*terms, str(fixed)]) + ")", shape

    def _field(self, e: Apply) -> str:
        rec = e.args[0]
        assert isinstance(rec.sort, Rec)
        shift, inner = rec.sort.field(e.data)
        part = Slot(0, inner.bits, inner.lowest)
        place = self.fixed_place(e)
        if place is not None:
            return _lowered(self.fixed(place[0], part), part.lowest)
        return _lowered(f"({self.value(rec)} >> {shift} & {part.mask})", part.lowest)

    def _record(self, e: Apply) -> str:
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

    def _table_index(self, index: Sequence[Expr], ranges: Ranges) -> str:
        text = ""
        for i, (low, size) in zip(index, ranges, strict=True):
            at = _lowered(self.value(i), -low)
            text = f"({text}) * {size} + ({at})" if text else at
        return text

    def stored(self, value: Expr, slot: Slot) -> str:
        """Text for what is put into a field."""
        if isinstance(value, Const):
            return str(value.value - slot.lowest)
        return _lowered(self.value(value), -slot.lowest)

    # -- conditions ----------------------------------------------------------------------------

    def test(self, e: Expr) -> str:
        """Text that is true or false as the condition is."""
        text = self._tests.get(e)
        if text is None:
            text = self._tests[e] = self.once(self._test(e))
        return text

    def _test(self, e: Expr) -> str:
        if isinstance(e, Const):
            return self.truth(bool(e.value))
        if isinstance(e, Local | Cell):
            place = self.fixed_place(e)
            return self.holds(*place, 1) if place else self.load(e)
        assert isinstance(e, Apply)
        if e.name == "not":
            return self._negation(e.args[0])
        if e.name in ("and", "or"):
            return self.join(e.name, (self.test(a) for a in e.args))
        if e.name == "eq":
            return self._equality(e, "==")
        if e.name == "lt":
            return f"({self.value(e.args[0])} < {self.value(e.args[1])})"
        if e.name == "has":
            return f"({self.value(e.args[0])} >> {self.code(e.args[1])} & 1)"
        return self._operation(e)

    def _negation(self, e: Expr) -> str:
        if isinstance(e, Apply) and e.name == "eq":
            return self._equality(e, "!=")
        return self.inverse(self.test(e))

    def _equality(self, e: Apply, sign: str) -> str:
        left, right = e.args
        if isinstance(right, Const):
            place = self.fixed_place(left)
            if place is not None:
                offset, slot = place
                return self.is_code(offset, slot, right.value - slot.lowest, sign)
            if right.value == 0:
                masked = self.masked(left)
                if masked is not None:
                    offset, slot, mask = masked
                    test = self.holds(offset, slot, mask)
                    return test if sign == "!=" else self.inverse(test)
        return f"({self.value(left)} {sign} {self.value(right)})"

    def fixed_place(self, e: Expr) -> Place | None:
        """Offset and shape of an expression that is a bit field at a fixed place."""
        return fixed_place(e, self._slot)

    def _slot(self, place: Expr) -> Slot | None:
        return self.layout.slot(place, self.seat)

    def masked(self, e: Expr) -> tuple[int, Slot, int] | None:
        """The field at a fixed place, and the bits of it, that decide whether a set has elements
        of a constant one."""
        if isinstance(e, Apply) and e.name == "inter" and isinstance(e.args[1], Const):
            place = self.fixed_place(e.args[0])
            if place is not None:
                return *place, e.args[1].value
        return None


def fixed_place(e: Expr, slot_of: Callable[[Expr], Slot | None]) -> Place | None:
    """Offset and shape of an expression that is a bit field at a fixed place: a place, or a field
    of a record that is one."""
    if isinstance(e, Local | Cell):
        slot = slot_of(e)
        return (slot.offset, slot) if slot else None
    if isinstance(e, Apply) and e.name == "get" and isinstance(e.args[0], Local | Cell):
        slot = slot_of(e.args[0])
        if slot is not None:
            sort = e.args[0].sort
            assert isinstance(sort, Rec)
            shift, inner = sort.field(e.data)
            return slot.offset + shift, Slot(0, inner.bits, inner.lowest)
    return None


def _lowered(text: str, lowest: int) -> str:
    if not lowest:
        return text
    return f"({text} + {lowest})" if lowest > 0 else f"({text} - {-lowest})"


# -- choosing among operations ---------------------------------------------------------------------


@dataclass(frozen=True)
class If:
    """What is done where a condition holds."""

    cond: Expr
    then: tuple[If | int, ...]


def decided(guards: Sequence[tuple[Expr, ...]]) -> tuple[If | int, ...]:
    """Which of several operations are carried out, by number, where all conditions of its guard
    hold: nested ifs over what guards share, the commonest tested first.

    What a place is equal to is tested for all constants one after another (`cases`).
    """
    return _decided([(conditions, n) for n, conditions in enumerate(guards)])


def _decided(rest: list[tuple[tuple[Expr, ...], int]]) -> tuple[If | int, ...]:
    found: list[If | int] = []
    while rest:
        about: dict[Expr, dict[Expr, int]] = {}
        for conditions, _ in rest:
            for cond in conditions:
                counts = about.setdefault(subject(cond), {})
                counts[cond] = counts.get(cond, 0) + 1
        best = max(about.values(), key=lambda counts: sum(counts.values()), default=None)
        if best is None:
            return *found, *(n for _, n in rest)
        for cond in best:
            those = [(tuple(c for c in cs if c is not cond), n) for cs, n in rest if cond in cs]
            if those:  # none: each that asks this asks for another value of the place as well
                found.append(If(cond, _decided(those)))
            rest = [(cs, n) for cs, n in rest if cond not in cs]
    return tuple(found)


def subject(cond: Expr) -> Expr:
    """The place that a condition compares with a constant; another condition is its own."""
    if isinstance(cond, Apply) and cond.name == "eq" and isinstance(cond.args[1], Const):
        return cond.args[0]
    return cond


Blocks = Callable[[list[tuple[Expr, list[str]]]], list[str]]
"""The lines of conditions with what is done where each holds; if they are several, they compare one
place with constants."""


def laid_out(parts: Sequence[If | int], actions: Sequence[list[str]], blocks: Blocks) -> list[str]:
    """The lines of decided operations, those that are left without a condition coming last."""
    found: list[str] = []
    tests = [part for part in parts if isinstance(part, If)]
    for _, cases in itertools.groupby(tests, lambda part: subject(part.cond)):
        found += blocks([(p.cond, laid_out(p.then, actions, blocks)) for p in cases])
    return found + [line for part in parts if isinstance(part, int) for line in actions[part]]

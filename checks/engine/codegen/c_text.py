# SPDX-License-Identifier: GPL-2.0-only
"""C text over a packed state `s`, an array of words (`runtime/fields.h`)."""

from __future__ import annotations

from collections.abc import Iterable

from model.lang.expr import Apply, Cell, Const, Expr
from model.lang.ir import Update

from .layout import Layout, Seat, Slot
from .text import LONG, Text, TooWideError, subject

WORD = 64
WIDEST = 63
"""Bits of a field that C can compute with: a value is a signed word."""

SHORT = 60
ALL = (1 << WORD) - 1


MARK = "$"
"""What the names of a text begin with; `ccode.Unit` puts a name of its own in its place."""


class Definitions:
    """Tables and functions of one C text, each there once.

    Merged steps repeat each other: what is long is a function, which makes a text several times
    shorter and quicker to compile.
    """

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._names: dict[str, str] = {}

    def table(self, values: tuple[int, ...]) -> str:
        """The name of an array of constants."""
        return self._named("static const V", f"[] = {{{', '.join(map(str, values))}}};")

    def function(self, text: str) -> str:
        """The name of a function of the state `s` that has a value."""
        return self._named("static PURE V", f"(const W *s) {{ return {text}; }}")

    def change(self, statement: str) -> str:
        """The statement, about `s` and its copy `t`, or the call of a function that does it."""
        if len(statement) <= SHORT:
            return statement
        name = self._named("static ONCE void", f"(const W *s, W *t) {{ {statement} }}")
        return f"{name}(s, t);"

    def check(self, test: str, invariant: int, stop: bool) -> str:
        """The call of a function that judges a check; it is true if nothing is to follow."""
        body = f"if ({test}) return 0; fail(x, {invariant}, {int(stop)}); return {int(stop)};"
        name = self._named("static ONCE int", f"(const W *s, struct explorer *x) {{ {body} }}")
        return f"{name}(s, x)"

    def words(self, bits: int) -> str:
        """The name of the list of the words that some bits of a state are in."""
        found = [str(n) for n in range(-(-bits.bit_length() // WORD)) if bits >> n * WORD & ALL]
        return self._named("static const uint16_t", f"[] = {{{', '.join([*found, 'END'])}}};")

    def _named(self, before: str, after: str) -> str:
        name = self._names.get(before + after)
        if name is None:
            name = self._names[before + after] = f"{MARK}{len(self._names)}"
            self.lines.append(f"{before} {name}{after}")
        return name


class CText(Text):
    """Writes C; tables and long expressions become definitions of the text."""

    def __init__(self, definitions: Definitions, layout: Layout, seat: Seat | None = None) -> None:
        super().__init__(layout, seat)
        self.definitions = definitions

    def once(self, text: str) -> str:
        return text if len(text) <= LONG else f"{self.definitions.function(text)}(s)"

    def truth(self, value: bool) -> str:
        return "1" if value else "0"

    def number(self, test: str) -> str:
        return f"({test} ? 1 : 0)"

    def choose(self, test: str, yes: str, no: str) -> str:
        return f"({test} ? {yes} : {no})"

    def join(self, name: str, tests: Iterable[str]) -> str:
        return "(" + {"and": " && ", "or": " || "}[name].join(tests) + ")"

    def inverse(self, test: str) -> str:
        return f"!({test})"

    def within(self, value: str, low: int, high: int) -> str:
        return f"within({value}, {low}, {high})"

    def one_bit(self, code: str) -> str:
        return f"((V)1 << {code})"

    def constant(self, values: tuple[int, ...]) -> str:
        return self.definitions.table(values)

    def fixed(self, offset: int, slot: Slot) -> str:
        at, bit = divmod(offset, WORD)
        if bit + _width(slot) > WORD:
            return f"get(s, {offset}, {slot.width})"
        return f"(V)(s[{at}] >> {bit} & {slot.mask:#x})"

    def moving(self, offset: str, slot: Slot) -> str:
        return f"get_at(s, {offset}, {_width(slot)})"

    def holds(self, offset: int, slot: Slot, mask: int) -> str:
        at, bit = divmod(offset, WORD)
        if bit + _width(slot) > WORD:
            return f"(get(s, {offset}, {slot.width}) & {mask & slot.mask:#x})"
        return f"(s[{at}] & {(mask & slot.mask) << bit:#x}ull)"

    def is_code(self, offset: int, slot: Slot, code: int, sign: str) -> str:
        at, bit = divmod(offset, WORD)
        if bit + _width(slot) > WORD or not 0 <= code <= slot.mask:
            return f"({self.fixed(offset, slot)} {sign} {code})"
        return f"((s[{at}] & {slot.mask << bit:#x}ull) {sign} {code << bit:#x}ull)"

    def blocks(self, cases: list[tuple[Expr, list[str]]]) -> list[str]:
        """Statements under conditions; several of them compare one place with constants."""
        (first, inner), *others = cases
        if not others:
            return [f"if ({self.test(first)}) {{", *inner, "}"]
        lines = [f"switch ({self.value(subject(first))}) {{"]
        for cond, inner in cases:
            assert isinstance(cond, Apply)
            lines += [f"case {self.value(cond.args[1])}: {{", *inner, "}", "break;"]
        return [*lines, "}"]

    def successor(
        self, updates: Iterable[Update], extra: Iterable[tuple[Slot, int]]
    ) -> tuple[list[str], str]:
        """Statements that make of `t`, a copy of the state, the state after the updates, and the
        name of the list of the words that they change; `extra` are fields set to constants.

        Of locals that share bits at most one is set to something else than 0, so that zeros are
        written first.  Fields at computed places are written last.
        """
        clear: dict[int, int] = {}
        fixed: dict[int, int] = {}
        parts: dict[int, list[str]] = {}
        first: list[str] = []
        last: list[str] = []

        def word(slot: Slot, code: int | str) -> None:
            at, bit = divmod(slot.offset, WORD)
            if bit + slot.width > WORD:
                lines = last if code else first
                lines.append(f"put(t, {slot.offset}, {slot.width}, {code});")
                return
            clear[at] = clear.get(at, 0) | slot.mask << bit
            if isinstance(code, int):
                fixed[at] = fixed.get(at, 0) | code << bit
            else:
                parts.setdefault(at, []).append(f"fit({code}, {slot.width}) << {bit}")

        changed = 0
        for slot, number in extra:
            changed |= slot.mask << slot.offset
            word(slot, number)
        for update in updates:
            place, value = update.place, update.value
            changed |= self.layout.bits(place, self.seat)
            where = self.layout.slot(place, self.seat)
            if where is None:
                assert isinstance(place, Cell)
                offset, shape = self.computed(place)
                code = self.stored(value, shape)
                last.append(f"put_at(t, {offset}, {_width(shape)}, {code});")
            elif isinstance(value, Const):
                word(where, value.value - where.lowest)
            else:
                _width(where)
                word(where, self.stored(value, where))
        lines = first
        for at in sorted(clear):
            terms = [f"(t[{at}] & ~{clear[at]:#x}ull)", *parts.get(at, [])]
            if fixed.get(at):
                terms.append(f"{fixed[at]:#x}ull")
            lines.append(f"t[{at}] = {' | '.join(terms)};")
        changes = [self.definitions.change(line) for line in lines + last]
        changed &= (1 << self.layout.width) - 1  # an index that no object has is past the end
        return changes, self.definitions.words(changed)


def _width(slot: Slot) -> int:
    if slot.width > WIDEST:
        raise TooWideError(f"a field has {slot.width} bits")
    return slot.width

# SPDX-License-Identifier: GPL-2.0-only
"""Operations as words of text: which of those at a place are carried out, and how."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

from model.lang.expr import Apply, Cell, Const, Expr, conjuncts
from model.lang.ir import Op, Update

from .bytecode import ALL, WORD, Bytecode, Chunk, Instruction, width_of
from .layout import Layout, Seat, Slot
from .text import If, Moved, decided, subject

WIDEST_SWITCH = 8
"""Bits of a field whose codes have a table of where to go on."""


class StepsBytecode(Bytecode):
    """Writes the places of one thread, or of the rules.

    `invariants` numbers those of the checks.
    """

    def __init__(self, layout: Layout, seat: Seat | None, invariants: Mapping[str, int]) -> None:
        super().__init__(layout, seat)
        self._invariants = invariants

    def operations(self, ops: Mapping[int, Op], moves: Moved) -> Chunk:
        """The text of operations by number, each carried out where its guard holds."""
        self._begin()
        numbers = list(ops)
        self._tree(decided([conjuncts(op.guard) for op in ops.values()]), numbers, ops, moves)
        return self._end()

    # -- which operations --------------------------------------------------------------------------

    def _tree(
        self, parts: Sequence[If | int], numbers: Sequence[int], ops: Mapping[int, Op],
        moves: Moved,
    ) -> None:  # fmt: skip
        tests = [part for part in parts if isinstance(part, If)]
        for about, group in itertools.groupby(tests, lambda test: subject(test.cond)):
            cases = list(group)
            if len(cases) > 2 and self._switch(about, cases, numbers, ops, moves):
                continue
            for case in cases:
                past = self._unless(case.cond)
                self._tree(case.then, numbers, ops, moves)
                self._land(*past)
        for part in parts:  # those without a condition come last, as in every language
            if isinstance(part, int):
                number = numbers[part]
                self._action(ops[number], number, moves.get(number, ()))

    def _switch(
        self, about: Expr, cases: Sequence[If], numbers: Sequence[int], ops: Mapping[int, Op],
        moves: Moved,
    ) -> bool:  # fmt: skip
        """Cases of one place, which exclude each other; False if it is not one for a table."""
        field = self._field(about)
        if field is None or field.width > WIDEST_SWITCH or about in {c.cond for c in cases}:
            return False
        self._out += (Instruction.SWITCH, field.offset, field.width)
        table = len(self._out)
        self._out += [0] * (1 << field.width)
        past = []
        for part in cases:
            assert isinstance(part.cond, Apply)
            value = part.cond.args[1]
            assert isinstance(value, Const)
            code = value.value - field.lowest
            if 0 <= code <= field.mask:  # else it is never equal
                self._out[table + code] = self._here()
                self._tree(part.then, numbers, ops, moves)
                past.append(self._jump(Instruction.GOTO))
        for code in range(1 << field.width):
            self._out[table + code] = self._out[table + code] or self._here()
        self._land(*past)
        return True

    # -- operations --------------------------------------------------------------------------------

    def _action(self, op: Op, number: int, move: Sequence[tuple[Slot, int]]) -> None:
        past = []
        for check in op.checks:
            self._value(check.cond)
            invariant = self._invariants[check.invariant]
            self._out += (Instruction.CHECK, invariant, int(check.halts), 0)
            past.append(len(self._out) - 1)
        self._updates(op.updates, move)
        self._out += (Instruction.END_OP, number)
        self._land(*past)

    def _updates(self, updates: Sequence[Update], move: Sequence[tuple[Slot, int]]) -> None:
        """Fields that are written are cleared and constants set, word by word; then values are
        put into them, for of locals that share bits at most one is not 0; fields at computed
        places come last."""
        clear = fixed = 0
        computed: list[tuple[Update, Slot]] = []
        for slot, number in move:
            clear |= slot.mask << slot.offset
            fixed |= number << slot.offset
        for update in updates:
            where = self._slot(update.place)
            if where is None:
                continue
            clear |= where.mask << where.offset
            code = update.value.value - where.lowest if isinstance(update.value, Const) else -1
            if 0 <= code <= where.mask:
                fixed |= code << where.offset
            else:  # a constant that does not fit is an error of the tool, which STORE finds
                computed.append((update, where))
        for n in range(-(-clear.bit_length() // WORD)):
            cleared, ones = clear >> n * WORD & ALL, fixed >> n * WORD & ALL
            if cleared:
                self._out += (Instruction.WORD, n, *_halves(cleared), *_halves(ones))
        for update, where in computed:
            self._code(update.value, where.lowest)
            self._out += (Instruction.STORE, where.offset, width_of(where))
        for update in updates:
            if self._slot(update.place) is None:
                assert isinstance(update.place, Cell)
                shape = self._address(update.place)
                self._code(update.value, shape.lowest)
                self._out += (Instruction.STORE_AT, width_of(shape))


def _halves(word: int) -> tuple[int, int]:
    """The two halves of a word, the lower one first, as signed numbers."""
    return _signed(word & 0xFFFFFFFF), _signed(word >> 32)


def _signed(half: int) -> int:
    return half - (1 << 32) if half >> 31 else half

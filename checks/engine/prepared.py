# SPDX-License-Identifier: GPL-2.0-only
"""A system made ready to be searched: its text, its states packed, its checks."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from model.lang.expr import Cell
from model.lang.ir import State, System

from .codegen.code_cache import CodeCache, cells_used
from .codegen.layout import Slot
from .codegen.python_code import Code
from .orbits import Orbits

NONE: Mapping[str, int] = MappingProxyType({})


class Prepared:
    """A system with the text of its threads and rules, and the packing of its states.

    `watch` has for each thread, and for the rules, by operation the checks of states that it may
    change, as bits.
    `classes` are of objects that may be exchanged, with their sizes: then orbits are visited.
    """

    def __init__(self, system: System, press: CodeCache, classes: Mapping[str, int] = NONE) -> None:
        self.system, self.layout, self.classes = system, press.layout, classes
        self._press = press
        self.codes = [press.thread(n, t) for n, t in enumerate(system.threads)]
        self.seats = [code.seat for code in self.codes]
        self.rules = press.rules(system.rules) if system.rules else None
        self.judges = press.judges(system.checks)
        self.finals = press.judges(system.finals)
        self.watch = [press.watch(code, system.checks) for code in self.all_codes()]

    def all_codes(self) -> list[Code]:
        """The generated text of every thread and of the rules."""
        return [*self.codes, *([self.rules] if self.rules else [])]

    def changing(self) -> int:
        """The bits that the threads and rules may change."""
        found = 0
        for code in self.all_codes():
            found |= code.written
        for seat in self.seats:
            found |= seat.pc.mask << seat.pc.offset
        return found & (1 << self.layout.width) - 1  # an index that no object has is past the end

    def pack(self, initial: State) -> int:
        """A state given by cell, with all threads at their entry."""
        packed = 0
        for seat, thread in zip(self.seats, self.system.threads, strict=True):
            packed |= thread.entry << seat.pc.offset
        for code in self.all_codes():
            packed |= self._press.packed(code, initial)
        for checks in (self.system.checks, self.system.finals):
            packed |= self._press.packed(checks, initial)
        return packed

    def cells(self, initial: State) -> set[Cell]:
        """The cells that matter, with constant indices."""
        found = cells_used(self.system.checks, initial) | cells_used(self.system.finals, initial)
        return found.union(*(cells_used(code, initial) for code in self.all_codes()))

    def start(self, initial: State) -> int:
        """The packed state that a search begins with."""
        packed, orbits = self.pack(initial), self.orbits(initial)
        return packed if orbits is None else orbits.stands_for(packed)

    def orbits(self, initial: State) -> Orbits | None:
        """Exchanges that take a state to the one that stands for its orbit, if there are any."""
        if not self.classes:
            return None
        return Orbits(self.classes, self.cells(initial), self._slot)

    def _slot(self, cell: Cell) -> Slot:
        slot = self.layout.slot(cell)
        assert slot is not None
        return slot

    def ended(self, state: int) -> bool:
        """True if every thread has returned."""
        return all(
            self.layout.value(state, seat.pc) == thread.end
            for seat, thread in zip(self.seats, self.system.threads, strict=True)
        )

    def failing_finals(self, state: int) -> list[str]:
        """Invariants of the end that fail in a state in which every thread has returned."""
        finals = zip(self.system.finals, self.finals, strict=True)
        return [final.invariant for final, judge in finals if not judge.holds(state)]

    def fails(self, state: int, invariant: str) -> bool:
        """True if a state breaks an invariant about states."""
        checks = zip(self.system.checks, self.judges, strict=True)
        return any(c.invariant == invariant and not judge.holds(state) for c, judge in checks)

# SPDX-License-Identifier: GPL-2.0-only
"""The Python text of a thread: one function per location; of rules: one function for all.

Each function calls `step` with every operation that fires in a packed state `s`, by number, and
the state after it.  Where not all checks of an operation hold it calls `fail`, which finds out
which do not, by text of its own, and whether something comes after that.  The text depends on the
layout only, so that it serves every initial state, and every cast in which the thread reduces to
the same graph.

A step depends on few bits of the state and writes few, its *footprint*; what the text did in one
state is therefore known for every state that agrees in these (`known`).
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from model.lang.expr import Cell, Expr, conjuncts
from model.lang.ir import Op, Rule, StateCheck, Thread

from .layout import Layout, Seat, Slot
from .python_text import PyText
from .text import Moved, decided, laid_out

Run = Callable[[int, Callable[[tuple[int, int]], None], Callable[[int, int], bool]], None]


@dataclass(frozen=True, slots=True)
class Moves:
    """What the operations at one place do in a state.

    `taken`: the number of each that fires and the state after it; `failed`: checks that fail, by
    number of operation and check.
    """

    taken: list[tuple[int, int]]
    failed: list[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Effect:
    """Moves in every state that agrees in the footprint: the bits that each of them flips."""

    flips: list[int]
    numbers: list[int]
    failed: list[tuple[int, int]]

    @classmethod
    def of(cls, moves: Moves, state: int) -> Effect:
        """What the moves in one state flip."""
        flips = [new ^ state for _, new in moves.taken]
        return cls(flips, [number for number, _ in moves.taken], moves.failed)


class Code:
    """Operations of one thread or of rules, compiled as they are first needed.

    `footprints` has one for each location; rules have one location.  `software` has for each rule 1
    where no hardware takes it by itself; it is empty for a thread.
    """

    software = b""

    def __init__(self, ops: tuple[Op, ...], text: PyText) -> None:
        self.ops = ops
        self.layout, self.seat = text.layout, text.seat
        self._text = text
        self._runs: dict[int, Run] = {}
        self._checks: dict[tuple[int, int], Callable[[int], Any]] = {}
        self.footprints: list[int] = []
        self.known: dict[int, Effect] = {}

    @functools.cached_property
    def cells(self) -> frozenset[Cell]:
        """The cells that the operations read or write."""
        return frozenset().union(*(op.cells for op in self.ops))

    @functools.cached_property
    def written(self) -> int:
        """The bits that the operations may write, program counters apart."""
        places = {update.place for op in self.ops for update in op.updates}
        return functools.reduce(
            int.__or__, (self.layout.bits(place, self.seat) for place in places), 0
        )

    def moves(self, state: int, at: int = 0) -> Moves:
        """What the operations at a location do in a state."""
        run = self._runs.get(at)
        if run is None:
            lines = ["def run(s, step, fail):", *_indent(self._lines(at)), "    return"]
            run = self._runs[at] = self._text.define("run", lines)
        taken: list[tuple[int, int]] = []
        failed: list[tuple[int, int]] = []

        def fail(number: int, state: int) -> bool:
            for k, check in enumerate(self.ops[number].checks):
                if not self._holds(number, k)(state):
                    failed.append((number, k))
                    if check.halts:
                        return False
            return True

        run(state, taken.append, fail)
        return Moves(taken, failed)

    def _holds(self, number: int, k: int) -> Callable[[int], Any]:
        """One check of an operation, as true or false of a state."""
        if (number, k) not in self._checks:
            made = _condition(self._text, self.ops[number].checks[k].cond)
            self._checks[number, k] = made
        return self._checks[number, k]

    def effect(self, state: int, at: int = 0) -> Effect:
        """The moves in every state that agrees with this one in the footprint."""
        key = state & self.footprints[at]
        found = self.known.get(key)
        if found is None:
            found = self.known[key] = Effect.of(self.moves(state, at), state)
        return found

    def there(self, at: int) -> tuple[dict[int, Op], Moved]:
        """The operations at a location, by number, and what each does to the program counter."""
        raise NotImplementedError

    def _lines(self, at: int) -> list[str]:
        return _carried_out(self._text, *self.there(at))


class ThreadCode(Code):
    """The successors of each location of a thread."""

    seat: Seat

    def __init__(self, layout: Layout, seat: Seat, thread: Thread) -> None:
        super().__init__(tuple(e.op for e in thread.edges), PyText(layout, seat))
        self.thread = thread
        self._leaving: dict[int, list[int]] = {}
        for n, edge in enumerate(thread.edges):
            self._leaving.setdefault(edge.source, []).append(n)
        pc = seat.pc.mask << seat.pc.offset
        self.footprints = [pc] * thread.locations
        for n, op in enumerate(self.ops):
            self.footprints[thread.edges[n].source] |= self._text.footprint(op)

    def there(self, at: int) -> tuple[dict[int, Op], Moved]:
        """The edges that leave a location."""
        edges = {n: self.thread.edges[n] for n in self._leaving.get(at, [])}
        moved = {n: [(self.seat.pc, e.target)] for n, e in edges.items() if e.target != e.source}
        return {n: e.op for n, e in edges.items()}, moved


class RulesCode(Code):
    """The successors by rules, which are always at the same place."""

    def __init__(self, layout: Layout, rules: tuple[Rule, ...]) -> None:
        super().__init__(tuple(r.op for r in rules), PyText(layout))
        self.software = bytes(not rule.hardware for rule in rules)
        self.footprints = [functools.reduce(int.__or__, map(self._text.footprint, self.ops))]

    def there(self, at: int) -> tuple[dict[int, Op], Moved]:
        """All rules."""
        assert at == 0
        return dict(enumerate(self.ops)), {}


class Judge:
    """A condition on states; `footprint` is what it looks at."""

    def __init__(self, layout: Layout, check: StateCheck) -> None:
        self.layout, self.cond = layout, check.cond
        self._text = PyText(layout)
        self.footprint = self._text.bits(check.cond)

    @functools.cached_property
    def holds(self) -> Callable[[int], Any]:
        """True or false of a packed state."""
        return _condition(self._text, self.cond)


def _condition(text: PyText, cond: Expr) -> Callable[[int], Any]:
    holds: Callable[[int], Any] = text.define(
        "holds", ["def holds(s):", f"    return {text.test(cond)}"]
    )
    return holds


def _indent(lines: Iterable[str]) -> list[str]:
    return ["    " + line for line in lines]


def _action(text: PyText, op: Op, number: int, move: list[tuple[Slot, int]]) -> list[str]:
    """Lines for one operation whose guard holds: judge the checks, give the successor."""
    step = f"step(({number}, {text.successor(op.updates, move)}))"
    if not op.checks:
        return [step]
    good = text.join("and", [text.test(check.cond) for check in op.checks])
    return [f"if {good} or fail({number}, s):", f"    {step}"]


def _carried_out(text: PyText, ops: Mapping[int, Op], moves: Moved) -> list[str]:
    """Lines for operations by number, each carried out where its guard holds."""
    actions = [_action(text, op, n, moves.get(n, [])) for n, op in ops.items()]

    def blocks(cases: list[tuple[Expr, list[str]]]) -> list[str]:
        tested = [[f"if {text.test(cond)}:", *_indent(inner)] for cond, inner in cases]
        return [line for lines in tested for line in lines]

    return laid_out(decided([conjuncts(op.guard) for op in ops.values()]), actions, blocks)

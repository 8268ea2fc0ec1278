# SPDX-License-Identifier: GPL-2.0-only
"""The reference explorer: breadth first over packed states, in plain sight.

It gives a system its meaning: the states that can be reached, the checks that fail, the
deadlocks.  The path it keeps to a state is a shortest one, in edges of the system it is given.

Its two tricks are in `generate`: it runs text made from the IR, and what a location's steps did is
not worked out again in a state that agrees in all they look at and write.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from model.lang import expr as ex
from model.lang.expr import Cell
from model.lang.ir import State, System

from . import interrupts
from .generate import Code, Effect
from .layout import Slot
from .orbits import Orbits
from .press import Press

DEADLOCK = "no_deadlock"
NONE: Mapping[str, int] = MappingProxyType({})
DEPTH = 20
"""Steps of a symbolic search, if nobody says how many."""


@dataclass(frozen=True)
class Limits:
    """Where a search stops with less than everything.

    `states` is a number of them; `until` a reading of `time.monotonic`; `bytes` are of memory for
    states, which the reference explorer estimates.  `depth` are steps of a symbolic search.
    """

    states: int = 50_000_000
    until: float = float("inf")
    bytes: int = 1 << 40
    depth: int = DEPTH

    def too_many_states(self) -> str:
        """What is said of a search that stopped for it."""
        return f"stopped at --max-states {self.states}"

    def too_many_bytes(self) -> str:
        """The same of memory."""
        return f"stopped at --max-memory {self.bytes >> 20}M"


@dataclass(frozen=True)
class Violation:
    """The first state in which an invariant fails: in itself, or as an operation with a failing
    check is about to be carried out there (`at_step`)."""

    invariant: str
    state: int
    depth: int
    at_step: bool


@dataclass
class Search:
    """What a search found.  `why` is empty when every reachable state was visited; `bytes` is the
    memory that its states took.

    Of a symbolic search `depth` is how many steps the longest paths have that it knows all about,
    and only states that lead to a violation are among `parents`.
    """

    states: int = 0
    transitions: int = 0
    levels: int = 0
    why: str = ""
    violations: dict[str, Violation] = field(default_factory=dict)
    fired: tuple[bytes, ...] = ()
    parents: dict[int, int] = field(default_factory=dict, repr=False)
    bytes: int = 0
    depth: int | None = None

    def path(self, state: int) -> list[int]:
        """The states from an initial one to this one."""
        found = [state]
        while self.parents[found[-1]] != found[-1]:
            found.append(self.parents[found[-1]])
        return found[::-1]


_ENTRY = 100
"""Bytes of an entry of a dictionary, and of the frontier, about."""

Progress = Callable[[int], None]
"""Told the number of states so far, now and then."""


class _Mark:
    """What one search has found out of the operations of one thread, or of the rules."""

    def __init__(self, code: Code) -> None:
        self.code = code
        self.fired = bytearray(len(code.ops))
        self.flips: dict[int, list[int]] = {}
        """What changes, by the bits of the footprint."""
        self.progress: dict[int, bool] = {}
        """True where a rule of software changes something, by the same."""


class Explorer:
    """Searches one system.  Make a new one for each search: text is shared, marks are not.

    `watch` has for each thread and location the checks of states that its edges may change.
    `classes` are of objects that may be exchanged, with their sizes: then orbits are visited.
    """

    def __init__(self, system: System, press: Press, classes: Mapping[str, int] = NONE) -> None:
        self.system, self.layout, self.classes = system, press.layout, classes
        self.codes = [press.thread(n, t) for n, t in enumerate(system.threads)]
        self.seats = [code.seat for code in self.codes]
        self.rules = press.rules(system.rules) if system.rules else None
        self._judges = press.judges(system.checks)
        self._finals = press.judges(system.finals)
        self.watch = [press.watch(code, system.checks) for code in self.codes]
        self._marks = [_Mark(code) for code in self.all_codes()]
        self._judged: list[set[int]] = [set() for _ in self._judges]
        self._search = Search()
        self._stopped = self._progress = False
        self._state_bytes = 0

    def all_codes(self) -> list[Code]:
        """The generated text of every thread and of the rules."""
        return [*self.codes, *([self.rules] if self.rules else [])]

    # -- judging --------------------------------------------------------------------------------

    def _learn(self, mark: _Mark, state: int, at: int) -> list[int]:
        """What a thread's steps, or the rules, flip here, which this search had not seen yet."""
        if self.codes:
            effect = mark.code.effect(state, at)
        else:  # rules alone look at all of the state, and no state comes twice
            effect = Effect.of(mark.code.moves(state, at), state)
        if mark.code is self.rules:
            self._progress = any(
                flip and not self.system.rules[number].hardware
                for number, flip in zip(effect.numbers, effect.flips, strict=True)
            )
        for number in effect.numbers:
            mark.fired[number] = 1
        stopped = False
        for number, k in effect.failed:
            check = mark.code.ops[number].checks[k]
            stopped = stopped or check.halts
            self._note(check.invariant, state, self._search.levels, at_step=True)
        self._stopped = self._stopped or stopped
        if self.codes and not stopped:
            key = state & mark.code.footprints[at]
            mark.flips[key] = effect.flips
            mark.progress[key] = self._progress
        return effect.flips

    def _note(self, invariant: str, state: int, depth: int, *, at_step: bool) -> None:
        if invariant not in self._search.violations:
            self._search.violations[invariant] = Violation(invariant, state, depth, at_step)

    def _judge(self, state: int, judges: tuple[int, ...], depth: int) -> None:
        for k in judges:
            judge, judged = self._judges[k], self._judged[k]
            seen = state & judge.footprint
            if seen in judged:
                continue
            judged.add(seen)
            if not judge.holds(state):
                self._note(self.system.checks[k].invariant, state, depth, at_step=False)

    def _end(self, state: int, depth: int) -> None:
        """Nothing moves any more: all have returned, or it is a deadlock."""
        if not self.ended(state):
            self._note(DEADLOCK, state, depth, at_step=False)
            return
        for invariant in self.failing_finals(state):
            self._note(invariant, state, depth, at_step=False)

    def failing_finals(self, state: int) -> list[str]:
        """What does not hold at the end, in a state in which every thread has returned."""
        finals = zip(self.system.finals, self._finals, strict=True)
        return [final.invariant for final, judge in finals if not judge.holds(state)]

    def fails(self, state: int, invariant: str) -> bool:
        """Whether a state breaks an invariant about states."""
        checks = zip(self.system.checks, self._judges, strict=True)
        return any(c.invariant == invariant and not judge.holds(state) for c, judge in checks)

    # -- searching ------------------------------------------------------------------------------

    def pack(self, initial: State) -> int:
        """A state given by cell, with all threads at their entry."""
        seats = list(zip(self.seats, self.system.threads, strict=True))
        return self.layout.pack(initial, seats, self.cells(initial))

    def cells(self, initial: State) -> set[Cell]:
        """The cells that matter, with constant indices."""
        cells: set[Cell] = set().union(*(code.cells for code in self.all_codes()))
        for judge in (*self.system.checks, *self.system.finals):
            cells |= {c for c in ex.leaves(judge.cond) if isinstance(c, Cell)}
        arrays = {c.var for c in cells if not _is_fixed(c)}
        used = {c for c in cells if _is_fixed(c)}
        return used | {c for c in initial if isinstance(c, Cell) and c.var in arrays}

    def ended(self, state: int) -> bool:
        """Whether every thread has returned."""
        return all(
            self.layout.value(state, seat.pc) == thread.end
            for seat, thread in zip(self.seats, self.system.threads, strict=True)
        )

    def run(
        self, initial: State, limits: Limits = Limits(), progress: Progress | None = None
    ) -> Search:
        """Visit every state that can be reached."""
        search = self._search = Search()
        start, orbits = self.start(initial), self.orbits(initial)
        search.parents[start] = start
        self._state_bytes = _ENTRY + sys.getsizeof(1 << self.layout.width)
        self._judge(start, tuple(range(len(self._judges))), 0)
        frontier = [start]
        try:
            while frontier and not search.why:
                if self._out_of_bounds(limits, progress):
                    break
                search.levels += 1
                frontier = self._level(frontier, limits, progress, orbits)
        except KeyboardInterrupt:
            search.why = interrupts.notice()
        search.states = len(search.parents)
        search.bytes = search.states * self._state_bytes
        search.fired = tuple(bytes(mark.fired) for mark in self._marks)
        return search

    def start(self, initial: State) -> int:
        """The packed state that a search begins with."""
        packed, orbits = self.pack(initial), self.orbits(initial)
        return packed if orbits is None else orbits.stands_for(packed)

    def orbits(self, initial: State) -> Orbits | None:
        """What takes states to the one that stands for their orbit, if any are exchanged."""
        if not self.classes:
            return None
        return Orbits(self.classes, self.cells(initial), self._slot)

    def _slot(self, cell: Cell) -> Slot:
        slot = self.layout.slot(cell)
        assert slot is not None
        return slot

    def _level(
        self, frontier: list[int], limits: Limits, progress: Progress | None,
        orbits: Orbits | None,
    ) -> list[int]:  # fmt: skip
        """Expand one level; gives the next."""
        search, seen = self._search, self._search.parents
        depth = search.levels
        tables = [
            (seat.pc.offset, seat.pc.mask, mark.code.footprints, mark.flips, mark, watch)
            for seat, mark, watch in zip(
                self.seats, self._marks[: len(self.seats)], self.watch, strict=True
            )
        ]
        pcs = self.layout.pcs
        rules = self._marks[-1] if self.rules else None
        footprint = self.rules.footprints[0] if self.rules else 0
        every = tuple(range(len(self._judges)))
        following: list[int] = []
        for count, state in enumerate(frontier, 1):
            if not count & 0xFFF and self._out_of_bounds(limits, progress):
                return following
            moved = self._stopped = False
            at = state & pcs
            for offset, mask, footprints, known, mark, watch in tables:
                here = at >> offset & mask
                flips = known.get(state & footprints[here])
                if flips is None:
                    flips = self._learn(mark, state, here)
                if flips:
                    moved = True
                    search.transitions += len(flips)
                    for flip in flips:
                        new = state ^ flip
                        if new not in seen:
                            seen[new] = state
                            following.append(new)
                            if watch[here]:
                                self._judge(new, watch[here], depth)
            if rules is not None:
                key = state & footprint
                flips = rules.flips.get(key)
                if flips is None:
                    flips = self._learn(rules, state, 0)
                    moved = moved or self._progress
                else:
                    moved = moved or rules.progress[key]
                if flips:
                    search.transitions += len(flips)
                    for flip in flips:
                        new = state ^ flip
                        if orbits is not None:
                            new = orbits.stands_for(new)
                        if new not in seen:
                            seen[new] = state
                            following.append(new)
                            self._judge(new, every, depth)
            if not moved and not self._stopped:
                self._end(state, depth - 1)
        return following

    def _out_of_bounds(self, limits: Limits, progress: Progress | None) -> bool:
        search = self._search
        count = len(search.parents)
        if progress is not None:
            progress(count)
        if count >= limits.states:
            search.why = limits.too_many_states()
        elif count * self._state_bytes >= limits.bytes:
            search.why = limits.too_many_bytes()
        elif time.monotonic() >= limits.until:
            search.why = "stopped at --timeout"
        return bool(search.why)


def _is_fixed(cell: Cell) -> bool:
    return all(isinstance(i, ex.Const) for i in cell.index)

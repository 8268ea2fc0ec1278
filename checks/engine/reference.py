# SPDX-License-Identifier: GPL-2.0-only
"""The reference explorer: breadth first over packed states, in plain sight.

It gives a system its meaning: the states that can be reached, the checks that fail, the
deadlocks.  The path it keeps to a state is a shortest one, in edges of the system it is given.

Its two tricks are in `codegen`: it runs text made from the IR, and what a location's steps did is
not worked out again in a state that agrees in all they look at and write.
"""

from __future__ import annotations

import functools
import sys
import time
from collections.abc import Mapping

from model.lang.ir import State, System

from . import interrupts
from .codegen.code_cache import CodeCache
from .codegen.python_code import Code, Effect
from .orbits import Orbits
from .prepared import NONE, Prepared
from .search import DEADLOCK, Limits, Progress, Search, Violation

_ENTRY = 100
"""Bytes of an entry of a dictionary, and of the frontier, about."""


class _Mark:
    """What one search has found out of the operations of one thread, or of the rules."""

    def __init__(self, code: Code) -> None:
        self.code = code
        self.fired = bytearray(len(code.ops))
        self.flips: dict[int, list[int]] = {}
        """What changes, by the bits of the footprint."""
        self.progress: dict[int, bool] = {}
        """True where a rule of software changes something, by the same."""


class Explorer(Prepared):
    """Searches one system.  Make a new one for each search: text is shared, marks are not."""

    def __init__(self, system: System, press: CodeCache, classes: Mapping[str, int] = NONE) -> None:
        super().__init__(system, press, classes)
        self._marks = [_Mark(code) for code in self.all_codes()]
        self._judged: list[set[int]] = [set() for _ in self.judges]
        self._search = Search()
        self._stopped = self._progress = False
        self._state_bytes = 0

    @functools.cached_property
    def _watched(self) -> list[list[tuple[int, ...]]]:
        """For each thread and location, the checks that the edges which leave it may change."""
        found = []
        for code, watch in zip(self.codes, self.watch[: len(self.codes)], strict=True):
            at = [0] * len(code.footprints)
            for edge, which in zip(code.thread.edges, watch, strict=True):
                at[edge.source] |= which
            judges = range(len(self.judges))
            found.append([tuple(k for k in judges if which >> k & 1) for which in at])
        return found

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
            judge, judged = self.judges[k], self._judged[k]
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

    # -- searching ------------------------------------------------------------------------------

    def run(
        self, initial: State, limits: Limits = Limits(), progress: Progress | None = None
    ) -> Search:
        """Visit every state that can be reached."""
        search = self._search = Search()
        start, orbits = self.start(initial), self.orbits(initial)
        search.parents[start] = start
        self._state_bytes = _ENTRY + sys.getsizeof(1 << self.layout.width)
        self._judge(start, tuple(range(len(self.judges))), 0)
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
                self.seats, self._marks[: len(self.seats)], self._watched, strict=True
            )
        ]
        pcs = self.layout.pcs
        rules = self._marks[-1] if self.rules else None
        footprint = self.rules.footprints[0] if self.rules else 0
        every = tuple(range(len(self.judges)))
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

# SPDX-License-Identifier: GPL-2.0-only
"""The native explorer: the search of `reference`, in C.

It finds the same states, violations and counts, in the same order.
"""

from __future__ import annotations

import ctypes
import itertools
import time
from collections.abc import Iterable

from model.lang.errors import ModelError
from model.lang.ir import State

from .. import interrupts
from ..codegen.bytecode import WORD
from ..prepared import Prepared
from ..search import DEADLOCK, Limits, Progress, Search, Violation
from .extension import Judge, Leaf, Status, System, Unit, extension
from .orbits import orbit_tables
from .places import of_code, of_judge

_BUDGET = 50_000
"""States that are expanded between two looks at the clock."""

MOST_REMEMBERED = 24 << 20
"""Bytes that are remembered of what the places of one thread do."""

_HALF = 32
_WATCHED = 63
"""Checks that have a bit of their own; the last bit is of all others."""


class Native:
    """Searches one prepared system from one state.

    TooWideError, here or in `run`, if the system has something that a signed word does not hold.
    """

    def __init__(self, prepared: Prepared, initial: State) -> None:
        self._lib, self._prepared = extension(), prepared
        self._start = prepared.start(initial)
        self._invariants: dict[str, int] = {DEADLOCK: 0}
        system = prepared.system
        once = not prepared.codes  # rules alone look at all of a state, and none comes twice
        self._operations = [of_code(code, once=once) for code in prepared.all_codes()]
        self._fired = [(ctypes.c_uint8 * len(code.ops))() for code in prepared.all_codes()]
        units = [self._unit(n) for n in range(len(self._operations))]
        asked = zip(
            (*system.checks, *system.finals), (*prepared.judges, *prepared.finals), strict=True
        )
        self._judges = [(of_judge(judge), self._number(check.invariant)) for check, judge in asked]
        judges = [Judge(place.handle, number) for place, number in self._judges]
        orbits = prepared.orbits(initial)
        tables = orbit_tables(orbits) if orbits is not None else None
        changing = prepared.changing() | (orbits.bits if orbits is not None else 0)
        counters = prepared.layout.counters
        cuts = [0, *(counter.offset + counter.width for counter in counters)]
        leaves = list(_leaves(changing, cuts))
        self._words = max(1, -(-prepared.layout.width // WORD))
        self._system = System(
            self._words, len(prepared.codes), int(prepared.rules is not None),
            len(system.checks), len(system.finals), len(leaves), len(self._invariants),
            (Unit * len(units))(*units), (Judge * len(judges))(*judges),
            (Leaf * len(leaves))(*leaves), ctypes.pointer(tables) if tables is not None else None,
        )  # fmt: skip

    def _number(self, invariant: str) -> int:
        return self._invariants.setdefault(invariant, len(self._invariants))

    def _unit(self, n: int) -> Unit:
        prepared, place = self._prepared, self._operations[n]
        numbers = [self._number(name) for name in place.invariants]
        high = 1 << _WATCHED
        watch = [w if w < high else w & high - 1 | high for w in prepared.watch[n]]
        made = Unit(
            place.handle, watch=(ctypes.c_uint64 * len(watch))(*watch),
            invariant=(ctypes.c_uint32 * len(numbers))(*numbers), fired=self._fired[n],
        )  # fmt: skip
        if n < len(prepared.codes):
            code = prepared.codes[n]
            made.pc, made.pc_width = code.seat.pc.offset, code.seat.pc.width
            made.end = code.thread.end
        return made

    def run(self, limits: Limits = Limits(), progress: Progress | None = None) -> Search:
        """Visit every state that can be reached.

        Of the parents that are found those on the way to a violation are given.  ModelError if a
        value does not fit into its field.
        """
        raw = self._start.to_bytes(self._words * 8, "little")
        start = (ctypes.c_uint64 * self._words).from_buffer_copy(raw)
        x = self._lib.explore_open(
            self._system, start, limits.states, limits.bytes, MOST_REMEMBERED
        )
        if not x:
            return Search(why=limits.too_many_bytes(), fired=self._all_fired())
        try:
            why = self._searched(x, limits, progress)
            return self._result(x, why)
        finally:
            self._lib.explore_close(x)

    def _searched(self, x: int, limits: Limits, progress: Progress | None) -> str:
        """Search until it is done; gives why it stopped before."""
        try:
            while True:
                status = self._lib.explore_run(x, _BUDGET)
                if status == Status.TEXT_WANTED:
                    self._write(x)
                    continue
                if progress is not None:
                    progress(self._counts(x)[0])
                if status:
                    break
                if time.monotonic() >= limits.until:
                    return "stopped at --timeout"
        except KeyboardInterrupt:
            return interrupts.notice()
        if status == Status.FIELD_OVERFLOW:
            name = self._prepared.system.name
            raise ModelError(
                f"{name}: a value does not fit into its field",
                why="this is an error of the tool: values are narrowed where they are computed",
            )
        return {
            Status.DONE: "",
            Status.STOPPED_STATES: limits.too_many_states(),
            Status.STOPPED_MEMORY: limits.too_many_bytes(),
            Status.STOPPED_INDEX: "stopped: states are numbered with 32 bits",
        }[Status(status)]

    def _write(self, x: int) -> None:
        """Write the text that is wanted."""
        wanted = (ctypes.c_uint32 * 2)()
        self._lib.explore_wanted(x, wanted)
        self._operations[wanted[0]].write_place(wanted[1])

    def _result(self, x: int, why: str) -> Search:
        states, transitions, levels, size = self._counts(x)
        found = Search(states, transitions, levels, why, bytes=size, fired=self._all_fired())
        where = (ctypes.c_uint32 * 3)()
        for name, number in self._invariants.items():
            if self._lib.explore_violation(x, number, where):
                state = self._path(x, where[0], found.parents)
                found.violations[name] = Violation(name, state, where[1], bool(where[2]))
        return found

    def _all_fired(self) -> tuple[bytes, ...]:
        return tuple(bytes(fired) for fired in self._fired)

    def _path(self, x: int, number: int, parents: dict[int, int]) -> int:
        """Note the parents of the states that lead to one; gives the state."""
        words = (ctypes.c_uint64 * self._words)()
        before = self._lib.explore_state(x, number, words)
        state = last = int.from_bytes(bytes(words), "little")
        while number:
            number = before
            before = self._lib.explore_state(x, number, words)
            parents[state] = int.from_bytes(bytes(words), "little")
            state = parents[state]
        parents[state] = state
        return last

    def _counts(self, x: int) -> list[int]:
        counts = (ctypes.c_uint64 * 4)()
        self._lib.explore_counts(x, counts)
        return list(counts)


def _leaves(changing: int, cuts: Iterable[int]) -> Iterable[Leaf]:
    """The bits that change, cut at each half of a word and at program counters."""
    top = changing.bit_length()
    places = sorted({*range(0, top + _HALF, _HALF), *cuts})
    for low, high in itertools.pairwise(places):
        bits = changing >> low & (1 << high - low) - 1
        if bits:
            first = (bits & -bits).bit_length() - 1
            at = low + first
            yield Leaf(at // WORD, at % WORD, bits.bit_length() - first)

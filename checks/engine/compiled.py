# SPDX-License-Identifier: GPL-2.0-only
"""The compiled explorer: the search of `reference`, in C made from the IR and `runtime`.

It finds the same states, violations and counts, in the same order.
"""

from __future__ import annotations

import ctypes
import time
from collections.abc import Sequence
from enum import IntEnum, auto
from typing import Any

from model.lang.errors import ModelError
from model.lang.ir import State

from . import interrupts
from .c_program import Source
from .codegen.text import TooWideError
from .compiler import load
from .orbits import Orbits
from .prepared import Prepared
from .search import Limits, Progress, Search, Violation

_BUDGET = 50_000
"""States that are expanded between two looks at the clock."""


class _Status(IntEnum):
    """How a search stands; as in `fields.h`."""

    RUNNING = 0
    DONE = auto()
    STOPPED_STATES = auto()
    STOPPED_MEMORY = auto()
    STOPPED_INDEX = auto()
    FIELD_OVERFLOW = auto()


class Program:
    """Systems compiled together."""

    def __init__(self, explorers: Sequence[Prepared], initial: Sequence[State]) -> None:
        self._explorers = explorers
        self._starts = [e.start(s) for e, s in zip(explorers, initial, strict=True)]
        self._orbits = [_orbits(e.orbits(s)) for e, s in zip(explorers, initial, strict=True)]
        source = Source()
        for explorer in explorers:
            source.add(explorer)
        self._words = source.words
        self._names = list(source.invariants)
        self._lib = load(source.files())
        _declare(self._lib)

    def run(
        self, number: int = 0, limits: Limits = Limits(), progress: Progress | None = None
    ) -> Search:
        """Visit every state of a system that can be reached.

        Of the parents that are found those on the way to a violation are given.  ModelError if a
        value does not fit into its field.
        """
        start = self._packed(self._starts[number])
        orbits = self._orbits[number]
        x = self._lib.explore_open(number, start, limits.states, limits.bytes, orbits)
        if not x:
            none = tuple(bytes(count) for count in self._edges(number))
            return Search(why=limits.too_many_bytes(), fired=none)
        try:
            why = self._searched(x, number, limits, progress)
            return self._result(x, number, why)
        finally:
            self._lib.explore_close(x)

    def _searched(self, x: Any, number: int, limits: Limits, progress: Progress | None) -> str:
        """Search until it is done; gives why it stopped before."""
        try:
            while True:
                status = self._lib.explore_run(x, _BUDGET)
                if progress is not None:
                    progress(self._counts(x)[0])
                if status:
                    break
                if time.monotonic() >= limits.until:
                    return "stopped at --timeout"
        except KeyboardInterrupt:
            return interrupts.notice()
        if status == _Status.FIELD_OVERFLOW:
            name = self._explorers[number].system.name
            raise ModelError(
                f"{name}: a value does not fit into its field",
                why="this is an error of the tool: values are narrowed where they are computed",
            )
        return {
            _Status.DONE: "",
            _Status.STOPPED_STATES: limits.too_many_states(),
            _Status.STOPPED_MEMORY: limits.too_many_bytes(),
            _Status.STOPPED_INDEX: "stopped: states are numbered with 32 bits",
        }[_Status(status)]

    def _result(self, x: Any, number: int, why: str) -> Search:
        states, transitions, levels, size = self._counts(x)
        found = Search(states, transitions, levels, why, bytes=size)
        for n, name in enumerate(self._names):
            where = (ctypes.c_uint32 * 3)()
            if self._lib.explore_violation(x, n, where):
                state = self._path(x, where[0], found.parents)
                found.violations[name] = Violation(name, state, where[1], bool(where[2]))
        found.fired = tuple(
            ctypes.string_at(self._lib.explore_fired(x, n), count)
            for n, count in enumerate(self._edges(number))
        )
        return found

    def _edges(self, number: int) -> list[int]:
        """How many edges each thread of a system has, and how many rules there are."""
        return [len(code.ops) for code in self._explorers[number].all_codes()]

    def _path(self, x: Any, number: int, parents: dict[int, int]) -> int:
        """Note the parents of the states that lead to one; gives the state."""
        words = (ctypes.c_uint64 * self._words)()
        before = self._lib.explore_state(x, number, words)
        state = last = self._unpacked(words)
        while number:
            number = before
            before = self._lib.explore_state(x, number, words)
            parents[state] = self._unpacked(words)
            state = parents[state]
        parents[state] = state
        return last

    def _counts(self, x: Any) -> list[int]:
        counts = (ctypes.c_uint64 * 4)()
        self._lib.explore_counts(x, counts)
        return list(counts)

    def _packed(self, state: int) -> Any:
        raw = state.to_bytes(self._words * 8, "little")
        return (ctypes.c_uint64 * self._words).from_buffer_copy(raw)

    def _unpacked(self, words: Any) -> int:
        return int.from_bytes(bytes(words), "little")


_OWNERS, _CLASSES, _OBJECTS = 4, 8, 8
"""Bounds of `runtime/orbits.h`."""


class _Field(ctypes.Structure):
    _fields_ = (
        ("offset", ctypes.c_uint32), ("width", ctypes.c_uint32), ("holds", ctypes.c_int32),
        ("owners", ctypes.c_uint32), ("class_of", ctypes.c_uint32 * _OWNERS),
        ("code_of", ctypes.c_uint32 * _OWNERS), ("own", ctypes.c_uint32 * _OWNERS),
        ("ref", ctypes.c_uint64),
    )  # fmt: skip


class _Orbits(ctypes.Structure):
    _fields_ = (
        ("classes", ctypes.c_uint32), ("fields", ctypes.c_uint32),
        ("size", ctypes.c_uint32 * _CLASSES), ("orders", ctypes.c_uint32 * _CLASSES),
        ("order", ctypes.POINTER(ctypes.c_uint8) * _CLASSES),
        ("places", ctypes.POINTER(ctypes.c_uint16)), ("field", ctypes.POINTER(_Field)),
        ("weight", ctypes.POINTER(ctypes.c_uint64)),
    )  # fmt: skip


def _orbits(orbits: Orbits | None) -> Any:
    """The tables of orbits as `runtime` has them; None if there are none."""
    if orbits is None:
        return None
    if max(orbits.sizes) > _OBJECTS or len(orbits.sizes) > _CLASSES:
        raise TooWideError(f"classes of {orbits.sizes} objects are exchanged")
    weights: list[int] = []
    fields = (_Field * len(orbits.fields))()
    for made, field in zip(fields, orbits.fields, strict=True):
        if len(field.owners) > _OWNERS:
            raise TooWideError(f"an array has {len(field.owners)} indices")
        made.offset, made.width, made.holds = field.offset, field.width, field.holds
        made.owners, made.ref = len(field.owners), field.ref
        for n, (owner, own) in enumerate(zip(field.owners, field.own, strict=True)):
            made.class_of[n], made.code_of[n] = owner
            made.own[n] = len(weights)
            weights.extend(own)
    found = _Orbits(len(orbits.sizes), len(orbits.fields))
    for n, orders in enumerate(orbits.orders):
        found.size[n], found.orders[n] = orbits.sizes[n], len(orders)
        codes = [code for o in orders for code in (*o, *([0] * (_OBJECTS + 1 - len(o))))]
        found.order[n] = (ctypes.c_uint8 * len(codes))(*codes)
    places = [there for row in orbits.places for there in row]
    found.places = (ctypes.c_uint16 * len(places))(*places)
    found.field = fields
    found.weight = (ctypes.c_uint64 * len(weights))(*weights)
    return found


def _declare(lib: ctypes.CDLL) -> None:
    word, handle = ctypes.c_uint64, ctypes.c_void_p
    lib.explore_open.restype = handle
    lib.explore_open.argtypes = [
        ctypes.c_uint,
        ctypes.POINTER(word),
        word,
        word,
        ctypes.POINTER(_Orbits),
    ]
    lib.explore_close.argtypes = [handle]
    lib.explore_close.restype = None
    lib.explore_run.argtypes = [handle, word]
    lib.explore_counts.argtypes = [handle, ctypes.POINTER(word)]
    lib.explore_counts.restype = None
    lib.explore_violation.argtypes = [handle, ctypes.c_uint, ctypes.POINTER(ctypes.c_uint32)]
    lib.explore_fired.argtypes = [handle, ctypes.c_uint]
    lib.explore_fired.restype = handle
    lib.explore_state.argtypes = [handle, ctypes.c_uint32, ctypes.POINTER(word)]
    lib.explore_state.restype = ctypes.c_uint32

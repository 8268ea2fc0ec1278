# SPDX-License-Identifier: GPL-2.0-only
"""Texts of places in the extension: written as they are first reached, kept with what they are of.

Systems of one world share threads, rules and conditions, and with them what is remembered of them.
"""

from __future__ import annotations

import ctypes
import weakref
from array import array

from ..codegen.bytecode import ALL, WORD, Bytecode, Chunk
from ..codegen.python_code import Code, Judge
from ..codegen.steps_bytecode import StepsBytecode
from .extension import extension


class Place:
    """The text of operations or of a condition in the extension, and what it remembers of them."""

    def __init__(self, places: int, ops: int, software: bytes, *, once: bool) -> None:
        self._lib = extension()
        self._software = ctypes.create_string_buffer(software) if software else None
        self.handle = self._lib.code_open(places, ops, self._software, int(not once))
        if not self.handle:
            raise MemoryError
        self._close = weakref.finalize(self, self._lib.code_close, self.handle)
        self._close.atexit = False

    def write(self, place: int, chunk: Chunk, footprint: int) -> None:
        """Add the text of one place."""
        every = [footprint >> at & ALL for at in range(0, footprint.bit_length(), WORD)]
        words = [n for n, mask in enumerate(every) if mask]
        masks = [every[n] for n in words]
        done = self._lib.code_write(
            self.handle, place, chunk.at,
            _numbers(ctypes.c_int32, "i", chunk.words), len(chunk.words),
            _numbers(ctypes.c_int64, "q", chunk.pool), len(chunk.pool),
            _numbers(ctypes.c_uint16, "H", words), _numbers(ctypes.c_uint64, "Q", masks),
            len(words),
        )  # fmt: skip
        if not done:
            raise MemoryError


def _numbers(of: type[ctypes._SimpleCData[int]], code: str, numbers: list[int]) -> object:
    """Numbers as an array of C, of a type that `array` calls by a letter."""
    return (of * len(numbers)).from_buffer(array(code, numbers))


class Operations(Place):
    """A thread, or rules.  `invariants` are those of its checks, by number."""

    def __init__(self, code: Code, *, once: bool) -> None:
        checks = (check.invariant for op in code.ops for check in op.checks)
        self.invariants = list(dict.fromkeys(checks))
        numbers = {name: n for n, name in enumerate(self.invariants)}
        self._code = weakref.ref(code)
        self._writer = StepsBytecode(code.layout, code.seat, numbers)
        super().__init__(len(code.footprints), len(code.ops), code.software, once=once)

    def write_place(self, at: int) -> None:
        """Write what may be done at a location."""
        code = self._code()
        assert code is not None
        chunk = self._writer.operations(*code.there(at))
        inside = (1 << code.layout.width) - 1  # an index that no object has is past the end
        self.write(at, chunk, code.footprints[at] & inside)


_operations: weakref.WeakKeyDictionary[Code, Operations] = weakref.WeakKeyDictionary()
_conditions: weakref.WeakKeyDictionary[Judge, Place] = weakref.WeakKeyDictionary()


def of_code(code: Code, *, once: bool) -> Operations:
    """The text of a thread or of rules; `once`: what they do in a state is asked once."""
    found = _operations.get(code)
    if found is None:
        found = _operations[code] = Operations(code, once=once)
    return found


def of_judge(judge: Judge) -> Place:
    """The text of a condition."""
    found = _conditions.get(judge)
    if found is None:
        found = Place(1, 0, b"", once=False)
        inside = (1 << judge.layout.width) - 1
        found.write(0, Bytecode(judge.layout).condition(judge.cond), judge.footprint & inside)
        _conditions[judge] = found
    return found

# SPDX-License-Identifier: GPL-2.0-only
"""The extension that the native explorer is: loaded, and only if it is of the sources beside it.

It is built where there is a C compiler; in a checkout the sources may be newer than it is.
"""

from __future__ import annotations

import ctypes
import functools
import hashlib
import importlib.machinery
from enum import IntEnum, auto
from pathlib import Path

from .orbits import OrbitTables

HERE = Path(__file__).parent

SOURCES = HERE / "c"
"""The C text of the extension."""


class Status(IntEnum):
    """The state of a search; as in `fields.h`."""

    RUNNING = 0
    DONE = auto()
    STOPPED_STATES = auto()
    STOPPED_MEMORY = auto()
    STOPPED_INDEX = auto()
    FIELD_OVERFLOW = auto()
    TEXT_WANTED = auto()


class NotBuiltError(Exception):
    """The extension is not there, or is of other sources; the text says which."""


def digest() -> str:
    """The digest of the C text; as in setup.py."""
    text = b"\0".join(path.read_bytes() for path in sorted(SOURCES.glob("*.[ch]")))
    return hashlib.sha256(text).hexdigest()[:32]


@functools.cache
def _loaded() -> ctypes.PyDLL | str:
    """The extension, or why it cannot be used."""
    name = f"{__package__}._native"
    found = importlib.machinery.PathFinder.find_spec(name, [str(HERE)])
    if found is None or found.origin is None:
        return "it was not built; install the package where there is a C compiler"
    try:
        lib = ctypes.PyDLL(found.origin)
        lib.sources.restype = ctypes.c_char_p
        built = lib.sources()
    except (OSError, AttributeError) as error:
        return f"it cannot be loaded: {error}"
    if built != digest().encode():
        return "it was built of other sources; install the package again"
    _declare(lib)
    return lib


def extension() -> ctypes.PyDLL:
    """The extension.  NotBuiltError if it cannot be used.

    Python's lock is held while it runs, as systems share what they remember of places.
    """
    lib = _loaded()
    if isinstance(lib, str):
        raise NotBuiltError(lib)
    return lib


def missing() -> str:
    """The reason why the extension cannot be used; "" if it can."""
    lib = _loaded()
    return lib if isinstance(lib, str) else ""


def present() -> bool:
    """True if the extension can be used."""
    return not missing()


@functools.cache
def identity() -> str:
    """Of which sources the extension is; "" if it cannot be used."""
    return digest() if present() else ""


class Leaf(ctypes.Structure):
    """Bits of a state that change; as in `explorer.h`, like those that follow."""

    _fields_ = (("word", ctypes.c_uint32), ("bit", ctypes.c_uint32), ("width", ctypes.c_uint32))


class Unit(ctypes.Structure):
    """A thread, or the rules."""

    _fields_ = (
        ("code", ctypes.c_void_p), ("pc", ctypes.c_uint32), ("pc_width", ctypes.c_uint32),
        ("end", ctypes.c_int64), ("watch", ctypes.POINTER(ctypes.c_uint64)),
        ("invariant", ctypes.POINTER(ctypes.c_uint32)), ("fired", ctypes.POINTER(ctypes.c_uint8)),
    )  # fmt: skip


class Judge(ctypes.Structure):
    """A condition on states."""

    _fields_ = (("code", ctypes.c_void_p), ("invariant", ctypes.c_uint32))


class System(ctypes.Structure):
    """Everything that a search is about."""

    _fields_ = (
        ("state_words", ctypes.c_uint32), ("threads", ctypes.c_uint32), ("rules", ctypes.c_uint32),
        ("checks", ctypes.c_uint32), ("finals", ctypes.c_uint32), ("leaves", ctypes.c_uint32),
        ("invariants", ctypes.c_uint32), ("unit", ctypes.POINTER(Unit)),
        ("judge", ctypes.POINTER(Judge)), ("leaf", ctypes.POINTER(Leaf)),
        ("orbits", ctypes.POINTER(OrbitTables)),
    )  # fmt: skip


def _declare(lib: ctypes.PyDLL) -> None:
    word, handle, half = ctypes.c_uint64, ctypes.c_void_p, ctypes.c_uint32
    lib.code_open.restype = handle
    lib.code_open.argtypes = [ctypes.c_uint, ctypes.c_uint, ctypes.c_char_p, ctypes.c_int]
    lib.code_close.restype = None
    lib.code_close.argtypes = [handle]
    lib.code_write.argtypes = [
        handle, ctypes.c_uint, half, ctypes.POINTER(ctypes.c_int32), half,
        ctypes.POINTER(ctypes.c_int64), half, ctypes.POINTER(ctypes.c_uint16),
        ctypes.POINTER(word), ctypes.c_uint,
    ]  # fmt: skip
    lib.explore_open.restype = handle
    lib.explore_open.argtypes = [
        ctypes.POINTER(System), ctypes.POINTER(word), word, word, word,
    ]  # fmt: skip
    lib.explore_close.restype = None
    lib.explore_close.argtypes = [handle]
    lib.explore_run.argtypes = [handle, word]
    lib.explore_counts.restype = None
    lib.explore_counts.argtypes = [handle, ctypes.POINTER(word)]
    lib.explore_wanted.restype = None
    lib.explore_wanted.argtypes = [handle, ctypes.POINTER(half)]
    lib.explore_violation.argtypes = [handle, ctypes.c_uint, ctypes.POINTER(half)]
    lib.explore_state.restype = half
    lib.explore_state.argtypes = [handle, half, ctypes.POINTER(word)]

# SPDX-License-Identifier: GPL-2.0-only
"""The answer of `callers`."""

from __future__ import annotations

from ..callers.callers import Caller, Callers

_NOT_SEEN = (
    "not seen   what a caller of these holds (ask for it by name); gotos; guard(); locks of VMAs;",
    "           functions that macros make or #else opens twice; assembly, Rust; calls by",
    "           pointer, and macros that take the address",
)


def callers_lines(found: Callers) -> list[str]:
    """Each file with its places, and below each what it locks and unlocks before."""
    calls = [c for c in found.found if c.is_call]
    functions = {(c.file, c.function) for c in calls}
    lines = [
        f"callers    {found.name}: {len(calls)} calls in {len(functions)} functions; kernel "
        f"{found.version}, {found.files} files"
    ]
    file = ""
    for caller in found.found:
        if caller.file != file:
            file = caller.file
            lines.append(file)
        lines += _caller(caller)
    return [*lines, *_NOT_SEEN]


def _caller(caller: Caller) -> list[str]:
    where = caller.function if caller.function.startswith("#") else f"{caller.function}()"
    if not caller.function:
        where = "outside of functions"
    how = caller.at.text if caller.is_call else f"takes the address of {caller.at.text}"
    lines = [f"{caller.at.line:6} {where}: {how}"]
    before = sorted({*caller.locks, *caller.branches}, key=lambda place: place.line)
    lines += [f"         {place.line:6} {place.text}" for place in before]
    if caller.is_call and not caller.locks:
        lines.append("                no lock is named before it in this function")
    return lines

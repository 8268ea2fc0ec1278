# SPDX-License-Identifier: GPL-2.0-only
"""Tells which stored version of a patch a diff is, exactly, or to which one it comes near.

A version is stored as hashes and names only, never as kernel text.  For each function there are
two hashes of all that it removes and adds: the tokens alone, and the tokens with the places where
they stand.  A diff is a stored version if it changes the same functions and both hashes agree for
each.  The hash of each line serves only to say how far a near one is away.
"""

from __future__ import annotations

import difflib
import functools
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from typing import Any

from .diff import Change, Line

FORMAT = 1
_LONGEST = 1000  # lines of a function up to which a near match is looked for


@dataclass(frozen=True)
class Match:
    """A stored version: the name of the patch and of its variant."""

    patch: str
    variant: str


@dataclass(frozen=True)
class Function:
    """What a version does to one function, as hashes."""

    tokens: str
    placed: str
    lines: tuple[str, ...] = field(compare=False)  # wrapped otherwise, it is still the same


@dataclass(frozen=True)
class Version:
    """A stored version of a patch; `source` says where its diff was published."""

    match: Match
    source: str
    functions: Mapping[str, Function]
    calls: tuple[str, ...]


def fingerprint(change: Change) -> dict[str, Function]:
    """The hashes of each function that a change touches."""
    return {key: _function(lines) for key, lines in change.functions.items()}


def recognise(change: Change) -> Match | None:
    """The stored version that a change is, if it is one."""
    mine = fingerprint(change)
    if not mine:
        return None
    for version in stored_versions():
        if mine == version.functions:
            return version.match
    return None


def near(change: Change) -> str:
    """The closest stored version and in which functions it differs; "" if none is close.

    Close means: more of its lines agree than differ.
    """
    mine = fingerprint(change)
    best: tuple[int, Version, list[str]] | None = None
    for version in stored_versions():
        lines = sum(len(function.lines) for function in version.functions.values())
        if not mine.keys() & version.functions.keys():
            continue
        differing, where = _differences(mine, version.functions)
        if where and 2 * differing < lines and (best is None or differing < best[0]):
            best = (differing, version, where)
    if best is None:
        return ""
    _, version, where = best
    return f"{version.match.patch} {version.match.variant}, except {', '.join(where)}"


def to_json(match: Match, source: str, change: Change) -> str:
    """A version in the form in which it is stored."""
    functions = {
        key: {"tokens": f.tokens, "placed": f.placed, "lines": list(f.lines)}
        for key, f in fingerprint(change).items()
    }
    stored = {
        "format": FORMAT,
        "patch": match.patch,
        "variant": match.variant,
        "source": source,
        "functions": functions,
        "calls": list(change.calls),
    }
    return json.dumps(stored, indent=1) + "\n"


@functools.cache
def stored_versions() -> tuple[Version, ...]:
    """All versions that come with the package, in the order of their names."""
    folder = resources.files(__package__).joinpath("stored")
    files = sorted((f for f in folder.iterdir() if f.name.endswith(".json")), key=lambda f: f.name)
    return tuple(from_json(f.read_text(encoding="utf-8")) for f in files)


def from_json(text: str) -> Version:
    """A version from the form in which it is stored."""
    stored: dict[str, Any] = json.loads(text)
    functions = {
        key: Function(value["tokens"], value["placed"], tuple(value["lines"]))
        for key, value in stored["functions"].items()
    }
    match = Match(stored["patch"], stored["variant"])
    return Version(match, stored["source"], functions, tuple(stored["calls"]))


def _function(lines: Sequence[Line]) -> Function:
    changed = [line for line in lines if line.sign != "@"]
    each = tuple(line.sign + _hash([*line.tokens])[:12] for line in changed)
    return Function(_hash(_stream(changed)), _hash(_stream(lines)), each)


def _stream(lines: Iterable[Line]) -> Iterable[str]:
    """The tokens in order, with a sign where it changes: how they are split into lines is lost."""
    sign = ""
    for line in lines:
        if line.sign != sign or sign == "@":
            sign = line.sign
            yield "\0" + sign
        yield from line.tokens


def _hash(tokens: Iterable[str]) -> str:
    digest = hashlib.sha256()
    for token in tokens:
        data = token.encode("utf-8", "surrogatepass")
        digest.update(b"%d:" % len(data) + data)
    return digest.hexdigest()


def _differences(
    mine: Mapping[str, Function], theirs: Mapping[str, Function]
) -> tuple[int, list[str]]:
    """How many lines differ, and what differs by function."""
    total = 0
    where: list[str] = []
    names = [*theirs, *(key for key in mine if key not in theirs)]
    for key in names:
        name = key.rpartition(":")[2] or key.rstrip(":") + " outside of functions"
        one, other = mine.get(key), theirs.get(key)
        if one == other:
            continue
        if one is None or other is None:
            present = one or other
            assert present is not None
            total += len(present.lines)
            where.append(f"{name}: {'not touched' if one is None else 'touched too'}")
            continue
        lines = _differing(one.lines, other.lines)
        total += lines
        if one.tokens == other.tokens:
            if one.placed != other.placed:
                total += 1
                where.append(f"{name}: same lines in another place")
        else:
            where.append(f"{name}: {lines} line{'s' if lines != 1 else ''}")
    return total, where


def _differing(one: Sequence[str], other: Sequence[str]) -> int:
    if max(len(one), len(other)) > _LONGEST:
        return max(len(one), len(other))
    matcher = difflib.SequenceMatcher(None, one, other, autojunk=False)
    return sum(
        max(i2 - i1, j2 - j1) for tag, i1, i2, j1, j2 in matcher.get_opcodes() if tag != "equal"
    )

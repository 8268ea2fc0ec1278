# SPDX-License-Identifier: GPL-2.0-only
"""Callers of a function in a kernel tree, with the locks that stand before the call.

Read off the text, so that it is a list of places to look at and no proof: gotos are not followed;
what the caller of a caller holds is not seen, nor calls by pointer (places that take the address
are listed, but for macros that do), nor guard().  Branches are told by their indentation.  Files of
another configuration are read like the others.
"""

from __future__ import annotations

import bisect
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from model.lang.errors import ModelError

from ..drift.c_definitions import DIRECTIVE, QUOTED_OR_COMMENT, beginning, blank, closing
from ..drift.store import Sources

NOT_KERNEL = ("Documentation", "scripts", "tools", "samples", "usr")
"""Folders of a tree whose code does not run in the kernel."""

_NAME = re.compile(r"[A-Za-z_]\w*")
_CALL = re.compile(r"\b([A-Za-z_]\w*)\s*\(")
_OPENS = re.compile(r"\s*\(")
_DEFINE = re.compile(r"\s*#\s*define\s+(\w+)")
_ASSIGNED = re.compile(r"=\s*&?\s*$")
_NEAR = 200
"""So far before a name, in characters, is looked for what it is assigned to."""
_BODY = re.compile(r"^(?:[A-Za-z_][^\n;={}]*\)[^\n;={}]*)?\{", re.MULTILINE)
_OTHER = re.compile(r"(?:\b(?:struct|union|enum|goto)[ \t]+|->[ \t]*|\.[ \t]*)$")
"""The end of the text before a name that is no function's: a tag, a label, a member."""
_BRANCH = re.compile(
    r"[ \t]*(?:\}[ \t]*)?(?:if|else|for|while|do|switch|case|default)\b|.*\bfor_each"
)
_MAKES_ONE = re.compile(r"\w*DEFINE\w*")
_LOCK = re.compile(
    r"(?:^|_)(?:lock|trylock|unlock|assert)(?:_|$)|^(?:down|up)_(?:read|write)(?:_|$)"
    r"|^folio_test_locked$|^PageLocked$"
)
_ATTRIBUTES = frozenset({"__attribute__", "__printf", "__acquires", "__releases", "__must_hold"})


@dataclass(frozen=True)
class Place:
    """A piece of text and its line, from 1."""

    line: int
    text: str


@dataclass(frozen=True)
class Caller:
    """A place that calls a function, or takes its address.

    `function` is what it stands in, "" outside of any; `locks` are the lines before it in that
    function that take or release a lock or ask for one, with those of the branches that they are
    in; `branches` those that the place itself is in.  All in the order of the text.
    """

    file: str
    function: str
    at: Place
    is_call: bool
    locks: tuple[Place, ...] = ()
    branches: tuple[Place, ...] = ()


@dataclass(frozen=True)
class Callers:
    """Everybody in a tree of `version` who names a function; `files` is how many were read."""

    name: str
    version: str
    files: int
    found: tuple[Caller, ...]


def callers(tree: Path, name: str, under: str = "") -> Callers:
    """Everybody who calls a function, by file and line; ModelError if the path is no kernel tree,
    has no such folder, or the name is none of C."""
    if not _NAME.fullmatch(name):
        raise ModelError(f"'{name}' is no name of a function")
    version = Sources(tree).version
    root = tree / under
    inside = not Path(under).is_absolute() and ".." not in Path(under).parts
    if not inside or not root.is_dir():
        raise ModelError(f"{tree} has no folder '{under}'")
    if Path(under).parts[:1] and Path(under).parts[0] in NOT_KERNEL:
        raise ModelError(f"'{under}' is not looked at", why="its code does not run in the kernel")
    found: list[Caller] = []
    files = 0
    for path in sorted(_files(root, tree)):
        files += 1
        try:
            text = path.read_text(encoding="utf-8", errors="replace")
        except OSError as error:
            raise ModelError(f"{path} cannot be read", why=error.strerror or "") from error
        if name in text:
            found += callers_in(text, name, path.relative_to(tree).as_posix())
    return Callers(name, version, files, tuple(found))


def _files(root: Path, tree: Path) -> Iterator[Path]:
    for path in root.rglob("*.[ch]"):
        if path.is_file() and path.relative_to(tree).parts[0] not in NOT_KERNEL:
            yield path


def callers_in(text: str, name: str, file: str) -> Iterator[Caller]:
    """Those of one file, in the order of its text."""
    read = _File(text)
    for match in re.finditer(rf"\b{re.escape(name)}\b", read.bare):
        at, end = match.span()
        call = _OPENS.match(read.bare, end)
        if read.outside[at] == " ":  # in a directive
            macro = read.macro(at)
            if macro and macro != name:
                yield Caller(
                    file, f"#define {macro}", read.place(at, end), is_call=call is not None
                )
            continue
        body = read.body(at)
        if body < 0:
            if call is None and _ASSIGNED.search(read.outside, max(0, at - _NEAR), at):
                yield Caller(file, "", read.place(at, end), is_call=False)
            continue  # its definition, or a declaration
        function = _function_of(read.outside, body)
        if _OTHER.search(read.outside, max(0, at - _NEAR), at):
            continue
        if call is None:
            yield Caller(file, function, read.place(at, end), is_call=False)
            continue
        closed = closing(read.outside, call.end() - 1, "()")
        locks, branches = _locks(read, body, at), _branches(read, body, at)
        yield Caller(
            file, function, read.place(at, closed if closed > 0 else end), True,
            _in_order(locks), _in_order(branches),
        )  # fmt: skip


class _File:
    """The text of a file, without what is no code (`bare`) and without directives (`outside`); what
    is asked of each place is found once."""

    def __init__(self, text: str) -> None:
        self._text = text
        self.bare = blank(text, QUOTED_OR_COMMENT)
        self.outside = blank(self.bare, DIRECTIVE)
        self._lines = [m.start() for m in re.finditer("\n", text)]
        self._directives = [m.span() for m in DIRECTIVE.finditer(self.bare)]
        self._braces = [m.end() - 1 for m in _BODY.finditer(self.outside)]
        self._ends: dict[int, int] = {}
        self._locks: dict[int, list[tuple[int, dict[int, Place]]]] = {}

    def body(self, at: int) -> int:
        """The place of the brace that opens the body around a place, at the left; -1 if none
        does."""
        before = bisect.bisect_left(self._braces, at)
        if not before:
            return -1
        brace = self._braces[before - 1]
        if brace not in self._ends:
            self._ends[brace] = closing(self.outside, brace, "{}")
        return brace if self._ends[brace] > at else -1

    def locks(self, body: int) -> list[tuple[int, dict[int, Place]]]:
        """The end of each call in a body that is about a lock, and the lines that tell of it."""
        if body not in self._locks:
            found = self._locks[body] = []
            for match in _CALL.finditer(self.outside, body, self._ends[body]):
                end = closing(self.outside, match.end() - 1, "()")
                if _LOCK.search(match.group(1)) and end > 0:
                    begin = self.outside.rfind("\n", 0, match.start()) + 1
                    line = self.place(begin, self.outside.find("\n", end))
                    found.append((end, {**_branches(self, body, match.start()), begin: line}))
        return self._locks[body]

    def macro(self, at: int) -> str:
        """The name of the macro that a place is in the body of; "" if it is in none."""
        number = bisect.bisect_right(self._directives, (at, len(self.bare))) - 1
        if number < 0:
            return ""
        defined = _DEFINE.match(self.bare, *self._directives[number])
        return defined.group(1) if defined is not None else ""

    def place(self, begin: int, end: int) -> Place:
        said = " ".join(self._text[begin:end].split())
        return Place(bisect.bisect_left(self._lines, begin) + 1, said)


def _function_of(outside: str, body: int) -> str:
    """The name of the function with this body; "" for what is none, as a structure."""
    head = outside[beginning(outside, body) : body]
    for match in _CALL.finditer(head):
        if match.group(1) in _ATTRIBUTES:
            continue
        if _MAKES_ONE.fullmatch(match.group(1)):
            made = _NAME.search(head, match.end())
            return made.group() if made else match.group(1)
        return match.group(1)
    return ""


def _in_order(lines: Mapping[int, Place]) -> tuple[Place, ...]:
    return tuple(lines[begin] for begin in sorted(lines))


def _locks(read: _File, body: int, at: int) -> dict[int, Place]:
    """Whole lines by where they begin, for a condition around a lock says more than its call."""
    found: dict[int, Place] = {}
    for end, lines in read.locks(body):
        if end <= at:
            found |= lines
    return found


def _branches(read: _File, body: int, at: int) -> dict[int, Place]:
    """The lines above a place that begin the branches that it is in, by where they begin."""
    outside = read.outside
    begin = outside.rfind("\n", 0, at) + 1
    depth = _indent(outside[begin:at])
    found: dict[int, Place] = {}
    while begin > body and depth > 0:
        end, begin = begin - 1, outside.rfind("\n", 0, begin - 1) + 1
        line = outside[begin:end]
        if not line.strip() or _indent(line) >= depth:
            continue
        depth = _indent(line)
        if _BRANCH.match(line):
            found[begin] = read.place(begin, end)
    return found


def _indent(line: str) -> int:
    """The columns by which a line stands to the right."""
    wide = line.expandtabs(8)
    return len(wide) - len(wide.lstrip())

# SPDX-License-Identifier: GPL-2.0-only
"""Which function each line of a hunk belongs to, found without relying on indentation.

A hunk header names the function in which the hunk begins; inside the hunk a definition is known by
its tokens: type, name, parameters, opening brace.  Like the header, a line behind the end of a
function counts as part of it until the next definition begins.  The removed and the added side are
followed separately: a function that is renamed has its old name on one side, its new one on the
other.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from .tokens import END, Tokens

_IDENTIFIER = re.compile(r"[A-Za-z_]\w*$")
_CALLED = re.compile(r"([A-Za-z_]\w*)\s*\(")
_SYSCALL = re.compile(r"(?:COMPAT_)?SYSCALL_DEFINE\d$")
_SYSCALL_NAME = re.compile(r"(?:COMPAT_)?SYSCALL_DEFINE\d\s*\(\s*(\w+)")
_AGGREGATE = re.compile(r"(?:struct|union|enum)\s+\w+")
_MACRO = re.compile(r"#\s*define\s+(\w+)")
_CAPITALS = re.compile(r"[A-Z0-9_]+$")
_STATEMENT = frozenset({
    "if", "else", "for", "while", "do", "switch", "case", "default", "return", "goto", "break",
    "continue",
})  # fmt: skip
NO_CALL = _STATEMENT | frozenset({
    "sizeof", "typeof", "__typeof__", "_Alignof", "offsetof", "__attribute__", "defined", "likely",
    "unlikely", "void", "int", "long", "short", "char", "unsigned", "signed", "bool", "const",
})  # fmt: skip
"""Words that may stand before a bracket and call nothing."""


@dataclass(frozen=True)
class Owners:
    """For each line of a side its function ("" if unknown), and which names are defined there."""

    lines: tuple[str, ...]
    defined: frozenset[tuple[int, int]]  # (line, token) of the names in definitions
    last: str


def section_function(section: str) -> str:
    """The function or type that a hunk header names, "" if it names none."""
    syscall = _SYSCALL_NAME.match(section)
    if syscall:
        return syscall.group(1)
    macro = _MACRO.match(section)
    if macro:
        return macro.group(1)
    called = _CALLED.search(section)
    if called and called.group(1) not in _STATEMENT:
        return called.group(1)
    aggregate = _AGGREGATE.search(section)
    return aggregate.group() if aggregate else ""


def owners(lines: Sequence[Tokens], current: str) -> Owners:
    """Follow one side of a hunk that begins in function `current`."""
    return _Follower(lines, current).follow()


class _Follower:
    def __init__(self, lines: Sequence[Tokens], current: str) -> None:
        self._tokens = [
            (line, index, token)
            for line, tokens in enumerate(lines)
            for index, token in enumerate(tokens)
        ]
        self._owner: list[str] = ["" for _ in lines]
        self._set = [False for _ in lines]
        self._defined: set[tuple[int, int]] = set()
        self._current = current
        self._pending: list[tuple[int, int, str]] = []

    def follow(self) -> Owners:
        at = 0
        while at < len(self._tokens):
            token = self._tokens[at][2]
            if token == "#" and self._tokens[at][1] == 0:
                at = self._directive(at)
                continue
            self._pending.append(self._tokens[at])
            if token == "{":
                self._brace()
            elif token == ";":
                self._statement()
            elif token == "}":
                self._give(self._current)
            at += 1
        name = self._definition(complete=False)
        if name:
            self._current = name
        self._give(self._current)
        return Owners(tuple(self._owner), frozenset(self._defined), self._current)

    def _directive(self, at: int) -> int:
        """A preprocessor line; a macro owns its definition."""
        end = at
        while end < len(self._tokens) and self._tokens[end][2] != END:
            end += 1
        text = [token for _, _, token in self._tokens[at : at + 3]]
        macro = len(text) == 3 and text[1] == "define"
        if macro:
            self._defined.add(self._tokens[at + 2][:2])
        for line, _, _ in self._tokens[at : end + 1]:
            self._own(line, text[2] if macro else self._current)
        return end + 1

    def _brace(self) -> None:
        name = self._definition(complete=True)
        words = [token for _, _, token in self._pending]
        if name:
            self._current = name
        elif len(words) == 3 and words[0] in ("struct", "union", "enum"):
            self._current = f"{words[0]} {words[1]}"
        self._give(self._current)

    def _statement(self) -> None:
        name = self._definition(complete=True)
        self._give(self._current if not name or _CAPITALS.match(name) else name)

    def _give(self, owner: str) -> None:
        for line, _, _ in self._pending:
            self._own(line, owner)
        self._pending = []

    def _own(self, line: int, owner: str) -> None:
        if not self._set[line]:
            self._owner[line], self._set[line] = owner, True

    def _definition(self, *, complete: bool) -> str:
        """The name that the pending tokens declare, or ""; marks it as no call.

        At the end of a hunk (not `complete`) the parameters may be cut off.
        """
        words = [token for _, _, token in self._pending]
        if "(" not in words:
            return ""
        bracket = words.index("(")
        if bracket and _SYSCALL.match(words[bracket - 1]) and len(words) > bracket + 1:
            self._defined.add(self._pending[bracket - 1][:2])
            return words[bracket + 1]
        before = words[: bracket - 1]
        name = words[bracket - 1] if bracket else ""
        if not _IDENTIFIER.match(name) or name in NO_CALL:
            return ""
        types = [word for word in before if word != "*"]
        if not types or not all(_IDENTIFIER.match(t) and t not in _STATEMENT for t in types):
            return ""
        closed = words.count("(") == words.count(")")
        if closed is not complete or (complete and "=" in words):
            return ""
        self._defined.add(self._pending[bracket - 1][:2])
        return name

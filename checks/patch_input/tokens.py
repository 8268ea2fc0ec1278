# SPDX-License-Identifier: GPL-2.0-only
"""C tokens of the lines of a hunk, which is how two versions of a patch are compared.

A lexer of its own, and not a library's: hashes of these tokens are stored, so the split may never
change with somebody's release, and code under ``#if 0`` has to stay visible.  It is total (any
text has tokens) and linear.

White space and comments are dropped.  A preprocessor line keeps its end as the token "\\n", since
there the end of the line means something.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

Tokens = tuple[str, ...]

END = "\n"
"""The token that ends a preprocessor line."""

_TOKEN = re.compile(
    r"""
      (?P<comment> /\*.*?(?:\*/|\Z) | //(?:\\\n|[^\n])* )
    | (?P<newline> \n )
    | (?P<space>   (?:[^\S\n]|\\\n)+ )
    | (?P<token>   "(?:\\.|[^"\\\n])*"?
                 | '(?:\\.|[^'\\\n])*'?
                 | \w+
                 | \.\.\. | <<= | >>=
                 | -> | \+\+ | -- | << | >> | <= | >= | == | != | && | \|\| | \#\#
                 | [-+*/%&|^]=
                 | . )
    """,
    re.VERBOSE | re.DOTALL,
)
_WITHIN_COMMENT = re.compile(r"\*(?:[ \t/]|$)")


def c_tokens(lines: Sequence[str]) -> list[Tokens]:
    """The tokens of consecutive lines of one side of a hunk, line by line.

    A hunk may begin inside a comment: it does when the comment ends before one begins, or when
    every line begins with the star of a comment.
    """
    text = "\n".join(lines) + "\n"
    found: list[list[str]] = [[] for _ in lines]
    at = 0
    if _begins_within_comment(lines, text):
        end = text.find("*/")
        at = len(text) if end < 0 else end + 2
    line = text.count("\n", 0, at)
    directive = False
    fresh = True
    for match in _TOKEN.finditer(text, at):
        kind, value = match.lastgroup, match.group()
        if kind == "newline":
            if directive:
                found[line].append(END)
            directive, fresh = False, True
        elif kind == "token":
            directive = directive or (fresh and value == "#")
            fresh = False
            found[line].append(value)
        line += value.count("\n")
    return [tuple(tokens) for tokens in found]


def words(lines: Sequence[str]) -> list[Tokens]:
    """For files that are not C: words, nothing dropped but white space."""
    return [tuple(line.split()) for line in lines]


def _begins_within_comment(lines: Sequence[str], text: str) -> bool:
    filled = [line.strip() for line in lines if line.strip()]
    if filled and all(_WITHIN_COMMENT.match(line) for line in filled):
        return True
    end, begin = text.find("*/"), text.find("/*")
    if end < 0 or 0 <= begin < end:
        return False
    closing = text[text.rfind("\n", 0, end) + 1 : end]
    return '"' not in closing and "//" not in closing

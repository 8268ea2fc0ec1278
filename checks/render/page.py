# SPDX-License-Identifier: GPL-2.0-only
"""Width of a page, and text filled into it."""

from __future__ import annotations

import re
import shutil
import sys
import textwrap

NARROW, USUAL, WIDE = 72, 100, 120
"""The least and the most columns of a terminal that are used, and those of what is no terminal."""


def width() -> int:
    """The columns of a page: those of the terminal that standard output is, within bounds."""
    if not sys.stdout.isatty():
        return USUAL
    return max(NARROW, min(WIDE, shutil.get_terminal_size((USUAL, 24)).columns))


def counted(count: int, noun: str) -> str:
    """`1 step`, `2 steps`."""
    return f"{count} {noun}{'s' * (count != 1)}"


def labelled(word: str, text: str, columns: int) -> list[str]:
    """A paragraph behind a word that says what it is."""
    return textwrap.wrap(
        text, columns, initial_indent=f"{word:<10}", subsequent_indent=" " * 10,
        break_on_hyphens=False, break_long_words=False,
    )  # fmt: skip


def parts(text: str, room: int) -> list[str]:
    """A call in as many lines as it takes, none of them broken inside a word: between its
    arguments, or behind its bracket.  What is longer than a line stays as it is."""
    found, line = list[str](), ""
    for piece in re.findall(r"\s*(?:[^\s(]*\(|\S+)", text):
        if line and len(line) + len(piece.rstrip()) > room:
            found.append(line)
            line = "  " + piece.lstrip()
        else:
            line += piece
    return [*found, line] if line else found

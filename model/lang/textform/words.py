# SPDX-License-Identifier: GPL-2.0-only
"""Lines of words and parentheses: what the text form of a system (`text`) is made of.

A word may be a string, be marked as a local (%), say its sort (after a colon) and have an index
(in brackets).  What they mean is for `notation` and `text` to say.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import NoReturn

from ..errors import ModelError

_PLAIN = re.compile(r"[A-Za-z_@][A-Za-z0-9_.@'+]*")
NUMBER = re.compile(r"-?\d+")
_TOKEN = re.compile(
    r"""\s*(?:(?P<open>\()|(?P<close>\))|(?P<end>\])
    |(?P<atom>%?(?:"(?:[^"\\]|\\.)*"|[^\s()\[\]":]+)?(?::[^\s()\[\]"]+)?)(?P<index>\[)?)""",
    re.VERBOSE,
)


def quoted(name: str) -> str:
    """A name as one word: as it is, or as a string where it would be taken for something else."""
    plain = _PLAIN.fullmatch(name) and name not in ("true", "false")
    return name if plain else json.dumps(name)


@dataclass
class Word:
    """One word of a line: `text` is without quotes, sort and percent sign."""

    text: str
    sort: str = ""
    quoted: bool = False
    local: bool = False
    index: list[Form] | None = None


Form = Word | list["Form"]
"""A word, or what stands between parentheses."""


class Line:
    """A line as nested forms; errors say its number."""

    def __init__(self, text: str, where: str) -> None:
        self.text, self.where = text, where

    def fail(self, what: str, instead: str = "") -> NoReturn:
        raise ModelError(what, where=self.where, instead=instead)

    def forms(self) -> list[Form]:
        stack: list[list[Form]] = [[]]
        closers: list[str] = []
        words: list[Word] = []
        at = 0
        while at < len(self.text.rstrip()):
            found = _TOKEN.match(self.text, at)
            if found is None or found.end() == at or found.end() == found.start("atom"):
                self.fail(f"'{self.text[at:].strip()[:20]}' cannot be read")
            at = found.end()
            if found["open"]:
                stack.append([])
                closers.append(")")
            elif found["close"] or found["end"]:
                mark = ")" if found["close"] else "]"
                if not closers or closers.pop() != mark:
                    self.fail(f"'{mark}' closes nothing")
                inner = stack.pop()
                if mark == ")":
                    stack[-1].append(inner)
                else:
                    words.pop().index = inner
            else:
                word = self._word(found["atom"])
                stack[-1].append(word)
                if found["index"]:
                    stack.append([])
                    closers.append("]")
                    words.append(word)
        if closers:
            self.fail(f"'{closers[-1]}' is missing")
        return stack[0]

    def _word(self, atom: str) -> Word:
        local = atom.startswith("%")
        body = atom.removeprefix("%")
        if body.startswith('"'):
            end = body.rindex('"') + 1
            return Word(json.loads(body[:end]), body[end:].removeprefix(":"), True, local)
        text, _, sort = body.partition(":")
        return Word(text, sort, False, local)

    # -- taking forms apart -------------------------------------------------------------------

    def word(self, form: Form) -> str:
        """A form that must be a plain word."""
        if not isinstance(form, Word):
            self.fail("a word was expected, not '('")
        return form.text

    def number(self, form: Form) -> int:
        text = self.word(form)
        if not NUMBER.fullmatch(text):
            self.fail(f"'{text}' is not a number")
        return int(text)

    def group(self, form: Form) -> list[Form]:
        if not isinstance(form, list):
            self.fail(f"'(' was expected, not '{form.text}'")
        return form

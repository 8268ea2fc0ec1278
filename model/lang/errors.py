# SPDX-License-Identifier: GPL-2.0-only
"""Errors that a model's author can mend: where, what, why, and what to write instead."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[2]

Calls = tuple[tuple[str, str], ...]


class ModelError(Exception):
    """A model that cannot be used; `str()` is one line for the terminal.

    `where` is ``file:line:col`` or "" when no single place is to blame.  `calls` are the functions
    that led there, innermost first, each with the place of its call.
    """

    def __init__(
        self, what: str, *, where: str = "", why: str = "", instead: str = "", calls: Calls = ()
    ) -> None:
        self.what, self.where, self.why, self.instead = what, where, why, instead
        self.calls = calls
        line = what
        if why:
            line += f": {why}"
        if instead:
            line += f"; {instead}"
        if calls:
            line += "; called by " + ", by ".join(f"{who} at {place}" for who, place in calls)
        super().__init__(f"{where}: {line}" if where else line)

    def at(self, where: str) -> ModelError:
        """The same error with a place, if it had none."""
        if self.where:
            return self
        return self._with(where, self.calls)

    def called(self, function: str, where: str) -> ModelError:
        """The same error, met in what a function calls at a place."""
        return self._with(self.where, (*self.calls, (function, where)))

    def _with(self, where: str, calls: Calls) -> ModelError:
        return ModelError(
            self.what, where=where, why=self.why, instead=self.instead, calls=calls
        )  # fmt: skip


def near(name: str, known: Iterable[str]) -> str:
    """What to write instead of a name that is not known: the likely ones, or all of them."""
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=3, cutoff=0.6)
    if close:
        return "did you mean " + " or ".join(close) + "?"
    if len(names) > 20:
        return f"known: {', '.join(names[:20])}, ..."
    return f"known: {', '.join(names)}" if names else "nothing of that kind is known"


def shown_path(file: str) -> str:
    """A file as messages name it: from the project's root, else from the working directory."""
    path = Path(file).resolve()
    for base in (_ROOT, Path.cwd()):
        if path.is_relative_to(base):
            return path.relative_to(base).as_posix()
    return file

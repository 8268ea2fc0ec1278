# SPDX-License-Identifier: GPL-2.0-only
"""Errors that a model's author can mend: where, what, why, and what to write instead."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[2]


class ModelError(Exception):
    """A model that cannot be used; `str()` is one line for the terminal.

    `where` is ``file:line:col`` or "" when no single place is to blame.
    """

    def __init__(self, what: str, *, where: str = "", why: str = "", instead: str = "") -> None:
        self.what, self.where, self.why, self.instead = what, where, why, instead
        line = what
        if why:
            line += f": {why}"
        if instead:
            line += f"; {instead}"
        super().__init__(f"{where}: {line}" if where else line)

    def at(self, where: str) -> ModelError:
        """The same error with a place, if it had none."""
        if self.where:
            return self
        return ModelError(self.what, where=where, why=self.why, instead=self.instead)


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

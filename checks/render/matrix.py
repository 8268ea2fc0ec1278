# SPDX-License-Identifier: GPL-2.0-only
"""Several patches: a line for each version, or subject of it, and what shows that it fails."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from ..answer.matrix import Row
from ..play.cells import Cell, Verdict
from .page import width

NAME = 36


def head_lines(archs: Sequence[str]) -> list[str]:
    """The line above the rows."""
    column = _width(archs)
    heads = "".join(f"{a:<{column}}" for a in archs)
    return [f"{'patch, version, subject':<{NAME}}{heads}".rstrip()]


def row_lines(row: Row, archs: Sequence[str], *, several: bool) -> list[str]:
    """The verdicts of a row, worst first, and what fails with a cast and where."""
    name = f"{row.name}, {row.subject}" if several else row.name
    column, quick = _width(archs), row.report.question.quick
    cells = "".join(f"{_worst(row.cells(arch), quick=quick):<{column}}" for arch in archs)
    lines = [f"{name:<{NAME}}{cells}".rstrip()]
    if len(name) >= NAME:
        lines = [name, f"{'':<{NAME}}{cells}".rstrip()]
    for invariant, (cast, where) in row.violated().items():
        only = "" if len(where) == len(archs) else f" ({', '.join(where)})"
        lines += textwrap.wrap(
            f"{invariant}  {cast}{only}", width(), initial_indent="  ", subsequent_indent="      ",
            break_on_hyphens=False,
        )  # fmt: skip
    return lines


def _width(archs: Sequence[str]) -> int:
    return max(16, *(len(a) + 2 for a in archs), (width() - NAME) // len(archs))


def _worst(cells: Sequence[Cell], *, quick: bool) -> str:
    """The worst verdict, and of how many of all it is; of a quick answer HOLDS is not the last
    word."""
    if not cells:
        return "NOT APPLICABLE"
    worst = min((c.verdict for c in cells), key=lambda v: v.rank)
    count = sum(c.verdict is worst for c in cells)
    if worst is Verdict.HOLDS:
        return f"{worst} {count}{' so far' if quick else ''}"
    return f"{worst} {count}/{len(cells)}"


def as_json(row: Row, archs: Sequence[str]) -> dict[str, object]:
    """A row for programs."""
    return {
        "patch": row.report.question.target.family.name,
        "variant": row.report.question.target.selected.role.variant.name,
        "subject": row.subject,
        "verdicts": {
            arch: {str(v): sum(c.verdict is v for c in row.cells(arch)) for v in Verdict}
            for arch in archs
        },
        "violated": [
            {"invariant": name, "cast": cast, "archs": list(where)}
            for name, (cast, where) in row.violated().items()
        ],
        "exit": row.report.exit_code,
    }

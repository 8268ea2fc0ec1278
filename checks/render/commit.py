# SPDX-License-Identifier: GPL-2.0-only
"""A trace as the race table of a changelog: CPU columns, one event a row, 75 columns, 40 lines."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence

from ..answer.report import Report
from ..play.cells import Verdict
from ..trace.trace import Row, Trace
from .excerpt import ROWS, excerpt, still_to_come
from .page import parts

WIDTH = 75
LINES = 40
MOST_ROWS = 24
"""Rows that are taken where lines are left for them."""


def commit_lines(trace: Trace) -> list[str]:
    """The table, and below it what should not have been possible."""
    said = []
    for text in (trace.why.facts, trace.why.then, f"This breaks: {trace.invariant.sentence}."):
        said += textwrap.wrap(_unnumbered(text), WIDTH, break_long_words=False)
    for most in range(MOST_ROWS, ROWS, -1):
        table = _table(trace, most)
        if len(table) + 1 + len(said) <= LINES:
            break
    return [*table, "", *said]


def _unnumbered(text: str) -> str:
    """A sentence without the numbers of rows and lines, which the table has not."""
    return re.sub(r" \((?:(?:row|line) \d+|from the start)\)", "", text)


def _table(trace: Trace, most: int) -> list[str]:
    step = (WIDTH - 2) // len(trace.columns)
    chosen = sorted(excerpt(trace, most, pairs=True))
    lines = _heads(trace.columns, step)
    for row in [*(trace.rows[n] for n in chosen), *still_to_come(trace)]:
        lines += _placed(row, step)
    return lines


def _heads(columns: Sequence[str], step: int) -> list[str]:
    """The CPUs, and below them their routines; the routines first, if they are long."""
    named = [c.partition(" ") for c in columns]
    long = any(len(routine) >= step for _, _, routine in named)
    rows = [[who for who, _, _ in named], [] if long else [routine for _, _, routine in named]]
    lines = [f"  {column}" for column in columns] if long else []
    for row in rows:
        line = ""
        for n, text in enumerate(row):
            line = line.ljust(2 + n * step) + text
        lines += [line] if line else []
    return lines


def _placed(row: Row, step: int) -> list[str]:
    """A row in its column; to the right of it nothing stands, so that it may be longer."""
    start = 2 + max(row.thread, 0) * step
    return [" " * start + part for part in parts(row.text, WIDTH - start)]


def order_lines(report: Report) -> list[str]:
    """What is not decided of memory ordering on the selected side, by architecture."""
    lines: list[str] = []
    for column in report.of_side(report.question.target.selected):
        for cell in column.cells:
            if cell.invariant.kind == "text" and cell.verdict is not Verdict.HOLDS:
                text = f"Memory ordering is not decided on {column.arch}: {cell.reason}."
                lines += ["", *textwrap.wrap(text, WIDTH, break_on_hyphens=False)]
    return lines

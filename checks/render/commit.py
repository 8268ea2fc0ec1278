# SPDX-License-Identifier: GPL-2.0-only
"""A trace as the race table of a changelog: CPU columns, one event a row, 75 columns."""

from __future__ import annotations

import textwrap

from ..answer.report import Report
from ..play.cells import Verdict
from ..trace.changes import Weight
from ..trace.trace import Row, Trace

WIDTH = 75
ROWS = 24


def commit_lines(trace: Trace) -> list[str]:
    """The table, and below it what should not have been possible."""
    count = len(trace.columns)
    step = (WIDTH - 2) // count
    lines = [
        _at([(n, c.partition(" ")[0]) for n, c in enumerate(trace.columns)], step),
        _at([(n, c.partition(" ")[2]) for n, c in enumerate(trace.columns)], step),
    ]
    rows = _chosen(trace)
    lines += [_at([(max(r.thread, 0), r.text)], step) for r in rows]
    lines += [_at([(r.thread, r.text)], step) for r in trace.pending]
    what = [*trace.stale[:2], f"This breaks: {trace.invariant.sentence}."]
    lines.append("")
    for text in what:
        lines += textwrap.wrap(text, WIDTH)
    return lines


def order_lines(report: Report) -> list[str]:
    """What is not decided of memory ordering on the selected side, by architecture."""
    lines: list[str] = []
    for column in report.of_side(report.question.target.selected):
        for cell in column.cells:
            if cell.invariant.kind == "text" and cell.verdict is not Verdict.HOLDS:
                text = f"Memory ordering is not decided on {column.arch}: {cell.reason}."
                lines += ["", *textwrap.wrap(text, WIDTH, break_on_hyphens=False)]
    return lines


def _chosen(trace: Trace) -> list[Row]:
    """The rows that matter most, in order."""
    last = len(trace.rows) - 1

    def worth(n: int) -> tuple[bool, Weight, int]:
        return n == last, trace.rows[n].weight, n

    best = sorted(range(last + 1), key=worth, reverse=True)
    best = [n for n in best if n == last or trace.rows[n].weight > Weight.COUNT][:ROWS]
    return [trace.rows[n] for n in sorted(best)]


def _at(cells: list[tuple[int, str]], step: int) -> str:
    text = ""
    for column, what in cells:
        text = text.ljust(2 + column * step) + what
    return text[:WIDTH].rstrip()

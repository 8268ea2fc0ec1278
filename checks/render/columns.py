# SPDX-License-Identifier: GPL-2.0-only
"""The body of a trace in CPU columns, as kernel changelogs have it.

A trace that is longer than its budget loses the rows that a reader needs least, those that change
nothing first.  How many went is said in place.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ..trace.changes import Weight
from ..trace.trace import Row, Trace

WIDTH = 100
LINE = 7
"""Width of the column of model lines."""


@dataclass(frozen=True)
class Frame:
    """Where columns begin."""

    starts: tuple[int, ...]
    changes: int

    @classmethod
    def of(cls, columns: int) -> Frame:
        step = {1: 44, 2: 29, 3: 19, 4: 15}.get(columns, 12)
        return cls(tuple(LINE + n * step for n in range(columns)), LINE + columns * step)


def counted(count: int, noun: str) -> str:
    """`1 step`, `2 steps`."""
    return f"{count} {noun}{'s' * (count != 1)}"


def body(trace: Trace, budget: int) -> list[str]:
    """The rows as at most `budget` lines, column heads included."""
    frame = Frame.of(len(trace.columns))
    rules = [(n, "-" * len(_fit(frame, n, c))) for n, c in enumerate(trace.columns)]
    head = [
        _line(frame, " line", list(enumerate(trace.columns)), "changes"),
        _line(frame, " ----", rules, "-------"),
    ]
    order = sorted(range(len(trace.rows)), key=lambda n: _worth(trace, n), reverse=True)
    least, most = 0, len(order)
    while least < most:  # the largest number of rows that fits
        middle = (least + most + 1) // 2
        if len(head) + len(_lines(frame, trace, set(order[:middle]))) <= budget:
            least = middle
        else:
            most = middle - 1
    return head + _lines(frame, trace, set(order[:least]))


def _worth(trace: Trace, at: int) -> tuple[bool, int, int]:
    """How much a reader needs a row: the last one most, then what it changes, the later the more.

    What is about the objects of the last row is worth more; a lock that is let go again at once
    less.
    """
    row, rows = trace.rows[at], trace.rows
    worth = 2 * int(row.weight)
    about = _objects(rows[-1].text)
    if about & _objects(" ".join([row.text, *(c.text for c in row.changes)])):
        worth += 3
    if row.weight is Weight.LOCK and _let_go_at_once(rows, at):
        worth = 1
    return at == len(rows) - 1, worth, at


def _objects(text: str) -> set[str]:
    return set(re.findall(r"\b(?:F\d+|[a-z]\w*[+.]\w+)", text))


def _let_go_at_once(rows: Sequence[Row], at: int) -> bool:
    """Whether a lock is held for looking only: nothing changes between taking and dropping it."""
    for step in (1, -1):
        beside = rows[at + step :: step] if at + step >= 0 else ()
        for row in [r for r in beside if r.thread == rows[at].thread][:3]:
            if row.weight is Weight.LOCK and ("unlock" in row.text) != ("unlock" in rows[at].text):
                return True
            if row.weight is not Weight.NOTHING:
                break
    return False


def _lines(frame: Frame, trace: Trace, shown: set[int]) -> list[str]:
    """The rows in `shown`, in order; others are counted in their place."""
    lines: list[str] = []
    inside: dict[int, tuple[str, str]] = {}
    last: int | None = None
    dots = "  " + "." * (WIDTH - 2)
    hidden = 0
    rows = trace.rows

    def flush(thread: int | None) -> None:
        nonlocal hidden
        if hidden:
            lines.append(_line(frame, "", [(thread or 0, f"... {hidden} statements")], ""))
        hidden = 0

    shown = shown | _single(rows, shown)
    for n, row in enumerate(rows):
        if row.thread >= 0 and last not in (None, row.thread):
            flush(last)
            lines.append(dots)
        if row.thread >= 0:
            last = row.thread
        if n not in shown:
            hidden += 1
            continue
        flush(last)
        lines += _where(frame, row, inside)
        lines += _row(frame, row)
    if trace.pending:
        lines.append(dots)
    for row in trace.pending:
        lines += _where(frame, row, inside)
        lines += _row(frame, row)
    return lines


def _single(rows: Sequence[Row], shown: set[int]) -> set[int]:
    """Hidden rows that stand alone: to count them would take as much room."""

    def hidden(n: int, thread: int) -> bool:
        return 0 <= n < len(rows) and n not in shown and rows[n].thread == thread

    return {
        n for n, row in enumerate(rows)
        if not hidden(n - 1, row.thread) and not hidden(n + 1, row.thread)
    }  # fmt: skip


def _where(frame: Frame, row: Row, inside: dict[int, tuple[str, str]]) -> list[str]:
    """A line that names the function, when a thread is in another one than before."""
    if row.site is None:
        return []
    here = row.site.file, row.site.function
    if inside.get(row.thread) == here:
        return []
    inside[row.thread] = here
    file = row.site.file.rpartition("/")[2]
    return [_line(frame, "", [(row.thread, f"{row.site.function}()  {file}")], "")]


def _row(frame: Frame, row: Row) -> list[str]:
    line = f"{row.site.line:5}" if row.site is not None else "    -"
    at = max(row.thread, 0)
    text = ("  " if row.site is not None else "") + row.text
    texts = [c.text for c in row.changes]
    first = texts[0] if texts else ""
    lines = [_line(frame, line, [(at, text)], first)]
    return lines + [_line(frame, "", [], more) for more in texts[1:2]]


def _line(frame: Frame, line: str, cells: Sequence[tuple[int, str]], changes: str) -> str:
    text = line
    for n, what in cells:
        end = (frame.changes if changes else WIDTH + 1) if len(cells) == 1 else 0
        what = _fit(frame, n, what, end)
        text = text.ljust(frame.starts[n]) + what
    if changes:
        text = text.ljust(frame.changes) + " " + changes
    return text[:WIDTH].rstrip()


def _fit(frame: Frame, column: int, text: str, end: int = 0) -> str:
    """A text cut to its column, or to `end`, where nothing else stands before it."""
    ends = (*frame.starts[1:], frame.changes)
    room = (end or ends[column]) - frame.starts[column] - 1
    return text if len(text) <= room else text[: room - 2] + ".."

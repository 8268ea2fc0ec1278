# SPDX-License-Identifier: GPL-2.0-only
"""The body of a trace in CPU columns, as kernel changelogs have it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from ..trace.changes import Change, Weight
from ..trace.trace import Row, Trace
from .excerpt import excerpt, still_to_come
from .page import counted, parts

NUMBER, LINE = 5, 5
"""Widths of the number of a row, and of the line of a model before its statement."""

BREAKS = "<== BREAKS HERE"

CHANGES = 2
"""Changes of a row that are shown, the weightiest first."""


@dataclass(frozen=True)
class Frame:
    """The places where columns begin, on a page of so many columns."""

    starts: tuple[int, ...]
    changes: int
    width: int

    @classmethod
    def of(cls, columns: int, width: int) -> Frame:
        share = {1: 50, 2: 36, 3: 35}.get(columns, 33)
        step = (width - NUMBER - share * width // 100) // columns
        starts = tuple(NUMBER + n * step for n in range(columns))
        return cls(starts, NUMBER + columns * step, width)

    def line(self, number: str, column: int, text: str, changes: Sequence[str]) -> list[str]:
        """A row with one cell, in as many lines as it takes: what it changes stands beside it, or
        below where there is no room."""
        start = self.starts[column]
        indent = " " * (len(text) - len(text.lstrip()))
        fits = len(text) <= self.changes - start - 1
        room = (self.changes if fits else self.width) - start
        cells = [text] if fits else [p if n == 0 else indent + p for n, p in
                                     enumerate(parts(text, room))]  # fmt: skip
        beside = [p for change in changes for p in parts(change, self.width - self.changes - 1)]
        lines = []
        while cells or beside:
            line = f"{number:<{NUMBER}}".ljust(start) + (cells[0] if cells else "")
            if beside and max(len(line) + 1, self.changes) + 1 + len(beside[0]) <= self.width:
                line = f"{line.ljust(self.changes - 1)}  {beside.pop(0)}"
            lines.append(line.rstrip())
            cells, number = cells[1:], ""
        return lines


@dataclass
class _Body:
    """The lines of the rows that are shown, as they are made."""

    frame: Frame
    lines: list[str] = field(default_factory=list)
    inside: dict[int, Row] = field(default_factory=dict)
    """The row at whose function the last heading of a thread stands."""

    def dots(self, column: int = 0, hidden: int = 0) -> None:
        """A line between two CPUs, with how many rows of the first one before it are hidden."""
        line = "  " + "." * (self.frame.width - 2)
        if hidden:
            at = self.frame.starts[column] + LINE
            said = f" {counted(hidden, 'row')} "
            line = line[:at] + said + line[at + len(said) :]
        self.lines.append(line)

    def passed(self, row: Row) -> None:
        """A row that is not shown: who has left the function of a heading may come to it again."""
        head = self.inside.get(row.thread)
        if head is not None and row.site is not None and head.site is not None:
            here = {(s.file, s.function) for s in row.site.chain()}
            if (head.site.file, head.site.function) not in here:
                del self.inside[row.thread]

    def row(self, row: Row, changes: Sequence[str]) -> None:
        """A row that is shown, below a heading where its thread is in another call than before."""
        at = max(row.thread, 0)
        if row.site is None:
            number = f"{row.number or '':>3}"
            self.lines += self.frame.line(number, at, " " * LINE + row.text, changes)
            return
        if not self._is_inside(row):
            self.lines += self.frame.line("", at, _heading(row), ())
        self.inside[row.thread] = row
        text = f"{row.site.line:{LINE - 1}} {row.text}"
        self.lines += self.frame.line(f"{row.number or '':>3}", at, text, changes)

    def _is_inside(self, row: Row) -> bool:
        head = self.inside.get(row.thread)
        if head is None or head.site is None or row.site is None:
            return False
        one, two = head.site, row.site
        return (one.file, one.function, one.outer) == (two.file, two.function, two.outer)


def _heading(row: Row) -> str:
    """The function that a thread is in: of the kernel, with its file, and of the model."""
    assert row.site is not None
    file = row.site.file.rpartition("/")[2]
    kernel, _, function = row.site.cite.partition(" ")[0].partition(":")
    other = f" {function}()" if function and function != row.site.function else ""
    said = f"{kernel}{other}, line in {file}" if kernel else f"of the model, line in {file}"
    return f"{row.site.function}()  {said}"


def body(trace: Trace, width: int, most: int, *, full: bool) -> list[str]:
    """The rows that matter, about `most`, column heads first, others counted in their place;
    `full`: all rows, and all that they change."""
    shown = set(range(len(trace.rows))) if full else excerpt(trace, most)
    frame = Frame.of(len(trace.columns), width)
    made = _Body(frame, _heads(frame, trace.columns))
    last: int | None = None
    hidden = 0
    shown = _with_single(trace.rows, shown)
    for n, row in enumerate(trace.rows):
        switched = row.thread >= 0 and last not in (None, row.thread)
        if switched:
            made.dots(last or 0, hidden)
            hidden = 0
        elif hidden and n in shown:
            made.lines += frame.line("", last or 0, f"     ... {counted(hidden, 'row')}", ())
            hidden = 0
        if row.thread >= 0:
            last = row.thread
        if n not in shown:
            hidden += 1
            made.passed(row)
            continue
        changes = [c.text for c in (row.changes if full else _weighty(row))]
        made.row(row, [BREAKS, *changes] if n == len(trace.rows) - 1 else changes)
    pending = trace.pending if full else still_to_come(trace)
    if pending:
        made.dots()
    for row in pending:
        made.row(row, ())
    return made.lines


def _weighty(row: Row) -> Sequence[Change]:
    """The changes of a row that a reader needs."""
    return [c for c in row.changes if c.weight > Weight.COUNT][:CHANGES] or row.changes[:1]


def _heads(frame: Frame, columns: Sequence[str]) -> list[str]:
    """The heads of the columns; in two lines, or with the routines above, if they are long."""
    step = frame.starts[1] - frame.starts[0] if len(columns) > 1 else frame.width
    names = [c.partition(" ") for c in columns]
    rows = [list(columns)]
    if any(len(c) >= step for c in columns):
        rows = [[who for who, _, _ in names], [routine for _, _, routine in names]]
    above = []
    if any(len(text) >= step for row in rows for text in row):
        above = [f"{'':{NUMBER}}{column}" for column in columns]
        rows = rows[:1]
    lines = []
    for n, row in enumerate(rows):
        line = "  #" if n == 0 else ""
        for start, text in zip(frame.starts, row, strict=True):
            line = line.ljust(start) + text
        lines.append(line)
    lines[0] = f"{lines[0].ljust(frame.changes)} changes"
    return [*above, *lines]


def _with_single(rows: Sequence[Row], shown: Collection[int]) -> set[int]:
    """The shown rows, and hidden ones that stand alone: to count them would take as much room."""

    def hidden(n: int, thread: int) -> bool:
        return 0 <= n < len(rows) and n not in shown and rows[n].thread == thread

    return {
        n for n, row in enumerate(rows)
        if n in shown or not (hidden(n - 1, row.thread) or hidden(n + 1, row.thread))
    }  # fmt: skip

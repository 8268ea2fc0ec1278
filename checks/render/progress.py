# SPDX-License-Identifier: GPL-2.0-only
"""Progress and notes while it runs, and statistics when asked for, on standard error."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING

from ..answer.report import Report
from ..play.play import Play
from ..target.target import command_of

if TYPE_CHECKING:  # it takes a while to load, and most runs end before it is needed
    from rich.progress import Progress


_FEW = 8
"""Plays up to which an answer is there before a note would be read."""


class Watcher:
    """Says on standard error how far it is, a bar on a terminal and else a line now and then, and
    which violations were found."""

    every = 30.0
    """Seconds from one line to the next where standard error is no terminal."""

    def __init__(self, items: str = "casts", counted: str = "states") -> None:
        self._items, self._counted = items, counted
        self._began = self._told = time.monotonic()
        self._bar: Progress | None = None
        self._violations: dict[tuple[str, str, str], None] = {}
        self._notes: list[str] = []

    def __enter__(self) -> Watcher:
        return self

    def __call__(self, done: int, every: int, states: int) -> None:
        now = time.monotonic()
        took = now - self._began
        if self._notes and done < every and every > _FEW:
            self._say(self._notes)
            self._notes = []
        if sys.stderr.isatty():
            if took >= 1 and now - self._told >= 0.1:
                self._told = now
                self._draw(done, every, states)
        elif now - self._told >= self.every:
            self._told = now
            so_far = f"{done} of {every} {self._items}, {states} {self._counted}"
            count = len(self._violations)
            violations = "1 violation" if count == 1 else f"{count} violations"
            self._say([f"{so_far}, {violations} so far, {took:.0f} s"])

    def violated(self, play: Play, invariant: str) -> None:
        """Note a violation, the first of an invariant and version."""
        role = play.role
        key = role.variant.name, role.mutant, invariant
        if key not in self._violations:
            self._violations[key] = None
            who = f"{role.variant.name}, {role.mutant}" if role.mutant else role.variant.name
            alone = command_of(play, invariant)
            self._notes.append(f"{who}: {invariant} is VIOLATED, so far; alone: {alone}")

    def _say(self, lines: Sequence[str]) -> None:
        for line in lines:
            text = f"check-invariants: {line}"
            if self._bar is not None:
                self._bar.console.print(text, markup=False, highlight=False, soft_wrap=True)
            else:
                sys.stderr.write(f"{text}\n")

    def _draw(self, done: int, every: int, states: int) -> None:
        if self._bar is None:
            self._bar = _bar(self._items, self._counted)
            self._bar.start()
            self._bar.add_task(self._items, total=every, states=states)
        self._bar.update(self._bar.task_ids[0], completed=done, states=states)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        where: TracebackType | None,
    ) -> None:  # fmt: skip
        if self._bar is not None:
            self._bar.stop()


def _bar(items: str, counted: str) -> Progress:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
    )

    return Progress(
        TextColumn(items), BarColumn(), MofNCompleteColumn(),
        TextColumn(f"{{task.fields[states]:,}} {counted}"), TimeElapsedColumn(),
        console=Console(stderr=True), transient=True,
    )  # fmt: skip


def stats_lines(report: Report, seconds: float) -> list[str]:
    """States and transitions by column, the time, and what the cache was good for."""
    lines = []
    for column in report.columns:
        transitions = sum(o.found.transitions for o in column.outcomes)
        lines.append(
            f"{column.side.role.variant.name:<24} {column.arch:<16} {len(column.outcomes):5} casts"
            f" {column.states:9} states {transitions:10} transitions"
        )
    whole = sum(c.states for c in report.columns)
    lines.append(f"{whole} states in {seconds:.1f} s, {whole / seconds:.0f} states/s")
    casts = sum(len(c.outcomes) for c in report.columns)
    lines.append(f"{report.known} of {casts} casts were decided before")
    again = Counter(o.found.again for c in report.columns for o in c.outcomes if o.found.again)
    lines += [f"{count} casts were decided again {how}" for how, count in sorted(again.items())]
    if report.uncached:
        lines.append(f"no cache: {report.uncached}")
    return lines

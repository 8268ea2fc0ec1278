# SPDX-License-Identifier: GPL-2.0-only
"""Progress on a terminal when it takes longer than a second, and statistics when asked for."""

from __future__ import annotations

import sys
import time
from collections import Counter
from types import TracebackType
from typing import TYPE_CHECKING

from ..answer.report import Report

if TYPE_CHECKING:  # it takes a while to load, and most runs end before it is needed
    from rich.progress import Progress


class Watcher:
    """Shows how far it is; silent where standard error is no terminal."""

    def __init__(self, items: str = "casts", counted: str = "states") -> None:
        self._items, self._counted = items, counted
        self._began = time.monotonic()
        self._bar: Progress | None = None
        self._told = 0.0

    def __enter__(self) -> Watcher:
        return self

    def __call__(self, done: int, every: int, states: int) -> None:
        now = time.monotonic()
        if not sys.stderr.isatty() or now - self._began < 1 or now - self._told < 0.1:
            return
        self._told = now
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

# SPDX-License-Identifier: GPL-2.0-only
"""The rows of a trace that a reader needs: about ten of a hundred.

All that write what the failing condition reads, and the one that breaks it.  Beside them those that
are about the same objects, and the last lock that one thread hands to another.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence

from ..trace.changes import Weight
from ..trace.trace import UNCHANGED, WAITS, Row, Trace

ROWS = 10
"""Rows that are shown, if no more are decisive."""

_TAKES = re.compile(r"(CPU\d+) (takes|drops) (.+)")


def excerpt(trace: Trace, most: int = ROWS, *, pairs: bool = False) -> set[int]:
    """The positions of the rows to show, all of them if there are so few.

    `pairs`: a row that drops a lock is shown with the one that takes it.
    """
    rows = trace.rows
    if len(rows) <= most:
        return set(range(len(rows)))
    needed = {n for n, row in enumerate(rows) if row.number in trace.deciding}
    needed.add(len(rows) - 1)

    def paired(group: Collection[int]) -> set[int]:
        return {*group, *(t for n in group if pairs for t in _taken_by(rows, n))}

    found = paired(needed)
    about = _objects(f"{trace.why.facts} {rows[-1].text}")
    if trace.invariant.group == "locking":  # the locks are all of it
        return found
    groups = [(_worth(rows[n], about), [n]) for n in range(len(rows)) if _tells(trace, n)]
    groups += [(_HANDED_OVER, group) for group in list(_handed_over(rows))[-1:]]
    groups += [(_PINS, [n]) for n in _pinning(rows, about)]
    for _, group in sorted(groups, key=lambda g: (g[0], g[1][-1]), reverse=True):
        if len(found | paired(group)) <= most:
            found |= paired(group)
    return found


_HANDED_OVER = 11
"""The worth of the rows in which one thread drops a lock and another one takes it, the last time
that this is so: they say why the second could go on."""

_PINS = 8
"""The worth of the rows by which a page is pinned: the count, and that the entry is read again."""


def _pinning(rows: Sequence[Row], about: set[str]) -> Iterator[int]:
    """The rows about the objects of the failure in the call that pins a page, from where it counts
    a reference."""
    for at, pin in enumerate(rows):
        if pin.site is None or not any(" pinned at " in c.text for c in pin.changes):
            continue
        counts = False
        for n, row in enumerate(rows[:at]):
            if row.thread != pin.thread or row.site is None:
                continue
            if (row.site.function, row.site.outer) == (pin.site.function, pin.site.outer):
                counts |= any(" refcount " in c.text for c in row.changes)
                if counts and _is_about(row, about):
                    yield n


def _handed_over(rows: Sequence[Row]) -> Iterator[list[int]]:
    """The rows that drop a lock, and take it by another thread."""
    for at, row in enumerate(rows):
        for change in row.changes:
            took = _TAKES.fullmatch(change.text)
            if took is None or took[2] == "drops":
                continue
            drops = re.compile(rf"(?!{took[1]} )CPU\d+ drops {re.escape(took[3])}")
            places = [n for n in range(at) if any(drops.fullmatch(c.text) for c in rows[n].changes)]
            if places:
                yield [places[-1], at]


def still_to_come(trace: Trace) -> list[Row]:
    """Steps that others have not done yet, if it matters: a wait, a flush that comes too late,
    what is about the objects of the failure."""
    about = _objects(f"{trace.why.facts} {trace.rows[-1].text if trace.rows else ''}")
    late = trace.invariant.group == "tlb"
    return [r for r in trace.pending if late or r.text.endswith(WAITS) or _is_about(r, about)]


def _tells(trace: Trace, at: int) -> bool:
    """True if a row may be shown: it takes a lock that is kept, or changes more than a count."""
    row = trace.rows[at]
    if row.weight is Weight.LOCK:
        return any(_is_kept(trace.rows, at, change.text) for change in row.changes)
    flushes = all(change.text == UNCHANGED for change in row.changes)
    return row.weight is Weight.STATE and (not flushes or trace.invariant.group == "tlb")


def _is_kept(rows: Sequence[Row], at: int, change: str) -> bool:
    """True of a lock that is taken and not dropped any more."""
    dropped = change.replace(" takes ", " drops ")
    later = (c.text for row in rows[at:] for c in row.changes)
    return dropped != change and dropped not in later


def _worth(row: Row, about: set[str]) -> int:
    """Weight of a row for a reader: by what it changes, page tables and TLBs before all else, and
    whether that is about the objects of the failure; first the entry that the failure names."""
    tables = [c.text.split() for c in row.changes if c.text.startswith(("PTE", "PMD", "TLB"))]
    named = any(words[1] in about for words in tables)
    return 2 * int(row.weight) + 3 * _is_about(row, about) + bool(tables) + named


def _is_about(row: Row, about: set[str]) -> bool:
    return bool(about & _objects(" ".join([row.text, *(c.text for c in row.changes)])))


def _objects(text: str) -> set[str]:
    return set(re.findall(r"\b(?:F\d+|[a-z]\w*[+.]\w+)", text))


def _taken_by(rows: Sequence[Row], at: int) -> list[int]:
    """The rows that take the locks which a row drops."""
    found = []
    for change in rows[at].changes:
        lock = _TAKES.fullmatch(change.text)
        if lock is not None and lock[2] == "drops":
            took = f"{lock[1]} takes {lock[3]}"
            places = [n for n in range(at) if any(c.text == took for c in rows[n].changes)]
            found += places[-1:]
    return found

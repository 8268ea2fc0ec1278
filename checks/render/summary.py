# SPDX-License-Identifier: GPL-2.0-only
"""The answer in at most ten lines: of the side that is asked about, what fails, what is not known,
and how much holds within which bounds.  It says nothing that the table does not say as well."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from ..answer.report import Report
from ..play.cells import Cell, Verdict
from .page import counted, labelled, width
from .table import bounds

LINES = 10


@dataclass(frozen=True)
class Standing:
    """The verdicts on an invariant on the side that is asked about, each with where it is that."""

    name: str
    cells: tuple[Cell, ...]
    archs: Mapping[Verdict, tuple[str, ...]]

    def only(self, *verdicts: Verdict) -> bool:
        """True if it has no other verdict."""
        return set(self.archs) <= set(verdicts)


def standings(report: Report) -> list[Standing]:
    """The verdicts on each invariant that the table has a row for."""
    found = []
    for row in report.rows(report.question.target.selected):
        archs: dict[Verdict, tuple[str, ...]] = {}
        for arch, cell in zip(report.question.archs, row, strict=True):
            archs[cell.verdict] = (*archs.get(cell.verdict, ()), arch)
        if row[0].invariant.name not in report.not_exercised:
            found.append(Standing(row[0].invariant.name, row, archs))
    return found


def summary_lines(report: Report) -> list[str]:
    """The summary."""
    columns, target = width(), report.question.target
    side, every = target.selected, standings(report)
    first = textwrap.wrap(f"{target.family.name}  {target.family.title}", columns)
    what = f"{side.role.variant.name}, recognised {target.recognised}"
    mutant = f", mutant: {side.role.mutant}" if side.role.mutant else ""
    beside = f"beside kernel {side.role.variant.neighbours_from}"
    head = [*first[:2], *labelled(side.label, f"{what}{mutant}; {beside}", columns)[:2]]
    groups = [
        (verdict, [s for s in every if verdict in s.archs])
        for verdict in (Verdict.VIOLATED, Verdict.UNKNOWN, Verdict.VACUOUS)
    ]
    lines: list[str] = []
    for verdict, those in groups:
        if those:
            lines += _listed(str(verdict), [_placed(s, verdict, report) for s in those], columns)
            lines += _reason(verdict, those, columns)
        if verdict is Verdict.VIOLATED:
            lines += _listed("also", _already(report), columns)
            lines += _listed("mended", _mended(report), columns)
    return [*head, *lines, *_holding(report, every, columns)]


def _holding(report: Report, every: Sequence[Standing], columns: int) -> list[str]:
    """The invariants that hold, within which bounds; those that are about nothing here."""
    holds = [s for s in every if s.only(Verdict.HOLDS, Verdict.NOT_APPLICABLE)
             and Verdict.HOLDS in s.archs]  # fmt: skip
    casts = report.of_side(report.question.target.selected)[0].casts
    axes = report.question.target.family.casts.axes
    everywhere = [s for s in holds if s.only(Verdict.HOLDS)]
    some = len(holds) - len(everywhere)
    more = f" ({some} more where they apply)" if some else ""
    within = (
        f"{counted(len(everywhere), 'invariant')}{more}, "
        f"in {counted(len(casts), 'cast')}, {bounds(casts, axes)}, "
        f"on {', '.join(report.question.archs)}, for sequential consistency"
    )
    word = "HOLDS so far  " if report.question.quick else "HOLDS"
    lines = labelled(word, within, columns)[:2]
    aside = [s for s in every if s.only(Verdict.NOT_APPLICABLE)]
    left_out = len(report.not_exercised)
    told = [f"{len(aside)} not applicable"] if aside else []
    told += [f"{left_out} not exercised by these casts"] if left_out else []
    return lines + (labelled("other", ", ".join(told), columns) if told else [])


def _placed(standing: Standing, verdict: Verdict, report: Report) -> str:
    """An invariant, with the architectures if it is not so on all of them."""
    where = standing.archs[verdict]
    if len(where) == len(report.question.archs):
        return standing.name
    return f"{standing.name} ({', '.join(where)})"


def _reason(verdict: Verdict, those: Sequence[Standing], columns: int) -> list[str]:
    """The reason why something is not known, the first of the reasons, if it fits into a line."""
    if verdict is Verdict.VIOLATED:
        return []
    reasons = dict.fromkeys(c.reason for s in those for c in s.cells if c.verdict is verdict)
    first = "why" if len(reasons) == 1 else "the first reason"
    lines = labelled("", f"{first}: {next(iter(reasons))}", columns)
    return lines if len(lines) == 1 else []


def already_before(report: Report) -> dict[str, str]:
    """The violations that the side beside has on the same architectures too, each with in how many
    casts it is there and here."""
    target = report.question.target
    if len(target.sides) < 2:
        return {}
    return _both(report, lambda old, new: (
        f"{_casts(old)}, now {_casts(new)}"
        if all(o.verdict is Verdict.VIOLATED for o, n in zip(old, new, strict=True)
               if n.verdict is Verdict.VIOLATED)
        and any(n.verdict is Verdict.VIOLATED for n in new)
        else ""
    ))  # fmt: skip


def _casts(row: Sequence[Cell]) -> str:
    """In how many casts an invariant fails."""
    bad = [cell for cell in row if cell.verdict is Verdict.VIOLATED]
    return f"in {sum(len(c.worst) for c in bad)} of {sum(c.casts for c in row)}"


def _already(report: Report) -> list[str]:
    sides = report.question.target.sides
    word = "so before" if sides[0].label == "before" else f"so in {sides[0].label}"
    return [f"already {word}: {name} ({what})" for name, what in already_before(report).items()]


def _mended(report: Report) -> list[str]:
    """The invariants that the side beside violates, and this one holds wherever it does."""
    if len(report.question.target.sides) < 2:
        return []
    found = _both(report, lambda old, new: (
        "mended"
        if any(o.verdict is Verdict.VIOLATED for o in old)
        and all(n.verdict is Verdict.HOLDS for o, n in zip(old, new, strict=True)
                if o.verdict is Verdict.VIOLATED)
        else ""
    ))  # fmt: skip
    return list(found)


def _both(report: Report, said: Callable[[Sequence[Cell], Sequence[Cell]], str]) -> dict[str, str]:
    """A text for each invariant, from its cells on both sides, where there is one."""
    first, last = report.question.target.sides[0], report.question.target.selected
    pairs = zip(report.rows(first), report.rows(last), strict=True)
    texts = {new[0].invariant.name: said(old, new) for old, new in pairs}
    return {name: text for name, text in texts.items() if text}


def _listed(word: str, names: Iterable[str], columns: int) -> list[str]:
    """Names behind a word in at most two lines, and how many more there are."""
    every = list(names)
    for shown in range(len(every), 0, -1):
        more = len(every) - shown
        text = ", ".join(every[:shown]) + (f", and {more} more" if more else "")
        count = f"{len(every)}: " if len(every) > 1 else ""
        lines = labelled(word, count + text, columns)
        if len(lines) <= 2:
            return lines
    return labelled(word, f"{len(every)}", columns) if every else []

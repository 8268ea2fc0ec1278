# SPDX-License-Identifier: GPL-2.0-only
"""Matrix: versions, or their subjects, of several patches by architecture, of a report each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from ..play.cells import Cell, Verdict
from ..target.selection import chosen_casts, fitting
from ..target.target import Side, Target, one_version
from .report import Report


@dataclass(frozen=True)
class Row:
    """A version, or one of its subjects, decided; `side` is that of the version."""

    subject: str
    report: Report
    side: Side

    @property
    def name(self) -> str:
        """The patch and the version, the mutant, and the side where there are two."""
        target, role = self.report.question.target, self.side.role
        name = f"{target.family.name} {role.variant.name}"
        name += f", {role.mutant}" if role.mutant else ""
        return f"{name} ({self.side.label})" if len(target.sides) > 1 else name

    def cells(self, arch: str) -> list[Cell]:
        """The verdicts on an architecture, those that are about nothing here left out."""
        left_out = self.report.not_exercised
        return [
            cell for column in self.report.of_side(self.side) if column.arch == arch
            for cell in column.cells
            if cell.verdict is not Verdict.NOT_APPLICABLE and cell.invariant.name not in left_out
        ]  # fmt: skip

    def violated(self) -> dict[str, tuple[str, tuple[str, ...]]]:
        """The invariants that fail, with the smallest cast that shows it, and where they do."""
        found: dict[str, tuple[str, tuple[str, ...]]] = {}
        for column in self.report.of_side(self.side):
            for cell in column.cells:
                if cell.verdict is Verdict.VIOLATED:
                    cast, archs = found.get(cell.invariant.name, (cell.worst[0].play.cast.name, ()))
                    found[cell.invariant.name] = cast, (*archs, column.arch)
        return found


def versions_of(target: Target) -> list[Target]:
    """Every version of a family; of a mail, or of a variant of one's own, what it is."""
    if target.whole:
        return [one_version(target, variant) for variant in target.family.variants]
    return [replace(target, sides=(target.selected,))]


Scenarios = tuple[str, ...]


def asked_about(targets: Iterable[Target], scenarios: Scenarios) -> list[tuple[Target, Scenarios]]:
    """A target for each version and subject, in order, with those scenarios that it has, if some
    are asked about; ModelError if none has any."""
    found, first = list[tuple[Target, Scenarios]](), None
    for target in targets:
        for version in versions_of(target):
            first = first or version
            for subject in version.family.casts.subjects:
                casts = replace(version.family.casts, subjects=(subject,))
                narrowed = replace(version, family=replace(version.family, casts=casts))
                here = fitting(narrowed, scenarios, full=False)
                if here or not scenarios:
                    found.append((narrowed, here))
    if first is not None and not found:  # refused, with the near names
        kernel = first.selected.role.variant.neighbours_from
        chosen_casts(first.family.casts, kernel, scenarios[0], full=False)
    return found


def matrix(
    asked: Iterable[tuple[Target, Scenarios]], ask: Callable[[Target, Scenarios], Report]
) -> Iterator[Row]:
    """A row for each of these, as they are decided."""
    for target, scenarios in asked:
        (subject,) = target.family.casts.subjects
        yield Row(subject.name, ask(target, scenarios), target.selected)


def rows_of(report: Report) -> list[Row]:
    """A row for each side of an answer, all subjects together."""
    return [Row("", report, side) for side in report.question.target.sides]

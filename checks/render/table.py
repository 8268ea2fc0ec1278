# SPDX-License-Identifier: GPL-2.0-only
"""The table of verdicts, invariant by side, and what they rest on."""

from __future__ import annotations

import functools
import itertools
import textwrap
from collections import Counter
from collections.abc import Sequence

from invariants.registry import GROUPS, NOT_BUILT
from model.cast.casts import Axis, Cast
from model.patches.family import Family, Variant, texts

from ..answer.quick import omitted
from ..answer.report import Column, Report
from ..memory_order.ordering import command
from ..play.cells import Cell, Reach, Verdict
from ..play.play import Branch
from ..target.target import Side
from .page import counted, width
from .show import ROOT

NAME = 40
_MOST = 20
"""More branches than this are counted, not listed: few casts were asked for."""

ABSENT = (
    "every verdict but sequential_consistency_is_enough is for sequential consistency",
    "IOMMU and KVM tables are not modelled",
)


def table_lines(report: Report, *, verbose: bool = False) -> list[str]:
    """The whole answer but the summary and the traces.

    `verbose`: also what is not applicable, branches that never fired, and observations of other
    architectures.
    """
    question = report.question
    target = question.target
    lines = _filled("asks", target.family.asks)
    for side in target.sides:
        lines += _filled(side.label, _described(side.role.variant, side.role.mutant))
    lines.append(f"archs     {', '.join(question.archs)}")
    for arch, why in target.family.without.items():
        lines += _filled("", f"not {arch}: {why}")
    lines.append("")
    column = (width() - NAME) // len(target.sides)
    heads = "".join(f"{s.label + ' ' + s.role.variant.name:<{column}}" for s in target.sides)
    lines.append(f"{'invariant':<{NAME}}{heads}".rstrip())
    group, left_out = "", report.not_exercised
    nowhere = frozenset[str]() if verbose else _nowhere(report)
    for n, invariant in enumerate(question.chosen):
        if invariant.name in left_out | nowhere:
            continue
        if invariant.group != group:
            group = invariant.group
            lines.append(group)
        texts = [
            _summary(
                [c.cells[n] for c in report.of_side(s)], report.of_side(s), quick=question.quick
            )
            for s in target.sides
        ]
        lines += _row(f"  {invariant.name}", texts, column)
    lines += [f"{name:<{NAME}}not checked yet" for name in GROUPS if name in NOT_BUILT]
    lines += _left_out(len(left_out), "not exercised by these casts")
    lines += _left_out(len(nowhere - left_out), "not applicable, see --verbose")
    lines.append("")
    for side in target.sides:
        lines += _basis(report, side, verbose=verbose)
    lines += _filled("absent", "; ".join([*ABSENT, target.family.left_out]))
    if question.quick:
        lines += _filled("QUICK", f"this is a part of the answer; {omitted(question)}")
    return lines


def _left_out(count: int, why: str) -> list[str]:
    return [f"{counted(count, 'invariant')} {'is' if count == 1 else 'are'} {why}"] if count else []


def _nowhere(report: Report) -> frozenset[str]:
    """Invariants that are about nothing here on any side and architecture, unless asked for by
    name."""
    cells = [cell for column in report.columns for cell in column.cells]
    here = {c.invariant.name for c in cells if c.verdict is not Verdict.NOT_APPLICABLE}
    return frozenset(c.invariant.name for c in cells) - here - report.question.named


def _described(variant: Variant, mutant: str) -> str:
    text = f"{variant.name}: {variant.doc}; beside kernel {variant.neighbours_from}"
    if mutant:
        text += f"; MUTANT: {mutant}"
    if variant.counterfactual:
        text += f"; COUNTERFACTUAL: {variant.counterfactual}"
    return text


def _kernel_of(family: Family, variant: Variant) -> str:
    """Neighbours of another kernel: those that it lacks, and whose text the others have."""
    kernel = variant.neighbours_from
    absent = family.casts.absent(kernel)
    here = [n for n in family.casts.beside if n.again is None and n.name not in absent]
    routines = [fn for fn in (n.routine(kernel) for n in here) if fn is not None]
    read = [
        f"{version} ({count} function{'' if count == 1 else 's'})"
        for version, count in sorted(texts(variant, routines).items())
        if not f"{kernel}.".startswith(f"{version}.")
    ]
    lacks = f"kernel {kernel} has no {', '.join(absent)}; " if absent else f"kernel {kernel}: "
    return f"{lacks}neighbours have the text of {', '.join(read) or kernel}"


def _filled(word: str, text: str) -> list[str]:
    return textwrap.wrap(text, width(), initial_indent=f"{word:<10}", subsequent_indent=" " * 10)


def _row(name: str, texts: Sequence[str], column: int) -> list[str]:
    parts = [textwrap.wrap(t, column - 2) or [""] for t in texts]
    lines = []
    for n in range(max(len(p) for p in parts)):
        cells = "".join(f"{p[n] if n < len(p) else '':<{column}}" for p in parts)
        lines.append(f"{name if n == 0 else '':<{NAME}}{cells}".rstrip())
    return lines


def _summary(cells: Sequence[Cell], columns: Sequence[Column], *, quick: bool) -> str:
    """A word if the architectures agree, else each verdict with its architectures; of a quick
    answer HOLDS is not the last word."""
    words = {v: str(v) for v in Verdict} | ({Verdict.HOLDS: "HOLDS so far"} if quick else {})
    by_verdict: dict[Verdict, list[str]] = {}
    for cell, column in zip(cells, columns, strict=True):
        by_verdict.setdefault(cell.verdict, []).append(column.arch)
    if len(by_verdict) == 1:
        return words[next(iter(by_verdict))]
    return "; ".join(f"{w} {', '.join(by_verdict[v])}" for v, w in words.items() if v in by_verdict)


def _basis(report: Report, side: Side, *, verbose: bool) -> list[str]:
    """What the verdicts of a side rest on, and why some are not HOLDS."""
    columns = report.of_side(side)
    casts = columns[0].casts
    lines = [f"{side.label}: {side.role.variant.name}"]
    if side.role.variant.beside:
        lines += _indented(_kernel_of(report.question.target.family, side.role.variant))
    axes = report.question.target.family.casts.axes
    lines += _indented(f"casts: {_casts(report, side, casts)}, {bounds(casts, axes)}")
    played = any(c.outcomes for c in columns)
    if played:
        lines += _indented(_searched(columns)) + _indented(_too_large(report, columns))
    for text, archs in _reasons(report, columns, verbose=verbose).items():
        lines += _indented(f"{text} ({', '.join(archs)})")
    lines += _pairs(report, side)
    assumed = sorted({c.initial.assumption for c in casts if c.initial.assumption})
    lines += [
        line for text in assumed for line in _indented(f"ASSUMES a state no kernel is in: {text}")
    ]
    if played:
        lines += _branches(report, side, verbose=verbose)
    return [*lines, *_observations(report, side, verbose=verbose), ""]


def _observations(report: Report, side: Side, *, verbose: bool) -> list[str]:
    """Observations of Linux in a version, if no side before has the same one."""
    before = itertools.takewhile(lambda s: s is not side, report.question.target.sides)
    if any(other.role.variant is side.role.variant for other in before):
        return []
    lines: list[str] = []
    for seen in report.question.target.family.observations:
        asked = (a.partition("-")[0] for a in report.question.archs)
        here = not seen.archs or not set(seen.archs).isdisjoint(asked)
        if seen.variant == side.role.variant.name and (here or verbose):
            lines += _indented(f"observation: {seen.text}")
    return lines


def _pairs(report: Report, side: Side) -> list[str]:
    """The command that lists the pairs of accesses whose order is not decided."""
    text = command(side.role, report.question.scenarios)
    if not text or not any(a.pairs for c in report.of_side(side) for a in c.orders):
        return []
    return textwrap.wrap(
        f"all pairs: {text}", width(), initial_indent="  ", subsequent_indent="    ",
        break_on_hyphens=False, break_long_words=False,
    )  # fmt: skip


def _casts(report: Report, side: Side, casts: Sequence[Cast]) -> str:
    question, count = report.question, len(casts)
    if question.scenarios:
        return f"{count} that fit {' or '.join(question.scenarios)}"
    if question.sample:
        product = question.target.family.casts
        every = product.sampled_from(side.role.variant.neighbours_from)
        sizes = _sizes(casts, product.axes)
        return (
            f"{count} of {every}, drawn with seed {question.sample.seed} (sample: {sizes}; "
            "all neighbours and initial states)"
        )
    if question.quick:
        states = ", ".join(i.name for i in question.target.family.casts.main)
        return f"{count} (quick: each neighbour alone from {states})"
    if question.full:
        return f"{count} (full: every neighbour alone and all pairs, every initial state)"
    pairs = ", ".join(question.target.family.casts.pair_initial)
    return (
        f"{count} (default: each neighbour alone from every initial state, all pairs from {pairs})"
    )


def _sizes(casts: Sequence[Cast], axes: Sequence[Axis]) -> str:
    """Casts counted by the number of neighbours and by size."""
    sizes = [axis for axis in axes if axis.is_size]
    counts = Counter((len(c.others), tuple(c.axes[a.name] for a in sizes)) for c in casts)
    return ", ".join(
        f"{count} of {others} neighbours"
        + "".join(f" at {_counted(n, axis)}" for n, axis in zip(values, sizes, strict=True))
        for (others, values), count in counts.items()
    )


def _counted(count: int, axis: Axis) -> str:
    return f"{count} {axis.noun}{'s' if count > 1 else ''}"


def _too_large(report: Report, columns: Sequence[Column]) -> str:
    """How many of the casts of a sample were not decided for their size."""
    limit = report.question.limits.too_many_states()
    large = {c.arch: sum(o.found.why == limit for o in c.outcomes) for c in columns}
    if not report.question.sample or not any(large.values()):
        return ""
    told = ", ".join(f"{arch} {count} of {len(columns[0].casts)}" for arch, count in large.items())
    return f"UNKNOWN for its size, {limit}, is a part of the casts: {told}"


def _searched(columns: Sequence[Column]) -> str:
    """How much was visited, or how deep it was looked."""
    if columns[0].depth is None:
        return "states: " + ", ".join(f"{c.arch} {c.states}" for c in columns)
    outcomes = [o for c in columns for o in c.outcomes]
    whole = sum(not o.found.why for o in outcomes)
    depths = ", ".join(f"{c.arch} {c.depth}" for c in columns)
    return (
        f"symbolic: all paths of so many merged steps: {depths}; no path is longer that comes to "
        f"no state again: {whole} of {len(outcomes)} casts"
    )


def bounds(casts: Sequence[Cast], axes: Sequence[Axis]) -> str:
    """The values of each axis that the casts have."""
    told = []
    for axis in axes:
        values = sorted({c.axes[axis.name] for c in casts})
        if axis.is_size:
            many = "" if values == [1] else "s"
            told.append(f"{' or '.join(map(str, values))} {axis.noun}{many}")
        else:
            told.append(f"{axis.noun} {' and '.join(map(str, values))}")
    return ", ".join(told)


def _reasons(report: Report, columns: Sequence[Column], *, verbose: bool) -> dict[str, list[str]]:
    """Why verdicts are not HOLDS, with the architectures; what is about a cast or a routine as a
    whole, and not about one invariant, is said once."""
    found: dict[str, list[str]] = {}
    for column in columns:
        for cell in column.cells:
            name = cell.invariant.name
            told = cell.verdict is not Verdict.NOT_APPLICABLE or name in report.question.named
            if (told or verbose) and cell.reason and name not in report.not_exercised:
                text = f"{cell.verdict} {cell.invariant.name}: {cell.reason}"
                if _is_whole(cell):
                    text = f"{cell.verdict}: {cell.reason}"
                archs = found.setdefault(text, [])
                if column.arch not in archs:
                    archs.append(column.arch)
    return found


def _is_whole(cell: Cell) -> bool:
    return (
        cell.verdict in (Verdict.UNKNOWN, Verdict.VACUOUS)
        and cell.reach is Reach.REACHED
        and cell.invariant.kind != "text"
    )


def _branches(report: Report, side: Side, *, verbose: bool) -> list[str]:
    """The branches that no cast took, with the reasons that the patch gives."""
    never = report.never_fired(side)
    if not verbose:
        count = len(never) + len(report.never_fired_on(side))
        if count:
            return [f"  branches that never fired: {count} (--verbose)"]
    by_archs: dict[tuple[str, ...], list[Branch]] = {}
    for branch, archs in report.never_fired_on(side).items():
        by_archs.setdefault(archs, []).append(branch)
    lines = _listed(report, never, "") if never else ["  branches: each fired in some cast"]
    for archs, branches in by_archs.items():
        lines += _listed(report, branches, f" on {', '.join(archs)}")
    return lines


def _listed(report: Report, never: Sequence[Branch], where: str) -> list[str]:
    """Branches that never fired, on all architectures or on some."""
    known = report.question.target.family.never
    by_file: dict[str, list[str]] = {}
    explained = []
    for branch in never:
        file, line, function, way = branch
        short = file.rpartition("/")[2]
        why = known.get(f"{short}:{function}:{line_text(file, line)}:{way}", "")
        if why:
            explained.append(f"{short}:{line} {way}, {why}")
        else:
            by_file.setdefault(short, []).append(f"{line} {way}")
    lines = []
    for text in explained:
        lines += _indented(f"branch that never fired{where}: {text}")
    count = sum(len(ways) for ways in by_file.values())
    if count > _MOST:
        lines += _indented(
            f"branches that these casts never took{where}: {count} (--format json names them)"
        )
    elif by_file:
        every = "; ".join(f"{f}: {', '.join(ways)}" for f, ways in by_file.items())
        lines += _indented(
            f"branches that never fired in these casts{where}, no reason known: {every}"
        )
    return lines


@functools.cache
def _source(file: str) -> tuple[str, ...]:
    path = ROOT / file
    return tuple(path.read_text().splitlines()) if path.exists() else ()


def line_text(file: str, line: int) -> str:
    """A line of a model, by which a branch is known when lines move."""
    lines = _source(file)
    return lines[line - 1].strip() if 0 < line <= len(lines) else ""


def _indented(text: str) -> list[str]:
    return textwrap.wrap(text, width(), initial_indent="  ", subsequent_indent="    ")

# SPDX-License-Identifier: GPL-2.0-only
"""The summary: ten lines at most, and nothing in it that the table does not say."""

from __future__ import annotations

from dataclasses import replace

import pytest

from checks.answer.report import Question, Report, answer
from checks.engine.search import Limits
from checks.play.cells import Cell, Verdict
from checks.render.summary import LINES, already_before, summary_lines
from checks.render.table import table_lines
from checks.target.target import as_mutant, by_name
from invariants import every
from tests.command import run
from tests.families import MOVE

ALONE = "move/1p/ptl=different/init=all_at_src"
FLUSH = "flushed_before_ptl_is_released"


def asked(mutant: str = "no flush", **given: object) -> Report:
    target = as_mutant(by_name(MOVE.name), mutant)
    question = Question(target, ("x86_64", "s390"), tuple(every()), (ALONE,), jobs=1, cache=False)
    return answer(replace(question, **given))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def report() -> Report:
    return asked()


def with_verdict(report: Report, label: str, arch: str, name: str, verdict: Verdict) -> Report:
    """The report with another verdict in one cell."""

    def changed(cell: Cell) -> Cell:
        return replace(cell, verdict=verdict, reason="as the test has it")

    columns = tuple(
        replace(c, cells=tuple(changed(x) if x.invariant.name == name else x for x in c.cells))
        if (c.side.label, c.arch) == (label, arch) else c
        for c in report.columns
    )  # fmt: skip
    return replace(report, columns=columns)


def line(report: Report, word: str) -> str:
    """The paragraph of a summary behind a word, "" if there is none."""
    found: list[str] = []
    for text in summary_lines(report):
        if text.startswith(word) or (found and text.startswith("          ")):
            found.append(text.strip())
        elif found:
            break
    return " ".join(found)


def test_what_fails_comes_first_with_where(report: Report) -> None:
    assert f"{FLUSH} (x86_64)" in line(report, "VIOLATED")
    assert len(summary_lines(report)) <= LINES
    assert line(report, "UNKNOWN") == ""


@pytest.mark.parametrize("arch", ["x86_64", "s390"])
def test_what_is_unknown_is_never_left_out(report: Report, arch: str) -> None:
    """Also of an invariant that is violated on another architecture."""
    changed = with_verdict(report, "mutant", arch, FLUSH, Verdict.UNKNOWN)
    assert f"{FLUSH} ({arch})" in line(changed, "UNKNOWN")
    assert (FLUSH in line(changed, "VIOLATED")) == (arch == "s390")


def test_what_holds_is_no_more_than_the_table_has(report: Report) -> None:
    """An invariant that is not known somewhere is not counted."""
    (word, count, *_) = line(report, "HOLDS").split()
    changed = with_verdict(report, "mutant", "s390", "no_deadlock", Verdict.UNKNOWN)
    assert word == "HOLDS"
    assert line(changed, "HOLDS").split()[1] == str(int(count) - 1)
    table = [t.split() for t in table_lines(report)]
    rows = [t for t in table if len(t) == 3 and t[1:] == ["HOLDS", "HOLDS"]]
    assert int(count) <= len(rows)
    assert "for sequential consistency" in line(report, "HOLDS")


def test_where_nothing_is_decided_it_says_so() -> None:
    found = asked(limits=Limits(2))
    assert line(found, "VIOLATED") == ""
    assert line(found, "UNKNOWN").split()[1] == f"{len(every()) - 1}:", (
        "all but what is read off texts"
    )
    assert "at --max-states 2" in " ".join(summary_lines(found))
    assert len(summary_lines(found)) <= LINES


def test_a_violation_that_was_there_before_is_said_to_be(report: Report) -> None:
    assert already_before(report) == {}
    changed = with_verdict(report, "after", "x86_64", FLUSH, Verdict.VIOLATED)
    assert list(already_before(changed)) == [FLUSH]
    assert f"already so in after: {FLUSH}" in line(changed, "also")
    elsewhere = with_verdict(report, "after", "s390", FLUSH, Verdict.VIOLATED)
    assert already_before(elsewhere) == {}, "on another architecture"


def test_what_the_version_before_violates_and_this_one_holds_is_mended(report: Report) -> None:
    name = "everything_is_released"
    changed = with_verdict(report, "after", "x86_64", name, Verdict.VIOLATED)
    assert name in line(changed, "mended")
    unsure = with_verdict(changed, "mutant", "x86_64", name, Verdict.UNKNOWN)
    assert line(unsure, "mended") == ""


def test_a_violation_that_may_follow_from_another_comes_after_it(report: Report) -> None:
    first, second = report.traces
    assert (first.invariant.name, first.after) == (FLUSH, ())
    assert [name for name, _ in second.after] == [FLUSH]
    row = next(row for _, row in second.after)
    assert second.rows[row - 1].text == "spin_unlock(src.ptl)"


def test_the_table_without_and_with_what_is_not_applicable(report: Report) -> None:
    brief, whole = table_lines(report), table_lines(report, verbose=True)
    assert len(brief) < len(whole)
    assert any("--verbose" in text for text in brief)
    assert not any("--verbose" in text for text in whole)
    assert not any("orders it before folio_maybe_dma_pinned" in text for text in brief)


def test_the_summary_and_the_shortest_trace_come_before_the_table() -> None:
    ran = run(
        MOVE.name, "--mutant", "no flush", "--arch", "x86_64", "--scenario", ALONE, "--no-cache",
        "--jobs", "1",
    )  # fmt: skip
    lines = ran.stdout.splitlines()
    traces = [n for n, text in enumerate(lines) if text.startswith("why       ")]
    (table,) = (n for n, text in enumerate(lines) if text.startswith("invariant  "))
    assert len(traces) == 2
    assert traces[0] < 14
    assert traces[0] < table < traces[1]

# SPDX-License-Identifier: GPL-2.0-only
"""Traces as text: what is wrong stands first, what decides is shown, and nothing is cut."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from checks.render import page
from checks.render.columns import BREAKS
from checks.render.commit import LINES, commit_lines
from checks.render.differs import differs
from checks.render.excerpt import ROWS, excerpt
from checks.render.legend import legend_lines
from checks.render.trace import trace_lines
from checks.trace.trace import Row, Trace
from model.lang.ir import Site
from tests.families import MOVE
from tests.model.test_traces import MUTANTS, play_of_mutant, shortest

SHOWN = (
    "no flush", "flush after the PTLs", "index not updated", "PTLs in argument order",
    "no pin check", "no flush of walk caches", "table not freed",
    "folio unlocked after the PTLs, without a reference",
)  # fmt: skip
"""A stale translation at a step, a late flush, a field that is left alone, a deadlock, a pin from
the start, a use after free, a state at the end."""


def trace_of(name: str) -> Trace:
    return shortest((MOVE.name, name))


def changes_a_lock(row: Row, word: str) -> list[str]:
    found = (re.fullmatch(rf"CPU\d+ {word} (.+)", c.text) for c in row.changes)
    return [m[1] for m in found if m]


@pytest.mark.parametrize("name", SHOWN)
def test_what_is_wrong_stands_in_the_first_lines(name: str) -> None:
    trace = trace_of(name)
    lines = trace_lines(trace)
    head = " ".join(line.strip() for line in lines[:7])
    assert lines[0].startswith(f"VIOLATED  {trace.invariant.name} ")
    assert lines[1].startswith("why       ")
    assert trace.why.facts in head.replace("why       ", "")


@pytest.mark.parametrize("name", SHOWN)
def test_rows_that_decide_are_shown_and_the_one_that_breaks_is_marked(name: str) -> None:
    trace = trace_of(name)
    shown = {trace.rows[n].number for n in excerpt(trace)}
    assert trace.deciding <= shown
    assert {int(n) for n in re.findall(r"\(row (\d+)\)", trace.why.facts)} <= shown
    assert trace.rows[-1].number in shown
    assert len(shown) <= max(ROWS, len(trace.deciding) + 2)
    assert sum(BREAKS in line for line in trace_lines(trace)) == 1


@pytest.mark.parametrize("name", SHOWN)
def test_no_lock_is_dropped_that_was_not_taken(name: str) -> None:
    trace = trace_of(name)
    rows = [trace.rows[n] for n in sorted(excerpt(trace, 24, pairs=True))]
    held = {lock for row in rows for lock in changes_a_lock(row, "takes")}
    assert {lock for row in rows for lock in changes_a_lock(row, "drops")} <= held


@pytest.mark.parametrize("name", SHOWN)
def test_the_full_trace_has_every_row(name: str) -> None:
    trace = trace_of(name)
    lines = trace_lines(trace, full=True)
    numbers = [int(m[1]) for line in lines if (m := re.match(r" {0,2}(\d{1,3}) ", line))]
    assert numbers == [row.number for row in trace.rows]
    assert not any("--full-trace" in line for line in lines)
    assert any("--full-trace" in line for line in trace_lines(trace))


@pytest.mark.parametrize("columns", [72, 100, 120])
@pytest.mark.parametrize("name", SHOWN)
def test_a_page_of_any_width_cuts_nothing(
    name: str, columns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("checks.render.trace.width", lambda: columns)
    trace = trace_of(name)
    lines = trace_lines(trace, full=True)
    together = re.sub(r"\s+", "", "".join(lines))
    assert max(map(len, lines)) <= columns
    for row in trace.rows:
        assert re.sub(r"\s+", "", row.text) in together


@pytest.mark.parametrize("name", SHOWN)
def test_the_legend_is_of_the_signs_that_occur(name: str) -> None:
    lines = trace_lines(trace_of(name))
    legend = legend_lines(lines)
    assert len(legend) <= 3
    assert ("TLB3: the TLB of CPU3" in " ".join(legend)) == any("TLB3 " in line for line in lines)
    assert not legend_lines(["VIOLATED"])


@pytest.mark.parametrize("name", SHOWN)
def test_the_row_that_breaks_is_named(name: str) -> None:
    trace = trace_of(name)
    assert f"(row {len(trace.rows)})" in trace.why.facts


@pytest.mark.parametrize(
    ("name", "said"),
    [
        (
            "flush after the PTLs",
            "The next flush of CPU0, flush_tlb_range(src+0, end of src) (line",
        ),
        ("no flush", "No flush follows before CPU0 returns."),
    ],
)
def test_a_flush_that_is_missing_and_one_that_comes_too_late(name: str, said: str) -> None:
    assert said in trace_of(name).why.facts


@pytest.mark.parametrize("name", SHOWN)
def test_the_form_for_a_commit(name: str) -> None:
    trace = trace_of(name)
    lines = commit_lines(trace)
    assert len(lines) <= LINES
    assert max(map(len, lines)) <= 75
    assert "(row" not in " ".join(lines), "its rows have no numbers"
    assert trace.rows[-1].text in " ".join(" ".join(lines).split())


def test_the_width_of_a_page(monkeypatch: pytest.MonkeyPatch) -> None:
    """Width of the terminal within bounds; where standard output is none, it is always the same."""
    assert page.width() == 100
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    for columns, wanted in (("60", 72), ("90", 90), ("200", 120)):
        monkeypatch.setenv("COLUMNS", columns)
        assert page.width() == wanted


@pytest.mark.parametrize(
    ("text", "room", "lines"),
    [
        ("spin_lock(src.ptl)", 18, ["spin_lock(src.ptl)"]),
        ("set_pte_at(dst+0, F0 w)", 18, ["set_pte_at(dst+0,", "  F0 w)"]),
        ("check_ptes_for_batched_move(F0)", 20, ["check_ptes_for_batched_move(", "  F0)"]),
    ],
)
def test_a_call_is_broken_between_words(text: str, room: int, lines: list[str]) -> None:
    assert page.parts(text, room) == lines


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("index not updated", "from merged: line 124 set_folio_index(...) is missing"),
        ("flush after the PTLs", "flush_tlb_range(...) comes after double_pt_unlock("),
        ("PTL of the destination dropped twice", "from merged: spin_unlock(dst_ptl) is added"),
        ("flush one page short", "line 137 flush_tlb_range(...) is written otherwise"),
    ],
)
def test_a_mutant_differs_in_a_line(name: str, said: str) -> None:
    assert said in differs(play_of_mutant((MOVE.name, name)), 90)


def test_each_mutant_differs_from_its_base() -> None:
    assert all(differs(play_of_mutant(key), 90) for key in MUTANTS)


def test_a_second_call_of_a_function_has_a_heading() -> None:
    """Also where all rows of the caller between the two are left out."""
    trace = trace_of("PTLs in argument order")
    (first, *_), last = trace.rows, trace.rows[-1]
    assert last.site is not None
    caller = Site("f.py", 1, 0, "caller")
    inner = replace(last.site, function="callee", outer=replace(caller, line=2))
    rows = tuple(
        replace(first, thread=0, site=site, text=f"step{n}()", number=n, changes=())
        for n, site in enumerate((inner, caller, caller, replace(inner, line=9)), 1)
    )
    made = replace(trace, rows=rows, pending=(), columns=("CPU0 caller()", "CPU1 other()"))
    lines = trace_lines(made, full=True)
    assert sum(line.strip().startswith("callee()") for line in lines) == 2

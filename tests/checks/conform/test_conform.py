# SPDX-License-Identifier: GPL-2.0-only
"""`conform` itself: what it says and its exit status; against the running kernel where it may be.

What is asked of the kernel here is little; `python -m tests.bench.conform_mutants` asks for more.
"""

from __future__ import annotations

import json
import os
import signal
from dataclasses import replace
from pathlib import Path

import pytest

from checks.conform.compare import Compared, Difference
from checks.conform.kernel import grants
from checks.conform.kernel.probes import PROBES, Probed
from checks.conform.question import Answer, Question, ask, touched
from checks.conform.run import Asked, Outcome, Report
from checks.render.conform import conform_json, conform_lines
from model.reference.machine.machine import Reference
from model.reference.programs.program import parse
from tests.command import run

from .conftest import BORROWS, WANTED
from .mutants import KERNEL_MUTANTS

on_a_kernel = pytest.mark.skipif(not WANTED, reason="CHECK_INVARIANTS_KERNEL is not set")
QUESTION = Question(100, 30, 1)
PROBED = tuple(Probed(p, "it cannot" if p.name == "swap" else "") for p in PROBES)


def _answer(*outcomes: Outcome) -> Answer:
    asked = Asked(lambda _: parse("p0 read 0"), Reference, 100, ())
    report = Report(asked, {o.number: o for o in outcomes})
    return Answer(QUESTION, "Linux 1 x", PROBED, report)


_FOUND = Difference(parse("p0 mmap 0+1 rw anon\np0 read 0"), 1, "'OK 0' expected, 'EFAULT' seen")
_AGREES = Outcome(0, Compared(30, (), None))
_DIFFERS = Outcome(7, Compared(2, (), _FOUND))


def test_agreement_says_what_was_skipped() -> None:
    answer = _answer(_AGREES)
    assert answer.exit_code == 0
    text = "\n".join(conform_lines(answer))
    assert "agree      1 program; 30 operations compared" in text
    assert "skipped    swap: it cannot" in text


def test_a_difference_is_a_program_to_paste() -> None:
    answer = _answer(_AGREES, _DIFFERS)
    assert answer.report is not None
    answer.report.shown.append((_DIFFERS, _FOUND))
    assert answer.exit_code == 1
    lines = conform_lines(answer)
    assert lines[-4:] == [
        "    arena 16",
        "    p0 mmap 0+1 rw anon",
        "    p0 read 0",
        "last       'OK 0' expected, 'EFAULT' seen",
    ]
    found = json.loads(conform_json(answer))
    assert (found["exit"], found["agree"], found["differ"][0]["number"]) == (1, 1, 7)
    assert parse(found["differ"][0]["program"]) == _FOUND.program


def test_what_did_not_come_again_is_unknown() -> None:
    answer = _answer(_AGREES, replace(_DIFFERS, steady=False))
    assert answer.exit_code == 3
    assert "unsteady   1 program differed once and not again" in conform_lines(answer)


def test_without_the_basic_set_nothing_is_known() -> None:
    probed = tuple(Probed(p, "no" if p.name == "fork" else "") for p in PROBES)
    answer = Answer(QUESTION, "Linux 1 x", probed)
    assert answer.exit_code == 3
    assert "skipped    basic set: fork: no" in conform_lines(answer)


def test_lost_or_interrupted_is_unknown() -> None:
    for change, head in (("lost", "lost"), ("interrupted", "stopped")):
        answer = _answer(_AGREES)
        assert answer.report is not None
        setattr(answer.report, change, {3: "it ended"} if change == "lost" else True)
        assert answer.exit_code == 3
        assert any(line.startswith(head) for line in conform_lines(answer))


def test_what_is_touched_is_said_and_bad_words_are_refused() -> None:
    assert "changes no setting" in " ".join(touched(QUESTION))
    assert "swap file" in " ".join(touched(replace(QUESTION, swap=True)))
    refused = run("conform", "--without", "forks")
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert "no such operation" in refused.stderr


def test_two_runs_do_not_mix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Swap that the other gives back would bring pages of this one back: a false difference."""
    areas = tmp_path / "swaps"
    areas.touch()
    monkeypatch.setattr(grants, "_SWAPS", areas)
    with grants.swap_areas(change=True):
        answer = ask(QUESTION)
    assert (answer.exit_code, answer.probed) == (3, ())
    assert "UNKNOWN    nothing was compared: another run of conform is on, and one of the two" in (
        "\n".join(conform_lines(answer))
    )
    with grants.swap_areas(change=False), grants.swap_areas(change=False):
        assert ask(replace(QUESTION, swap=True)).not_granted
        child = os.fork()  # it has what is open here, and lives on
        if child == 0:
            signal.pause()
    try:
        with grants.swap_areas(change=True):
            pass
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


@on_a_kernel
@pytest.mark.usefixtures("alone")
def test_random_programs_agree_and_the_answer_does_not_depend_on_who_works() -> None:
    question = Question(240, 30, 5, swap=BORROWS)
    told = _told(question)
    assert [found for found in told.values() if found.difference] == []
    small = replace(question, programs=60)
    for jobs in (1, 2):
        again = _told(replace(small, jobs=jobs))
        both = again.keys() & told.keys()
        assert len(both) >= 55
        assert {n: again[n] for n in both} == {n: told[n] for n in both}


def _told(question: Question) -> dict[int, Compared]:
    """The comparison of each program by its number.

    A program that differed once and not again is left out: the kernel may keep a page back for a
    moment (somebody else holds its folio), which is said as ONCE and is no question of ours.
    """
    answer = ask(question)
    assert answer.report is not None, "\n".join(conform_lines(answer))
    assert (answer.missing, answer.not_granted, answer.report.lost) == ([], [], {})
    return {o.number: o.compared for o in answer.report.outcomes.values() if o.steady}


@on_a_kernel
@pytest.mark.usefixtures("alone")
def test_an_error_of_the_reference_is_made_small() -> None:
    mutant = next(m for m in KERNEL_MUTANTS if m.name == "mremap keeps the old mapping")
    with mutant.applied():
        answer = ask(Question(30, 30, 1), mutant.make)
    assert answer.exit_code == 1
    assert answer.report is not None
    assert answer.report.shown
    for _, found in answer.report.shown:
        assert len(found.program.ops) <= 5
        assert found.op.name == "mremap"

# SPDX-License-Identifier: GPL-2.0-only
"""The answer of `conform`, as text and as JSON.

Version 1 of the machine form; keys are only ever added.

version, exit, kernel, programs, steps, seed, without[], not_granted[]
skipped[]   name, basic (whether of the basic set), why
unseen[]    what the kernel can and the reference MM cannot
sharing[]   shift, appears, mapcount, error, first_keeps, second_keeps, as_observed
and where the basic set is there:
run, compared (operations), agree, refused{}, interrupted
hugetlb     the same of programs of huge pages, where they were asked for and can be had
differ[], unsteady[]   number, small (made small), step, operation, what, program (its text)
lost[]      number, why
"""

from __future__ import annotations

import dataclasses
import json
import textwrap
from collections.abc import Iterator
from typing import Any

from ..conform.compare import Difference
from ..conform.kernel.hugetlb import Sharing
from ..conform.question import Answer
from ..conform.run import Outcome, Report
from .page import counted, width

VERSION = 1


def conform_lines(answer: Answer) -> list[str]:
    """What was asked, what came of it, what was left out and why, then each difference."""
    question = answer.question
    left_out = f", without {', '.join(question.without)}" if question.without else ""
    lines = [
        f"conform    the reference MM and {answer.kernel}",
        f"programs   {question.programs} of {question.steps} operations, seed {question.seed}"
        f"{left_out}; compared after every operation",
    ]
    report = answer.report
    if report is None:
        why = "the basic set is missing" if answer.missing else "; ".join(answer.not_granted)
        lines += _row("UNKNOWN", f"nothing was compared: {why}")
    else:
        lines += _counts(report)
    if answer.hugetlb is not None:
        lines += _counts(answer.hugetlb, " of huge pages")
    lines += [line for sharing in answer.sharing for line in _sharing(sharing)]
    for probed in answer.probed:
        if probed.why and not probed.probe.behaviour:
            basic = "basic set: " if probed.basic else ""
            lines += _row("skipped", f"{basic}{probed.name}: {probed.why}")
    for probed in answer.probed:
        if probed.probe.behaviour and probed.why:
            lines += _row("differs", f"{probed.name}: {probed.why}; the reference does so too")
    for why in answer.not_granted if report is not None or answer.missing else ():
        lines += _row("skipped", why)
    for capability in answer.unseen:
        lines += _row("not in MM", capability.value)
    for each in answer.reports:
        for what, times in each.refused().items():
            lines += _row("refused", f"{times} times, by the reference: {what}")
    for each in answer.reports:
        for outcome, difference in each.shown:
            lines += ["", *difference_lines(outcome, difference)]
        for outcome in each.differing(steady=False)[:3]:
            assert outcome.compared.difference is not None
            lines += ["", *difference_lines(outcome, outcome.compared.difference)]
    return lines


def _counts(report: Report, of: str = "") -> Iterator[str]:
    every = len(report.outcomes)
    different, unsteady = report.differing(), report.differing(steady=False)
    if report.interrupted:
        yield from _row("stopped", f"interrupted: {report.asked.programs - every} programs not run")
    yield from _row("agree", f"{counted(every - len(different) - len(unsteady), 'program')}{of};"
                    f" {counted(report.steps, 'operation')} compared")  # fmt: skip
    yield from _row("differ", f"{counted(len(different), 'program')}{of}")
    if unsteady:
        yield from _row(
            "unsteady", f"{counted(len(unsteady), 'program')}{of} differed once and not again"
        )
    for number, why in sorted(report.lost.items()):
        yield from _row("lost", f"program {number}{of}: {why}")


def difference_lines(outcome: Outcome, difference: Difference) -> list[str]:
    """A difference, with the program that shows it, to paste."""
    size = len(difference.program.ops)
    kind = "DIFFERS" if outcome.steady else "ONCE"
    lines = [*_row(kind, f"program {outcome.number}, made small: {size} operations"
                   if outcome.steady else f"program {outcome.number}, and not again")]  # fmt: skip
    program = str(difference.program).splitlines()
    if not outcome.steady:
        program = program[: difference.step + 2]
    lines += [f"    {line}" for line in program]
    lines += _row("last", difference.what)
    return lines


def _sharing(sharing: Sharing) -> list[str]:
    where = "the same address" if not sharing.shift else "addresses off by one huge page"
    if sharing.as_observed:
        seen = "share a PMD table; mprotect leaves it" if not sharing.shift else "share none"
        return _row("hugetlb", f"two processes that map a file at {where} {seen}")
    seen = ", ".join(f"{k}={v}" for k, v in dataclasses.asdict(sharing).items())
    return _row("DIFFERS", f"hugetlb at {where}: {seen}")


def _row(head: str, text: str) -> list[str]:
    return textwrap.wrap(text, width(), initial_indent=f"{head:<11}", subsequent_indent=" " * 11)


def conform_json(answer: Answer) -> str:
    """The answer as one JSON document."""
    question, report = answer.question, answer.report
    document: dict[str, Any] = {
        "version": VERSION,
        "exit": answer.exit_code,
        "kernel": answer.kernel,
        "programs": question.programs,
        "steps": question.steps,
        "seed": question.seed,
        "without": list(question.without),
        "skipped": [
            {"name": p.name, "basic": p.basic, "why": p.why}
            for p in answer.probed
            if p.why and not p.probe.behaviour
        ],
        "unseen": [c.name for c in answer.unseen],
        "sharing": [
            {**dataclasses.asdict(s), "as_observed": s.as_observed} for s in answer.sharing
        ],
        "not_granted": answer.not_granted,
    }
    if report is not None:
        document |= _report(report)
    if answer.hugetlb is not None:
        document["hugetlb"] = _report(answer.hugetlb)
    return json.dumps(document, indent=2)


def _report(report: Report) -> dict[str, Any]:
    small = {o.number: d for o, d in report.shown}
    different, unsteady = report.differing(), report.differing(steady=False)
    return {
        "run": len(report.outcomes),
        "compared": report.steps,
        "agree": len(report.outcomes) - len(different) - len(unsteady),
        "differ": [_difference(o, small.get(o.number)) for o in different],
        "unsteady": [_difference(o, None) for o in unsteady],
        "lost": [{"number": n, "why": why} for n, why in sorted(report.lost.items())],
        "refused": report.refused(),
        "interrupted": report.interrupted,
    }


def _difference(outcome: Outcome, small: Difference | None) -> dict[str, Any]:
    shown = small or outcome.compared.difference
    assert shown is not None
    return {
        "number": outcome.number,
        "small": small is not None,
        "step": shown.step,
        "operation": str(shown.op),
        "what": shown.what,
        "program": str(shown.program),
    }

# SPDX-License-Identifier: GPL-2.0-only
"""The machine form.  Version 1: keys are only ever added.

version, exit, not_checked[], patches[], undecided[] (submissions that no stored version is)
of a patch: patch, recognised, exit, sample (casts and seed of --sample, else null), left_out (what
--quick leaves out, so that a HOLDS is not the last word; else null), and
sides[]    label, variant, kernel, beside, counterfactual, mutant, never_fired[], observations[],
           never_fired_on[] (branches that fired elsewhere, with the archs on which none did)
results[]  invariant, group, sentence, side, arch, verdict, reason, scenarios, states, depth
           (of --engine symbolic, else null), witness, worst[] (names of scenarios), reach (what
           became of the premise: reached, never reached, not under test, nowhere); and, of
           sequential_consistency_is_enough alone, pairs[]
pairs[]    scenario, routine, and the accesses first and second, which may be taken in the other
           order, seen after and before, unless[] a barrier comes between: each with function,
           line, call, field; too: whether the version before has it as well (null: not looked at)
traces[]   those in whose run another of the invariants failed before come last; invariant,
           scenario, after[] (these: invariant and row), before (of a violation that the version
           before has on the same architectures too: in how many casts; else ""), why (the facts)
           and then (what follows), statements, switches, states, fewest, schedule, columns[],
           stale[], held[], steps[] (cpu or null for hardware, function, kernel, file, line, text,
           changes[], number, decides: whether it writes what the failing condition reads),
           not_reached[] (without the last two: what is still to come)
missing[]  invariant, scenario, why
contradictions[]  what the tool found wrong with itself, each a text; exit is 2 then
assumptions[]
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from invariants.registry import NOT_BUILT

from ..answer.quick import omitted
from ..answer.report import Report
from ..memory_order.ordering import Answer
from ..patch_input import Submission
from ..trace.trace import Row, Trace
from .summary import already_before
from .table import ABSENT

VERSION = 1


def json_text(reports: list[Report], undecided: list[dict[str, Any]], exit_code: int) -> str:
    """All answers as one JSON document."""
    document = {
        "version": VERSION,
        "exit": exit_code,
        "not_checked": list(NOT_BUILT),
        "patches": [_report(r) for r in reports],
        "undecided": undecided,
    }
    return json.dumps(document, indent=2, sort_keys=False)


def undecided_json(found: Submission) -> dict[str, Any]:
    """A submission that no stored version is."""
    return {
        "source": found.source, "subject": found.subject, "kind": found.kind,
        "files": list(found.files), "functions": list(found.functions),
        "calls": list(found.calls), "commits": list(found.commits), "near": found.near,
    }  # fmt: skip


def _report(report: Report) -> dict[str, Any]:
    patch, sample = report.question.target.family, report.question.sample
    before = already_before(report)
    return {
        "patch": patch.name,
        "recognised": report.question.target.recognised,
        "exit": report.exit_code,
        "sample": asdict(sample) if sample is not None else None,
        "left_out": omitted(report.question) if report.question.quick else None,
        "sides": [
            {
                "label": side.label,
                "variant": side.role.variant.name,
                "kernel": side.role.variant.kernel,
                "beside": side.role.variant.neighbours_from,
                "counterfactual": side.role.variant.counterfactual,
                "mutant": side.role.mutant,
                "never_fired": [
                    {"file": f, "line": n, "function": fn, "way": way}
                    for f, n, fn, way in report.never_fired(side)
                ],
                "never_fired_on": [
                    {"file": f, "line": n, "function": fn, "way": way, "archs": list(archs)}
                    for (f, n, fn, way), archs in report.never_fired_on(side).items()
                ],
                "observations": [
                    o.text for o in patch.observations if o.variant == side.role.variant.name
                ],
            }
            for side in report.question.target.sides
        ],
        "results": [
            {
                "invariant": cell.invariant.name,
                "group": cell.invariant.group,
                "sentence": cell.invariant.sentence,
                "side": column.side.label,
                "arch": column.arch,
                "verdict": str(cell.verdict),
                "reason": cell.reason,
                "scenarios": cell.casts,
                "states": cell.states,
                "depth": column.depth,
                "witness": cell.invariant.witness,
                "worst": [o.play.name for o in cell.worst],
                "reach": str(cell.reach),
                **({"pairs": _pairs(column.orders)} if cell.invariant.kind == "text" else {}),
            }
            for column in report.columns
            for cell in column.cells
        ],
        "traces": [_trace(t, before.get(t.invariant.name, "")) for t in report.traces],
        "missing": [
            {
                "invariant": m.cell.invariant.name, "scenario": m.cell.worst[0].play.name,
                "why": m.why,
            }
            for m in report.missing
        ],
        "contradictions": list(report.contradictions),
        "assumptions": [*ABSENT, patch.left_out],
    }  # fmt: skip


def _pairs(answers: Sequence[Answer]) -> list[dict[str, Any]]:
    return [
        {
            "scenario": answer.play.name, "routine": pair.routine,
            "first": asdict(pair.first), "second": asdict(pair.second),
            "after": asdict(pair.after), "before": asdict(pair.before),
            "unless": [asdict(place) for place in pair.unless], "too": pair.too,
        }
        for answer in answers for pair in answer.pairs
    ]  # fmt: skip


def _trace(trace: Trace, before: str) -> dict[str, Any]:
    return {
        "invariant": trace.invariant.name,
        "scenario": trace.play.name,
        "after": [{"invariant": name, "row": row} for name, row in trace.after],
        "before": before,
        "why": trace.why.facts,
        "then": trace.why.then,
        "statements": trace.statements,
        "switches": trace.switches,
        "states": trace.states,
        "fewest": trace.fewest,
        "schedule": trace.schedule,
        "columns": list(trace.columns),
        "stale": list(trace.stale),
        "held": list(trace.held),
        "steps": [
            {**_row(r), "number": r.number, "decides": r.number in trace.deciding}
            for r in trace.rows
        ],
        "not_reached": [_row(r) for r in trace.pending],
    }


def _row(row: Row) -> dict[str, Any]:
    return {
        "cpu": row.thread if row.site is not None else None,
        "function": row.site.function if row.site is not None else "",
        "kernel": row.site.cite if row.site is not None else "",
        "file": row.site.file if row.site is not None else "",
        "line": row.site.line if row.site is not None else 0,
        "text": row.text,
        "changes": [c.text for c in row.changes],
    }

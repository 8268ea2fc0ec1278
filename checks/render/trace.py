# SPDX-License-Identifier: GPL-2.0-only
"""A trace as text: why, then the rows that matter."""

from __future__ import annotations

from invariants.registry import Invariant

from ..trace.trace import Trace
from .columns import body
from .differs import differs
from .excerpt import ROWS, excerpt
from .page import counted, labelled, width

LINES = 40


def trace_lines(trace: Trace, *, full: bool = False, before: str = "") -> list[str]:
    """Every line of a trace but the one that replays it, which may be long: 40 of them, unless the
    rows that decide need more.

    `full`: with all of its rows; `before`: what the version before has of this violation.
    """
    columns = width()
    head = _head(trace, columns, before)
    for most in range(ROWS, 0, -1):
        hidden = not full and len(excerpt(trace, most)) < len(trace.rows)
        foot = _foot(trace, columns, hidden=hidden)
        lines = [*head, "", *body(trace, columns, most, full=full), "", *foot]
        if full or len(lines) <= LINES:
            break
    return lines


def replay_line(trace: Trace) -> str:
    """The command that carries a trace out again."""
    return f"replay    check-invariants replay '{trace.schedule}'"


def _head(trace: Trace, columns: int, before: str) -> list[str]:
    """The fault, what follows from it, the calls, and how the version differs from its base."""
    invariant = trace.invariant
    first = f"VIOLATED  {invariant.name}"
    known = f"[{trace.play.arch}, {_length(trace)}]"
    gap = columns - len(first) - len(known)
    lines = [f"{first}{' ' * gap}{known}"] if gap > 1 else [first, *labelled("", known, columns)]
    lines += labelled("why", trace.why.facts, columns)
    lines += labelled("", trace.why.then, columns) if trace.why.then else []
    lines += labelled("before", before, columns) if before else []
    if trace.after:
        told = " and ".join(f"{name} (row {row})" for name, row in trace.after)
        text = f"{told} failed before: this may follow from it."
        lines += labelled("after", text, columns)
    lines += labelled("calls", _calls(trace), columns)
    text = differs(trace.play, columns - 10)
    return lines + ([f"differs   {text}"] if text else [])


def _calls(trace: Trace) -> str:
    """The call of each thread, in the words of the cast."""
    cast = trace.play.cast
    docs = [cast.subject.doc, *(n.told(cast.blueprint.roles) for n in cast.others if n.runs_code)]
    cpus = [column.partition(" ")[0] for column in trace.columns]
    return "; ".join(f"{who}: {doc}" for who, doc in zip(cpus, docs, strict=True))


def _rule(invariant: Invariant, columns: int) -> list[str]:
    """The rule, where it stands if that is a place to read it, and who relies on it."""
    where = "" if invariant.kind == "engine" else f" ({invariant.where})"
    relied = f"; relied on by {invariant.relied_on}" if invariant.relied_on else ""
    return labelled("rule", f"{invariant.sentence}{where}{relied}", columns)


def _length(trace: Trace) -> str:
    """The length of the trace, and whether it could be shorter."""
    shortest = "shortest trace" if trace.fewest else "perhaps not the shortest trace"
    ran = shortest if trace.states else "replayed"
    switches = f"{trace.switches} switch{'es' * (trace.switches != 1)}"
    return f"{counted(trace.statements, 'statement')}, {switches}, {ran}"


def _foot(trace: Trace, columns: int, *, hidden: bool) -> list[str]:
    """The rule that is broken, what was played, and who holds what."""
    variant = trace.play.role.variant
    kernel = variant.counterfactual and f"counterfactual: {variant.counterfactual}"
    names = ", ".join(variant.edited_names)
    edited = f" (edited: {names})" if names else ""
    mutant = f", mutant: {trace.play.role.mutant}" if trace.play.role.mutant else ""
    model = f"{variant.file} {variant.name}{edited}{mutant}, {kernel or 'kernel ' + variant.kernel}"
    lines = _rule(trace.invariant, columns)
    lines += labelled("scenario", f"{trace.play.name}, {model}", columns)
    more = "  (all rows: --full-trace)" if hidden else ""
    held = "; ".join(trace.held)
    return lines + labelled("held" if held else "", held + more, columns)

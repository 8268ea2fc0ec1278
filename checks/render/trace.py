# SPDX-License-Identifier: GPL-2.0-only
"""A trace as text: at most 40 lines of 100 columns."""

from __future__ import annotations

import textwrap

from ..trace.trace import Trace
from .columns import WIDTH, body

LINES = 40


def trace_lines(trace: Trace) -> list[str]:
    """Every line of a trace but the one that replays it, which may be long."""
    head = _head(trace)
    foot = _foot(trace)
    return [*head, *body(trace, LINES - len(head) - len(foot)), *foot]


def replay_line(trace: Trace) -> str:
    """The command that carries a trace out again."""
    return f"replay    check-invariants replay '{trace.schedule}'"


def _head(trace: Trace) -> list[str]:
    invariant, play = trace.invariant, trace.play
    variant = play.role.variant
    sentence = textwrap.wrap(invariant.sentence, WIDTH - 10)
    first = f"VIOLATED  {sentence[0]}"
    lines = [first, *(f"          {more}" for more in sentence[1:])]
    for n, text in enumerate([trace.why.facts, trace.why.then]):
        lines += textwrap.wrap(
            text,
            WIDTH,
            initial_indent="          " if n else "why       ",
            subsequent_indent=" " * 10,
        )
    lines.append(f"          {invariant.name}, {invariant.where}")
    relied = textwrap.wrap(f"relied on by {invariant.relied_on}", WIDTH - 10)
    lines += [f"          {part}" for part in relied]
    kernel = variant.counterfactual and f"counterfactual: {variant.counterfactual}"
    mutant = f", mutant: {play.role.mutant}" if play.role.mutant else ""
    names = ", ".join(variant.edited_names)
    edited = f" (edited: {names})" if names else ""
    model = f"{variant.file} {variant.name}{edited}{mutant}, {kernel or 'kernel ' + variant.kernel}"
    fewest = "fewest" if trace.fewest else "perhaps not the fewest"
    lines += [
        f"scenario  {play.name}",
        *(f"          {part}" for part in textwrap.wrap(model, WIDTH - 10)),
        f"trace     {_count(trace.statements, 'statement')}, {_count(trace.switches, 'switch')}"
        + (f" ({fewest}); {trace.states} states visited" if trace.states else "; replayed"),
        "",
    ]
    return [line[:WIDTH] for line in lines]


def _foot(trace: Trace) -> list[str]:
    lines = [""]
    word = "STALE     "
    for text in trace.stale[:3]:
        lines.append(word + text)
        word = "          "
    if trace.held:
        held = "; ".join(trace.held)
        lines += textwrap.wrap(held, WIDTH, initial_indent="HELD      ", subsequent_indent=" " * 10)
    return [line[:WIDTH] for line in lines] if len(lines) > 1 else []


def _count(number: int, word: str) -> str:
    return f"{number} {word}" + ("" if number == 1 else "es" if word.endswith("ch") else "s")

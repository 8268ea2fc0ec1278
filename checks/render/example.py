# SPDX-License-Identifier: GPL-2.0-only
"""The answer about an example."""

from __future__ import annotations

import textwrap

from ..examples.example import ExampleResult
from .page import width


def example_lines(result: ExampleResult) -> list[str]:
    """Counts, verdict, and the steps to a violation."""
    search = result.search
    what, counts = _counted(result)
    if result.steps:
        length = f"{len(result.steps)} steps (shortest)"
        lines = [f"VIOLATED  {result.broken}", f"example   {result.name}"]
        lines += [f"trace     {length}; {counts}", ""]
        for n, step in enumerate(result.steps, 1):
            lines.append(f"{n:4}  {step.rule:<36}{'; '.join(step.changes)}"[: width()].rstrip())
        return lines
    word, why = ("UNKNOWN", f" ({search.why})") if search.why else ("HOLDS", "")
    lines = []
    for sentence in result.sentences:
        lines += _wrapped(f"{word:<10}{sentence}{why}")
    lines.append(f"example   {result.name}")
    if result.classes:
        exchanged = ", ".join(f"{count} of {name}" for name, count in result.classes.items())
        lines.append(f"symmetry  {exchanged} are exchanged")
    lines += [f"{'':10}not {name}: {why}" for name, why in result.refused.items()]
    return lines + _wrapped(f"{what:<10}{counts.removesuffix(' visited')}")


def _wrapped(line: str) -> list[str]:
    """An option stays in one piece."""
    return textwrap.wrap(line, width(), subsequent_indent=" " * 10, break_on_hyphens=False)


def _counted(result: ExampleResult) -> tuple[str, str]:
    """What was searched, in a word, and how much of it."""
    search = result.search
    if result.facts:
        facts = ", ".join(result.facts)
        return "induction", f"no state was visited; true at first, and kept by every rule: {facts}"
    if search.depth is not None:
        longer = "" if search.why else "; no path is longer that comes to no state again"
        return "symbolic", f"all paths of {search.depth} steps{longer}"
    what = "orbits" if result.classes else "states"
    levels = search.levels - 1
    return (
        what,
        f"{search.states} {what}, {search.transitions} transitions, {levels} levels visited",
    )

# SPDX-License-Identifier: GPL-2.0-only
"""The answer about an example."""

from __future__ import annotations

from ..example import ExampleResult
from .columns import WIDTH


def example_lines(result: ExampleResult) -> list[str]:
    """Counts, verdict, and the steps to a violation."""
    search = result.search
    what = "orbits" if result.classes else "states"
    counts = f"{search.states} {what}, {search.transitions} transitions, {search.levels - 1} levels"
    if result.steps:
        length = f"{len(result.steps)} steps (shortest)"
        lines = [f"VIOLATED  {result.broken}", f"example   {result.name}"]
        lines += [f"trace     {length}; {counts} visited", ""]
        for n, step in enumerate(result.steps, 1):
            lines.append(f"{n:4}  {step.rule:<36}{'; '.join(step.changes)}"[:WIDTH].rstrip())
        return lines
    word, why = ("UNKNOWN", f" ({search.why})") if search.why else ("HOLDS", "")
    lines = [f"{word:<10}{sentence}{why}" for sentence in result.sentences]
    lines.append(f"example   {result.name}")
    if result.classes:
        exchanged = ", ".join(f"{count} of {name}" for name, count in result.classes.items())
        lines.append(f"symmetry  {exchanged} are exchanged")
    lines += [f"{'':10}not {name}: {why}" for name, why in result.refused.items()]
    return [*lines, f"{what:<10}{counts}"]

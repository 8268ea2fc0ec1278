# SPDX-License-Identifier: GPL-2.0-only
"""The answer of `drift`."""

from __future__ import annotations

from ..drift.drift import Report


def drift_lines(report: Report) -> list[str]:
    """The functions that differ, each with its models, then the counts."""
    lines = [f"kernel {report.version}"]
    states: dict[str, int] = {}
    for entry in report.entries:
        word = entry.state.partition(":")[0]
        states[word] = states.get(word, 0) + 1
    for entry in report.differing:
        lines.append(f"{entry.state:<10} {entry.cite}, modelled from {entry.version}")
        lines += [f"           {model}" for model in entry.models]
    lines.append(", ".join(f"{count} {word}" for word, count in sorted(states.items())))
    return lines

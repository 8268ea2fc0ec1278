# SPDX-License-Identifier: GPL-2.0-only
"""The answer of `necessity`: one line a step."""

from __future__ import annotations

import itertools
import textwrap
from collections.abc import Sequence
from pathlib import Path

from ..necessity.ledger import Asked, Need, Row
from ..target.target import Target
from .page import counted, width

_WHAT = 52
"""Width of the column that says what was done to the step."""


def ledger_lines(
    target: Target, asked: Asked, rows: Sequence[Row], scenario: str = ""
) -> list[str]:
    """What was asked, the steps by function, what is not modelled, and how many there are of each
    kind; and how to see one that is needed, with the `--scenario` that was given."""
    role, patch = asked.role, target.family
    lines = [
        f"necessity  {patch.name}, {role.variant.name}: {role.variant.doc}",
        f"           {counted(len(asked.casts), 'scenario')} on {', '.join(asked.archs)};"
        f" {len(asked.chosen)} invariants; sequential consistency",
    ]
    for (function, file), group in itertools.groupby(
        rows, lambda r: (r.step.function, r.step.file)
    ):
        lines += ["", f"{function}()  {Path(file).name}"]
        for row in sorted(group, key=lambda r: r.step.line):
            lines += _row(row)
    if patch.not_modelled:
        lines += ["", "not in the models"]
        for call, why in patch.not_modelled.items():
            lines += _columns(f"{'':6}{call}", f"not modelled: {why}")
    counts = [f"{sum(r.need is need for r in rows)} {need.value}" for need in Need]
    every = counted(len(rows), "step")
    lines += ["", f"{every}: {', '.join(counts)}; {len(patch.not_modelled)} not modelled"]
    shown = next((r for r in rows if r.need is Need.NEEDED), None)
    if shown is not None:
        lines += [f"trace    check-invariants necessity {role.source} --variant {role.variant.name}"
                  + (f" --scenario '{scenario}'" if scenario else "")
                  + f" --trace --step '{shown.step.name}'"]  # fmt: skip
    return lines


def _row(row: Row) -> list[str]:
    what = row.step.name.rpartition(", ")[0]
    said = row.need.value
    if row.need is Need.NEEDED:
        said += f" {row.invariants[0]}"
        if len(row.invariants) > 1:
            said += f" (+{len(row.invariants) - 1})"
    elif row.why:
        said += f": {row.why}"
    return _columns(f"{row.step.line:5} {what}", said)


def _columns(head: str, said: str) -> list[str]:
    """What a line is about, and what is said of it; in more lines where it does not fit."""
    parts = textwrap.wrap(said, width() - _WHAT - 1)
    lines = [f"{'':{_WHAT}} {part}" for part in parts]
    if len(head) > _WHAT:
        return [head[: width()], *lines]
    return [f"{head:<{_WHAT}} {parts[0]}", *lines[1:]]

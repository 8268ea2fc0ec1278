# SPDX-License-Identifier: GPL-2.0-only
"""What is said of a patch that is not decided: first that it is not, then what it touches."""

from __future__ import annotations

import textwrap

from ..patch_input import Submission
from .page import width


def undecided_lines(found: Submission) -> list[str]:
    """The lines for a submission that is no stored version."""
    lines = [f"UNKNOWN   {found.source}: no stored version is exactly this, so nothing was decided"]
    lines += _row("subject", [found.subject] if found.subject else [])
    lines += _row("kind", [found.kind])
    lines += _row("near", [found.near] if found.near else [])
    lines += _row("commits", list(found.commits))
    lines += _row("files", list(found.files))
    lines += _row("functions", list(found.functions))
    lines += _row("calls", [" ".join(found.calls)] if found.calls else [])
    lines.append("to decide it, write it as a model: check-invariants show PATCH --format python")
    return lines


def _row(word: str, texts: list[str]) -> list[str]:
    lines: list[str] = []
    for text in texts:
        lines += textwrap.wrap(
            text, width(), initial_indent=f"{word:<10}", subsequent_indent=" " * 10
        )
        word = ""
    return lines

# SPDX-License-Identifier: GPL-2.0-only
"""`mover` as it was written for SPIN by hand."""

from __future__ import annotations

from pathlib import Path


def mover_pml(pages: int, *, flushes: bool = True) -> str:
    """The Promela text of a size."""
    text = Path(__file__).with_name("mover.pml").read_text()
    broken = "" if flushes else "#define NO_FLUSH\n"
    return f"#define PAGES {pages}\n{broken}{text}"

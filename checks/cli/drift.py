# SPDX-License-Identifier: GPL-2.0-only
"""`drift`: models against a kernel tree."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from ..drift.drift import drift as drift_of
from ..render.drift import drift_lines
from .common import UNKNOWN, say


@click.command()
@click.argument("tree", type=click.Path(path_type=Path))
def drift(tree: Path) -> None:
    """Modelled functions that differ in a kernel TREE from the version that was modelled."""
    report = drift_of(tree)
    say(drift_lines(report))
    sys.exit(UNKNOWN if report.differing else 0)

# SPDX-License-Identifier: GPL-2.0-only
"""`callers`: who calls a function in a kernel tree."""

from __future__ import annotations

from pathlib import Path

import click

from ..callers.callers import callers as callers_of
from ..render.callers import callers_lines
from .common import say


@click.command()
@click.argument("name")
@click.argument("tree", type=click.Path(path_type=Path))
@click.option("--under", default="", metavar="FOLDER", help="Look in a folder of TREE only.")
def callers(name: str, tree: Path, under: str) -> None:
    """Callers of the function NAME in a kernel TREE, with the locks that stand before the call."""
    say(callers_lines(callers_of(tree, name, under)))

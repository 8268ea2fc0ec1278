# SPDX-License-Identifier: GPL-2.0-only
"""`list`: all that there is, by name."""

from __future__ import annotations

import click

from ..render import catalogue
from .common import say


@click.command("list")
@click.argument("kind", type=click.Choice(catalogue.KINDS), required=False)
def list_(kind: str | None) -> None:
    """What there is: patches, variants, invariants, archs, scenarios, mutants."""
    kinds = [kind] if kind else [k for k in catalogue.KINDS if k != "scenarios"]
    for n, each in enumerate(kinds):
        if not kind:
            click.echo(("\n" if n else "") + each)
        say(catalogue.listed(each))

# SPDX-License-Identifier: GPL-2.0-only
"""`list`: all that there is, by name."""

from __future__ import annotations

import click

from model.patches import FAMILIES

from ..render import catalogue
from ..target.inputs import target_of
from .common import say


@click.command("list")
@click.argument("kind", type=click.Choice(catalogue.KINDS), required=False)
@click.argument("patch", required=False)
def list_(kind: str | None, patch: str | None) -> None:
    """All that there is: patches, variants, invariants, archs, scenarios, mutants; of one PATCH."""
    patches = [target_of(patch, "").family] if patch else list(FAMILIES.values())
    kinds = [kind] if kind else [k for k in catalogue.KINDS if k != "scenarios"]
    for n, each in enumerate(kinds):
        if not kind:
            click.echo(("\n" if n else "") + each)
        say(catalogue.listed(each, patches))

# SPDX-License-Identifier: GPL-2.0-only
"""`explain`: an invariant, a group or a patch, told."""

from __future__ import annotations

import click

from invariants import find
from model.patches import FAMILIES

from ..render import catalogue
from ..target.inputs import target_of
from ..target.target import is_name
from .common import say


@click.command()
@click.argument("name")
def explain(name: str) -> None:
    """An invariant, a group or a patch: the sentence, who relies on it, witness and mutants."""
    if name in FAMILIES or not is_name(name):
        say(catalogue.explained_patch(target_of(name, "").family))
        return
    for n, invariant in enumerate(find(name)):
        if n:
            click.echo()
        say(catalogue.explained_invariant(invariant))

# SPDX-License-Identifier: GPL-2.0-only
"""`explain`: an invariant, a group or a patch, told."""

from __future__ import annotations

import click

from invariants import find
from model.patches import PATCHES

from ..render import catalogue
from ..subject.inputs import subject_of
from ..subject.subject import is_name
from .common import say


@click.command()
@click.argument("name")
def explain(name: str) -> None:
    """An invariant, a group or a patch: the sentence, who relies on it, witness and mutants."""
    if name in PATCHES or not is_name(name):
        say(catalogue.explained_patch(subject_of(name, "").patch))
        return
    for n, invariant in enumerate(find(name)):
        if n:
            click.echo()
        say(catalogue.explained_invariant(invariant))

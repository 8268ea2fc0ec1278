# SPDX-License-Identifier: GPL-2.0-only
"""`locks`: lock orders."""

from __future__ import annotations

import shutil
import sys

import click

from model.lang.errors import ModelError
from model.patches import FAMILIES

from ..engine.search import Limits
from ..render.progress import Watcher
from ..target.inputs import target_of
from ..target.selection import chosen_casts, one_arch
from ..target.target import as_mutant
from .common import UNKNOWN, say


@click.command()
@click.argument("patch", default=next(iter(FAMILIES)))
@click.option("--variant", default="", help="The version; by default the after side.")
@click.option("--mutant", default="", help="A mutant of it, by name.")
@click.option("--arch", default="x86_64", show_default=True)
@click.option("--scenario", default="", help="A scenario's name, or a glob over names.")
@click.option("--format", "form", type=click.Choice(["text", "dot", "svg"]), default="text")
@click.option("--max-states", type=click.IntRange(1), default=5_000_000, show_default=True)
def locks(
    patch: str, variant: str, mutant: str, arch: str, scenario: str, form: str, max_states: int
) -> None:
    """Locks that are taken while others are held, by line; cycles, and whether they block."""
    from ..lock_order.orders import (
        Asked as LocksAsked,  # networkx takes a while to load: not for every command
    )
    from ..lock_order.orders import casts_of, lock_orders
    from ..render.locks import drawn, lock_dot, lock_lines

    if form == "svg" and shutil.which("dot") is None:
        raise ModelError("--format svg: there is no dot", why="Graphviz draws it",
                         instead="--format dot")  # fmt: skip

    target = target_of(patch, variant)
    if mutant:
        target = as_mutant(target, mutant)
    role = target.selected.role
    kernel = role.variant.neighbours_from
    casts = casts_of(target.family.casts, kernel)
    if scenario:
        casts = chosen_casts(target.family.casts, kernel, scenario, full=False)
    asked = LocksAsked(role, tuple(casts), one_arch(arch), Limits(max_states))
    with Watcher() as watch:
        answer = lock_orders(asked, watch)
    if form == "svg":
        click.echo(drawn(lock_dot(answer)), nl=False)
    else:
        say(lock_dot(answer) if form == "dot" else lock_lines(asked, answer))
    if any(c.blocks is not None for c in answer.cycles):
        sys.exit(1)
    sys.exit(UNKNOWN if answer.observed.stopped or any(c.why for c in answer.cycles) else 0)

# SPDX-License-Identifier: GPL-2.0-only
"""`ordering`: pairs of accesses for which memory order is not decided."""

from __future__ import annotations

import sys

import click

from ..memory_order.ordering import Reader, Version, default_casts, in_each_world
from ..play.cache import Verdicts
from ..play.play import Play
from ..render.ordering import ordering_lines
from ..target.inputs import target_of
from ..target.selection import archs_of, chosen_casts
from .common import UNKNOWN, say


@click.command()
@click.argument("patch")
@click.option("--variant", default="", help="The version; by default the after side.")
@click.option("--arch", default="", help="Architectures, with commas; all by default.")
@click.option("--scenario", default="", help="A scenario's name, or a glob; each neighbour alone.")
def ordering(patch: str, variant: str, arch: str, scenario: str) -> None:
    """Accesses that may be taken in another order, so that memory order is not decided."""
    target = target_of(patch, variant)
    role = target.selected.role
    kernel = role.variant.neighbours_from
    casts = default_casts(target.family, kernel)
    if scenario:
        casts = chosen_casts(target.family.casts, kernel, scenario, full=False)
    plays = [
        play
        for name in archs_of(target.family, arch)
        for play in in_each_world([Play(cast, role, name) for cast in casts])
    ]
    reader = Reader(Verdicts(use=not target.own), target.family.casts)
    answers = reader.compared(list(reader.answers(plays)), Version.before(target))
    say(ordering_lines(role, answers, target.before))
    sys.exit(UNKNOWN if any(a.pairs for a in answers) else 0)

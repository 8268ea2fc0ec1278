# SPDX-License-Identifier: GPL-2.0-only
"""`necessity`: the ledger, which says what breaks without each step of a routine."""

from __future__ import annotations

import sys

import click

from ..answer.report import trace_of
from ..engine.memory import memory_limit
from ..engine.search import Limits
from ..necessity.ledger import Asked, Need, chosen_steps, ledger
from ..play.cache import Verdicts
from ..render.necessity import ledger_lines
from ..render.progress import Watcher
from ..render.trace import replay_line, trace_lines
from ..target.inputs import target_of
from ..target.selection import archs_of, chosen_casts
from .common import UNKNOWN, say


@click.command()
@click.argument("patch")
@click.option("--variant", default="", help="The version; by default the after side.")
@click.option("--arch", default="x86_64", show_default=True, help="Architectures, with commas.")
@click.option("--scenario", default="", help="A scenario's name, or a glob over names.")
@click.option("--step", default="", help="A glob over what is done to steps, as it is printed.")
@click.option("--trace", is_flag=True, help="The trace of each step that is needed.")
@click.option("--max-states", type=click.IntRange(1), default=20_000_000, show_default=True)
@click.option("--max-memory", default="", metavar="SIZE", help="As for `check`.")
@click.option("--jobs", type=click.IntRange(0), default=0, help="Processes; 0: one a processor.")
@click.option("--no-cache", is_flag=True, help="Decide anew what was decided before.")
def necessity(
    patch: str, variant: str, arch: str, scenario: str, step: str, trace: bool, max_states: int,
    max_memory: str, jobs: int, no_cache: bool,
) -> None:  # fmt: skip
    """Each lock, unlock, flush, barrier, reference and check: what breaks without it.

    An interrupt prints what is known so far; the next run goes on from there.
    """
    target = target_of(patch, variant)
    role = target.selected.role
    casts = chosen_casts(target.family.casts, role.variant.neighbours_from, scenario, full=False)
    steps = chosen_steps(role, casts, step)
    limits = Limits(max_states, bytes=memory_limit(max_memory, jobs))
    chosen = tuple(target.registry.values())
    asked = Asked(role, tuple(casts), archs_of(target.family, arch), chosen, limits, jobs)
    verdicts = Verdicts(use=not no_cache and not target.own)
    with Watcher() as watch:
        rows = ledger(asked, steps, verdicts, watch)
    say(ledger_lines(target, asked, rows, scenario))
    for row in rows if trace else ():
        if row.play is not None:
            found = trace_of(row.play, target.registry[row.invariants[0]], verdicts, limits)
            if found is not None:
                say(["", row.step.name, *trace_lines(found), replay_line(found)])
    sys.exit(UNKNOWN if any(r.need is Need.UNDECIDED for r in rows) else 0)

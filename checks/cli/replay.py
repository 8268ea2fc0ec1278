# SPDX-License-Identifier: GPL-2.0-only
"""`replay`: a trace carried out again."""

from __future__ import annotations

import sys

import click

from ..answer.replay import replay as replay_schedule
from ..render.legend import legend_lines
from ..render.trace import replay_line, trace_lines
from .common import say


@click.command()
@click.argument("schedule")
@click.option("--full-trace", is_flag=True, help="All rows, and all that they change.")
def replay(schedule: str, full_trace: bool) -> None:
    """Carry a trace out again, step by step, as its last line says."""
    traces = replay_schedule(schedule)
    for n, trace in enumerate(traces):
        if n:
            click.echo()
        lines = trace_lines(trace, full=full_trace)
        say([*lines, replay_line(trace), *(legend_lines(lines) if n == 0 else [])])
    if not traces:
        click.echo("the schedule can be carried out and breaks no invariant at its last step")
    sys.exit(1 if traces else 0)

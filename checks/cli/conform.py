# SPDX-License-Identifier: GPL-2.0-only
"""`conform`: the reference MM against the running kernel."""

from __future__ import annotations

import sys

import click

from ..render.progress import Watcher
from .common import say


@click.command()
@click.option("--programs", type=click.IntRange(1, 1_000_000), default=1000, show_default=True)
@click.option("--steps", type=click.IntRange(1, 1000), default=30, show_default=True,
              help="Operations in a program.")  # fmt: skip
@click.option("--seed", type=click.IntRange(0, 2**31), default=1, show_default=True)
@click.option("--without", multiple=True, metavar="OPERATION",
              help="Leave an operation out of programs, as fork; may be given again.")  # fmt: skip
@click.option("--swap", is_flag=True, help="Borrow a swap file, so that pages are swapped out.")
@click.option("--hugetlb", is_flag=True, help="Borrow huge pages, to see PMD tables shared.")
@click.option("--jobs", type=click.IntRange(0), default=0, help="Processes; 0: one a processor.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text")
def conform(
    programs: int, steps: int, seed: int, without: tuple[str, ...], swap: bool, hugetlb: bool,
    jobs: int, form: str,
) -> None:  # fmt: skip
    """The reference MM against the kernel that runs here: random programs, step by step.

    Says first what it will touch.  An interrupt prints what is known so far.
    """
    from ..conform.question import Question, ask, check_question, touched  # as for `step`
    from ..render.conform import conform_json, conform_lines

    question = Question(programs, steps, seed, without, swap, hugetlb, jobs)
    check_question(question)
    say(touched(question), err=True)
    with Watcher("programs", "operations") as watch:
        answer = ask(question, watch=watch)
    if form == "json":
        click.echo(conform_json(answer))
    else:
        say(conform_lines(answer))
    sys.exit(answer.exit_code)

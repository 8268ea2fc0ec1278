# SPDX-License-Identifier: GPL-2.0-only
"""`step`: a program on the reference MM."""

from __future__ import annotations

import sys

import click

from ..target.target import by_name
from .common import UNKNOWN, say


@click.command()
@click.argument("file", type=click.Path(allow_dash=True))
@click.option("--steps", is_flag=True, help="What each operation does in the models, by name.")
@click.option("--variant", default="merged", show_default=True, help="The version of UFFDIO_MOVE.")
@click.option("--no-swap", is_flag=True, help="Without a swap device.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text")
def step(file: str, steps: bool, variant: str, no_swap: bool, form: str) -> None:
    """A program on the reference MM: page tables, TLBs and folios after each operation.

    FILE has one operation a line, like `p0 mmap 0+8 rw anon`; `-` is standard input.
    """
    from model.reference.state.behaviour import Behaviour  # the reference MM takes a while to load

    from ..render.step import step_lines, steps_json
    from ..step.step import read_program, stepped

    program = read_program(file)
    move = by_name("uffd_move_batching", variant).selected.role.variant.name
    kernel = Behaviour(move=move, swap=not no_swap)
    done = []
    for number, each in enumerate(stepped(program, kernel)):
        done.append(each)
        if form == "text":
            say([*([""] if number else []), *step_lines(each, steps=steps)])
    code = 1 if any(s.broken for s in done) else UNKNOWN if any(s.why for s in done) else 0
    if form == "json":
        click.echo(steps_json(program.arena, done, code))
    sys.exit(code)

# SPDX-License-Identifier: GPL-2.0-only
"""`step`: a program on the reference MM."""

from __future__ import annotations

import sys

import click

from model.lang.errors import ModelError
from model.patches import FAMILIES, find_family

from .common import UNKNOWN, say


@click.command()
@click.argument("file", type=click.Path(allow_dash=True))
@click.option("--steps", is_flag=True, help="What each operation does in the models, by name.")
@click.option("--variant", multiple=True, metavar="[PATCH=]VERSION",
              help="A version of a patch other than its after; may be given again.")  # fmt: skip
@click.option("--no-swap", is_flag=True, help="Without a swap device.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text")
def step(file: str, steps: bool, variant: tuple[str, ...], no_swap: bool, form: str) -> None:
    """A program on the reference MM: page tables, TLBs and folios after each operation.

    FILE has one operation a line, like `p0 mmap 0+8 rw anon`; `-` is standard input.
    """
    from model.reference.state.behaviour import Behaviour  # the reference MM takes a while to load

    from ..render.step import step_lines, steps_json
    from ..step.step import read_program, stepped

    program = read_program(file)
    kernel = Behaviour(versions=dict(map(_version, variant)), swap=not no_swap)
    done = []
    for number, each in enumerate(stepped(program, kernel)):
        done.append(each)
        if form == "text":
            say([*([""] if number else []), *step_lines(each, steps=steps)])
    code = 1 if any(s.broken for s in done) else UNKNOWN if any(s.why for s in done) else 0
    if form == "json":
        click.echo(steps_json(program.arena, done, code))
    sys.exit(code)


def _version(given: str) -> tuple[str, str]:
    """The names of a family and of a version of it."""
    patch, said, name = given.rpartition("=")
    run = [family for family in FAMILIES.values() if family.system_calls]
    having = [f for f in run if name.partition(":")[0] in (v.name for v in f.variants)]
    if not said and len(having) > 1:
        raise ModelError(
            f"several patches have a version '{name}'",
            instead=" or ".join(f"{family.name}={name}" for family in having),
        )
    family = find_family(patch) if said else (having or run)[0]
    return family.name, family.variant(name).name

# SPDX-License-Identifier: GPL-2.0-only
"""`show`: a model beside what it compiles to."""

from __future__ import annotations

import click

from ..render.show import python_source, step_lines
from ..stage.stage import Setting, Stage
from ..target.inputs import target_of
from ..target.selection import one_arch
from .common import say


@click.command()
@click.argument("patch")
@click.option("--variant", default="", help="The version; by default the after side.")
@click.option("--arch", default="x86_64", show_default=True)
@click.option("--format", "form", type=click.Choice(["steps", "python"]), default="steps")
def show(patch: str, variant: str, arch: str, form: str) -> None:
    """The steps that a model compiles to, beside its source; or its source to start from."""
    target = target_of(patch, variant)
    role = target.selected.role
    if form == "python":
        click.echo(python_source(target.family, role.variant))
        return
    cast = target.family.casts.full(role.variant.kernel)[0]
    stage = Stage(Setting.of(cast), one_arch(arch), ())
    say(step_lines(stage.raw_system(cast, role).threads[0]))

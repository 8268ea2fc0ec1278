# SPDX-License-Identifier: GPL-2.0-only
"""`show`: a model beside what it compiles to, its text, or its text beside that of another."""

from __future__ import annotations

import click

from model.lang.errors import ModelError

from ..render.listing import difference, listing
from ..render.show import python_source, step_lines
from ..stage.stage import Role, Setting, Stage
from ..target.inputs import target_of
from ..target.selection import one_arch
from ..target.target import as_mutant
from .common import say


@click.command()
@click.argument("patch")
@click.option("--variant", default="", help="The version; by default the after side.")
@click.option("--mutant", default="", help="A mutant of it, by name.")
@click.option("--against", default="", help="A version to show the text as a diff against.")
@click.option("--arch", default="x86_64", show_default=True)
@click.option("--format", "form", type=click.Choice(["steps", "text", "python"]),
              help="By default steps; the text of what is edited, for no file has it.")  # fmt: skip
def show(patch: str, variant: str, mutant: str, against: str, arch: str, form: str | None) -> None:
    """The steps that a model compiles to, beside its source; its text; or a file to start from."""
    target = target_of(patch, variant)
    if mutant:
        target = as_mutant(target, mutant)
    family, role = target.family, target.selected.role
    edited = mutant or against or role.variant.edited_names
    form = form or ("text" if edited else "steps")
    if against:
        _require(form == "text", "--against", "it is about the text")
        say(difference(family, Role(family.variant(against)), role))
    elif form == "text":
        say(listing(family, role))
    elif form == "python":
        _require(not mutant, "--mutant", "what it edits may stand in several files")
        click.echo(python_source(family, role))
    else:
        cast = family.casts.full(role.variant.kernel)[0]
        stage = Stage(Setting.of(cast), one_arch(arch), ())
        say(step_lines(stage.raw_system(cast, role).threads[0]))


def _require(fits: bool, option: str, why: str) -> None:
    """ModelError where a format is asked for that an option has none of."""
    if not fits:
        raise ModelError(
            f"{option} does not go with this --format", why=why, instead="use --format text"
        )

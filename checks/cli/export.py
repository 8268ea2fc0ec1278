# SPDX-License-Identifier: GPL-2.0-only
"""`export`: a scenario for another checker."""

from __future__ import annotations

import click

from model.lang.errors import ModelError

from ..engine.codegen.promela import promela
from ..engine.codegen.text import TooWideError
from ..examples.example import as_promela, example_named
from ..mutate.played import require_edited
from ..reduce.reducer import NO_PASSES, Passes
from ..stage.stage import Setting, Stage
from ..target.inputs import target_of
from ..target.selection import chosen_casts, one_arch
from ..target.target import EXAMPLES, as_mutant
from .common import params_of


@click.command()
@click.argument("patch")
@click.option("--format", "form", type=click.Choice(["promela"]), default="promela")
@click.option("--variant", default="", help="The version; by default the after side.")
@click.option("--arch", default="x86_64", show_default=True)
@click.option("--mutant", default="", help="A mutant of it, by name.")
@click.option("--scenario", default="", help="A scenario's name; by default the first.")
@click.option("--unreduced", is_flag=True, help="As the front end made it, nothing reduced.")
@click.option("--param", multiple=True, metavar="K=V", help="A parameter of an example.")
def export(
    patch: str, form: str, variant: str, arch: str, mutant: str, scenario: str, unreduced: bool,
    param: tuple[str, ...],
) -> None:  # fmt: skip
    """A scenario for another checker, reduced as it is decided here."""
    example = example_named(patch)
    if example is not None:
        if mutant or scenario:
            raise ModelError(
                f"{patch} has no mutants and no scenarios",
                instead="it has variants and parameters: --variant, --param",
            )
        click.echo(as_promela(example, params_of(param), variant), nl=False)
        return
    if param:
        raise ModelError("--param is for examples", instead=f"known: {', '.join(EXAMPLES)}")
    target = target_of(patch, variant)
    if mutant:
        target = as_mutant(target, mutant)
    role = target.selected.role
    cast = chosen_casts(target.family.casts, role.variant.neighbours_from, scenario, full=False)[0]
    require_edited(role, [cast])
    passes = NO_PASSES if unreduced else Passes()
    stage = Stage(Setting.of(cast), one_arch(arch), target.registry.values(), passes=passes)
    try:
        text = promela(stage.reduced(cast, role), stage.initial(cast))
    except TooWideError as error:
        raise ModelError(f"{cast.name} cannot be written as {form}", why=str(error)) from error
    click.echo(text, nl=False)

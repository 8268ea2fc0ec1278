# SPDX-License-Identifier: GPL-2.0-only
"""`prove`: theorems for any number of objects."""

from __future__ import annotations

import sys

import click

from model.examples.shoot import SHOOT

from ..engine.search import Limits
from ..examples.example import example_named
from ..target.inputs import target_of
from ..target.selection import one_arch
from ..target.target import as_mutant
from .common import UNKNOWN, say


@click.command()
@click.argument("patch")
@click.option("--variant", default="", help="The version; by default the after side.")
@click.option("--mutant", default="", help="A mutant of it, by name, to be compared with the core.")
@click.option("--arch", default="x86_64", show_default=True)
@click.option("--max-states", type=click.IntRange(1), default=5_000_000, show_default=True)
@click.option("--stats", is_flag=True, help="The time of each obligation.")
@click.option("--infer", is_flag=True, help="Each clause left out in turn: what takes its place.")
def prove(
    patch: str, variant: str, mutant: str, arch: str, max_states: int, stats: bool, infer: bool
) -> None:
    """Theorems for any number of CPUs, threads and pages; and that the models agree with them."""
    from ..examples.theorem import prove_shoot
    from ..prove.theorems import no_core, none_applies, prove_patch, theories_of  # so does Z3
    from ..render.prove import inferred_lines, none_lines, proof_lines

    limits = Limits(max_states)
    example = example_named(patch)
    if example is not None:
        if example is not SHOOT:
            raise no_core(patch)
        proofs = prove_shoot(variant, limits)
    else:
        target = target_of(patch, variant)
        if mutant:
            target = as_mutant(target, mutant)
        role = target.selected.role
        proofs = prove_patch(target.family, role, one_arch(arch), limits)
        say([f"prove      {target.family.name}, {role.variant.name}: {role.variant.doc}"])
        say([f"MUTANT     {mutant}"] if mutant else [])
        if not theories_of(role.variant):
            say(none_lines(none_applies(target.family, role.variant)))
            sys.exit(UNKNOWN)
    verdicts = set()
    shown = False
    for proof in proofs:
        verdicts.add(proof.verdict)
        shown = shown or proof.shown is not None
        say(["", *proof_lines(proof, times=stats)])
        if infer:
            say(list(inferred_lines(proof.core)))
    sys.exit(1 if shown else UNKNOWN if verdicts - {"PROVED"} else 0)

# SPDX-License-Identifier: GPL-2.0-only
"""What every family must have, besides what is held where its parts are used.

Its mutants: tests/checks/mutate; its branches and premises: tests/checks/play; its text as Python
and as transition systems: tests/model; its casts in the oracle: tests/oracle.
"""

from __future__ import annotations

import itertools
import json
import shlex
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import click
import pytest

from checks.cli.main import commands
from checks.engine.search import Limits
from checks.mutate.steps import steps_of, steps_of_all
from checks.necessity.ledger import Asked, Need, chosen_steps, ledger
from checks.play.cache import Verdicts
from checks.stage.stage import Role
from checks.target.inputs import target_of
from checks.target.selection import archs_of, chosen_casts
from checks.target.target import as_mutant
from invariants import REGISTRY, find
from model.cast.kernels import kernel_named
from model.hw.archs import ARCHS
from model.patches import FAMILIES
from model.patches.family import Asked as Question
from tests.command import run
from tests.families import EVERY, VARIANTS, smallest, source

ROOT = Path(__file__).parents[2]
QUESTIONS = [(name, q) for name, family in EVERY.items() for q in family.questions]
STORED = [(name, v.name) for name, family in FAMILIES.items() for v in family.variants]

each_family = pytest.mark.parametrize("family", EVERY)
each_variant = pytest.mark.parametrize(("family", "variant"), VARIANTS)


def unique(things: Iterable[Any]) -> bool:
    names = [thing.name for thing in things]
    return all(names) and len(set(names)) == len(names)


# -- what it says ----------------------------------------------------------------------------------


@each_family
def test_every_part_has_a_name_of_its_own(family: str) -> None:
    of = EVERY[family]
    casts = of.casts
    for parts in (of.variants, casts.subjects, casts.axes, casts.beside):
        assert unique(parts)
    assert unique((*casts.initial, *casts.assumed))


@each_family
def test_what_is_named_is_there(family: str) -> None:
    of = EVERY[family]
    for name in (of.before, of.after, *(o.variant for o in of.observations)):
        assert of.variant(name).name == name
    states = {i.name for i in of.casts.initial}
    assert states.issuperset(itertools.chain(of.casts.pair_initial, *of.casts.starts.values()))
    axes = {a.name: a for a in of.casts.axes}
    assert all(set(a.default) <= set(a.values) for a in axes.values())
    assert all(set(a.asked).isdisjoint(a.values) for a in axes.values())
    assert all(value in axes[name].values for name, value in of.casts.starts)
    fixed = [item for _, values in of.casts.sampled for item in values.items()]
    assert all(value in axes[name].values for name, value in fixed)


@each_family
def test_what_it_has_not_it_gives_reasons_for(family: str) -> None:
    of = EVERY[family]
    assert all((of.title, of.asks, of.left_out))
    assert of.without.keys() < ARCHS.keys()
    reasons = [*of.without.values(), *of.not_modelled.values(), *of.never.values()]
    assert all(reason.strip() for reason in reasons)
    assert all(state.assumption for state in of.casts.assumed)
    assert all(mutant.why_not.keys() <= ARCHS.keys() - of.without for mutant in of.mutants)


@each_variant
def test_a_version_has_a_file_a_kernel_and_its_subjects(family: str, variant: str) -> None:
    of, version = EVERY[family], EVERY[family].variant(variant)
    assert (ROOT / version.file).is_file()
    assert kernel_named(version.kernel).name == version.kernel
    assert set(version.routines) == {s.name for s in of.casts.subjects}
    for subject in of.casts.subjects:
        assert subject.doc
        for fns in version.called_by([version.routines[subject.name]]).values():
            assert all(":" in fn.cite and fn.version for fn in fns if fn.cite)


# -- casts -----------------------------------------------------------------------------------------


@each_variant
def test_names_of_casts_are_read_back(family: str, variant: str) -> None:
    """Every cast of one neighbour, and every tenth of the others."""
    of = EVERY[family]
    kernel = of.variant(variant).neighbours_from
    casts = of.casts.default(kernel)
    assert unique(casts)
    few = [c for c in casts if len(c.others) <= 1]
    several = [c for c in casts if len(c.others) > 1]
    asked = (*of.casts.counterfactual(kernel), *of.casts.asked(kernel)[::100])
    for cast in (*few, *several[::10], *asked):
        assert of.casts.named(cast.name, kernel) == cast


# -- steps and questions ---------------------------------------------------------------------------


@each_variant
def test_steps_that_may_be_left_out_have_names_of_their_own(family: str, variant: str) -> None:
    of = EVERY[family]
    version = of.variant(variant)
    for subject in of.casts.subjects:
        casts = of.casts.default(version.neighbours_from)
        first = next(c for c in casts if c.subject is subject)
        steps = steps_of(version, first)
        assert unique(steps)
        assert {s.name for s in steps} <= {s.name for s in steps_of_all(version, casts)}


@each_family
def test_some_step_is_needed(family: str) -> None:
    """An unlock, in the smallest cast: the ledger comes to it."""
    of = EVERY[family]
    role = target_of(source(family), of.after).selected.role
    cast = smallest(of)
    unlocks = [s for s in steps_of(role.variant, cast) if s.kind == "unlock"]
    asked = Asked(role, (cast,), archs_of(of, "")[:1], tuple(REGISTRY.values()), Limits())
    rows = (ledger(asked, [step], Verdicts(use=False)) for step in unlocks)
    assert any(row.need is Need.NEEDED for (row,) in rows)


def parsed(arguments: Sequence[str]) -> dict[str, Any]:
    """What a command is given, by option."""
    name, rest = "check", list(arguments)
    if rest[0] in commands.commands:
        name, *rest = rest
    command = commands.commands[name]
    context = command.make_context(name, rest, parent=click.Context(commands))
    return context.params


@pytest.mark.parametrize(("family", "question"), QUESTIONS, ids=lambda v: getattr(v, "text", v))
def test_a_question_is_answered_by_a_command_that_can_be_asked(
    family: str, question: Question
) -> None:
    assert question.text
    assert question.answer
    if not question.arguments:
        return
    given = parsed(shlex.split(question.arguments))
    if "tree" in given:  # of a tree of the reader's
        return
    (patch,) = given.get("patches") or (given["patch"],)
    target = target_of(patch, given.get("variant", ""))
    assert target.family.name == family
    if given.get("mutant"):
        as_mutant(target, given["mutant"])
    archs_of(target.family, given.get("arch", ""))
    for name in given.get("invariant", ()):
        assert find(name, target.invariants)
    role: Role = target.selected.role
    scenarios = given.get("scenario", "")
    for name in (scenarios,) if isinstance(scenarios, str) else scenarios:
        chosen_casts(target.family.casts, role.variant.neighbours_from, name, full=False)
    if given.get("step"):
        casts = chosen_casts(target.family.casts, role.variant.neighbours_from, "", full=False)
        assert chosen_steps(role, casts, given["step"])


# -- a version as a file of one's own --------------------------------------------------------------


@pytest.mark.parametrize(("family", "variant"), STORED)
def test_a_version_is_written_and_read_back(family: str, variant: str, tmp_path: Path) -> None:
    """The file that `show` prints has the table of the version itself, about states."""
    of = EVERY[family]
    text = run("show", family, "--variant", variant, "--format", "python").stdout
    path = tmp_path / f"own_{variant}.py"
    path.write_text(text)
    groups = [word for i in dict.fromkeys(i.group for i in REGISTRY.values())
              for word in ("--invariant", i)]  # fmt: skip
    ran = run(str(path), "--arch", archs_of(of, "")[0], "--scenario", smallest(of).name,
              "--jobs", "1", "--format", "json", "--no-cache", *groups)  # fmt: skip
    (patch,) = json.loads(ran.stdout)["patches"]
    tables = [
        [{k: v for k, v in r.items() if k != "side"} for r in patch["results"] if r["side"] == side]
        for side in ("before", "after")
    ]
    assert tables[0]
    assert tables[0] == tables[1]

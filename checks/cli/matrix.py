# SPDX-License-Identifier: GPL-2.0-only
"""`matrix`: several patches, their versions and subjects by architecture."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence

import click

from invariants import every, find

from ..answer.matrix import Row, asked_about, matrix
from ..answer.report import Question, Report, answer
from ..engine.memory import memory_limit
from ..engine.search import Limits
from ..patch_input import Submission
from ..render.matrix import as_json, head_lines, row_lines
from ..render.progress import Watcher
from ..render.undecided import undecided_lines
from ..target.inputs import each_of, targets_of
from ..target.selection import known_archs
from ..target.target import Target
from .common import UNKNOWN, jobs_option, notice, processes, say, worst


@click.command("matrix")
@click.argument("patches", nargs=-1, required=True)
@click.option("--arch", default="", help="Architectures, with commas; all by default.")
@click.option("--scenario", multiple=True,
              help="A scenario's name, or a glob over names; may be given again.")  # fmt: skip
@click.option("--invariant", multiple=True, help="An invariant or a group; may be given again.")
@click.option("--max-states", type=click.IntRange(1), default=20_000_000, show_default=True)
@click.option("--max-memory", default="", metavar="SIZE", help="As for `check`.")
@jobs_option
@click.option("--no-cache", is_flag=True, help="Decide anew what was decided before.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text")
def matrix_(
    patches: tuple[str, ...], arch: str, scenario: tuple[str, ...],
    invariant: tuple[str, ...],
    max_states: int, max_memory: str, jobs: int | str, no_cache: bool, form: str,
) -> None:  # fmt: skip
    """Every version and subject of PATCHES by architecture, with the casts that show what fails.

    Of a mail the version that it is; what no stored version is, is named and counts as unknown.
    """
    archs = known_archs(arch)
    limits = Limits(max_states, bytes=memory_limit(max_memory, processes(jobs)))
    found = [one for patch in each_of(patches) for one in targets_of(patch, "")]
    targets = [t for t in found if isinstance(t, Target)]

    def ask(target: Target, scenarios: tuple[str, ...]) -> Report:
        chosen = [i for name in invariant for i in find(name, target.invariants)]
        chosen = chosen or [*every(), *target.invariants]
        here = tuple(a for a in archs if a not in target.family.without)
        question = Question(
            target, here, tuple(dict.fromkeys(chosen)), scenarios, limits=limits, jobs=jobs,
            cache=not no_cache and not target.own, named=frozenset(invariant),
        )  # fmt: skip
        with Watcher() as watch:
            return answer(question, watch, watch.violated, notice)

    asked = asked_about(targets, scenario)
    several = {t.family.name for t, _ in asked if len(_subjects(asked, t)) > 1}
    rows: list[Row] = []
    if form == "text":
        say(head_lines(archs))
    for row in matrix(asked, ask):
        rows.append(row)
        if form == "text":
            family = row.report.question.target.family.name
            say(row_lines(row, archs, several=family in several))
        say([f"check-invariants: {text}" for text in row.report.contradictions], err=True)
    undecided = [s for s in found if isinstance(s, Submission)]
    code = worst([*(r.report.exit_code for r in rows), *(UNKNOWN for _ in undecided)])
    if form == "json":
        click.echo(json.dumps({"version": 1, "rows": [as_json(r, archs) for r in rows],
                               "undecided": [s.source for s in undecided], "exit": code},
                              indent=1))  # fmt: skip
    else:
        for one in undecided:
            say(["", *undecided_lines(one)])
    sys.exit(code)


def _subjects(asked: Sequence[tuple[Target, tuple[str, ...]]], of: Target) -> set[str]:
    """The subjects of a target's family."""
    mine = (t for t, _ in asked if t.family.name == of.family.name)
    return {subject.name for t in mine for subject in t.family.casts.subjects}

# SPDX-License-Identifier: GPL-2.0-only
"""The command line.  Answers go to standard output, progress and notices to standard error.

Exit status: 2 bad input or a model error, else 1 a violation on the selected side, else 3
something unknown or vacuous, else 0.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from invariants import REGISTRY, find
from model.lang.errors import ModelError
from model.patches import PATCHES

from .drift import drift as drift_of
from .engine.engines import Engine
from .engine.memory import memory_limit
from .engine.promela import promela
from .engine.reference import Limits
from .engine.text import TooWideError
from .example import check_shoot, shoot_as_promela
from .inputs import subjects_of
from .necessity import Asked, Need, chosen_steps, ledger
from .ordering import default_casts, ordered
from .patch_input import Submission
from .render import catalogue
from .render.commitform import commit_lines
from .render.drifttext import drift_lines
from .render.exampletext import example_lines
from .render.jsonform import json_text, undecided_json
from .render.ledgertext import ledger_lines
from .render.orderingtext import ordering_lines
from .render.progress import Watcher, stats_lines
from .render.steps import python_source, step_lines
from .render.table import table_lines
from .render.tracetext import replay_line, trace_lines
from .render.undecided import undecided_lines
from .replay import replay as replay_schedule
from .report import Question, Report, answer, chosen_casts, known_archs, trace_of
from .scenario import Setting, Stage
from .subject import EXAMPLES, Subject, as_mutant, by_name, no_such_patch
from .verdicts import Verdicts

UNKNOWN = 3
BAD = 2


class _Commands(click.Group):
    """A first word that is no command is a PATCH to check."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and args[0] not in self.commands and args[0] not in ("--help", "--version"):
            args = ["check", *args]
        return super().parse_args(ctx, args)


@click.group(cls=_Commands, context_settings={"help_option_names": ["--help", "-h"]})
@click.version_option(package_name="check-invariants")
def commands() -> None:
    """Decide the locking and TLB invariants of a Linux memory-management patch.

    `check-invariants PATCH` is short for `check-invariants check PATCH`.  PATCH is a name (see
    `list`), a file with a patch or a mail in it, `-`, or a Python file in the modelling language.
    """


@dataclass(frozen=True)
class _Options:
    """What `check` was given besides PATCH."""

    variant: str
    mutant: str
    archs: tuple[str, ...]
    scenario: str
    invariant: tuple[str, ...]
    full: bool
    form: str
    limits: Limits
    jobs: int
    engine: Engine
    cache: bool
    stats: bool


@commands.command()
@click.argument("patch")
@click.option("--variant", default="", help="Decide this version alone.")
@click.option("--mutant", default="", help="Decide the version with this mutation.")
@click.option("--arch", default="", help="Architectures, with commas; all by default.")
@click.option("--scenario", default="", help="A scenario's name, or a glob over names.")
@click.option("--invariant", multiple=True, help="An invariant or a group; may be given again.")
@click.option("--param", multiple=True, metavar="K=V", help="A parameter of an example.")
@click.option("--format", "form", type=click.Choice(["text", "json", "commit"]), default="text")
@click.option("--full", is_flag=True, help="1 to 3 pages, every initial state for every cast.")
@click.option("--max-states", type=click.IntRange(1), default=20_000_000, show_default=True,
              help="Give up a cast at so many states.")  # fmt: skip
@click.option("--max-memory", default="", metavar="SIZE",
              help="Give up a cast at so much memory, as 500M or 4G; by default half of what is "
                   "free, shared by all processes.")  # fmt: skip
@click.option(
    "--engine",
    type=click.Choice([e.value for e in Engine]),
    default="auto",
    show_default=True,
    help="What explores: auto compiles for what is large.",
)
@click.option("--timeout", type=click.FloatRange(0, min_open=True), help="Stop after SECONDS.")
@click.option("--jobs", type=click.IntRange(0), default=0, help="Processes; 0: one a processor.")
@click.option("--symmetry", is_flag=True, help="Like objects of an example are exchanged.")
@click.option("--no-cache", is_flag=True, help="Decide anew what was decided before.")
@click.option("--stats", is_flag=True, help="Counts and times, on standard error.")
def check(
    patch: str, variant: str, mutant: str, arch: str, scenario: str, invariant: tuple[str, ...],
    param: tuple[str, ...], form: str, full: bool, max_states: int, max_memory: str, engine: str,
    timeout: float | None, jobs: int, symmetry: bool, no_cache: bool, stats: bool,
) -> None:  # fmt: skip
    """Decide PATCH: a table of verdicts, then a trace for each violation of its after side."""
    until = time.monotonic() + timeout if timeout else float("inf")
    limits = Limits(max_states, until, memory_limit(max_memory, jobs))
    if patch in EXAMPLES:
        _example(param, variant, limits, Engine(engine), symmetry=symmetry)
    if symmetry:
        raise ModelError(
            "--symmetry is for examples", why="threads of a patch are not exchanged yet",
            instead=f"known: {', '.join(EXAMPLES)}",
        )  # fmt: skip
    if param:
        raise ModelError("--param is for examples", instead=f"known: {', '.join(EXAMPLES)}")
    options = _Options(
        variant,
        mutant,
        known_archs(arch),
        scenario,
        invariant,
        full,
        form,
        limits,
        jobs,
        Engine(engine),
        not no_cache,
        stats,
    )
    found = subjects_of(patch, variant)
    if mutant:
        found = [as_mutant(s, mutant) if isinstance(s, Subject) else s for s in found]
    codes = []
    reports = []
    for number, item in enumerate(found):
        if isinstance(item, Submission):
            codes.append(UNKNOWN)
            if form != "json":
                _say(undecided_lines(item))
            continue
        report = _answered(item, options)
        reports.append(report)
        codes.append(report.exit_code)
        if form != "json":
            if number:
                click.echo()
            _say(_shown(report, form))
    code = _worst(codes)
    if form == "json":
        others = [undecided_json(i) for i in found if isinstance(i, Submission)]
        click.echo(json_text(reports, others, code))
    sys.exit(code)


def _worst(codes: Sequence[int]) -> int:
    return next((c for c in (BAD, 1, UNKNOWN) if c in codes), 0)


def _answered(subject: Subject, options: _Options) -> Report:
    chosen = [i for name in options.invariant for i in find(name)] or list(REGISTRY.values())
    question = Question(
        subject, options.archs, tuple(dict.fromkeys(chosen)), options.scenario, options.full,
        options.limits, options.jobs, options.engine, options.cache and not subject.own,
    )  # fmt: skip
    began = time.monotonic()
    with Watcher() as watch:
        report = answer(question, watch)
    if options.stats:
        _say(stats_lines(report, time.monotonic() - began), err=True)
    return report


def _shown(report: Report, form: str) -> list[str]:
    lines: list[str] = []
    if form == "commit":
        for trace in report.traces:
            lines += [*commit_lines(trace), ""]
        return lines[:-1] or ["no violation, so no table"]
    lines += table_lines(report)
    for trace in report.traces:
        lines += ["", *trace_lines(trace), replay_line(trace)]
    for missing in report.missing:
        where = missing.cell.worst[0].play.name
        lines += ["", f"VIOLATED  {missing.cell.invariant.sentence}"]
        lines += [f"          in {where}; no trace: {missing.why}"]
    return lines


def _params(given: tuple[str, ...]) -> dict[str, str]:
    params = {}
    for text in given:
        key, equals, value = text.partition("=")
        if not equals:
            raise ModelError(f"--param {text}", why="it has no '='", instead="write --param cpus=3")
        params[key] = value
    return params


def _example(
    param: tuple[str, ...], variant: str, limits: Limits, engine: Engine, *, symmetry: bool
) -> None:
    params = _params(param)
    with Watcher() as watch:
        result = check_shoot(
            params,
            variant,
            limits,
            engine,
            lambda states: watch(0, 1, states),
            symmetry=symmetry,
        )
    _say(example_lines(result))
    sys.exit(1 if result.steps else UNKNOWN if result.search.why else 0)


@commands.command("list")
@click.argument("kind", type=click.Choice(catalogue.KINDS), required=False)
def list_(kind: str | None) -> None:
    """What there is: patches, variants, invariants, archs, scenarios, mutants."""
    kinds = [kind] if kind else [k for k in catalogue.KINDS if k != "scenarios"]
    for n, each in enumerate(kinds):
        if not kind:
            click.echo(("\n" if n else "") + each)
        _say(catalogue.listed(each))


@commands.command()
@click.argument("patch")
@click.option("--variant", default="", help="The version; by default the after side.")
@click.option("--arch", default="x86_64", show_default=True)
@click.option("--format", "form", type=click.Choice(["steps", "python"]), default="steps")
def show(patch: str, variant: str, arch: str, form: str) -> None:
    """The steps that a model compiles to, beside its source; or its source to start from."""
    if patch not in PATCHES:
        raise no_such_patch(patch)
    subject = by_name(patch, variant)
    role = subject.selected.role
    if form == "python":
        click.echo(python_source(subject.patch, role.variant))
        return
    cast = subject.patch.casts.full(role.variant.kernel)[0]
    stage = Stage(Setting.of(cast), known_archs(arch)[0], ())
    _say(step_lines(stage.raw_system(cast, role).threads[0]))


@commands.command()
@click.argument("name")
def explain(name: str) -> None:
    """An invariant, a group or a patch: the sentence, who relies on it, witness and mutants."""
    if name in PATCHES:
        _say(catalogue.explained_patch(PATCHES[name]))
        return
    for n, invariant in enumerate(find(name)):
        if n:
            click.echo()
        _say(catalogue.explained_invariant(invariant))


@commands.command()
@click.argument("schedule")
def replay(schedule: str) -> None:
    """Carry a trace out again, step by step, as its last line says."""
    traces = replay_schedule(schedule)
    for n, trace in enumerate(traces):
        if n:
            click.echo()
        _say([*trace_lines(trace), replay_line(trace)])
    if not traces:
        click.echo("the schedule can be carried out and breaks no invariant at its last step")
    sys.exit(1 if traces else 0)


@commands.command()
@click.argument("patch")
@click.option("--variant", default="", help="The version; by default the after side.")
@click.option("--arch", default="x86_64", show_default=True, help="Architectures, with commas.")
@click.option("--scenario", default="", help="A scenario's name, or a glob over names.")
@click.option("--step", default="", help="A glob over what is done to steps, as it is printed.")
@click.option("--trace", is_flag=True, help="The trace of each step that is needed.")
@click.option("--max-states", type=click.IntRange(1), default=20_000_000, show_default=True)
@click.option("--max-memory", default="", metavar="SIZE", help="As for `check`.")
@click.option("--jobs", type=click.IntRange(0), default=0, help="Processes; 0: one a processor.")
@click.option("--no-cache", is_flag=True, help="Decide anew what was decided before.")
def necessity(
    patch: str, variant: str, arch: str, scenario: str, step: str, trace: bool, max_states: int,
    max_memory: str, jobs: int, no_cache: bool,
) -> None:  # fmt: skip
    """Each lock, unlock, flush, barrier, reference and check: what breaks without it.

    An interrupt prints what is known so far; the next run goes on from there.
    """
    if patch not in PATCHES:
        raise no_such_patch(patch)
    subject = by_name(patch, variant)
    role = subject.selected.role
    casts = chosen_casts(subject.patch.casts, role.variant.neighbours_from, scenario, full=False)
    steps = chosen_steps(role, casts, step)
    limits = Limits(max_states, bytes=memory_limit(max_memory, jobs))
    chosen = tuple(REGISTRY.values())
    asked = Asked(role, tuple(casts), known_archs(arch), chosen, limits, jobs)
    verdicts = Verdicts(use=not no_cache)
    with Watcher() as watch:
        rows = ledger(asked, steps, verdicts, watch)
    _say(ledger_lines(subject, asked, rows))
    for row in rows if trace else ():
        if row.play is not None:
            found = trace_of(row.play, REGISTRY[row.invariants[0]], verdicts)
            if found is not None:
                _say(["", row.step.name, *trace_lines(found), replay_line(found)])
    sys.exit(UNKNOWN if any(r.need is Need.UNDECIDED for r in rows) else 0)


@commands.command()
@click.argument("patch")
@click.option("--format", "form", type=click.Choice(["promela"]), default="promela")
@click.option("--variant", default="", help="The version; by default the after side.")
@click.option("--arch", default="x86_64", show_default=True)
@click.option("--scenario", default="", help="A scenario's name; by default the first.")
@click.option("--param", multiple=True, metavar="K=V", help="A parameter of an example.")
def export(
    patch: str, form: str, variant: str, arch: str, scenario: str, param: tuple[str, ...]
) -> None:
    """One scenario for another checker, reduced as it is decided here."""
    if patch in EXAMPLES:
        click.echo(shoot_as_promela(_params(param), variant), nl=False)
        return
    if patch not in PATCHES:
        raise no_such_patch(patch)
    subject = by_name(patch, variant)
    role = subject.selected.role
    cast = chosen_casts(subject.patch.casts, role.variant.neighbours_from, scenario, full=False)[0]
    stage = Stage(Setting.of(cast), known_archs(arch)[0], REGISTRY.values())
    try:
        text = promela(stage.reduced(cast, role), stage.initial(cast))
    except TooWideError as error:
        raise ModelError(f"{cast.name} cannot be written as {form}", why=str(error)) from error
    click.echo(text, nl=False)


@commands.command()
@click.argument("patch")
@click.option("--variant", default="", help="The version; by default the after side.")
@click.option("--arch", default="", help="Architectures, with commas; all by default.")
@click.option("--scenario", default="", help="A scenario's name, or a glob; each neighbour alone.")
def ordering(patch: str, variant: str, arch: str, scenario: str) -> None:
    """Where memory ordering is not decided: accesses that may be taken in another order."""
    if patch not in PATCHES:
        raise no_such_patch(patch)
    subject = by_name(patch, variant)
    role = subject.selected.role
    kernel = role.variant.neighbours_from
    casts = default_casts(subject.patch, kernel)
    if scenario:
        casts = chosen_casts(subject.patch.casts, kernel, scenario, full=False)
    answers = list(ordered(role, casts, known_archs(arch)))
    _say(ordering_lines(role, answers))
    sys.exit(UNKNOWN if any(a.pairs for a in answers) else 0)


@commands.command()
@click.argument("tree", type=click.Path(path_type=Path))
def drift(tree: Path) -> None:
    """Which modelled functions differ in a kernel TREE from the version that was modelled."""
    report = drift_of(tree)
    _say(drift_lines(report))
    sys.exit(UNKNOWN if report.differing else 0)


def _say(lines: Sequence[str], *, err: bool = False) -> None:
    for line in lines:
        click.echo(line, err=err)


def main(args: Sequence[str] | None = None) -> Any:
    """The console script: any bad input is one line and exit status 2."""
    try:
        return commands.main(args=args, standalone_mode=False)
    except ModelError as error:
        click.echo(f"check-invariants: {error}", err=True)
    except click.exceptions.Exit as done:
        sys.exit(done.exit_code)
    except click.ClickException as error:
        click.echo(f"check-invariants: {error.format_message()}", err=True)
    except (click.Abort, KeyboardInterrupt):
        click.echo("check-invariants: interrupted", err=True)
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(0)
    sys.exit(BAD)

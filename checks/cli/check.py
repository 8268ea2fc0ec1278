# SPDX-License-Identifier: GPL-2.0-only
"""`check`: verdicts on a patch or an example, and traces."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import click

from invariants import every, find
from model.examples.example import Example
from model.lang.errors import ModelError

from ..answer.matrix import rows_of
from ..answer.quick import omitted, quickly
from ..answer.report import Question, Report, Sample, answer
from ..engine.engines import Engine
from ..engine.memory import memory_limit
from ..engine.native import extension
from ..engine.search import DEPTH, Limits
from ..examples.example import check_example, example_named
from ..patch_input import Submission
from ..render.commit import commit_lines, order_lines
from ..render.example import example_lines
from ..render.legend import legend_lines
from ..render.machine_form import json_text, undecided_json
from ..render.matrix import head_lines, row_lines
from ..render.progress import Watcher, stats_lines
from ..render.summary import already_before, summary_lines
from ..render.table import table_lines
from ..render.trace import replay_line, trace_lines
from ..render.undecided import undecided_lines
from ..target.inputs import each_of, is_several, targets_of
from ..target.selection import archs_of, fitting, known_archs, one_of_each_kind
from ..target.target import EXAMPLES, Target, as_mutant
from .common import UNKNOWN, jobs_option, notice, params_of, processes, say, worst


class _Seconds(click.FloatRange):
    """A time that is more than 0; what is not a number is neither more nor less."""

    name = "seconds"

    def __init__(self) -> None:
        super().__init__(0, min_open=True)

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        found: float = super().convert(value, param, ctx)
        if math.isnan(found):
            self.fail(f"{value} is no number of seconds", param, ctx)
        return found


@dataclass(frozen=True)
class _Options:
    """What `check` was given besides PATCH."""

    variant: str
    mutant: str
    archs: str
    scenario: tuple[str, ...]
    invariant: tuple[str, ...]
    full: bool
    sample: Sample | None
    form: str
    limits: Limits
    jobs: int | str
    engine: Engine
    cache: bool
    verbose: bool
    full_trace: bool
    stats: bool
    quick: bool


@click.command()
@click.argument("patches", nargs=-1, required=True, metavar="PATCH...")
@click.option("--variant", default="", help="Decide this version alone.")
@click.option("--mutant", default="", help="Decide the version with this mutation.")
@click.option("--arch", default="", help="Architectures, with commas; all by default.")
@click.option("--scenario", multiple=True,
              help="A scenario's name, or a glob over names; may be given again.")  # fmt: skip
@click.option("--invariant", multiple=True, help="An invariant or a group; may be given again.")
@click.option("--param", multiple=True, metavar="K=V", help="A parameter of an example.")
@click.option("--format", "form", type=click.Choice(["text", "json", "commit"]), default="text")
@click.option(
    "--quick", is_flag=True,
    help="First each neighbour alone, on one architecture of each kind; says what it leaves out.",
)  # fmt: skip
@click.option(
    "--full", is_flag=True, help="All values of all axes, every initial state for every cast."
)
@click.option(
    "--sample",
    type=click.IntRange(1, 100_000),
    metavar="N",
    help="N casts of several neighbours, drawn by chance (docs/verdicts.md).",
)
@click.option("--seed", type=click.IntRange(0, 2**31), help="What --sample draws; 1 by default.")
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
    help="What explores: auto compiles for what is large; symbolic asks Z3 for paths to a depth.",
)
@click.option("--max-depth", type=click.IntRange(1), metavar="STEPS",
              help=f"How deep --engine symbolic goes; {DEPTH} by default.")  # fmt: skip
@click.option("--timeout", type=_Seconds(), help="Stop after SECONDS.")
@jobs_option
@click.option("--symmetry", is_flag=True, help="Like objects of an example are exchanged.")
@click.option("--no-cache", is_flag=True, help="Decide anew what was decided before.")
@click.option("--verbose", is_flag=True, help="Also what is not applicable, branches that never "
              "fired, observations of other architectures.")  # fmt: skip
@click.option("--full-trace", is_flag=True, help="Traces with all rows, and all that they change.")
@click.option("--stats", is_flag=True, help="Counts and times, on standard error.")
def check(
    patches: tuple[str, ...], variant: str, mutant: str, arch: str, scenario: tuple[str, ...],
    invariant: tuple[str, ...], param: tuple[str, ...], form: str, quick: bool, full: bool,
    sample: int | None, seed: int | None, max_states: int, max_memory: str, engine: str,
    max_depth: int | None, timeout: float | None, jobs: int | str, symmetry: bool,
    no_cache: bool, verbose: bool, full_trace: bool, stats: bool,
) -> None:  # fmt: skip
    """Decide PATCH: a summary, the shortest trace, the table of verdicts, the other traces.

    Several (`all`, a directory, more than one): a summary, with a line for each version.
    """
    until = time.monotonic() + timeout if timeout else float("inf")
    if max_depth is not None and engine != Engine.SYMBOLIC:
        raise ModelError("--max-depth is for --engine symbolic")
    casts = {"--quick": quick, "--sample": sample, "--scenario": scenario, "--full": full}
    which = [name for name, given in casts.items() if given]
    if len(which) > 1 and which != ["--scenario", "--full"]:
        raise ModelError(
            " with ".join(which), why="each of them says which casts are decided",
            instead="give one of them",
        )  # fmt: skip
    if seed is not None and not sample:
        raise ModelError("--seed is for --sample", instead="--sample 30 --seed 1")
    limits = Limits(
        max_states, until, memory_limit(max_memory, processes(jobs)), max_depth or DEPTH
    )
    several = is_several(patches)
    for patch in each_of(patches):
        example = example_named(patch)
        if example is None:
            continue
        for_patches = {
            "--quick": quick, "--sample": sample, "--arch": arch, "--scenario": scenario,
            "--mutant": mutant, "--invariant": invariant, "--full": full,
            "--format": form != "text", "more than one": several,
        }  # fmt: skip
        for option in (name for name, given in for_patches.items() if given):
            raise ModelError(
                f"{option} is for patches", why=f"{patch} is an example", instead="give it --param"
            )
        _example(example, param, variant, limits, Engine(engine), symmetry=symmetry)
    if symmetry:
        raise ModelError(
            "--symmetry is for examples", why="threads of a patch are not exchanged yet",
            instead=f"known: {', '.join(EXAMPLES)}",
        )  # fmt: skip
    if param:
        raise ModelError("--param is for examples", instead=f"known: {', '.join(EXAMPLES)}")
    known_archs(arch)
    options = _Options(
        variant,
        mutant,
        arch,
        scenario,
        invariant,
        full,
        Sample(sample, 1 if seed is None else seed) if sample else None,
        form,
        limits,
        jobs,
        Engine(engine),
        not no_cache,
        verbose,
        full_trace,
        stats,
        quick,
    )
    found = [one for patch in each_of(patches) for one in targets_of(patch, variant)]
    if mutant:
        found = [as_mutant(s, mutant) if isinstance(s, Target) else s for s in found]
    sys.exit(_decided(found, options, several=several and form == "text"))


def _decided(found: Sequence[Target | Submission], options: _Options, *, several: bool) -> int:
    """The exit status; each is printed as it is decided."""
    form, reports, codes = options.form, list[Report](), list[int]()
    archs = known_archs(options.archs)
    if options.quick and not options.archs:
        archs = one_of_each_kind(archs)
    fits = [
        fitting(item, options.scenario, full=options.full) if isinstance(item, Target) else ()
        for item in found
    ]
    nowhere = [s for s in options.scenario if not any(s in names for names in fits)]
    say(head_lines(archs) if several and not nowhere else [])
    for number, item in enumerate(found):
        if isinstance(item, Submission):
            codes.append(UNKNOWN)
            say([] if form == "json" else undecided_lines(item))
            continue
        scenes = tuple(nowhere) or fits[number]  # what none has is refused
        if options.scenario and not scenes:
            say(
                [f"{item.family.name} is left out: it has none of these scenarios"], err=not several
            )
            continue
        report = _answered(item, replace(options, scenario=scenes))
        reports.append(report)
        codes.append(report.exit_code)
        say([f"check-invariants: {text}" for text in report.contradictions], err=True)
        if several:
            say([line for row in rows_of(report) for line in row_lines(row, archs, several=False)])
        elif form != "json":
            say([*([""] if number else []), *_shown(report, options)])
    if several:
        say(["", "a table, and traces: check-invariants PATCH, of one of them"])
    lost = {r.uncached for r in reports if r.question.cache and not options.stats} - {""}
    for why in sorted(lost):  # --stats says it as well
        notice(f"nothing is kept for later runs: {why}")
    code = worst(codes)
    if form == "json":
        others = [undecided_json(i) for i in found if isinstance(i, Submission)]
        click.echo(json_text(reports, others, code))
    return code


def _answered(target: Target, options: _Options) -> Report:
    chosen = [i for name in options.invariant for i in find(name, target.invariants)]
    chosen = chosen or [*every(), *target.invariants]
    cache = options.cache and not target.own and options.engine is not Engine.SYMBOLIC
    archs = archs_of(target.family, options.archs)
    question = Question(
        target, archs, tuple(dict.fromkeys(chosen)), options.scenario, options.full,
        options.limits, options.jobs, options.engine, cache, options.sample,
        frozenset(options.invariant),
    )  # fmt: skip
    if options.quick:
        question = quickly(question, every_kind=not options.archs)
    missing = extension.missing()
    if missing and options.engine is Engine.AUTO:
        notice(f"the native explorer is not used: {missing}; the other is slower")
    began = time.monotonic()
    with Watcher() as watch:
        report = answer(question, watch, watch.violated, notice)
    if options.stats:
        say(stats_lines(report, time.monotonic() - began), err=True)
    return report


def _shown(report: Report, options: _Options) -> list[str]:
    lines: list[str] = []
    if options.form == "commit":
        for trace in report.traces:
            lines += [*commit_lines(trace), ""]
        lines = [*(lines[:-1] or ["no violation, so no table"]), *order_lines(report)]
        return lines + ([f"quick: {omitted(report.question)}"] if report.question.quick else [])
    before = already_before(report)
    traces = [
        ["", *trace_lines(t, full=options.full_trace, before=before.get(t.invariant.name, "")),
         replay_line(t)]
        for t in report.traces
    ]  # fmt: skip
    lines += summary_lines(report)
    lines += [line for trace in traces[:1] for line in [*trace, *legend_lines(trace)]]
    lines += ["", *table_lines(report, verbose=options.verbose)]
    lines += [line for trace in traces[1:] for line in trace]
    for missing in report.missing:
        where = missing.cell.worst[0].play.name
        lines += ["", f"VIOLATED  {missing.cell.invariant.sentence}"]
        lines += [f"          in {where}; no trace: {missing.why}"]
    return lines


def _example(
    example: Example, param: tuple[str, ...], variant: str, limits: Limits, engine: Engine, *,
    symmetry: bool,
) -> None:  # fmt: skip
    params = params_of(param)
    with Watcher() as watch:
        result = check_example(
            example, params, variant, limits, engine, lambda states: watch(0, 1, states),
            symmetry=symmetry,
        )  # fmt: skip
    say(example_lines(result))
    sys.exit(1 if result.steps else UNKNOWN if result.search.why else 0)

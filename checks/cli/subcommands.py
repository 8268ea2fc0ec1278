# SPDX-License-Identifier: GPL-2.0-only
"""What may be asked besides the verdicts on a patch: a subcommand each."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from invariants import REGISTRY, find
from model.examples.shoot import SHOOT
from model.lang.errors import ModelError
from model.patches import PATCHES

from ..answer.replay import replay as replay_schedule
from ..answer.report import chosen_casts, known_archs, one_arch, trace_of
from ..drift.drift import drift as drift_of
from ..engine.memory import memory_limit
from ..engine.promela import promela
from ..engine.reference import Limits
from ..engine.text import TooWideError
from ..examples.example import as_promela, example_named
from ..memory_order.ordering import Reader, Version, default_casts, in_each_world
from ..mutate import require_edited
from ..necessity.ledger import Asked, Need, chosen_steps, ledger
from ..play.cache import Verdicts
from ..play.play import Play
from ..reduce.reducer import NO_PASSES, Passes
from ..render import catalogue
from ..render.drift import drift_lines
from ..render.necessity import ledger_lines
from ..render.ordering import ordering_lines
from ..render.progress import Watcher
from ..render.show import python_source, step_lines
from ..render.trace import replay_line, trace_lines
from ..stage.stage import Setting, Stage
from ..subject.subject import EXAMPLES, Subject, as_mutant, by_name, no_such_patch

UNKNOWN = 3
"""The exit status for what is not known."""


def say(lines: Sequence[str], *, err: bool = False) -> None:
    for line in lines:
        click.echo(line, err=err)


def params_of(given: tuple[str, ...]) -> dict[str, str]:
    params = {}
    for text in given:
        key, equals, value = text.partition("=")
        if not equals:
            raise ModelError(f"--param {text}", why="it has no '='", instead="write --param cpus=3")
        params[key] = value
    return params


def _stored(patch: str, variant: str) -> Subject:
    """A stored patch: its before and after side, or one variant."""
    if patch not in PATCHES:
        raise no_such_patch(patch)
    return by_name(patch, variant)


@click.command("list")
@click.argument("kind", type=click.Choice(catalogue.KINDS), required=False)
def list_(kind: str | None) -> None:
    """What there is: patches, variants, invariants, archs, scenarios, mutants."""
    kinds = [kind] if kind else [k for k in catalogue.KINDS if k != "scenarios"]
    for n, each in enumerate(kinds):
        if not kind:
            click.echo(("\n" if n else "") + each)
        say(catalogue.listed(each))


@click.command()
@click.argument("patch")
@click.option("--variant", default="", help="The version; by default the after side.")
@click.option("--arch", default="x86_64", show_default=True)
@click.option("--format", "form", type=click.Choice(["steps", "python"]), default="steps")
def show(patch: str, variant: str, arch: str, form: str) -> None:
    """The steps that a model compiles to, beside its source; or its source to start from."""
    subject = _stored(patch, variant)
    role = subject.selected.role
    if form == "python":
        click.echo(python_source(subject.patch, role.variant))
        return
    cast = subject.patch.casts.full(role.variant.kernel)[0]
    stage = Stage(Setting.of(cast), one_arch(arch), ())
    say(step_lines(stage.raw_system(cast, role).threads[0]))


@click.command()
@click.argument("name")
def explain(name: str) -> None:
    """An invariant, a group or a patch: the sentence, who relies on it, witness and mutants."""
    if name in PATCHES:
        say(catalogue.explained_patch(PATCHES[name]))
        return
    for n, invariant in enumerate(find(name)):
        if n:
            click.echo()
        say(catalogue.explained_invariant(invariant))


@click.command()
@click.argument("schedule")
def replay(schedule: str) -> None:
    """Carry a trace out again, step by step, as its last line says."""
    traces = replay_schedule(schedule)
    for n, trace in enumerate(traces):
        if n:
            click.echo()
        say([*trace_lines(trace), replay_line(trace)])
    if not traces:
        click.echo("the schedule can be carried out and breaks no invariant at its last step")
    sys.exit(1 if traces else 0)


@click.command()
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
    subject = _stored(patch, variant)
    role = subject.selected.role
    casts = chosen_casts(subject.patch.casts, role.variant.neighbours_from, scenario, full=False)
    steps = chosen_steps(role, casts, step)
    limits = Limits(max_states, bytes=memory_limit(max_memory, jobs))
    chosen = tuple(REGISTRY.values())
    asked = Asked(role, tuple(casts), known_archs(arch), chosen, limits, jobs)
    verdicts = Verdicts(use=not no_cache)
    with Watcher() as watch:
        rows = ledger(asked, steps, verdicts, watch)
    say(ledger_lines(subject, asked, rows, scenario))
    for row in rows if trace else ():
        if row.play is not None:
            found = trace_of(row.play, REGISTRY[row.invariants[0]], verdicts, limits)
            if found is not None:
                say(["", row.step.name, *trace_lines(found), replay_line(found)])
    sys.exit(UNKNOWN if any(r.need is Need.UNDECIDED for r in rows) else 0)


@click.command()
@click.argument("patch", default=next(iter(PATCHES)))
@click.option("--variant", default="", help="The version; by default the after side.")
@click.option("--mutant", default="", help="A mutant of it, by name.")
@click.option("--arch", default="x86_64", show_default=True)
@click.option("--scenario", default="", help="A scenario's name, or a glob over names.")
@click.option("--format", "form", type=click.Choice(["text", "dot", "svg"]), default="text")
@click.option("--max-states", type=click.IntRange(1), default=5_000_000, show_default=True)
def locks(
    patch: str, variant: str, mutant: str, arch: str, scenario: str, form: str, max_states: int
) -> None:
    """Which locks are taken while which are held, by line; cycles, and whether they block."""
    from ..lock_order.orders import (
        Asked as LocksAsked,  # networkx takes a while to load: not for every command
    )
    from ..lock_order.orders import casts_of, lock_orders
    from ..render.locks import drawn, lock_dot, lock_lines

    if form == "svg" and shutil.which("dot") is None:
        raise ModelError("--format svg: there is no dot", why="Graphviz draws it",
                         instead="--format dot")  # fmt: skip

    subject = _stored(patch, variant)
    if mutant:
        subject = as_mutant(subject, mutant)
    role = subject.selected.role
    kernel = role.variant.neighbours_from
    casts = casts_of(subject.patch.casts, kernel)
    if scenario:
        casts = chosen_casts(subject.patch.casts, kernel, scenario, full=False)
    asked = LocksAsked(role, tuple(casts), one_arch(arch), Limits(max_states))
    with Watcher() as watch:
        answer = lock_orders(asked, watch)
    if form == "svg":
        click.echo(drawn(lock_dot(answer)), nl=False)
    else:
        say(lock_dot(answer) if form == "dot" else lock_lines(asked, answer))
    if any(c.blocks is not None for c in answer.cycles):
        sys.exit(1)
    sys.exit(UNKNOWN if answer.observed.stopped or any(c.why for c in answer.cycles) else 0)


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
    from ..prove.theorems import no_core, prove_patch, prove_shoot  # so does Z3
    from ..render.prove import inferred_lines, proof_lines

    limits = Limits(max_states)
    example = example_named(patch)
    if example is not None:
        if example is not SHOOT:
            raise no_core(patch)
        proofs = prove_shoot(variant, limits)
    else:
        subject = _stored(patch, variant)
        if mutant:
            subject = as_mutant(subject, mutant)
        role = subject.selected.role
        proofs = prove_patch(subject.patch, role, one_arch(arch), limits)
        say([f"prove      {subject.patch.name}, {role.variant.name}: {role.variant.doc}"])
        say([f"MUTANT     {mutant}"] if mutant else [])
    verdicts = set()
    shown = False
    for proof in proofs:
        verdicts.add(proof.verdict)
        shown = shown or proof.shown is not None
        say(["", *proof_lines(proof, times=stats)])
        if infer:
            say(list(inferred_lines(proof.core)))
    sys.exit(1 if shown else UNKNOWN if verdicts - {"PROVED"} else 0)


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
    """One scenario for another checker, reduced as it is decided here."""
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
    subject = _stored(patch, variant)
    if mutant:
        subject = as_mutant(subject, mutant)
    role = subject.selected.role
    cast = chosen_casts(subject.patch.casts, role.variant.neighbours_from, scenario, full=False)[0]
    require_edited(role, [cast])
    passes = NO_PASSES if unreduced else Passes()
    stage = Stage(Setting.of(cast), one_arch(arch), REGISTRY.values(), passes=passes)
    try:
        text = promela(stage.reduced(cast, role), stage.initial(cast))
    except TooWideError as error:
        raise ModelError(f"{cast.name} cannot be written as {form}", why=str(error)) from error
    click.echo(text, nl=False)


@click.command()
@click.argument("patch")
@click.option("--variant", default="", help="The version; by default the after side.")
@click.option("--arch", default="", help="Architectures, with commas; all by default.")
@click.option("--scenario", default="", help="A scenario's name, or a glob; each neighbour alone.")
def ordering(patch: str, variant: str, arch: str, scenario: str) -> None:
    """Where memory ordering is not decided: accesses that may be taken in another order."""
    subject = _stored(patch, variant)
    role = subject.selected.role
    kernel = role.variant.neighbours_from
    casts = default_casts(subject.patch, kernel)
    if scenario:
        casts = chosen_casts(subject.patch.casts, kernel, scenario, full=False)
    plays = [
        play
        for name in known_archs(arch)
        for play in in_each_world([Play(cast, role, name) for cast in casts])
    ]
    reader = Reader(Verdicts(), subject.patch.casts)
    answers = reader.compared(list(reader.answers(plays)), Version.before(subject))
    say(ordering_lines(role, answers, subject.before))
    sys.exit(UNKNOWN if any(a.pairs for a in answers) else 0)


@click.command()
@click.argument("tree", type=click.Path(path_type=Path))
def drift(tree: Path) -> None:
    """Which modelled functions differ in a kernel TREE from the version that was modelled."""
    report = drift_of(tree)
    say(drift_lines(report))
    sys.exit(UNKNOWN if report.differing else 0)


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
    from model.reference.kernel import Behaviour  # the reference MM takes a while to load

    from ..render.step import step_lines, steps_json
    from ..step.step import read_program, stepped

    program = read_program(file)
    kernel = Behaviour(move=_stored("uffd_move_batching", variant).selected.role.variant.name,
                       swap=not no_swap)  # fmt: skip
    done = []
    for number, each in enumerate(stepped(program, kernel)):
        done.append(each)
        if form == "text":
            say([*([""] if number else []), *step_lines(each, steps=steps)])
    code = 1 if any(s.broken for s in done) else UNKNOWN if any(s.why for s in done) else 0
    if form == "json":
        click.echo(steps_json(program.arena, done, code))
    sys.exit(code)


@click.command()
@click.option("--programs", type=click.IntRange(1, 1_000_000), default=1000, show_default=True)
@click.option("--steps", type=click.IntRange(1, 1000), default=30, show_default=True,
              help="Operations in a program.")  # fmt: skip
@click.option("--seed", type=click.IntRange(0, 2**31), default=1, show_default=True)
@click.option("--without", multiple=True, metavar="OPERATION",
              help="Leave an operation out of programs, as fork; may be given again.")  # fmt: skip
@click.option("--swap", is_flag=True, help="Borrow a swap file, so that pages are swapped out.")
@click.option("--hugetlb", is_flag=True, help="Borrow huge pages, to see PMD tables shared.")
@click.option("--jobs", type=click.IntRange(0), default=0, help="Processes; 0: one a processor.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text")
def conform(
    programs: int, steps: int, seed: int, without: tuple[str, ...], swap: bool, hugetlb: bool,
    jobs: int, form: str,
) -> None:  # fmt: skip
    """The reference MM against the kernel that runs here: random programs, step by step.

    Says first what it will touch.  An interrupt prints what is known so far.
    """
    from ..conform.question import Question, ask, check_question, touched  # as for `step`
    from ..render.conform import conform_json, conform_lines

    question = Question(programs, steps, seed, without, swap, hugetlb, jobs)
    check_question(question)
    say(touched(question), err=True)
    with Watcher("programs", "operations") as watch:
        answer = ask(question, watch=watch)
    if form == "json":
        click.echo(conform_json(answer))
    else:
        say(conform_lines(answer))
    sys.exit(answer.exit_code)


SUBCOMMANDS = (
    list_, show, explain, replay, necessity, ordering, locks, prove, export, drift, step, conform,
)  # fmt: skip

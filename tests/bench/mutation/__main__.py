# SPDX-License-Identifier: GPL-2.0-only
"""The mutation score: ``python -m tests.bench.mutation [--only GLOB] [--seconds N]``.

Mutants of every step of the versions and of their neighbours (`steps`), and of every invariant
(`judges`); how many are killed on each architecture, and the survivors, each with its line of
`survivors.txt`.  Exit status 1 if a survivor has none.
"""

from __future__ import annotations

import argparse
import fnmatch
import functools
import gc
import itertools
import multiprocessing
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from checks.play.play import Play
from checks.stage.stage import Role
from checks.target.selection import known_archs
from invariants import REGISTRY
from tests.families import MOVE

from .judges import Judged, judge_mutations
from .playing import Fate, Player, caught_by, in_turn, plays_of
from .steps import Function, Mutation, mutations

VERSIONS = ("merged", "folio_lock_only")
TABLE = Path(__file__).with_name("survivors.txt")

HINTS = 3
"""So many casts that killed mutants of the same function come first."""

KINDS = ("equal", "out of reach", "missing", "no mutant")
"""Of a survivor: it does the same; no cast can tell, and why; an invariant is missing, or a planted
bug that needs this part of one."""

ALIVE = ("survives", "unreached", "unfinished")

Job = Callable[[], list[Fate]]


def in_children(
    jobs: Sequence[Job], at_once: int, until: float
) -> Iterator[tuple[int, list[Fate]]]:
    """The result of each job, in its own process: expressions are kept as long as one lives."""
    context = multiprocessing.get_context("fork")
    running: dict[Connection, tuple[int, Any]] = {}
    left = iter(range(len(jobs)))
    try:
        while True:
            free = at_once - len(running) if time.monotonic() < until else 0
            for n in itertools.islice(left, free):
                here, there = context.Pipe(duplex=False)
                process = context.Process(target=_child, args=(jobs[n], there), daemon=True)
                process.start()
                there.close()
                running[here] = n, process
            if not running:
                return
            for ready in wait(list(running)):
                assert isinstance(ready, Connection)
                n, process = running.pop(ready)
                try:
                    yield n, ready.recv()
                except EOFError:
                    yield n, []
                process.join()
                ready.close()
    finally:
        for _, process in running.values():
            process.terminate()


def _child(job: Job, there: Connection) -> None:
    gc.disable()
    there.send(job())


# -- the table of survivors ------------------------------------------------------------------------


def read_table() -> list[tuple[str, str, str]]:
    """Kind, glob over names without lines, and reason."""
    rows = []
    for line in TABLE.read_text().splitlines():
        if line.strip() and not line.startswith("#"):
            kind, glob, reason = (part.strip() for part in line.split("|", 2))
            rows.append((kind, glob, reason))
    return rows


@dataclass(frozen=True)
class Earlier:
    """The survivors of an earlier run, and the casts in which it killed the others, by name."""

    survivors: frozenset[str] = frozenset()
    killers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @classmethod
    def read(cls, printed: str) -> Earlier:
        """Read what was printed for each mutant: its name, below it a line for an architecture."""
        alive, killers, name = set(), dict[str, tuple[str, ...]](), ""
        for line in printed.splitlines():
            if not line.startswith(" "):
                name = line
                continue
            how = "".join(line.split()[1:2]).rstrip(":")
            if how in ALIVE:
                alive.add(name)
            elif how == "killed":
                killers[name] = (*killers.get(name, ()), line.rpartition(" in ")[2])
        return cls(frozenset(alive), killers)


def explained(name: str, table: Sequence[tuple[str, str, str]]) -> str:
    """The line of the table for a survivor; "" if nothing."""
    for kind, glob, reason in table:
        if fnmatch.fnmatchcase(name, glob):
            return f"{kind}: {reason}"
    return ""


# -- the two halves --------------------------------------------------------------------------------


class Score:
    """Counts what becomes of mutants, and prints it."""

    def __init__(self, archs: Sequence[str]) -> None:
        self.archs = archs
        self.table = read_table()
        self.counts: dict[tuple[str, str], Counter[str]] = {}
        self.unexplained = 0

    def note(self, group: str, name: str, fates: Sequence[Fate]) -> None:
        """Play a mutant on each architecture."""
        shown = []
        fates = fates or [Fate("unfinished", "its process was ended") for _ in self.archs]
        for arch, fate in zip(self.archs, fates, strict=True):
            self.counts.setdefault((group, arch), Counter())[fate.how] += 1
            cast = f" in {fate.cast}" if fate.cast else ""
            shown.append(f"{arch} {fate.how}: {fate.by}{cast}" if fate.by else f"{arch} {fate.how}")
        print(f"{name}\n    " + "\n    ".join(shown), flush=True)
        if any(f.how in ALIVE for f in fates):
            reason = explained(name, self.table)
            self.unexplained += not reason
            print(f"    -> {reason or 'NOT EXPLAINED'}", flush=True)

    def lines(self) -> Iterator[str]:
        """The score: of those that the front end takes and whose lines run, how many are killed."""
        yield f"{'':34}" + "".join(
            f"{w:>11}" for w in ("killed", "survive", "unreached", "unfinished", "refused")
        )
        total: dict[str, Counter[str]] = {}
        for (group, arch), counts in self.counts.items():
            total.setdefault(arch, Counter()).update(counts)
            yield _row(f"{group} {arch}", counts)
        for arch, counts in total.items():
            yield _row(f"all {arch}", counts)
            killed = counts["killed"]
            taken = killed + counts["survives"] + counts["unfinished"]
            yield f"score {arch}: {killed} of {taken} that run" + (
                f", {100 * killed / taken:.1f} %" if taken else ""
            )
        yield f"survivors that the table does not explain: {self.unexplained}"


def _row(name: str, counts: Counter[str]) -> str:
    order = ("killed", "survives", "unreached", "unfinished", "refused")
    return f"{name:34}" + "".join(f"{counts[how]:>11}" for how in order)


def _learned(plays: list[Play], limit: int) -> None:
    """See plays without a mutation; the memory that it takes is given back."""

    def job() -> list[Fate]:
        Player(tuple(REGISTRY.values()), limit).learn(plays)
        return []

    list(in_children([job], 1, float("inf")))


def _is_asked(name: str, asked: argparse.Namespace) -> bool:
    wanted = asked.again is None or name in asked.again.survivors
    return wanted and fnmatch.fnmatchcase(name, asked.only)


def of_steps(asked: argparse.Namespace, archs: Sequence[str], until: float) -> tuple[int, int]:
    """Mutants of steps: how many fit, and how many survivors the table does not explain."""
    score, seen, left, fit = Score(archs), set[Function](), 0, 0
    for version in VERSIONS:
        role = Role(MOVE.variant(version), source=MOVE.name)
        every = mutations(role.variant, MOVE.casts, seen)
        chosen = [m for m in every if _is_asked(f"{version}/{m.name}", asked)]
        if not chosen:
            continue
        player = Player(tuple(REGISTRY.values()), asked.max_states)
        plays = {a: plays_of(role, MOVE.casts, a, quick=asked.quick) for a in archs}
        every_play = [p for arch in archs for p in plays[arch]]
        _learned(every_play, asked.max_states)
        player.learn(every_play)
        few = [p for p in every_play if len(p.cast.others) < 2]
        player.share([p for p in few if p.cast.initial is MOVE.casts.initial[0]])

        killers: dict[str, list[str]] = {}

        def job(mutation: Mutation) -> list[Fate]:
            fates: list[Fate] = []
            function = mutation.step.function
            last = killers.get(function, [])[-HINTS:]  # noqa: B023
            hints = [*asked.hints.killers.get(f"{version}/{mutation.name}", ()),  # noqa: B023
                     *last, *caught_by(function)]  # fmt: skip
            for arch in archs:
                first = [f.cast for f in fates if f.cast] or hints
                fates.append(player.fate(mutation, plays[arch], asked.most, first))  # noqa: B023
            return fates

        jobs = [functools.partial(job, m) for m in chosen]
        left += len(chosen)
        fit += len(chosen)
        for n, fates in in_children(jobs, asked.jobs, until):
            left -= 1
            target = (
                chosen[n].target if chosen[n].target != MOVE.casts.subjects[0].name else version
            )
            score.note(target, f"{version}/{chosen[n].name}", fates)
            casts = killers.setdefault(chosen[n].step.function, [])
            for cast in (f.cast for f in fates if f.cast):
                if cast in casts:
                    casts.remove(cast)
                casts.append(cast)
    for line in score.lines():
        print(line)
    print(f"steps that there was no time for: {left}")
    return fit, score.unexplained


def of_invariants(asked: argparse.Namespace, until: float) -> tuple[int, int]:
    """Mutants of invariants, in casts in which a step is taken that the invariant is about; the
    same two numbers."""
    score, plays = Score(("x86_64",)), []
    chosen = [j for j in judge_mutations() if _is_asked(j.name, asked)]
    if not chosen:
        return 0, 0
    player = Player(tuple(REGISTRY.values()), asked.max_states)
    for version in VERSIONS:
        role = Role(MOVE.variant(version), source=MOVE.name)
        every = plays_of(role, MOVE.casts, "x86_64", quick=asked.quick)
        plays += [p for p in every if len(p.cast.others) < 2]
    _learned(plays, asked.max_states)
    player.learn(plays)
    player.share(plays)

    def job(judged: Judged) -> list[Fate]:
        about = [p.steps for p in judged.invariant.premises]
        there = in_turn([p for p in plays if all(player.base(p).words & w for w in about)])
        return [judged.fate(there[: asked.most])]

    jobs = [functools.partial(job, j) for j in chosen]
    left = len(chosen)
    for n, fates in in_children(jobs, asked.jobs, until):
        left -= 1
        score.note(chosen[n].invariant.group, chosen[n].name, fates)
    for line in score.lines():
        print(line)
    print(f"mutants of invariants that there was no time for: {left}")
    return len(chosen), score.unexplained


def _output(path: str) -> Earlier:
    try:
        return Earlier.read(Path(path).read_text())
    except (OSError, UnicodeDecodeError) as error:
        raise argparse.ArgumentTypeError(f"'{path}' cannot be read: {error}") from error


def main(arguments: Sequence[str]) -> int:
    """0 if each survivor is explained; an error if there was nothing to explain."""
    options = argparse.ArgumentParser(prog="python -m tests.bench.mutation")
    options.add_argument("--of", choices=["steps", "invariants", "both"], default="both")
    options.add_argument("--only", default="*", help="a glob over names, as they are printed")
    again = "only those that survive in this output of an earlier run"
    options.add_argument("--again", type=_output, metavar="FILE", help=again)
    first = "casts that killed in this output of an earlier run come first"
    options.add_argument("--hints", type=_output, metavar="FILE", default=Earlier(), help=first)
    options.add_argument("--arch", default="x86_64,arm64", help="for mutants of steps")
    options.add_argument("--jobs", type=int, default=1)
    most = "casts for one mutant, and a quarter as many large ones besides"
    options.add_argument("--most", type=int, default=80, help=most)
    options.add_argument("--max-states", type=int, default=50_000, help="of one cast")
    options.add_argument("--quick", action="store_true", help="neighbours in the first state alone")
    options.add_argument("--seconds", type=float, default=float("inf"))
    asked = options.parse_args(arguments)
    until = time.monotonic() + asked.seconds
    halves = []
    if asked.of != "invariants":
        halves.append(of_steps(asked, known_archs(asked.arch), until))
    if asked.of != "steps":
        halves.append(of_invariants(asked, until))
    if not any(fit for fit, _ in halves):
        among = " among those of --again" if asked.again is not None else ""
        options.error(f"no mutant's name fits '{asked.only}'{among}")
    return 1 if any(unexplained for _, unexplained in halves) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

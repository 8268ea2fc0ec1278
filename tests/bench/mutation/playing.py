# SPDX-License-Identifier: GPL-2.0-only
"""Playing a mutant in casts in which what it changes runs, the smallest first, until it is killed.

A mutant is killed by an invariant that fails in a cast in which it holds without the mutation, by
a check of the model itself, or because a routine never returns that did.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from checks.decide import Play, families, side_by_side
from checks.engine.reference import Limits, Search
from checks.reduce.conflicts import DISCIPLINE
from checks.reduce.reducer import Passes
from checks.scenario import Role, Setting, Stage
from checks.verdicts import Verdicts
from invariants.attach import tokens
from invariants.registry import Invariant
from model.kernel.casts import Cast, CastSet, different
from model.lang.errors import ModelError
from model.lang.ir import System, Thread

from .steps import Line, Mutation

CUT = 20.0
"""Seconds after which a play of a mutant is given up: it may have made an endless system."""


@dataclass(frozen=True)
class Seen:
    """What a play shows: what fails, routines that never return, why it is not finished, the lines
    of models that ran, and what invariants may be about of the steps that were taken."""

    fails: frozenset[str]
    stuck: frozenset[str]
    states: int
    why: str
    lines: frozenset[Line]
    tokens: frozenset[str]


@dataclass(frozen=True)
class Fate:
    """What becomes of a mutant on an architecture: `how` is killed, survives, unreached (its lines
    run in no cast), refused (the front end does not take it) or unfinished."""

    how: str
    by: str = ""
    cast: str = ""
    played: int = 0


def casts_for(casts: CastSet, kernel: str) -> list[Cast]:
    """The smallest casts first: alone, each neighbour from the first state and then from all
    others, with one page and with two, and all pairs with one page."""
    first = casts.initial[0]

    def rank(cast: Cast) -> tuple[int, bool, int]:
        return len(cast.others), cast.initial is not first, cast.pages

    every = [
        c for c in casts.full(kernel)
        if c.pages <= (1 if len(c.others) == 2 else 2)
        and (c.same_ptl is different or not c.others)
        and (len(c.others) < 2 or c.initial is first)
        and (len(c.others) == 0 or c.pages == 1 or c.initial is first)
    ]  # fmt: skip
    return sorted(every, key=rank)


class Player:
    """Plays casts; keeps stages, so that what mutants share is made once."""

    def __init__(self, chosen: Sequence[Invariant], limit: int) -> None:
        self._chosen, self._limit = chosen, limit
        self._stages: dict[tuple[Setting, str, bool], Stage] = {}
        self._known: dict[str, Seen] = {}
        self._verdicts = Verdicts()

    def stage(self, play: Play, *, movers: bool = True) -> Stage:
        key = Setting.of(play.cast), play.arch, movers
        if key not in self._stages:
            passes = Passes(movers=movers)
            self._stages[key] = Stage(key[0], play.arch, self._chosen, passes=passes)
        return self._stages[key]

    def play(self, play: Play) -> Seen:
        """Play once; without movers if a lock is not held that they rest on."""
        limits = Limits(self._limit, time.monotonic() + CUT)
        stage = self.stage(play)
        _, search = stage.search(play.cast, play.role, limits)
        if DISCIPLINE in search.violations:
            stage = self.stage(play, movers=False)
            _, search = stage.search(play.cast, play.role, limits)
        raw = stage.raw_threads(play.cast, play.role)
        return _seen(raw, stage.reduced(play.cast, play.role), search)

    def base(self, play: Play) -> Seen:
        """What is seen without a mutation."""
        if play.name not in self._known:
            self._known[play.name] = self.play(play)
        return self._known[play.name]

    def learn(self, plays: Sequence[Play]) -> None:
        """See all of them without a mutation, each family reduced together, or know it from an
        earlier run."""
        what = f"mutation base, {sorted(i.name for i in self._chosen)} {self._limit}"
        known = self._verdicts.texts(what, plays)
        self._known |= {plays[n].name: _read(found) for n, found in known.items()}
        for group in families(p for p in plays if p.name not in self._known):
            for beside in side_by_side(group):
                stage = self.stage(beside[0])
                stage.prepare([(p.cast, p.role) for p in beside])
                for play in beside:
                    self._verdicts.keep_text(what, play, _written(self.base(play)))
                    stage.forget(play.cast, play.role)

    def share(self, plays: Sequence[Play]) -> None:
        """Make what mutants of them have in common."""
        for play in plays:
            self.stage(play).system(play.cast, play.role)

    def chosen(self, mutation: Mutation, plays: Sequence[Play]) -> Iterator[Play]:
        """The plays in which what is changed runs, in their order.

        Where two neighbours play, what runs with either of them alone does."""
        alone: dict[str, frozenset[Line]] = {}
        for play in plays:
            names = [n.name for n in play.cast.others]
            if len(names) < 2:
                lines = self.base(play).lines
                if names and play.cast.pages == 1:
                    alone.setdefault(names[0], lines)
            else:
                lines = alone[names[0]] | alone[names[1]]
            if lines & mutation.lines:
                yield play

    def fate(
        self, mutation: Mutation, plays: Sequence[Play], most: int, hints: Sequence[str] = ()
    ) -> Fate:
        """What becomes of a mutant; `hints` are names of casts to begin with."""
        chosen = list(self.chosen(mutation, plays))
        where = " (lines that have no step of their own)" if not chosen else ""
        if not chosen:
            chosen = list(self.chosen(replace(mutation, lines=mutation.around), plays))
        if not chosen:
            return Fate("unreached")
        chosen = _in_turn(chosen)
        chosen.sort(key=lambda p: p.cast.name not in hints)
        unfinished = ""
        for n, play in enumerate(chosen[:most], 1):
            role = mutation.step.of(play.role)
            try:
                seen = self.play(replace(play, role=role))
            except ModelError as error:
                return Fate("refused", str(error))
            base = self.base(play)
            by = sorted(seen.fails - base.fails)
            by += [f"{who} never returns" for who in sorted(seen.stuck - base.stuck)
                   if not by and not seen.why]  # fmt: skip
            if by:
                return Fate("killed", ", ".join(by), play.cast.name, n)
            unfinished = unfinished or seen.why
        count = min(len(chosen), most)
        if unfinished:
            return Fate("unfinished", unfinished, played=count)
        return Fate("survives", f"{count} of {len(chosen)} casts{where}", played=count)


def _in_turn(plays: Sequence[Play]) -> list[Play]:
    """Three without a neighbour and one with each, again and again: a bug that needs a neighbour is
    not looked for first in all casts without one."""
    counts: Counter[tuple[str, ...]] = Counter()
    turns: list[tuple[int, int, Play]] = []
    for play in plays:
        names = tuple(n.name for n in play.cast.others)
        turns.append((counts[names] // (1 if names else 3), len(turns), play))
        counts[names] += 1
    return [play for _, _, play in sorted(turns, key=lambda turn: turn[:2])]


def plays_of(role: Role, casts: CastSet, arch: str) -> list[Play]:
    return [Play(c, role, arch) for c in casts_for(casts, role.variant.neighbours_from)]


def _seen(raw: Sequence[Thread], reduced: System, search: Search) -> Seen:
    lines: set[Line] = set()
    done: set[str] = set()
    stuck = set()
    for whole, thread, marks in zip(raw, reduced.threads, search.fired, strict=False):
        taken = {
            part.number
            for edge, mark in zip(thread.edges, marks, strict=True) if mark
            for part in edge.origin()
        }  # fmt: skip
        here = [e for e in whole.edges if e.number in taken]
        lines |= {(s.file, s.line) for e in here if e.site is not None for s in e.site.chain()}
        taken_here = frozenset().union(*(tokens(e.call) for e in here if e.call is not None))
        done |= taken_here
        if "return" not in taken_here:
            stuck.add(thread.routine)
    return Seen(
        frozenset(search.violations), frozenset(stuck), search.states, search.why,
        frozenset(lines), frozenset(done),
    )  # fmt: skip


def _written(seen: Seen) -> list[object]:
    return [sorted(seen.fails), sorted(seen.stuck), seen.states, seen.why, sorted(seen.lines),
            sorted(seen.tokens)]  # fmt: skip


def _read(found: list[list[object]]) -> Seen:
    fails, stuck, states, why, lines, done = found
    return Seen(
        frozenset(map(str, fails)), frozenset(map(str, stuck)), int(str(states)), str(why),
        frozenset((str(line[0]), int(line[1])) for line in lines),  # type: ignore[index]
        frozenset(map(str, done)),
    )  # fmt: skip

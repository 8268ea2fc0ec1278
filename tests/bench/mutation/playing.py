# SPDX-License-Identifier: GPL-2.0-only
"""Playing a mutant in casts in which what it changes runs, the smallest first, until it is killed.

A mutant is killed by an invariant that fails in a cast in which it holds without the mutation, by
a check of the model itself, because a routine never returns that did, or because one under test
never succeeds that did, of which `check-invariants` says that it is VACUOUS.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

from checks.engine.search import Limits
from checks.play.cache import Verdicts
from checks.play.play import Finding, Play, Theatre, families, side_by_side
from checks.reduce.reducer import NO_PASSES
from checks.stage.stage import Role
from invariants.registry import Invariant
from model.cast.cast_set import CastSet
from model.cast.casts import Cast
from model.lang.errors import ModelError
from model.patches import FAMILIES

from .steps import Line, Mutation

ALONE = 3
"""So many casts of a mutant are reduced alone, for many mutants are killed there; the others are
reduced with those of their family."""

SMALL = 60_000
"""Systems of so many states are searched as they are, in less time than it takes to reduce them."""

CAUGHT = frozenset(m.cast for family in FAMILIES.values() for m in family.mutants)
"""The casts in which the mutants of the table are caught: others like them are, too."""


def caught_by(function: str) -> list[str]:
    """The casts in which the mutants of the table that change a function are caught."""
    table = (m for family in FAMILIES.values() for m in family.mutants)
    return list(dict.fromkeys(m.cast for m in table if function in dict(m.edits)))


PAIRED = frozenset({"swapped_out", "swap_cached", "shared"})
"""Besides the first, the initial states that two neighbours start from: what they do to a page that
is in swap or shared they do to no other."""

CUT = 20.0
"""Seconds after which a play of a mutant is given up: it may have made an endless system."""


@dataclass(frozen=True)
class Seen:
    """The result of a play: what fails, routines that never return, the best ends of those under
    test, why it is unfinished, words of the steps that were taken, whether the system was reduced,
    and, where nothing is mutated, the lines of models that ran."""

    fails: frozenset[str]
    stuck: frozenset[str]
    ends: tuple[tuple[str, int], ...]
    states: int
    why: str
    words: frozenset[str]
    reduced: bool
    lines: frozenset[Line] = frozenset()


@dataclass(frozen=True)
class Fate:
    """The fate of a mutant on an architecture: `how` is killed, survives, unreached (its lines
    run in no cast), refused (the front end does not take it) or unfinished."""

    how: str
    by: str = ""
    cast: str = ""
    played: int = 0


def casts_for(casts: CastSet, kernel: str) -> list[Cast]:
    """The smallest casts first: alone and with each neighbour, from the first state and then from
    all others, with one page and with two; all pairs from the first state and from those of
    `PAIRED` with one page; and those in which the mutants of the table are caught."""
    first = casts.initial[0]

    def rank(cast: Cast) -> tuple[int, bool, int]:
        return len(cast.others), cast.initial is not first, cast.axes["pages"]

    every = [
        c for c in casts.full(kernel)
        if c.axes["pages"] <= (1 if len(c.others) == 2 else 2)
        and (not c.few or not c.others)
        and (len(c.others) < 2 or c.initial is first or c.initial.name in PAIRED)
    ]  # fmt: skip
    caught = (casts.named(name, kernel) for name in sorted(CAUGHT))
    found = {c.name: c for c in (*every, *(c for c in caught if c is not None))}
    return sorted(found.values(), key=rank)


class Player:
    """Plays casts; what mutants share is made once."""

    def __init__(self, chosen: Sequence[Invariant], limit: int) -> None:
        self._chosen, self._limit = chosen, limit
        self._theatre = Theatre(chosen)
        self._unreduced = Theatre(chosen, passes=replace(NO_PASSES, apart=True))
        self._known: dict[tuple[str, str], Seen] = {}
        self._verdicts = Verdicts()

    def play(self, play: Play) -> Seen:
        """Play once."""
        return self._as_it_is(play) or self._reduced(play)

    def _as_it_is(self, play: Play) -> Seen | None:
        """Play without reductions; None where there are too many states."""
        theatre = self._unreduced
        seen = _seen(theatre.play(play, Limits(SMALL, time.monotonic() + CUT)), reduced=False)
        return None if seen.why else seen

    def _reduced(self, play: Play) -> Seen:
        limits = Limits(self._limit, time.monotonic() + CUT)
        return _seen(self._theatre.play(play, limits), reduced=True)

    def base(self, play: Play) -> Seen:
        """The result without a mutation."""
        if _key(play) not in self._known:
            seen = self.play(play)
            self._known[_key(play)] = replace(seen, lines=self._lines(play, seen))
        return self._known[_key(play)]

    def learn(self, plays: Sequence[Play]) -> None:
        """See all of them without a mutation, each family reduced together, or know it from an
        earlier run."""
        what = f"mutation base, {sorted(i.name for i in self._chosen)} {self._limit}"
        known = self._verdicts.texts(what, plays)
        self._known |= {_key(plays[n]): _read(found) for n, found in known.items()}
        for group in families(p for p in plays if _key(p) not in self._known):
            for beside in side_by_side(group):
                for play, seen in self.each(beside):
                    base = replace(seen, lines=self._lines(play, seen))
                    self._known[_key(play)] = base
                    self._verdicts.keep_text(what, play, _written(base))
                self._theatre.forget(beside)
                self._unreduced.forget(beside)

    def share(self, plays: Sequence[Play]) -> None:
        """Make what mutants of them have in common."""
        for play in plays:
            for theatre in (self._theatre, self._unreduced):
                theatre.stage(play).system(play.cast, play.role)

    def _lines(self, play: Play, seen: Seen) -> frozenset[Line]:
        """The lines of models that ran, those of what they were called from included."""
        theatre, limit = (self._theatre, self._limit) if seen.reduced else (self._unreduced, SMALL)
        stage = theatre.stage(play)
        _, search = stage.search(play.cast, play.role, Limits(limit))
        threads = stage.raw_threads(play.cast, play.role)
        reduced = stage.reduced(play.cast, play.role).threads
        sites = []
        for raw, thread, marks in zip(threads, reduced, search.fired[: len(threads)], strict=True):
            fired = {
                part.number
                for edge, mark in zip(thread.edges, marks, strict=True) if mark
                for part in edge.origin()
            }  # fmt: skip
            sites += [e.site for e in raw.edges if e.number in fired and e.site is not None]
        return frozenset((s.file, s.line) for site in sites for s in site.chain())

    def chosen(self, mutation: Mutation, plays: Sequence[Play]) -> Iterator[Play]:
        """The plays in which what is changed runs, in their order."""
        return (play for play in plays if self.base(play).lines & mutation.lines)

    def fate(
        self, mutation: Mutation, plays: Sequence[Play], most: int, hints: Sequence[str] = ()
    ) -> Fate:
        """The fate of a mutant in at most so many casts that are searched as they are, and in a
        quarter as many that are reduced; `hints` are names of casts to begin with."""
        chosen = list(self.chosen(mutation, plays))
        where = " (lines that have no step of their own)" if not chosen else ""
        if not chosen:
            chosen = list(self.chosen(replace(mutation, lines=mutation.around), plays))
        if not chosen:
            return Fate("unreached")
        there = {p.cast.name: p for p in chosen if not self.base(p).why}
        hinted = [there.pop(name) for name in dict.fromkeys(hints) if name in there]
        others = in_turn(list(there.values()))
        large = [p for p in others if self.base(p).reduced]
        some = [*[p for p in others if not self.base(p).reduced][:most], *large[: most // 4]]
        unfinished, played = "", 0
        try:
            for play, seen in chain(self.each(hinted, mutation), self.each(some, mutation)):
                played += 1
                if by := _told(seen, self.base(play)):
                    return Fate("killed", ", ".join(by), play.cast.name, played)
                unfinished = unfinished or seen.why
        except ModelError as error:
            return Fate("refused", str(error))
        if unfinished:
            return Fate("unfinished", unfinished, played=played)
        return Fate("survives", f"{played} of {len(chosen)} casts{where}", played=played)

    def each(
        self, plays: Sequence[Play], mutation: Mutation | None = None
    ) -> Iterator[tuple[Play, Seen]]:
        """The result of each play, of a mutant if one is given; first of those that are searched as
        they are."""
        large = []
        for play in plays:
            one = replace(play, role=mutation.step.of(play.role)) if mutation else play
            base = self._known.get(_key(play))
            seen = self._as_it_is(one) if base is None or not base.reduced else None
            if seen is None:
                large.append((play, one))
            else:
                yield play, seen
        for group in _groups(large):
            self._theatre.prepare([one for _, one in group])
            yield from ((play, self._reduced(one)) for play, one in group)


def _told(seen: Seen, base: Seen) -> list[str]:
    """List what tells a mutant from the base: invariants, or else what is never done any more."""
    if seen.fails - base.fails or seen.why:
        return sorted(seen.fails - base.fails)
    ends = dict(base.ends)
    stuck = [f"{who} never returns" for who in sorted(seen.stuck - base.stuck)]
    return stuck or [f"{who} never succeeds" for who, end in seen.ends if ends.get(who, end) > end]


def _seen(found: Finding, *, reduced: bool) -> Seen:
    return Seen(
        frozenset({*found.violated, *found.broken}), frozenset(found.stuck),
        tuple((t.routine, int(t.end)) for t in found.tested), found.states, found.why, found.seen,
        reduced,
    )  # fmt: skip


def _groups(pairs: Sequence[tuple[Play, Play]]) -> Iterator[list[tuple[Play, Play]]]:
    """Plays, and what is played instead, that are reduced together."""
    yield from ([pair] for pair in pairs[:ALONE])
    instead = {_key(play): one for play, one in pairs[ALONE:]}
    for family in families(play for play, _ in pairs[ALONE:]):
        yield from ([(p, instead[_key(p)]) for p in beside] for beside in side_by_side(family))


def in_turn(plays: Sequence[Play]) -> list[Play]:
    """Three without a neighbour and one with each; then all without, which cost little, those in
    which mutants of the table are caught, and one of each pair, for a step of a neighbour is often
    there because of another; then one with each again and again: a bug that needs neighbours is not
    looked for first in all casts without."""
    counts: Counter[tuple[str, ...]] = Counter()
    turns: list[tuple[int, bool, int, Play]] = []
    for play in plays:
        names = tuple(n.name for n in play.cast.others)
        turn = counts[names] + (1 if len(names) > 1 else 0)
        if not names:
            turn = min(turn // 3, 1)
        caught = play.cast.name in CAUGHT
        if names and caught:
            turn = min(turn, 1)
        turns.append((turn, not caught, len(turns), play))
        counts[names] += 1
    return [play for *_, play in sorted(turns, key=lambda turn: turn[:3])]


def plays_of(role: Role, casts: CastSet, arch: str, *, quick: bool = False) -> list[Play]:
    """The plays of a version on an architecture; `quick` ones have neighbours in the first state
    alone, but for those in which mutants of the table are caught."""

    def is_quick(cast: Cast) -> bool:
        return not cast.others or cast.initial is casts.initial[0] or cast.name in CAUGHT

    every = casts_for(casts, role.variant.neighbours_from)
    return [Play(c, role, arch) for c in every if not quick or is_quick(c)]


def _key(play: Play) -> tuple[str, str]:
    return play.role.variant.name, play.name


def _written(seen: Seen) -> list[object]:
    return [sorted(seen.fails), sorted(seen.stuck), seen.ends, seen.states, seen.why,
            sorted(seen.words), seen.reduced, sorted(seen.lines)]  # fmt: skip


def _read(found: Sequence[Any]) -> Seen:
    fails, stuck, ends, states, why, words, reduced, lines = found
    return Seen(
        frozenset(fails), frozenset(stuck), tuple((who, end) for who, end in ends), states, why,
        frozenset(words), reduced, frozenset((file, line) for file, line in lines),
    )  # fmt: skip

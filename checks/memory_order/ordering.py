# SPDX-License-Identifier: GPL-2.0-only
"""Where sequential consistency, which everything is decided for, may not be enough.

By scenario and architecture: the pairs of accesses of `checks.reduce.ordering`, one for each two
places in the text.  What a scenario begins with does not matter, so that those that run the same
routines are asked about once.  A pair that the version before has too is said to be one.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from invariants.registry import Invariant
from model.cast.cast_set import CastSet
from model.cast.casts import Cast
from model.lang.ir import Edge
from model.patches import FAMILIES
from model.patches.family import Family

from ..engine import interrupts
from ..play.cache import Verdicts
from ..play.cells import Cell, Verdict
from ..play.play import Play
from ..reduce.ordering import Pair
from ..stage.stage import Role, Setting, Stage
from ..target.target import Target


@dataclass(frozen=True)
class Place:
    """An access as a reader finds it: a line of a routine, the call, what it touches."""

    function: str
    line: int
    call: str
    field: str

    def __str__(self) -> str:
        what = f"{self.call}, {self.field}" if self.field else self.call
        return f"{self.function} {self.line}  {what}"

    @property
    def parts(self) -> tuple[str, int, str, str]:
        return self.function, self.line, self.call, self.field

    @classmethod
    def of(cls, edge: Edge, field: str = "") -> Place:
        assert edge.site is not None
        site = edge.site.shown()
        call = edge.call.name if edge.call is not None else "?"
        return cls(site.function, site.line, call, field)


@dataclass(frozen=True)
class Undecided:
    """A pair by places: `first` and `second` of one thread may be taken in the other order, which
    others see between `after` and `before`; not where one of the barriers `unless` comes between.

    `too`: whether the version before has it as well; None where that was not looked at.
    """

    routine: str
    first: Place
    second: Place
    after: Place
    before: Place
    unless: tuple[Place, ...] = ()
    too: bool | None = None

    def also(self, other: Undecided) -> Undecided:
        """Two pairs of the same places as one: kept only by what keeps both."""
        return replace(self, unless=tuple(p for p in self.unless if p in other.unless))


@dataclass(frozen=True)
class Answer:
    """The answer for one play; no pairs: HOLDS, else UNKNOWN.

    `functions` are those that its routines are made of.
    """

    play: Play
    pairs: tuple[Undecided, ...]
    functions: frozenset[str] = frozenset()

    def has_too(self, pair: Undecided, other: Answer) -> bool:
        """True if a pair of another version is one of this version as well: of the same calls and
        fields, and not kept by a barrier here which is gone there.

        A line may have moved, and a function that only one version has may stand for one that only
        the other has.
        """

        def alike(mine: Place, theirs: Place) -> bool:
            replaced = mine.function not in other.functions
            replaced = replaced and theirs.function not in self.functions
            return (mine.call, mine.field) == (theirs.call, theirs.field) and (
                mine.function == theirs.function or replaced
            )

        return any(
            mine.routine == pair.routine
            and alike(mine.first, pair.first)
            and alike(mine.second, pair.second)
            and all(any(alike(m, t) for t in pair.unless) for m in mine.unless)
            for mine in self.pairs
        )


@dataclass(frozen=True)
class Version:
    """The version before, with the casts of its patch."""

    casts: CastSet
    role: Role

    @classmethod
    def before(cls, target: Target) -> Version | None:
        """The version that the selected side of a target is compared with."""
        role = target.before
        return None if role is None else cls(target.family.casts, role)

    def play(self, play: Play) -> Play | None:
        """The same cast with this version; None where its kernel lacks a neighbour."""
        cast = self.casts.named(play.cast.name, self.role.variant.neighbours_from)
        return None if cast is None else Play(cast, self.role, play.arch)


class Reader:
    """Reads the routines of plays; keeps stages, so that what sides share is compiled once."""

    def __init__(self, verdicts: Verdicts, casts: CastSet) -> None:
        self._verdicts = verdicts
        self._initial = (*casts.initial, *casts.assumed)
        self._stages: dict[tuple[Setting, str], Stage] = {}

    def answers(self, plays: Sequence[Play], until: float = float("inf")) -> Iterator[Answer]:
        """An answer for each play; none for those that are left when the time is over."""
        known = self._verdicts.texts("ordering", plays)
        for n, play in enumerate(plays):
            if n in known:
                functions, *found = known[n]
                yield Answer(play, tuple(map(_read, found)), frozenset(functions))
            elif time.monotonic() >= until:
                return
            else:
                answer = self._answer(play)
                written = [sorted(answer.functions), *map(_written, answer.pairs)]
                self._verdicts.keep_text("ordering", play, written)
                yield answer

    def compared(
        self, answers: Sequence[Answer], before: Version | None, until: float = float("inf")
    ) -> list[Answer]:
        """The answers, each pair with whether the version before has it too."""
        found = []
        for answer in answers:
            play = before.play(answer.play) if before is not None and answer.pairs else None
            for earlier in self.answers([play] if play is not None else [], until):
                pairs = (replace(p, too=earlier.has_too(p, answer)) for p in answer.pairs)
                answer = replace(answer, pairs=tuple(pairs))
            found.append(answer)
        return found

    def _answer(self, play: Play) -> Answer:
        if not play.cast.others:
            return Answer(play, ())  # there is nobody who could tell
        key = Setting.of(play.cast), play.arch
        if key not in self._stages:  # what invariants add to a thread is no access to memory
            self._stages[key] = Stage(*key, ())
        stage = self._stages[key]
        threads = stage.raw_threads(play.cast, play.role)
        names = [t.routine for t in threads]
        found: dict[tuple[int, Place, Place], Undecided] = {}
        for pair in stage.ordering(play.cast, play.role, self._initial).pairs():
            made = _undecided(pair, names)
            places = pair.first.thread, made.first, made.second
            found[places] = found[places].also(made) if places in found else made
        sites = [edge.site.shown() for t in threads for edge in t.edges if edge.site is not None]
        return Answer(play, tuple(found.values()), frozenset(s.function for s in sites))

    def cell(
        self, invariant: Invariant, plays: Sequence[Play], until: float,
        before: Version | None = None,
    ) -> tuple[Cell, tuple[Answer, ...]]:  # fmt: skip
        """What is to be said of the plays of one side and architecture, and the answers that it
        rests on.

        Those with few routines come first, and once one of them has a pair nothing larger is asked:
        it is not known then, whatever the others have.
        """
        asked: list[Answer] = []
        why = ""
        for group in _by_size(plays):
            try:
                found = len(asked)
                asked += self.answers(group, until)
            except KeyboardInterrupt:
                why = interrupts.notice()
            if len(asked) - found < len(group):
                why = why or "stopped at --timeout"
            if why or any(a.pairs for a in asked):
                break
        asked = self.compared(asked, before, until)
        some = [a for a in asked if a.pairs]
        reason = _reason(asked, some) if some else why
        kind = Verdict.UNKNOWN if reason else Verdict.HOLDS
        return Cell(invariant, kind, reason, len(asked), 0, ()), tuple(asked)


def in_each_world(plays: Sequence[Play]) -> list[Play]:
    """One play for each set of routines in each world, of those on one architecture."""
    return [play for group in _by_size(plays) for play in group]


def _by_size(plays: Sequence[Play]) -> list[list[Play]]:
    """The same, world by world, those with the fewest neighbours and objects first."""
    groups: dict[Any, dict[tuple[str, ...], Play]] = {}
    for play in plays:
        world = Setting.of(play.cast)
        needs = tuple(sorted(world.needs))
        key = len(play.cast.others), play.cast.few, play.cast.size, len(needs), needs
        names = tuple(n.name for n in play.cast.others)
        groups.setdefault(key, {}).setdefault(names, play)
    return [list(groups[key].values()) for key in sorted(groups)]


def _reason(asked: Sequence[Answer], some: Sequence[Answer]) -> str:
    every = [(a.play, p) for a in some for p in a.pairs]
    play, pair = next((each for each in every if not each[1].too), every[0])
    pairs = "1 pair of accesses" if len(every) == 1 else f"{len(every)} pairs of accesses"
    too = sum(bool(p.too) for _, p in every)
    known = f" ({too} of them in the version before too)" if too else ""
    return (
        f"{pairs} may be taken in the other order{known}, in {len(some)} of {len(asked)} sets of"
        f" routines that were looked at; in {play.cast.name.partition('/')[0]}, {pair.routine}():"
        f" {pair.first}, then {pair.second}"
    )


def command(role: Role, scenarios: Sequence[str]) -> str:
    """The command that lists all pairs; "" for what no command names.  It takes one scenario."""
    if role.source not in FAMILIES or role.mutant:
        return ""
    only = f" --scenario '{scenarios[0]}'" if len(scenarios) == 1 else ""
    return f"check-invariants ordering {role.source} --variant {role.variant.name}{only}"


def default_casts(patch: Family, kernel: str) -> list[Cast]:
    """Each neighbour alone, once: what a cast begins with does not matter here."""
    found: dict[tuple[str, ...], Cast] = {}
    for cast in patch.casts.default(kernel):
        if len(cast.others) == 1:
            found.setdefault(tuple(n.name for n in cast.others), cast)
    return list(found.values())


def _undecided(pair: Pair, names: Sequence[str]) -> Undecided:
    seen = (pair.first, pair.second, pair.after, pair.before)
    first, second, after, before = (Place.of(a.edge, a.place.var) for a in seen)
    unless = tuple(dict.fromkeys(map(Place.of, pair.unless)))
    return Undecided(names[pair.first.thread], first, second, after, before, unless)


def _written(pair: Undecided) -> list[object]:
    places = (pair.first, pair.second, pair.after, pair.before, *pair.unless)
    return [pair.routine, *(p.parts for p in places)]


def _read(found: list[list[object]]) -> Undecided:
    routine, *places = found
    first, second, after, before, *unless = (Place(*parts) for parts in places)  # type: ignore[arg-type]
    return Undecided(str(routine), first, second, after, before, tuple(unless))

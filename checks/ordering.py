# SPDX-License-Identifier: GPL-2.0-only
"""Where sequential consistency, which everything is decided for, may not be enough.

By scenario and architecture: the pairs of accesses of `checks.reduce.ordering`, one for each two
places in the text.  What a scenario begins with does not matter, so that those that run the same
routines are asked about once.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from invariants.registry import Invariant
from model.kernel.casts import Cast
from model.patches import PATCHES
from model.patches.patch import Patch

from .cells import Cell, Verdict
from .decide import Play
from .reduce.ordering import Access, Pair
from .scenario import Role, Setting, Stage
from .verdicts import Verdicts


@dataclass(frozen=True)
class Place:
    """An access as a reader finds it: a line of a routine, the call, what it touches."""

    function: str
    line: int
    call: str
    field: str

    def __str__(self) -> str:
        return f"{self.function} {self.line}  {self.call}, {self.field}"

    @property
    def parts(self) -> tuple[str, int, str, str]:
        return self.function, self.line, self.call, self.field

    @classmethod
    def of(cls, access: Access) -> Place:
        assert access.edge.site is not None
        site = access.edge.site.shown()
        call = access.edge.call.name if access.edge.call is not None else "?"
        return cls(site.function, site.line, call, access.place.var)


@dataclass(frozen=True)
class Undecided:
    """A pair by places: `first` and `second` of one thread may be taken in the other order, which
    others see between `after` and `before`."""

    routine: str
    first: Place
    second: Place
    after: Place
    before: Place


@dataclass(frozen=True)
class Answer:
    """What is to be said of one play; no pairs: HOLDS, else UNKNOWN."""

    play: Play
    pairs: tuple[Undecided, ...]


class Reader:
    """Reads the routines of plays; keeps stages, so that what sides share is compiled once."""

    def __init__(self, verdicts: Verdicts) -> None:
        self._verdicts = verdicts
        self._stages: dict[tuple[Setting, str], Stage] = {}

    def answers(self, plays: Sequence[Play], until: float = float("inf")) -> Iterator[Answer]:
        """An answer for each play; none for those that are left when the time is over."""
        known = self._verdicts.texts("ordering", plays)
        for n, play in enumerate(plays):
            if n in known:
                pairs = tuple(_read(found) for found in known[n])
            elif time.monotonic() >= until:
                return
            else:
                pairs = tuple(self._pairs(play))
                self._verdicts.keep_text("ordering", play, [_written(p) for p in pairs])
            yield Answer(play, pairs)

    def _pairs(self, play: Play) -> list[Undecided]:
        if not play.cast.others:
            return []  # there is nobody who could tell
        key = Setting.of(play.cast), play.arch
        if key not in self._stages:  # what invariants add to a thread is no access to memory
            self._stages[key] = Stage(*key, ())
        stage = self._stages[key]
        names = [t.routine for t in stage.raw_threads(play.cast, play.role)]
        found: dict[tuple[int, Place, Place], Undecided] = {}
        for pair in stage.ordering(play.cast, play.role).pairs():
            made = _undecided(pair, names)
            found.setdefault((pair.first.thread, made.first, made.second), made)
        return list(found.values())

    def cell(
        self, invariant: Invariant, plays: Sequence[Play], until: float
    ) -> tuple[Cell, tuple[Answer, ...]]:
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
                why = "interrupted"
            if len(asked) - found < len(group):
                why = why or "stopped at --timeout"
            if why or any(a.pairs for a in asked):
                break
        some = [a for a in asked if a.pairs]
        reason = _reason(asked, some) if some else why
        kind = Verdict.UNKNOWN if reason else Verdict.HOLDS
        return Cell(invariant, kind, reason, len(asked), 0, ()), tuple(asked)


def in_each_world(plays: Sequence[Play]) -> list[Play]:
    """One play for each set of routines in each world, of those on one architecture."""
    return [play for group in _by_size(plays) for play in group]


def _by_size(plays: Sequence[Play]) -> list[list[Play]]:
    """The same, world by world, those with the fewest neighbours and objects first."""
    groups: dict[tuple[int, bool, int, int, tuple[str, ...]], dict[tuple[str, ...], Play]] = {}
    for play in plays:
        world = Setting.of(play.cast)
        needs = tuple(sorted(world.needs))
        key = len(play.cast.others), world.same_ptl, world.pages, len(needs), needs
        names = tuple(n.name for n in play.cast.others)
        groups.setdefault(key, {}).setdefault(names, play)
    return [list(groups[key].values()) for key in sorted(groups)]


def _reason(asked: Sequence[Answer], some: Sequence[Answer]) -> str:
    count = sum(len(a.pairs) for a in some)
    play, pair = some[0].play, some[0].pairs[0]
    pairs = "1 pair of accesses" if count == 1 else f"{count} pairs of accesses"
    return (
        f"{pairs} may be taken in the other order, in {len(some)} of {len(asked)} sets of"
        f" routines that were looked at; in {play.cast.name.partition('/')[0]}, {pair.routine}():"
        f" {pair.first}, then {pair.second}"
    )


def command(role: Role, scenarios: str) -> str:
    """The command that lists all pairs; "" for what no command names."""
    if role.source not in PATCHES or role.mutant:
        return ""
    only = f" --scenario '{scenarios}'" if scenarios else ""
    return f"check-invariants ordering {role.source} --variant {role.variant.name}{only}"


def default_casts(patch: Patch, kernel: str) -> list[Cast]:
    """Each neighbour alone, once: what a cast begins with does not matter here."""
    found: dict[tuple[str, ...], Cast] = {}
    for cast in patch.casts.default(kernel):
        if len(cast.others) == 1:
            found.setdefault(tuple(n.name for n in cast.others), cast)
    return list(found.values())


def _undecided(pair: Pair, names: Sequence[str]) -> Undecided:
    return Undecided(
        names[pair.first.thread], Place.of(pair.first), Place.of(pair.second),
        Place.of(pair.after), Place.of(pair.before),
    )  # fmt: skip


def _written(pair: Undecided) -> list[object]:
    return [pair.routine, *(p.parts for p in (pair.first, pair.second, pair.after, pair.before))]


def _read(found: list[list[object]]) -> Undecided:
    routine, *places = found
    return Undecided(str(routine), *(Place(*parts) for parts in places))  # type: ignore[arg-type]

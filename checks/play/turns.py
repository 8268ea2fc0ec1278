# SPDX-License-Identifier: GPL-2.0-only
"""Turns: what a process decides at a time, and in which order.

A turn is what is reduced together, on one side and architecture, so that many processes have
something to do; turns of one family have text in common, and a process goes on with those.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from model.lang.errors import ModelError

from ..engine import interrupts
from ..engine.interrupts import INTERRUPTED
from ..engine.search import Limits
from .play import Finding, Play, Theatre, contradicted, families, side_by_side, unfinished

Rank = Callable[[Play], int]
"""Rank of a play: 0 what most likely decides, `LATE` what comes by size alone."""

LATE = 9

MOST = 100
"""Plays of a turn; the rest of a group are turns of their own, for whoever has nothing to do."""


@dataclass(frozen=True)
class Turn:
    """Plays that are reduced together, of which those at the places `asked` are to be decided.

    `family` numbers the turns that have text in common; `rank` is that of its first play.
    """

    family: int
    rank: int
    plays: tuple[Play, ...]
    asked: tuple[int, ...]

    @property
    def group(self) -> int:
        """A number that turns have in common which are reduced together."""
        return id(self.plays)

    @property
    def chosen(self) -> list[Play]:
        """The plays to decide, in their order."""
        return [self.plays[n] for n in self.asked]

    def one_by_one(self) -> list[Turn]:
        """A turn for each of its plays, reduced with the same others: how many states a play has
        depends on them."""
        return [replace(self, asked=(n,)) for n in self.asked]


@dataclass(eq=False)
class Errand:
    """Other work that comes between: after what most likely decides.  `answer` is what `do` gives,
    and can be sent; `why` says that nobody could do it."""

    do: Callable[[], Any]
    answer: Any = None
    why: str = INTERRUPTED
    rank: int = LATE - 1

    @property
    def family(self) -> int:
        return -1 - id(self)

    @property
    def group(self) -> int:
        return self.family


def turns_of(
    plays: Sequence[Play], known: Collection[int], rank: Rank = lambda _: LATE
) -> list[Turn]:
    """The turns of plays but for those at `known` places, the first to be decided first.

    What most likely decides comes in the order of its size, the small first; all else the large
    first, so that no process is left with a large one at the end.
    """
    places = {id(play): n for n, play in enumerate(plays)}
    found = []
    for number, family in enumerate(families(plays)):
        for those in side_by_side(family):
            together = tuple(those)
            left = [n for n, p in enumerate(together) if places[id(p)] not in known]
            left.sort(key=lambda n: (rank(together[n]), len(together[n].cast.others)))
            first = rank(together[left[0]]) if left else LATE
            for at in range(0, len(left), MOST):
                found.append(Turn(number, first, together, tuple(left[at : at + MOST])))

    def order(turn: Turn) -> tuple[int, int]:
        return turn.rank, _size(turn.plays) * (1 if turn.rank < LATE else -1)

    return sorted(found, key=order)


def following(
    last: Turn | Errand | None, left: Sequence[Turn | Errand], running: Iterable[Turn | Errand]
) -> int:
    """The place of the turn that a process begins after its last one: of those of the first rank,
    one of the same family, else of one that nobody is at, else what is reduced with others than
    any that somebody is at, else the first."""
    now = [n for n, turn in enumerate(left) if turn.rank == left[0].rank]
    if last is not None:
        for n in now:
            if left[n].family == last.family:
                return n
    running = list(running)
    at, groups = {turn.family for turn in running}, {turn.group for turn in running}
    apart = [n for n in now if left[n].group not in groups]
    return next((n for n in apart if left[n].family not in at), apart[0] if apart else 0)


def _size(plays: Iterable[Play]) -> int:
    """A guess at how long plays take: each of them, pairs longer, and each thread to prepare."""
    plays = list(plays)
    threads = {o.name for p in plays for o in p.cast.others}
    return 20 * len(threads) + sum(1 << 2 * len(p.cast.others) for p in plays)


class Player:
    """Decides turns, one after the other, as one process does."""

    def __init__(self, theatre: Theatre, limits: Limits) -> None:
        self._theatre, self._limits = theatre, limits
        self._last: Turn | None = None

    def decide(
        self, turn: Turn, told: Callable[[Play, Finding], None] = lambda *_: None,
        progress: Callable[[int], None] = lambda _: None,
    ) -> list[Finding]:  # fmt: skip
        """The findings of a turn, in the order of `asked`; each is told as soon as it is there, and
        states as they are visited."""
        found: dict[int, Finding] = {}
        why = unfinished(INTERRUPTED)
        try:
            if self._why() == "":
                self._prepare(turn)
            for n in turn.asked:
                found[n] = self._play(turn.plays[n], progress)
                told(turn.plays[n], found[n])
        except ModelError:  # of what was handed in: nothing can be decided
            raise
        except MemoryError:
            why = unfinished("out of memory")
        except Exception as error:
            if not interrupts.noticed():
                why = contradicted(error)
        return [found.get(n, why) for n in turn.asked]

    def _prepare(self, turn: Turn) -> None:
        last = self._last
        if last is not None and last.plays == turn.plays:
            return
        self.forget(text=last is not None and last.family != turn.family)
        self._theatre.prepare(turn.plays)
        self._last = turn

    def forget(self, *, text: bool = True) -> None:
        """Let go of the last turn; of what it has in common with its family if `text` is said."""
        if self._last is not None:
            self._theatre.forget(self._last.plays, text=text)
        self._last = None

    def _why(self) -> str:
        """The reason why nothing begins any more; "" if something may."""
        if time.monotonic() >= self._limits.until:
            return "stopped at --timeout"
        return INTERRUPTED if interrupts.noticed() else ""

    def _play(self, play: Play, progress: Callable[[int], None]) -> Finding:
        why = self._why()
        if why:
            return unfinished(why)
        counted = 0

        def counts(states: int) -> None:
            nonlocal counted
            progress(states - counted)
            counted = states

        finding = self._theatre.play(play, self._limits, counts)
        counts(finding.states)
        return finding

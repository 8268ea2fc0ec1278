# SPDX-License-Identifier: GPL-2.0-only
"""Where sequential consistency, which everything is decided for, may not be enough.

By scenario and architecture: the pairs of accesses of `checks.reduce.ordering`, one for each two
places in the text.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from invariants import REGISTRY
from model.kernel.casts import Cast
from model.patches.patch import Patch

from .decide import Play
from .reduce.ordering import Access, Pair
from .scenario import Role, Setting, Stage


@dataclass(frozen=True)
class Place:
    """An access as a reader finds it: a line of a routine, the call, what it touches."""

    function: str
    line: int
    call: str
    field: str

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


def ordered(role: Role, casts: Sequence[Cast], archs: Sequence[str]) -> Iterator[Answer]:
    """An answer for each cast on each architecture."""
    for arch in archs:
        stages: dict[Setting, Stage] = {}
        for cast in casts:
            setting = Setting.of(cast)
            if setting not in stages:
                stages[setting] = Stage(setting, arch, REGISTRY.values())
            stage = stages[setting]
            names = [t.routine for t in stage.raw_threads(cast, role)]
            found: dict[tuple[int, Place, Place], Undecided] = {}
            for pair in stage.ordering(cast, role).pairs():
                made = _undecided(pair, names)
                found.setdefault((pair.first.thread, made.first, made.second), made)
            yield Answer(Play(cast, role, arch), tuple(found.values()))


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

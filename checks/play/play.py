# SPDX-License-Identifier: GPL-2.0-only
"""Deciding a side of a patch: every cast of a set, on every architecture asked for.

A *play* is one cast with one variant on one architecture.  What is found in a play is an
`Outcome`; what many of them say of an invariant is a `Cell` (`cells`).
"""

from __future__ import annotations

import traceback
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from invariants.registry import Invariant
from invariants.words import words_of
from model.cast.casts import Cast
from model.lang.errors import ModelError
from model.lang.ir import Kind, State, System, Thread, halts
from model.lang.traits import Trait

from ..engine import engines
from ..engine.engines import Engine
from ..engine.interrupts import INTERRUPTED
from ..engine.reference import Explorer
from ..engine.search import Limits, Progress, Search
from ..reduce.conflicts import DISCIPLINE
from ..reduce.reducer import Passes
from ..stage.ends import End, best_end, is_goal
from ..stage.stage import Presses, Role, Setting, Stage, features_of

UNMODELLED = "model:unmodelled"

_BROKEN = {
    UNMODELLED: "reaches code that is not modelled",
    "model:range": "a number leaves the range that its type has in the model",
    "model:null": "the model follows a pointer that is None",
    "model:a name without a value": "a name is used that the run has given no value",
    "model:present": "an entry that is not present is taken for one that is (ptep_clear_flush, "
    "vm_normal_folio)",
    DISCIPLINE: "what steps are merged by does not hold",
}
"""What it means that a check of the model itself fails."""


@dataclass(frozen=True)
class Play:
    """One system to decide."""

    cast: Cast
    role: Role
    arch: str

    @property
    def name(self) -> str:
        return f"{self.cast.name}@{self.arch}"


Branch = tuple[str, int, str, str]
"""A way out of a branch or choice of a routine: file, line, function, and which way."""


@dataclass(frozen=True)
class UnderTest:
    """A routine under test in a play: the words of steps that it has, and of those that it took,
    and the best end that it came to."""

    routine: str
    present: frozenset[str]
    seen: frozenset[str]
    end: End


@dataclass(frozen=True)
class Finding:
    """What a play showed.

    `violated` are the invariants that fail, with the depth in merged steps at which they first
    do; `why`, if not "", says why not every state was visited; `broken` names checks of the model
    itself that failed.  `present` and `seen` are the words of steps that are in the threads, and
    of those that were taken.  `stuck` are routines that never returned.  `branches` and `fired`
    are those of the subject.  `depth` is that of a symbolic search.  `contradicts`: the tool
    failed, so that nothing is known, and nothing else that it says may be relied on.  `again`: why
    the play was decided once more with fewer passes, "" if it was not.
    """

    states: int
    transitions: int
    violated: dict[str, int]
    why: str
    broken: tuple[str, ...]
    present: frozenset[str]
    seen: frozenset[str]
    stuck: tuple[str, ...]
    branches: frozenset[Branch]
    fired: frozenset[Branch]
    tested: tuple[UnderTest, ...]
    depth: int | None = None
    contradicts: bool = False
    again: str = ""


def unfinished(why: str) -> Finding:
    """What is known of a play that was not begun: nothing."""
    nothing: frozenset[str] = frozenset()
    return Finding(0, 0, {}, why, (), nothing, nothing, (), frozenset(), frozenset(), ())


def contradicted(error: Exception) -> Finding:
    """The finding of a play in which the tool failed."""
    return replace(unfinished(contradiction(error)), contradicts=True)


def contradiction(error: Exception) -> str:
    """The message for an error that only a fault of the tool can lead to."""
    what = str(error) if isinstance(error, ModelError) else f"{type(error).__name__}: {error}"
    (*_, last) = traceback.extract_tb(error.__traceback__)
    return f"the tool contradicts itself: {what} ({Path(last.filename).name}:{last.lineno})"


@dataclass(frozen=True)
class Outcome:
    """A play and what it showed."""

    play: Play
    found: Finding


class _Raw:
    """Words of an unmerged thread, by number of its edges, and the ways that branches of its
    routine go, not of the primitives that it calls."""

    def __init__(self, thread: Thread) -> None:
        self.thread = thread
        edges = thread.edges
        self.words = {e.number: words_of(e.call) for e in edges if e.call is not None}
        self.branches: dict[int, Branch] = {
            e.number: (e.site.file, e.site.line, e.site.function, e.choice)
            for e in edges
            if e.choice and e.site is not None and e.op.kind in (Kind.ASSUME, Kind.CHOICE)
            and not any(s.primitive for s in e.site.chain())
        }  # fmt: skip
        self.all_words = frozenset().union(*self.words.values())
        self.all_branches = frozenset(self.branches.values())


# -- playing --------------------------------------------------------------------------------------


class Theatre:
    """Plays casts, reduced by the same passes; keeps the stages, so that what casts share is made
    once."""

    def __init__(
        self, chosen: Sequence[Invariant], engine: Engine = Engine.AUTO, passes: Passes = Passes()
    ) -> None:
        self._chosen, self._engine, self._passes = tuple(chosen), engine, passes
        self._stages: dict[tuple[Setting, str, Passes], Stage] = {}
        self._presses: Presses = {}
        self._searches: dict[object, Search] = {}
        self._raws: dict[int, _Raw] = {}

    def stage(self, play: Play, weaker: Passes | None = None) -> Stage:
        """The stage that a play is played on; by other passes than usual if given."""
        passes = weaker or self._passes
        key = (Setting.of(play.cast), play.arch, passes)
        if key not in self._stages:
            if passes != self._passes:
                self._stages[key] = self.stage(play).by(passes)
                return self._stages[key]
            self._stages[key] = Stage(
                key[0], play.arch, self._chosen, passes=passes, presses=self._presses, ends=True
            )
        return self._stages[key]

    def prepare(self, plays: Sequence[Play]) -> None:
        """Reduce what plays of one family, side and architecture need together."""
        self.stage(plays[0]).prepare([(p.cast, p.role) for p in plays])

    def forget(self, plays: Sequence[Play], *, text: bool = True) -> None:
        """Let go of what was made for these plays; stages stay, and without `text` what further
        plays of their family may have in common with them."""
        for play in plays:
            self.stage(play).forget(play.cast, play.role)
        if text:
            self._presses.clear()
            self._searches.clear()
            self._raws.clear()

    def play(self, play: Play, limits: Limits, progress: Progress | None = None) -> Finding:
        """Decide one play.

        A system that another architecture had already is not searched again.  Where what steps
        are merged by turns out not to hold, the play is decided again with fewer merged
        (`weakened`).
        """
        stage = self.stage(play)
        reduced = stage.reduced(play.cast, play.role)
        explorer, initial = stage.explorer(play.cast, play.role), stage.initial(play.cast)
        # All that makes a search, text being shared by what is the same.
        codes = tuple(explorer.all_codes())  # themselves, so that none is taken for a later one
        key = codes, reduced.checks, reduced.finals, frozenset(initial.items()), limits
        search = self._searches.get(key)
        if search is None:
            search = replace(self._search(explorer, initial, limits, progress), parents={})
            self._searches[key] = search
        passes, found, again = self._passes, {}, []
        while (weaker := weakened(passes, search)) is not None:
            again.append(_AGAIN[DISCIPLINE in search.violations])
            if DISCIPLINE not in search.violations:  # what was found is so, but it is not all
                found = search.violations
            passes, stage = weaker, self.stage(play, weaker)
            reduced = stage.reduced(play.cast, play.role)
            search = self.search(play, stage, limits, progress)
        search = replace(search, violations={**found, **search.violations})
        raw = [self._raw(thread) for thread in stage.raw_threads(play.cast, play.role)]
        tested = stage.tested(play.cast, play.role)
        return replace(_finding(raw, tested, reduced, search), again=", ".join(again))

    def _raw(self, thread: Thread) -> _Raw:
        if id(thread) not in self._raws:
            self._raws[id(thread)] = _Raw(thread)
        return self._raws[id(thread)]

    def search(
        self, play: Play, stage: Stage, limits: Limits, progress: Progress | None = None,
        goal: str = "",
    ) -> Search:  # fmt: skip
        """Search the system of a play on a stage; a symbolic search stops where `goal` fails."""
        explorer = stage.explorer(play.cast, play.role)
        return self._search(explorer, stage.initial(play.cast), limits, progress, goal)

    def _search(
        self, explorer: Explorer, initial: State, limits: Limits, progress: Progress | None,
        goal: str = "",
    ) -> Search:  # fmt: skip
        if self._engine is not Engine.SYMBOLIC:
            return engines.search(explorer, initial, limits, self._engine, progress)
        from ..symbolic.bounded import bounded_search  # Z3 takes a while to load

        return bounded_search(explorer, initial, limits, progress, goal=goal)


_AGAIN = {True: "without movers", False: "with steps that may halt apart"}
"""How a play is decided again, by whether a discipline was broken."""


def weakened(passes: Passes, search: Search) -> Passes | None:
    """The passes by which a system is to be decided again; None if what was found is right.

    Movers rest on a discipline, which this search may have seen broken.  And what comes before a
    step that halts is lost where the two were merged, but others go on from there.
    """
    if search.why == INTERRUPTED:
        return None
    if DISCIPLINE in search.violations:
        return replace(passes, movers=False)
    if not passes.apart and any(map(halts, search.violations)):
        return replace(passes, apart=True)
    return None


def families(plays: Iterable[Play]) -> list[list[Play]]:
    """The plays that much is made for in common, in order: on all architectures, of all sides."""
    groups: dict[object, list[Play]] = {}
    for play in plays:
        groups.setdefault((Setting.of(play.cast), features_of(play.cast)), []).append(play)
    return list(groups.values())


def side_by_side(plays: Iterable[Play]) -> list[list[Play]]:
    """The plays of a family, one side and architecture after the other."""
    groups: dict[tuple[str, Role], list[Play]] = {}
    for play in plays:
        groups.setdefault((play.arch, play.role), []).append(play)
    return list(groups.values())


def reduced_together(plays: Iterable[Play]) -> Iterator[list[Play]]:
    """The plays that are prepared together: those of a family, one side and architecture after the
    other."""
    for family in families(plays):
        yield from side_by_side(family)


def _finding(raw: list[_Raw], tested: tuple[bool, ...], reduced: System, search: Search) -> Finding:
    failed = {n: v.depth for n, v in search.violations.items() if not is_goal(n)}
    violated = {n: depth for n, depth in failed.items() if not n.startswith("model:")}
    broken = tuple(sorted(n for n in failed if n.startswith("model:")))
    taken = [_taken(thread, search.fired[n]) for n, thread in enumerate(reduced.threads)]
    seen = [
        frozenset().union(*(mine.words[n] for n in those if n in mine.words))
        for mine, those in zip(raw, taken, strict=True)
    ]
    ends = [
        best_end(mine.thread, words, search.violations)
        for mine, words in zip(raw, seen, strict=True)
    ]
    routines = [mine.thread.routine for mine in raw]
    subject = raw[0]
    return Finding(
        search.states, search.transitions, violated, search.why, broken,
        frozenset().union(*(mine.all_words for mine in raw)), frozenset().union(*seen),
        tuple(r for r, words in zip(routines, seen, strict=True) if Trait.RETURN not in words),
        subject.all_branches,
        frozenset(subject.branches[n] for n in taken[0] if n in subject.branches),
        tuple(
            UnderTest(routines[n], raw[n].all_words, seen[n], ends[n])
            for n, mine in enumerate(tested) if mine
        ),
        search.depth,
    )  # fmt: skip


def _taken(reduced: Thread, marks: bytes) -> set[int]:
    """The numbers of the edges of the unmerged thread that were taken."""
    return {
        part.number
        for edge, mark in zip(reduced.edges, marks, strict=True) if mark
        for part in edge.origin()
    }  # fmt: skip


# -- what outcomes say together --------------------------------------------------------------------


def what_broke(found: Finding) -> str:
    """Why a search in which checks of the model failed says nothing of invariants; "" if none."""
    return ", ".join(
        _BROKEN.get(name, f"the model's check '{name}' fails") for name in found.broken
    )


def model_errors(outcomes: Iterable[Outcome]) -> list[Outcome]:
    """Plays in which a check of the model itself failed: the model is wrong, not the kernel."""
    return [o for o in outcomes if any(b != UNMODELLED for b in o.found.broken)]


def never_fired(outcomes: Iterable[Outcome]) -> list[Branch]:
    """Branches of the routine under test that no play took."""
    every: set[Branch] = set()
    fired: set[Branch] = set()
    for o in outcomes:
        every |= o.found.branches
        fired |= o.found.fired
    return sorted(every - fired)

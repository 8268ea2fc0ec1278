# SPDX-License-Identifier: GPL-2.0-only
"""Many plays on several processors, in an order that the answer does not depend on.

Processes of this machine are forked, so that they have the plays, and are sent nothing but numbers.
Those of an executor are sent tasks (`executors`).  Interrupted or out of time, what was found so
far is kept, and the rest is unfinished.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
from collections.abc import Callable, Sequence
from contextlib import closing
from typing import Any

from invariants.registry import Invariant

from ..engine import interrupts
from ..engine.engines import Engine
from ..engine.interrupts import INTERRUPTED
from ..engine.search import Limits
from . import workers
from .cache import Verdicts
from .executors import Elsewhere, sent
from .play import Finding, Outcome, Play, Theatre, unfinished
from .turns import LATE, Errand, Player, Rank, Turn, following, turns_of
from .workers import Died, can_fork, spread

Watch = Callable[[int, int, int], None]
"""Told of progress: plays done, plays in all, states so far."""

Violated = Callable[[Play, str], None]
"""Told of a violation as soon as it is found: the play, the name of the invariant."""


def play_all(
    plays: Sequence[Play], chosen: Sequence[Invariant], limits: Limits, *,
    jobs: int | Elsewhere = 0, engine: Engine = Engine.AUTO, watch: Watch | None = None,
    violated: Violated = lambda *_: None, verdicts: Verdicts | None = None,
    rank: Rank = lambda _: LATE, errands: Sequence[Errand] = (),
) -> list[Outcome]:  # fmt: skip
    """Decide every play; outcomes in the order of the plays.

    `jobs` processes, as many as there are processors if 0, or those of an executor.  What the cache
    has is not decided again; what is found is kept there, turn by turn.  Errands are done beside
    them, by processes of this machine.
    """
    verdicts = verdicts or Verdicts(use=False)
    known = verdicts.findings(plays, chosen, limits)
    turns = turns_of(plays, known, rank)
    for n in sorted(known) if turns else ():
        for name in known[n].violated:
            violated(plays[n], name)
    pool = _Pool(
        turns, errands, Player(Theatre(chosen, engine), limits), watch, violated,
        lambda turn, findings: verdicts.keep(
            turn.plays, zip(turn.chosen, findings, strict=True), chosen, limits
        ),
    )  # fmt: skip
    found = pool.decided(jobs, limits)
    return [
        Outcome(play, known[n] if n in known else found.get(id(play), unfinished(INTERRUPTED)))
        for n, play in enumerate(plays)
    ]


class _Pool:
    """Turns and errands, done; what is found, by the identity of the play.

    Forked processes have it too: plays hold functions, which cannot be sent.
    """

    def __init__(
        self, turns: list[Turn], errands: Sequence[Errand], player: Player, watch: Watch | None,
        violated: Violated, keep: Callable[[Turn, list[Finding]], None],
    ) -> None:  # fmt: skip
        self.work: list[Turn | Errand] = [*turns, *errands]
        self.player = player
        self._watch, self._violated, self._keep = watch, violated, keep
        self._every = sum(len(turn.asked) for turn in turns)
        self._found: dict[int, Finding] = {}
        self.states: Any = []
        """The number that each process has visited: a lock would be held by one that is killed."""

    def decided(self, jobs: int | Elsewhere, limits: Limits) -> dict[int, Finding]:
        """The findings of those plays that were decided."""
        global _pool
        count = (jobs if isinstance(jobs, int) else 0) or len(os.sched_getaffinity(0))
        self.states = multiprocessing.RawArray("q", count)
        _pool = self
        collecting = gc.isenabled()
        gc.disable()  # as in the processes that work for this one
        try:
            if isinstance(jobs, Elsewhere):
                self._elsewhere(jobs, limits, count)
            else:
                self._here(count)
        except KeyboardInterrupt:
            interrupts.notice()  # what was found is found
        finally:
            _pool = None
            if collecting:
                gc.enable()
        return self._found

    def _here(self, jobs: int) -> None:
        self.work.sort(key=lambda each: each.rank)
        jobs = min(jobs, len(self.work))
        if jobs <= 1 or not can_fork():
            self._alone()
        else:
            self._together(jobs)

    def _tell(self) -> None:
        if self._watch is not None:
            self._watch(len(self._found), self._every, sum(self.states))

    def _hear(self, what: tuple[int, int, tuple[str, ...]]) -> None:
        """A process found that invariants are violated in a play of a turn."""
        number, n, names = what
        turn = self.work[number]
        assert isinstance(turn, Turn)
        self._note(turn.plays[n], names)

    def _note(self, play: Play, names: Sequence[str]) -> None:
        for name in names:
            self._violated(play, name)

    def _told(self, done: Turn | Errand, answer: Any) -> None:
        if isinstance(done, Errand):
            done.answer, done.why = answer, ""
        else:
            self._keep(done, answer)
            self._found.update((id(p), f) for p, f in zip(done.chosen, answer, strict=True))
        self._tell()

    def _alone(self) -> None:
        def progress(states: int) -> None:
            self.states[0] += states
            self._tell()

        left, last = list(self.work), None
        while left:
            last = left.pop(following(last, left, ()))
            if isinstance(last, Errand):
                self._told(last, last.do())
                continue
            told = self.player.decide(last, lambda p, f: self._note(p, tuple(f.violated)), progress)
            self._told(last, told)
        self.player.forget()

    def _together(self, jobs: int) -> None:
        """Each turn in one of several processes."""
        work, lost = self.work, list[Turn | Errand]()

        def choose(last: int | None, left: Sequence[int], running: Sequence[int]) -> int:
            before = None if last is None else work[last]
            return following(before, [work[n] for n in left], (work[n] for n in running))

        with closing(spread(
            _do, range(len(work)), jobs, beat=self._tell, choose=choose, hear=self._hear
        )) as answers:  # fmt: skip
            for n, answer in answers:
                if isinstance(answer, Died):
                    lost.append(work[n])
                else:
                    self._told(work[n], answer)
        self._again(lost)

    def _again(self, lost: Sequence[Turn | Errand]) -> None:
        """Decide what killed processes were at, once more, play by play, with nobody beside
        it: memory may be enough then, and if not it is the fault of that play."""
        self.work = [
            one for each in lost
            for one in ([each] if isinstance(each, Errand) else each.one_by_one())
        ]  # fmt: skip
        with closing(spread(
            _do, range(len(self.work)), 1, beat=self._tell, hear=self._hear
        )) as answers:  # fmt: skip
            for n, answer in answers:
                done = self.work[n]
                if not isinstance(answer, Died):
                    self._told(done, answer)
                elif isinstance(done, Errand):
                    done.why = answer.why
                else:
                    self._told(done, [unfinished(answer.why)])

    def _elsewhere(self, jobs: Elsewhere, limits: Limits, here: int) -> None:
        """Each turn by an executor; what it does not come back with, and errands, by so many
        processes here."""
        turns = [each for each in self.work if isinstance(each, Turn)]
        left: list[Turn | Errand] = [each for each in self.work if isinstance(each, Errand)]
        for turn, findings in sent(jobs, turns, limits, self._tell):
            if findings is None:
                left.append(turn)
                continue
            for play, finding in zip(turn.chosen, findings, strict=True):
                self.states[0] += finding.states
                self._note(play, tuple(finding.violated))
            self._told(turn, findings)
        self.work = left
        self._here(here)


_pool: _Pool | None = None


def _do(number: int, seat: int) -> Any:
    """The findings of a turn, or the answer of an errand, by a process of this machine."""
    assert _pool is not None
    turn, states = _pool.work[number], _pool.states
    if isinstance(turn, Errand):
        return turn.do()
    places = {id(play): n for n, play in enumerate(turn.plays)}

    def told(play: Play, finding: Finding) -> None:
        if finding.violated:
            workers.tell((number, places[id(play)], tuple(finding.violated)))

    def progress(count: int) -> None:
        states[seat] += count

    return _pool.player.decide(turn, told, progress)

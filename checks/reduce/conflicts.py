# SPDX-License-Identifier: GPL-2.0-only
"""Conflicts: what the others do to what a thread's step uses.

A step is a *left mover* when, whatever another thread does just before it, the two may as well
happen in the other order; then nobody can tell it from a part of the step before (Lipton).  It is
one if no access of another thread conflicts with its own, where

* accesses to a field under the lock that its declaration names do not conflict with each other,
  for only one thread can be at such a step (that both hold it is checked as they run, by
  `DISCIPLINE`); what an invariant looks at, it looks at without a lock;
* releasing a lock conflicts with nothing but a trylock or a look at the lock word, which to take it
  without waiting for it is, too; entering what
  others wait for the end of, as a read section of RCU, does with their waiting (`held_up`);
* waiting for a lock word to be free conflicts with whoever may take it, unless what the step takes
  itself keeps them from it (`overtaken`): it matters for right movers only, a left mover never
  waits;
* asking "is it mine?" of a lock word does not conflict with what others do to it;
* writing to an object that is free before or after this very step, as its text has to show
  (`free`), conflicts only with those who may look at free objects, or write to such, unseen or not;
* a ghost is written at a time like any other word, for what judges it may tell; but taking things
  out of a set of ghosts may come before or after the same by others.

Three things are taken for granted here, and are checked as the system runs, as `DISCIPLINE`: a
field is used under its lock; a lock is taken where it is free, and released by its holder; what is
free is not used (`merge.moves_of`).  Where one fails, the search is made again without movers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from model.lang.ir import Storage

from .usage import Region
from .uses import Uses

DISCIPLINE = "model:lock discipline"
"""The check of what movers rest on; if it fails, they may not be used."""


@dataclass(frozen=True)
class Others:
    """What everybody else does, as one thread sees it; `judged`: what invariants of states see."""

    uses: Uses
    judged: frozenset[Region]
    _known: dict[Uses, bool] = field(default_factory=dict, compare=False, repr=False)

    def held_up(self, mine: Uses) -> bool:
        """Whether a step that uses `mine` may keep one of theirs from being taken after it."""
        return not mine.gains.isdisjoint(self.uses.waits)

    def overtaken(self, mine: Uses) -> bool:
        """True if one of their steps may come after a step that uses `mine` and not before it,
        because it takes what that one waits for.

        It cannot where it waits for a word of the same object that `mine` takes: a reader of a
        semaphore waits for its writer and takes its readers, for which a writer waits.
        """
        return any(
            region == word and taken.isdisjoint(waited)
            for region, taken in mine.awaits
            for word, waited in self.uses.wins
        )

    def conflict(self, mine: Uses, storage: Mapping[str, Storage]) -> bool:
        """True if something of theirs conflicts with a step that uses `mine`."""
        if mine not in self._known:
            self._known[mine] = self._conflict(mine, storage)
        return self._known[mine]

    def _conflict(self, mine: Uses, storage: Mapping[str, Storage]) -> bool:
        theirs = self.uses
        locked_reads = mine.reads - mine.free_reads
        if mine.free_reads & theirs.writes or locked_reads & theirs.free_writes:
            return True
        if mine.careless & theirs.unseen:
            return True
        if mine.unseen & (theirs.careless | theirs.unseen | self.judged):
            return True
        if mine.looks & theirs.writes:
            return True
        if theirs.shrinks & (mine.reads | mine.writes):
            return True
        if mine.shrinks & (theirs.reads | theirs.writes | self.judged):
            return True
        for region in mine.writes:
            if region in self.judged:
                return True
            if storage[region[0]] is Storage.LOCK:
                if region in theirs.looks:
                    return True
            elif region in mine.free_writes:
                if region in theirs.reads or region in theirs.writes:
                    return True
            elif region in theirs.free_reads or region in theirs.free_writes:
                return True
        return False

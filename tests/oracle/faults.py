# SPDX-License-Identifier: GPL-2.0-only
"""Faults of the reductions, put in one at a time: how many random programs until one shows it.

What an oracle never catches, it need not have been asked.  Each fault leaves out what sees to one
condition of `docs/reductions.md`, or is how it was before it was mended.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from checks.reduce import (
    erase,
    free,
    merge,
    reducer,
    usage,
    uses,
)
from checks.reduce.conflicts import Others
from checks.reduce.reducer import Group
from checks.reduce.uses import Classifier, Uses

from . import compare
from .generate import program
from .planted import (
    Put,
    always,
    any_number,
    asked_of_what_is_free,
    believed,
    careful_writes,
    checks_under_locks,
    entry_waits,
    facts_outlive,
    ghosts_commute,
    ghosts_without_time,
    hardware_by_place,
    instead,
    judged_unseen,
    no_checks_read,
    only_movers,
    steady_unseen,
    taken_unasked,
    takes_any,
    without,
)


@dataclass(frozen=True)
class Fault:
    """A fault with the function, as ``module:name``, that sees to it that there is none."""

    name: str
    where: str
    put: Put


FAULTS: Sequence[Fault] = (
    Fault(
        "a wait that takes nothing is a right mover",
        "checks.reduce.conflicts:Others.overtaken",
        instead(Others, "overtaken", always(False)),
    ),
    Fault(
        "who takes what another waits for is a left mover",
        "checks.reduce.conflicts:Others.held_up",
        instead(Others, "held_up", always(False)),
    ),
    Fault(
        "a fact about a shared cell outlives the step",
        "checks.reduce.propagate:_lasts",
        facts_outlive,
    ),
    Fault("ghosts have no time", "checks.reduce.conflicts:Others.conflict", ghosts_without_time),
    Fault("writes to a ghost commute", "checks.reduce.conflicts:Others.conflict", ghosts_commute),
    Fault(
        "what was merged before a halting check is lost",
        "checks.play.play:weakened",
        without("apart"),
    ),
    Fault(
        "movers are kept though a discipline is broken",
        "checks.play.play:weakened",
        without("movers"),
    ),
    Fault(
        "a use of what is free is not noticed",
        "checks.reduce.merge:_in_use",
        instead(merge, "_in_use", always(())),
    ),
    Fault(
        "a lock that another lets go of is not noticed",
        "checks.reduce.merge:_words",
        instead(merge, "_words", always(())),
    ),
    Fault(
        "a lock is taken from another unseen", "checks.reduce.uses:Classifier._op", taken_unasked
    ),
    Fault(
        "a depth or a set is asked whether it is mine",
        "checks.reduce.uses:Classifier._asks_if_mine",
        instead(Classifier, "_asks_if_mine", any_number),
    ),
    Fault(
        "a release at the entry comes later",
        "checks.reduce.merge:_Merger._join_entry",
        entry_waits,
    ),
    Fault(
        "a step that says it frees is believed",
        "checks.reduce.free:is_unseen",
        instead(uses, "is_unseen", believed),
    ),
    Fault(
        "a plain write to what may be free is not seen",
        "checks.reduce.uses:Classifier.edge",
        careful_writes,
    ),
    Fault(
        "a step that frees moves the pointer to what it writes",
        "checks.reduce.free:is_unseen",
        instead(free, "_may_write", always(False)),
    ),
    Fault(
        "who takes a lock may bring others with it",
        "checks.reduce.lock_words:takes",
        instead(uses, "takes", takes_any),
    ),
    Fault(
        "who asks about a lock does not mind that its object is freed",
        "checks.reduce.uses:Classifier._judge",
        asked_of_what_is_free,
    ),
    Fault(
        "what movers rest on may change",
        "checks.reduce.merge:moves_of",
        instead(Classifier, "judging", always(Uses())),
    ),
    Fault(
        "a rule writes lock words",
        "checks.reduce.reducer:Reducer._storage_of_words",
        instead(reducer.Reducer, "_storage_of_words", only_movers),
    ),
    Fault(
        "a field without its lock is not noticed",
        "checks.reduce.merge:_discipline",
        instead(merge, "_discipline", always(())),
    ),
    Fault(
        "what movers rest on is erased",
        "checks.reduce.reducer:Group.relied_on",
        instead(Group, "relied_on", always(frozenset())),
    ),
    Fault(
        "hardware is guessed from what a rule writes",
        "checks.engine.reference:Explorer._learn",
        hardware_by_place,
    ),
    Fault(
        "a rule of software is erased",
        "checks.reduce.erase:_progress",
        instead(erase, "_progress", always(frozenset())),
    ),
    Fault(
        "what makes a steady check hold may come first",
        "checks.reduce.uses:Classifier.shown",
        instead(Classifier, "shown", steady_unseen),
    ),
    Fault(
        "what breaks a discipline may come later than who notices it",
        "checks.reduce.uses:Classifier._relied_on",
        instead(Classifier, "_relied_on", always(())),
    ),
    Fault("a check looks under locks", "checks.reduce.uses:Classifier._judge", checks_under_locks),
    Fault(
        "a computed index in an invariant is not seen",
        "checks.reduce.usage:Regions.of_parts",
        instead(usage.Regions, "of_parts", staticmethod(judged_unseen)),
    ),
    Fault(
        "what changes is folded",
        "checks.reduce.fold:changes",
        instead(reducer, "changes", always((frozenset(), frozenset()))),
    ),
    Fault(
        "a local that a check reads is dead",
        "checks.reduce.liveness:live_locals",
        instead(compare, "live_locals", no_checks_read),
    ),
)


_PASSES = ("merge, movers", "all")
"""The sets of passes with which each fault shows, if it does with any."""


def programs_until(fault: Fault, most: int, seed: int = 0) -> int | None:
    """The number of programs until one differs; None if none does."""
    with fault.put():
        for number in range(most):
            if compare.compare(program(seed + number), _PASSES).differences:
                return number + 1
    return None

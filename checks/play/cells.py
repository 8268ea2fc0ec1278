# SPDX-License-Identifier: GPL-2.0-only
"""The verdict on an invariant, of many plays: the `Cell` of one side on one architecture.

What an invariant has to say of a side rests on its premise.  One about a step is about the steps of
routines under test, the subject and what else the patch changes: that a neighbour takes such a step
in a kernel without the patch says nothing of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from invariants.registry import Invariant, Premise

from ..stage.ends import End
from .play import Finding, Outcome, UnderTest, what_broke


class Verdict(StrEnum):
    """The verdicts on an invariant; `rank` orders them, the worst first."""

    VIOLATED = "VIOLATED"
    UNKNOWN = "UNKNOWN"
    VACUOUS = "VACUOUS"
    HOLDS = "HOLDS"
    NOT_APPLICABLE = "NOT APPLICABLE"

    @property
    def rank(self) -> int:
        return list(Verdict).index(self)


class Reach(StrEnum):
    """The fate of an invariant's premise."""

    REACHED = "reached"
    NEVER = "never reached"  # a routine that it is about could, in these casts none does
    NEIGHBOURS = "not under test"  # it is about a routine under test, but only others could
    NOWHERE = "nowhere"  # no routine here could


@dataclass(frozen=True)
class Cell:
    """The verdict on an invariant, of one side and architecture, and what it rests on.

    `worst` are the outcomes that made it what it is; of a violation, the smallest first.  `reach`
    is what became of the premise, where the verdict is about that.
    """

    invariant: Invariant
    verdict: Verdict
    reason: str
    casts: int
    states: int
    worst: tuple[Outcome, ...]
    reach: Reach = Reach.REACHED


_NONE: Mapping[str, End] = MappingProxyType({})


def verdict(
    invariant: Invariant, outcomes: Sequence[Outcome], failing: Mapping[str, End] = _NONE
) -> Cell:
    """The cell of an invariant: the worst of its scenarios.

    `failing` are routines under test that come to no good end (`falling_short`): nothing is shown
    then.
    """
    casts, states = len(outcomes), sum(o.found.states for o in outcomes)

    def cell(
        kind: Verdict, reason: str, worst: Iterable[Outcome], reach: Reach = Reach.REACHED
    ) -> Cell:
        return Cell(invariant, kind, reason, casts, states, tuple(worst), reach)

    bad = [o for o in outcomes if invariant.name in o.found.violated]
    if bad:
        bad.sort(key=lambda o: _simplicity(o, invariant.name))
        return cell(Verdict.VIOLATED, f"in {len(bad)} of {casts} casts", bad)
    unsure = [o for o in outcomes if o.found.why or o.found.broken]
    if unsure:
        first = unsure[0]
        why = first.found.why or what_broke(first.found)
        return cell(Verdict.UNKNOWN, f"{first.play.name}: {why}", unsure)
    if failing:
        return cell(Verdict.VACUOUS, _short_of(failing), ())
    reach, why = _premise(invariant.premises, outcomes)
    if reach in (Reach.NOWHERE, Reach.NEIGHBOURS):
        return cell(Verdict.NOT_APPLICABLE, why, (), reach)
    stuck = [o for o in outcomes if o.found.stuck]
    if stuck:
        who = ", ".join(stuck[0].found.stuck)
        return cell(Verdict.VACUOUS, f"{stuck[0].play.name}: {who} never returns", stuck)
    if reach is Reach.NEVER:
        return cell(Verdict.VACUOUS, why, (), reach)
    return cell(Verdict.HOLDS, "", ())


def _premise(premises: Sequence[Premise], outcomes: Sequence[Outcome]) -> tuple[Reach, str]:
    """The fate of an invariant's premises, and how to say it if they are not reached."""
    for premise in premises:
        if not any(premise.steps & t.present for t in _about(premise, outcomes)):
            if any(premise.steps & o.found.present for o in outcomes):
                said = _said(premise, outcomes)
                return Reach.NEIGHBOURS, f"no routine under test does it: {said}"
            return Reach.NOWHERE, f"no routine here does it: {_said(premise, outcomes)}"
    for premise in premises:
        if not any(premise.steps & t.seen for t in _about(premise, outcomes)):
            return Reach.NEVER, f"no cast reaches its premise: {_said(premise, outcomes)}"
    if not any(_reaches(o.found, premises) for o in outcomes):
        said = "; ".join(_said(p, outcomes) for p in premises)
        return Reach.NEVER, f"no cast reaches all of its premise: {said}"
    return Reach.REACHED, ""


def _about(premise: Premise, outcomes: Sequence[Outcome]) -> Iterator[Finding | UnderTest]:
    """Whose steps a premise is about: those of each routine under test, or of all together."""
    for outcome in outcomes:
        if premise.own:
            yield from outcome.found.tested
        else:
            yield outcome.found


def _reaches(found: Finding, premises: Sequence[Premise]) -> bool:
    """True if a play reaches all premises: those about a routine under test, by one routine."""
    own = [p.steps for p in premises if p.own]
    return all(p.steps & found.seen for p in premises if not p.own) and (
        not own or any(all(steps & t.seen for steps in own) for t in found.tested)
    )


def _said(premise: Premise, outcomes: Sequence[Outcome]) -> str:
    said = f"{premise.text} ({', '.join(sorted(premise.steps))})"
    seen = any(premise.steps & o.found.seen for o in outcomes)
    mine = any(premise.steps & t.seen for t in _about(premise, outcomes))
    return said + (", reached by neighbours only" if seen and not mine else "")


def _simplicity(outcome: Outcome, invariant: str) -> tuple[int, tuple[int, ...], int, int, str]:
    """The smaller, the easier to read is the trace of a violation."""
    cast, found = outcome.play.cast, outcome.found
    depth = found.violated[invariant]
    return len(cast.others), cast.size, depth, found.states, outcome.play.name


def falling_short(
    outcomes: Sequence[Outcome], beside: Sequence[Outcome], *, everywhere: bool
) -> dict[str, End]:
    """Routines under test that come to no good end, with the best that they come to.

    `beside` are outcomes of another version, of which those of the same casts count, if a routine
    comes to a better end there.  `everywhere`: the casts are all that there are, so that errors are
    not enough whatever the other version does.
    """
    ends = {r: end for r, end in _best(outcomes).items() if end is not End.NEVER}
    casts = {o.play.cast.name for o in outcomes}
    better = _best(o for o in beside if o.play.cast.name in casts)
    return {
        routine: end for routine, end in sorted(ends.items())
        if end < better.get(routine, End.NEVER) or (everywhere and end is End.ERROR)
    }  # fmt: skip


def _best(outcomes: Iterable[Outcome]) -> dict[str, End]:
    found: dict[str, End] = {}
    for outcome in outcomes:
        for t in outcome.found.tested:
            found[t.routine] = max(t.end, found.get(t.routine, End.NEVER))
    return found


def _short_of(failing: Mapping[str, End]) -> str:
    said = {End.ERROR: "returns nothing but errors", End.ZERO: "never returns more than 0"}
    return " and ".join(f"{routine} {said[end]}" for routine, end in failing.items())

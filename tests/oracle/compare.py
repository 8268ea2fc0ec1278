# SPDX-License-Identifier: GPL-2.0-only
"""Comparison of the engines of `checks` with the oracle, on a system reduced or not.

* Unreduced: the same number of states, the same invariants that fail, the same steps and rules.
* Reduced: the same invariants that fail, and the same steps.  Of rules nothing is asked: those that
  do nothing that matters go.  Quiet steps at a thread's entry are a part of the step that waits
  behind them: a thread that waits there for ever is one that has not begun.
* As `Theatre.play` does: where a check that halts fails, or the discipline that movers rest on, the
  system is decided again by fewer passes, and that is what has to agree.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from checks.engine import engines
from checks.engine.codegen.code_cache import CodeCache
from checks.engine.codegen.layout import Layout
from checks.engine.engines import Engine
from checks.engine.reference import Explorer
from checks.engine.search import Limits, Search
from checks.play.play import weakened
from checks.reduce.conflicts import DISCIPLINE
from checks.reduce.liveness import live_locals
from checks.reduce.reducer import Group, Passes, Reducer
from model.lang.ir import State, System

from .evaluator import MeaninglessError
from .naive import Found, Naive, Step
from .statements import Program
from .world import FREEABLE, LOCKED, holder, in_use
from .write import system_of

LIMIT = 4000
"""States of a random system; larger ones are left out."""

UNREDUCED = "unreduced"

PASSES: Mapping[str, Passes] = {
    UNREDUCED: Passes(fold=False, erase=False, merge=False, movers=False),
    "fold": Passes(fold=True, erase=False, merge=False, movers=False),
    "erase": Passes(fold=False, erase=True, merge=False, movers=False),
    "fold, erase": Passes(fold=True, erase=True, merge=False, movers=False),
    "merge": Passes(fold=False, erase=False, merge=True, movers=False),
    "merge, movers": Passes(fold=False, erase=False, merge=True, movers=True),
    "all but movers": Passes(movers=False),
    "all": Passes(),
}
"""Every pass alone, what rests on another with it, and all."""


@dataclass(frozen=True)
class Difference:
    """A difference where some passes are made."""

    passes: str
    what: str

    @property
    def kind(self) -> tuple[str, str]:
        """The passes, and what differs without the particulars."""
        return self.passes, self.what.partition(":")[0]

    def __str__(self) -> str:
        return f"{self.passes}: {self.what}"


@dataclass(frozen=True)
class Outcome:
    """The comparison of one program.  `states` is None where it has too many, or no meaning."""

    states: int | None
    differences: tuple[Difference, ...] = ()
    violated: frozenset[str] = frozenset()
    undisciplined: bool = False

    def differing(self, passes: str, what: Iterable[str]) -> Outcome:
        """This outcome with more that differs."""
        more = (Difference(passes, each) for each in what)
        return replace(self, differences=(*self.differences, *more))


def compare(
    program: Program, passes: Iterable[str] = PASSES, most: int = LIMIT,
    engine: Engine = Engine.REFERENCE,
) -> Outcome:  # fmt: skip
    """Compare an engine with the oracle on a program."""
    return compare_system(*system_of(program), passes, most, engine)


def compare_system(
    system: System, initial: State, passes: Iterable[str] = PASSES, most: int = LIMIT,
    engine: Engine = Engine.REFERENCE,
) -> Outcome:  # fmt: skip
    """The same of a system over variables of `world`."""
    found = expected(system, initial, most)
    if found is None:
        return Outcome(None)
    outcome = Outcome(found.states, (), found.violated)
    reducer = Reducer(system.variables)
    for name in passes:
        try:
            explorer, search, given_up = decided(system, initial, PASSES[name], reducer, engine)
        except (AssertionError, SyntaxError, LookupError, TypeError, ValueError) as error:
            outcome = outcome.differing(name, [f"{type(error).__name__}: {error}"])
        else:
            outcome = replace(outcome, undisciplined=outcome.undisciplined or given_up)
            outcome = judge(outcome, name, found, system, search, explorer.system)
    return outcome


def expected(system: System, initial: State, most: int = LIMIT) -> Found | None:
    """The oracle's findings; None of a system that is too large or has no meaning."""
    try:
        return Naive(system, initial).explore(most)
    except MeaninglessError:
        return None


def judge(
    outcome: Outcome, name: str, found: Found, system: System, search: Search, searched: System
) -> Outcome:
    """The outcome with the search of a system in which some passes were made."""
    if name == UNREDUCED:
        return outcome.differing(name, unreduced(found, search))
    return outcome.differing(name, reduced(found, system, search, searched))


def decided(
    system: System, initial: State, passes: Passes, reducer: Reducer, engine: Engine
) -> tuple[Explorer, Search, bool]:
    """The search that counts, by as many of these passes as what it finds allows; and whether one
    was given up because a discipline was broken."""
    given_up = False
    while True:
        made = explorer_of(system, initial, passes, reducer)
        search = engines.search(made, initial, Limits(), engine)
        weaker = weakened(passes, search)
        if weaker is None:
            return made, search, given_up
        given_up = given_up or DISCIPLINE in search.violations
        passes = weaker


def explorer_of(system: System, initial: State, passes: Passes, reducer: Reducer) -> Explorer:
    """The reference explorer on a system over the variables of `world`, with these passes made by
    a reducer of the system, which other passes were made by or not."""
    family = Group(
        [[t] for t in system.threads], system.rules, system.checks, system.finals, [initial],
        LOCKED, holder, FREEABLE, in_use,
    )  # fmt: skip
    done = reducer.by(passes).reduce(family)
    layout = Layout(system.variables, done.regions.whole, len(system.threads))
    live = live_locals if passes.merge else None
    return Explorer(replace(done.of(system), name="reduced"), CodeCache(layout, live))


# -- what two searches have to agree in ------------------------------------------------------------


def unreduced(found: Found, search: Search) -> list[str]:
    """The differences of an unreduced system."""
    told = []
    if search.states != found.states:
        told.append(f"states: {search.states} instead of {found.states}")
    told += _names(found.violated, frozenset(search.violations))
    taken = frozenset(
        (number, at) for number, marks in enumerate(search.fired) for at in _marked(marks)
    )
    told += _steps(found.steps, taken)
    return told


def reduced(found: Found, system: System, search: Search, searched: System) -> list[str]:
    """The differences of a system in which passes were made."""
    told = violations(found, search)
    taken = _parts_taken(searched, search.fired)
    begun = {number for number, _ in taken}
    own = frozenset(
        (number, system.threads[number].edges[at].number)
        for number, at in found.steps
        if number in begun
    )
    return [*told, *_steps(own, taken)]


def violations(found: Found, search: Search) -> list[str]:
    """The differences in the invariants that fail."""
    return _names(found.violated, frozenset(search.violations))


def _marked(marks: Sequence[int]) -> list[int]:
    return [at for at, mark in enumerate(marks) if mark]


def _parts_taken(system: System, fired: Sequence[bytes]) -> frozenset[Step]:
    """The steps of the unreduced threads that a search of the reduced system took."""
    return frozenset(
        (number, part.number)
        for number, thread in enumerate(system.threads)
        for at in _marked(fired[number])
        for part in thread.edges[at].origin()
    )


def _names(expected: frozenset[str], got: frozenset[str]) -> list[str]:
    missed, extra = sorted(expected - got), sorted(got - expected)
    return [
        *([f"not found violated: {', '.join(missed)}"] if missed else []),
        *([f"wrongly found violated: {', '.join(extra)}"] if extra else []),
    ]


def _steps(expected: frozenset[Step], got: frozenset[Step]) -> list[str]:
    missed, extra = sorted(expected - got), sorted(got - expected)
    return [
        *([f"steps not taken: {missed}"] if missed else []),
        *([f"steps that cannot be taken: {extra}"] if extra else []),
    ]

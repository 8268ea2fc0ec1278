# SPDX-License-Identifier: GPL-2.0-only
"""The compiled engine on random programs, many of them in one C file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from tempfile import TemporaryDirectory

import pytest

from checks.engine.compiled import Program as Compiled
from checks.engine.reference import Explorer
from checks.engine.search import Search
from checks.play.play import weakened
from checks.reduce.conflicts import DISCIPLINE
from checks.reduce.reducer import Passes, Reducer
from model.lang.ir import State, System

from .compare import PASSES, UNREDUCED, Outcome, expected, explorer_of, judge
from .naive import Found
from .statements import Program
from .write import system_of

AT_ONCE = 40
"""Programs in one file."""

PASS_SETS = (UNREDUCED, "all")


@dataclass(frozen=True)
class _Case:
    """A program to search with some passes: those named, or fewer where these were given up."""

    number: int
    name: str
    passes: Passes
    system: System
    initial: State
    found: Found
    reducer: Reducer


_Result = tuple[Explorer, Search] | AssertionError
"""A search and who made it, or why there is none."""


def compare_compiled(
    programs: Sequence[Program], passes: Iterable[str] = PASS_SETS
) -> list[Outcome]:
    """Compare the compiled engine with the oracle on each program.  As `compare.decided` does, by
    fewer passes where what is found asks for it."""
    outcomes = []
    cases: list[_Case] = []
    for number, program in enumerate(programs):
        system, initial = system_of(program)
        found = expected(system, initial)
        outcomes.append(
            Outcome(None) if found is None else Outcome(found.states, (), found.violated)
        )
        if found is not None:
            reducer = Reducer(system.variables)
            cases += [_Case(number, n, PASSES[n], system, initial, found, reducer) for n in passes]
    while cases:
        again: list[_Case] = []
        for case, result in _searched(cases):
            outcomes[case.number], more = _told(outcomes[case.number], case, result)
            again += more
        cases = again
    return outcomes


def _told(outcome: Outcome, case: _Case, result: _Result) -> tuple[Outcome, list[_Case]]:
    """The outcome of a program with that of one of its cases; and the case that decides it, where
    it is to be decided again."""
    if isinstance(result, AssertionError):
        return outcome.differing(case.name, [f"AssertionError: {result}"]), []
    explorer, search = result
    weaker = weakened(case.passes, search)
    if weaker is None:
        return judge(outcome, case.name, case.found, case.system, search, explorer.system), []
    given_up = outcome.undisciplined or DISCIPLINE in search.violations
    return replace(outcome, undisciplined=given_up), [replace(case, passes=weaker)]


def _searched(cases: Sequence[_Case]) -> list[tuple[_Case, _Result]]:
    """Each case with its explorer and its search, all compiled in one file; or why it has none."""
    explorers: list[Explorer | AssertionError] = []
    for case in cases:
        try:
            explorer = explorer_of(case.system, case.initial, case.passes, case.reducer)
            explorer.start(case.initial)
        except AssertionError as error:
            explorers.append(error)
        else:
            explorers.append(explorer)
    ready = [
        (at, explorer) for at, explorer in enumerate(explorers) if isinstance(explorer, Explorer)
    ]
    with _apart():
        built = Compiled([e for _, e in ready], [cases[at].initial for at, _ in ready])
    searches = {at: built.run(place) for place, (at, _) in enumerate(ready)}
    return [
        (case, (explorer, searches[at]) if isinstance(explorer, Explorer) else explorer)
        for at, (case, explorer) in enumerate(zip(cases, explorers, strict=True))
    ]


@contextmanager
def _apart() -> Iterator[None]:
    """Compile without optimising, since each program runs once, and keep nothing."""
    with TemporaryDirectory() as directory, pytest.MonkeyPatch.context() as patch:
        patch.setenv("CFLAGS", "-O0")
        patch.setenv("XDG_CACHE_HOME", directory)
        yield

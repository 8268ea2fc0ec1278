# SPDX-License-Identifier: GPL-2.0-only
"""What the encoding and the reference explorer must agree in.

In each state that is looked at: which operations are carried out and where they lead, which checks
fail, what is wrong with the state.  Of the whole: what fails within so many steps, and how soon.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import z3

from checks.engine.reference import Explorer
from checks.engine.search import Limits
from checks.reduce.liveness import live_locals
from checks.symbolic.bounded import failing, moves_of, search_paths
from checks.symbolic.encode import RULE, Encoding, Field, Step, code_of
from checks.symbolic.solver import Term, solver_for
from checks.symbolic.unroll import Bundle, Unrolling
from model.lang.ir import State

MOST = 2_000
"""States that the explorer visits, at most."""


@dataclass(frozen=True)
class Case:
    """A system to compare: `depth` steps of it, and so many of its `states` by themselves.

    `make` gives a new explorer of it.  `resets`: dead locals are reset, and share bits with others.
    """

    make: Callable[[], Explorer]
    initial: State
    resets: bool
    depth: int = 6
    states: int = 25


def agree(case: Case) -> None:
    """AssertionError or ReplayError where the two differ."""
    explorer = case.make()
    found = explorer.run(case.initial, Limits(MOST))
    states = list(found.parents)
    encoding = Encoding(explorer, case.initial)
    compare = Compare(encoding, case.resets)
    for state in states[:: max(1, len(states) // case.states)]:
        compare(state)
    said = search_paths(encoding, Limits(depth=case.depth))
    within = {n: v for n, v in found.violations.items() if v.depth <= case.depth}
    for name in within.keys() | {n for n, v in said.violations.items() if v.depth <= case.depth}:
        one, two = within[name], said.violations[name]
        assert (one.depth, one.at_step) == (two.depth, two.at_step), name
    if not said.why:
        assert not found.why
        assert found.levels - 1 <= (said.depth or 0)
        assert said.violations.keys() == found.violations.keys()
        assert not explorer.codes or said.fired == found.fired
    for violation in within.values():
        follow(compare, found.path(violation.state))


class Compare:
    """Compares states, one by one."""

    def __init__(self, encoding: Encoding, resets: bool) -> None:
        self.encoding, self._resets = encoding, resets
        self._alive = [live_locals(t) for t in encoding.explorer.system.threads]
        self._wrong = dict(encoding.wrong())
        self._judged = Bundle(self._wrong.values())
        self._bundles: dict[tuple[int, int], tuple[list[Step], Bundle]] = {}

    def __call__(self, state: int) -> None:
        explorer = self.encoding.explorer
        held = {field: field.held(code) for field, code in self.codes(state).items()}
        judged = zip(self._wrong, self._judged.where(held), strict=True)
        assert {name for name, value in judged if z3.is_true(value)} == failing(
            explorer, state, None
        )
        for code in explorer.codes:
            thread, at = code.seat.number, explorer.layout.value(state, code.seat.pc)
            self._same_moves(state, held, thread, at)
        if explorer.rules is not None:
            self._same_moves(state, held, RULE, 0)

    def _same_moves(self, state: int, held: dict[Field, Term], thread: int, at: int) -> None:
        steps, bundle = self._leaving(thread, at)
        parts = iter(bundle.where(held))
        taken, failed = [], []
        for step in steps:
            enabled = z3.is_true(next(parts))
            holds = [z3.is_true(next(parts)) for _ in step.checks]
            after = held | {field: next(parts) for field in step.writes}
            if not enabled:
                continue
            failed += [(step.number, k) for k, true in enumerate(holds) if not true]
            if all(true for (c, _), true in zip(step.checks, holds, strict=True) if c.halts):
                codes = {field: code_of(value) for field, value in after.items()}
                taken.append((step.number, self.encoding.packed(codes)))
        moves = moves_of(self.encoding.explorer, state, thread)
        assert sorted(taken) == sorted(moves.taken)
        assert sorted(failed) == sorted(moves.failed)

    def _leaving(self, thread: int, at: int) -> tuple[list[Step], Bundle]:
        """The steps of a thread at a location, and what is to be known of them."""
        if (thread, at) not in self._bundles:
            steps = self.encoding.leaving(thread, at)
            parts = [
                part for s in steps
                for part in (self.encoding.enabled(s), *(c for _, c in s.checks),
                             *s.writes.values())
            ]  # fmt: skip
            self._bundles[thread, at] = steps, Bundle(parts)
        return self._bundles[thread, at]

    def codes(self, state: int) -> dict[Field, int]:
        """What each field holds; a local that is dead may share its bits with one that is not."""
        encoding, layout = self.encoding, self.encoding.explorer.layout
        codes = {f: layout.value(state, f.slot) - f.slot.lowest for f in encoding.fields}
        if self._resets:
            for own, alive, counter in zip(
                encoding.locals, self._alive, encoding.counters, strict=True
            ):
                here = alive[codes[counter]]
                codes |= {field: 0 for place, field in own.items() if place not in here}
        return codes


def follow(compare: Compare, states: Sequence[int]) -> None:
    """That a path of the explorer is one of the encoding."""
    path = Unrolling(compare.encoding, solver_for(Limits()))
    for state in states[1:]:
        path.begin()
        path.end()
        codes = compare.codes(state)
        now = path.states[-1]
        path.solver.add(*(now[field] == field.held(code) for field, code in codes.items()))
    assert path.solver.check() == z3.sat

# SPDX-License-Identifier: GPL-2.0-only
"""Bounded model checking: every path of so many steps at once, for what is too large to enumerate.

What fails is looked for at each depth before the next, so that the first path found is a shortest
one, and it is carried out by the reference explorer before anything is said of it.  A search is
complete where no path is longer: every thread has returned or waits for ever, or each further step
comes back to a state that the path had already.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

from model.lang.errors import ModelError
from model.lang.ir import State

from ..engine.codegen.python_code import Moves
from ..engine.prepared import Prepared
from ..engine.search import DEADLOCK, Limits, Progress, Search, Violation
from .encode import RULE, Encoding, Field, code_of
from .solver import StoppedError, Term, interruptible, model_of, solver_for, z3
from .unroll import Taken, Unrolling

ROUNDS = 200
"""How often a path of one length is asked for that comes to no state again."""

Place = tuple[int, int]
"""The thread of a step, and its number there."""


class ReplayError(ModelError):
    """The tool's own error: what Z3 found is no run of the reference explorer."""


def bounded_search(
    explorer: Prepared, initial: State, limits: Limits, progress: Progress | None = None, *,
    goal: str = "",
) -> Search:  # fmt: skip
    """What fails within `limits.depth` steps; it stops where `goal` fails.

    `Search.depth` is how deep it went, `why` is empty where no path is longer; `fired` are the
    operations that can be carried out within that.
    """
    return search_paths(Encoding(explorer, initial), limits, progress, goal=goal)


def search_paths(
    encoding: Encoding, limits: Limits, progress: Progress | None = None, *, goal: str = ""
) -> Search:
    """The same of a system that is encoded."""
    return _Bounded(encoding, limits, progress, goal).run()


class _Bounded:
    def __init__(
        self, encoding: Encoding, limits: Limits, progress: Progress | None, goal: str
    ) -> None:
        self._encoding, self._explorer = encoding, encoding.explorer
        self._limits, self._progress, self._goal = limits, progress, goal
        self._path = Unrolling(self._encoding, solver_for(limits))
        self._search = Search()
        self._search.parents[encoding.start] = encoding.start
        self._known = -1  # the depth up to which all is judged
        self._fired = [bytearray(len(code.ops)) for code in self._explorer.all_codes()]

    def run(self) -> Search:
        """Go deeper until it is complete, the goal fails or a limit is met."""
        search = self._search
        try:
            with interruptible():
                while self._goes_on() and self._step():
                    pass
        except StoppedError as stopped:
            known = f"no violation up to depth {self._known}; " if self._known >= 0 else ""
            search.why = f"symbolic: {known}{stopped}"
        search.levels = search.depth = max(self._known, 0)
        search.fired = tuple(map(bytes, self._fired))
        return search

    def _goes_on(self) -> bool:
        """Judge the last state; whether a path of this length has a step after it, and came to no
        state twice."""
        path = self._path
        self._find(dict(path.wrong()), at_step=False)
        self._known = path.depth
        path.keep(self._possible(path.begin()))
        if not path.choices[-1]:
            return False
        further = z3.Or(*(t.term for t in path.choices[-1]))
        for _ in range(ROUNDS):
            model = self._model(further)
            if model is None:
                return False
            again = _same_states([self._packed(model, s) for s in path.states])
            if not again:
                break
            for one, two in again:
                path.differ(one, two)
        return True

    def _possible(self, steps: Sequence[Taken]) -> list[Taken]:
        """The steps that some path can have next."""
        if self._encoding.rules_alone:  # soon that is every rule: asking takes longer than it saves
            return list(steps)
        left = list(steps)
        while left:
            model = self._model(z3.Or(*(t.term for t in left)))
            if model is None:
                break
            left = [t for t in left if not z3.is_true(model.eval(t.enabled, True))]
        return [t for t in steps if t not in left]

    def _step(self) -> bool:
        """Judge what fails as a step is taken, and take one, if one can be carried out."""
        path, failing = self._path, dict[str, list[Term]]()
        if self._goal in self._search.violations:
            raise StoppedError(f"{self._goal} fails")
        if path.depth >= self._limits.depth:
            raise StoppedError(f"stopped at --max-depth {self._limits.depth}")
        for taken in path.choices[-1]:
            for (check, _), holds in zip(taken.step.checks, taken.checks, strict=True):
                if not z3.is_true(holds):
                    fails = z3.And(taken.term, z3.Not(holds))
                    failing.setdefault(check.invariant, []).append(fails)
        self._find({name: z3.Or(*terms) for name, terms in failing.items()}, at_step=True)
        path.keep([t for t in path.choices[-1] if self._can_be_carried_out(t)])
        for taken in path.choices[-1]:
            self._fired[taken.step.thread][taken.step.number] = 1
        if not path.choices[-1]:
            return False
        path.end()
        if self._progress is not None:
            self._progress(0)
        return True

    def _can_be_carried_out(self, taken: Taken) -> bool:
        """Whether nothing that ends all fails at a step, on some path."""
        halts = [
            holds for (check, _), holds in zip(taken.step.checks, taken.checks, strict=True)
            if check.halts and check.invariant in self._search.violations
        ]  # fmt: skip
        return not halts or self._model(z3.And(taken.term, *halts)) is not None

    # -- asking ------------------------------------------------------------------------------------

    def _model(self, wanted: Term) -> z3.ModelRef | None:
        """A path on which something is so; None if there is none."""
        return model_of(self._path.solver, self._limits, wanted)

    def _find(self, wrong: Mapping[str, Term], *, at_step: bool) -> None:
        """Note every invariant that can fail here and did not before."""
        open_ = {n: t for n, t in wrong.items()
                 if n not in self._search.violations and not z3.is_false(t)}  # fmt: skip
        while open_:
            any_of_them = z3.Or(*open_.values())
            model = self._model(any_of_them)
            if model is None:
                self._path.solver.add(z3.Not(any_of_them))
                return
            failed = [n for n, t in open_.items() if z3.is_true(model.eval(t, True))]
            self._note(model, failed, at_step=at_step)
            for name in failed:
                del open_[name]

    # -- what was found ----------------------------------------------------------------------------

    def _note(self, model: z3.ModelRef, failed: Sequence[str], *, at_step: bool) -> None:
        """Violations at the end of a path, which the reference explorer carries out."""
        path, search = self._path, self._search
        steps = [_taken(model, choices) for choices in path.choices]
        states = [self._packed(model, state) for state in path.states]
        places = [(t.step.thread, t.step.number) for t in steps]
        carry_out(self._explorer, states, places[: path.depth])
        broken = failing(self._explorer, states[-1], places[-1] if at_step else None)
        for name in failed:
            if name not in broken:
                raise ReplayError(f"'{name}' does not fail where Z3 says so")
            search.violations[name] = Violation(
                name, states[-1], path.depth + at_step, at_step=at_step
            )
        for before, after in itertools.pairwise(states):
            search.parents.setdefault(after, before)

    def _packed(self, model: z3.ModelRef, state: Mapping[Field, Term]) -> int:
        codes = {f: code_of(model.eval(term, model_completion=True)) for f, term in state.items()}
        return self._encoding.packed(codes)


def _taken(model: z3.ModelRef, choices: Sequence[Taken]) -> Taken:
    return next(t for t in choices if z3.is_true(model.eval(t.term)))


def _same_states(states: Sequence[int]) -> list[tuple[int, int]]:
    pairs = itertools.combinations(range(len(states)), 2)
    return [(one, two) for one, two in pairs if states[one] == states[two]]


# -- the reference explorer ------------------------------------------------------------------------


def carry_out(explorer: Prepared, states: Sequence[int], steps: Sequence[Place]) -> None:
    """Take the steps one after the other; ReplayError if they do not lead to these states."""
    for (before, after), (thread, number) in zip(itertools.pairwise(states), steps, strict=True):
        moves = moves_of(explorer, before, thread)
        if (number, after) not in moves.taken:
            raise ReplayError(f"step {number} of {thread} is not taken in the reference explorer")


def failing(explorer: Prepared, state: int, step: Place | None) -> frozenset[str]:
    """What fails in a state by itself, or as a step is taken in it."""
    if step is not None:
        thread, number = step
        code = explorer.all_codes()[thread]
        failed = moves_of(explorer, state, thread).failed
        return frozenset(code.ops[n].checks[k].invariant for n, k in failed if n == number)
    found = {c.invariant for c in explorer.system.checks if explorer.fails(state, c.invariant)}
    if not _moves_on(explorer, state):
        found |= set(explorer.failing_finals(state)) if explorer.ended(state) else {DEADLOCK}
    return frozenset(found)


def moves_of(explorer: Prepared, state: int, thread: int) -> Moves:
    """What a thread, or the rules, can do in a state."""
    if thread == RULE:
        assert explorer.rules is not None
        return explorer.rules.moves(state)
    code = explorer.codes[thread]
    return code.moves(state, explorer.layout.value(state, code.seat.pc))


def _moves_on(explorer: Prepared, state: int) -> bool:
    """True if a thread, or a rule of software that changes something, can take a step,
    or a check fails as one does."""
    threads = [moves_of(explorer, state, n) for n in range(len(explorer.codes))]
    if any(m.taken or m.failed for m in threads):
        return True
    if explorer.rules is None:
        return False
    rules = moves_of(explorer, state, RULE)
    halted = any(explorer.rules.ops[number].checks[k].halts for number, k in rules.failed)
    return halted or any(
        after != state and not explorer.system.rules[number].hardware
        for number, after in rules.taken
    )

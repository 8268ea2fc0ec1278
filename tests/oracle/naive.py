# SPDX-License-Identifier: GPL-2.0-only
"""The naive explorer: the meaning of a system in one loop over tuples.

It imports nothing of `checks` and reduces nothing.  A state is the program counters, the shared
cells that something writes, and the locals of every thread, in one tuple.  Each edge and rule
becomes one function, which is its only trick: from a state to the state after it, or to nothing
where the guard fails.

* An operation whose checks fail is carried out all the same, unless one of them halts: nothing
  comes after that, and what stands behind it is not looked at.
* A state is *at rest* if no edge of a thread can be taken, and no rule of software that changes it.
  There every thread has returned, and the finals are judged, or it is a deadlock.  What hardware
  does is no progress.  A state with a step that halts is not at rest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from model.lang.expr import Cell, Const
from model.lang.ir import Op, State, System, Thread

from .evaluator import Elements, Evaluator, MeaninglessError

DEADLOCK = "no_deadlock"

Packed = tuple[int, ...]
Step = tuple[int, int]
"""A thread by number and the position of its edge; or the number of threads, and that of a rule."""


@dataclass(frozen=True)
class Look:
    """The view from one state: the steps out of it, and the invariants that fail in it or as
    one of these steps is about to be taken."""

    steps: tuple[tuple[Step, Packed], ...]
    failing: frozenset[str]
    halted: frozenset[str]
    at_rest: bool


@dataclass(frozen=True)
class Found:
    """The findings of an exploration.  `halted` are the invariants after whose failure nothing
    comes; `steps` those that were taken."""

    states: int
    violated: frozenset[str]
    halted: frozenset[str]
    steps: frozenset[Step]


class Naive:
    """A system with its initial state.

    `lenient`: a field of None may be read, and then holds the least that there is, and written, if
    that is what it is given.  The front end makes operations that do so where it does not matter.
    """

    def __init__(self, system: System, initial: State, *, lenient: bool = False) -> None:
        self.system = system
        written = {
            u.place.var for op in system.ops() for u in op.updates if isinstance(u.place, Cell)
        }
        self._elements = {
            v.name: Elements(v.name, "s" if v.name in written else "known")
            for v in system.variables
        }
        start = [thread.entry for thread in system.threads]
        known: list[int] = []
        for place, value in initial.items():
            if isinstance(place, Cell):
                index = tuple(i.value for i in place.index if isinstance(i, Const))
                into = start if place.var in written else known
                self._elements[place.var][index] = len(into)
                into.append(value)
        own: list[dict[str, int]] = []
        for thread in system.threads:
            own.append({v.name: len(start) + n for n, v in enumerate(thread.locals)})
            start += [v.sort.lowest for v in thread.locals]
        self._of_none = len(start)
        if lenient:
            for variable in system.variables:
                into = start if variable.name in written else known
                self._elements[variable.name].of_none = len(into)
                into.append(variable.sort.lowest)
        self.start: Packed = tuple(start)
        self._names: dict[str, Any] = {"known": tuple(known)}
        self._write(own)

    # -- one function for each operation and condition ---------------------------------------------

    def _write(self, own: Sequence[dict[str, int]]) -> None:
        lines: list[str] = []
        for number, thread in enumerate(self.system.threads):
            writer = Evaluator(self._elements, own[number], self._names)
            for at, edge in enumerate(thread.edges):
                moved = [f"n[{number}] = {edge.target}"]
                lines += _operation(f"step_{number}_{at}", edge.op, writer, moved)
        writer = Evaluator(self._elements, {}, self._names)
        count = len(self.system.threads)
        for at, rule in enumerate(self.system.rules):
            lines += _operation(f"step_{count}_{at}", rule.op, writer, [])
        judges = [*self.system.checks, *self.system.finals]
        for at, judge in enumerate(judges):
            lines += [f"def judge_{at}(s):", f"    return {writer.value(judge.cond)}"]
        exec("\n".join(lines), self._names)
        self._leaving = [self._by_source(n, thread) for n, thread in enumerate(self.system.threads)]
        self._rules = [
            ((count, at), self._function(count, at), rule.hardware)
            for at, rule in enumerate(self.system.rules)
        ]
        conditions = [(c.invariant, self._names[f"judge_{n}"]) for n, c in enumerate(judges)]
        self._checks = conditions[: len(self.system.checks)]
        self._finals = conditions[len(self.system.checks) :]

    def _function(self, number: int, at: int) -> Callable[[Packed, set[str]], Any]:
        found: Callable[[Packed, set[str]], Any] = self._names[f"step_{number}_{at}"]
        return found

    def _by_source(self, number: int, thread: Thread) -> dict[int, list[tuple[Step, Any]]]:
        leaving: dict[int, list[tuple[Step, Any]]] = {}
        for at, edge in enumerate(thread.edges):
            step = (number, at), self._function(number, at)
            leaving.setdefault(edge.source, []).append(step)
        return leaving

    # -- looking at one state ----------------------------------------------------------------------

    def look(self, s: Packed) -> Look:
        """Everything that can happen in a state and everything that is wrong with it."""
        failing: set[str] = set()
        halted: set[str] = set()
        steps: list[tuple[Step, Packed]] = []
        moving = False
        for number, leaving in enumerate(self._leaving):
            for step, function in leaving.get(s[number], ()):
                after = function(s, failing)
                if type(after) is tuple:
                    moving = True
                    steps.append((step, after))
                elif after is not None:
                    halted.add(after)
        for step, function, hardware in self._rules:
            after = function(s, failing)
            if type(after) is tuple:
                moving = moving or (not hardware and after != s)
                steps.append((step, after))
            elif after is not None:
                halted.add(after)
        at_rest = not moving and not halted
        failing |= self._broken(s, at_rest=at_rest)
        return Look(tuple(steps), frozenset(failing), frozenset(halted), at_rest)

    def _broken(self, s: Packed, *, at_rest: bool) -> set[str]:
        failing = {name for name, holds in self._checks if not holds(s)}
        if at_rest and self.ended(s):
            failing.update(name for name, holds in self._finals if not holds(s))
        elif at_rest:
            failing.add(DEADLOCK)
        return failing

    def broken(self, s: Packed) -> set[str]:
        """The invariants that fail in a state, whatever is done next."""
        return self._broken(s, at_rest=self.look(s).at_rest)

    def ended(self, s: Packed) -> bool:
        """True if every thread has returned."""
        return all(s[n] == thread.end for n, thread in enumerate(self.system.threads))

    # -- all states --------------------------------------------------------------------------------

    def explore(self, most: int = 10**9) -> Found | None:
        """Visit every state that can be reached; None if they are more than `most`."""
        seen, todo = {self.start}, [self.start]
        failing: set[str] = set()
        halted: set[str] = set()
        taken: set[Step] = set()
        nothing = self.start[self._of_none :]
        while todo:
            look = self.look(todo.pop())
            failing |= look.failing
            halted |= look.halted
            for step, after in look.steps:
                taken.add(step)
                if after not in seen:
                    if after[self._of_none :] != nothing:
                        raise MeaninglessError(f"step {step} changes a field of None")
                    seen.add(after)
                    todo.append(after)
            if len(seen) > most:
                return None
        return Found(len(seen), frozenset(failing), frozenset(halted), frozenset(taken))

    # -- a trace -----------------------------------------------------------------------------------

    def after(self, s: Packed, step: Step) -> tuple[Packed, set[str]]:
        """The state after a step, and the checks that fail as it is taken; MeaninglessError if it
        cannot be taken here."""
        number, at = step
        failing: set[str] = set()
        here = number == len(self.system.threads) or (
            self.system.threads[number].edges[at].source == s[number]
        )
        after = self._function(number, at)(s, failing) if here else None
        if after is None:
            raise MeaninglessError(f"step {step} cannot be taken here")
        return after if type(after) is tuple else s, failing

    def value(self, s: Packed, place: Cell) -> int:
        """The value of a cell with constant indices in a state."""
        elements = self._elements[place.var]
        at = elements[tuple(i.value for i in place.index if isinstance(i, Const))]
        return s[at] if elements.within == "s" else int(self._names["known"][at])


def _operation(name: str, op: Op, writer: Evaluator, moved: Iterable[str]) -> list[str]:
    """A function from a state to the state after the operation; None if its guard fails, and the
    name of the invariant if a check fails that halts."""
    lines = [f"def {name}(s, failing):"]
    if not (isinstance(op.guard, Const) and op.guard.value):
        lines += [f"    if not {writer.value(op.guard)}:", "        return None"]
    for check in op.checks:
        lines += [
            f"    if not {writer.value(check.cond)}:",
            f"        failing.add({check.invariant!r})",
        ]
        if check.halts:
            lines.append(f"        return {check.invariant!r}")
    lines.append("    n = list(s)")
    for update in op.updates:
        place, value = update.place, writer.fitted(update.value, update.place.sort)
        lines.append(f"    n[{writer.position(place)}] = {value}")
    lines += [f"    {line}" for line in moved]
    return [*lines, "    return tuple(n)"]

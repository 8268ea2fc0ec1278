# SPDX-License-Identifier: GPL-2.0-only
"""A run of the unmerged system in which TLBs fill at any time: the meaning of a trace.

A run is a list of `Tick`s.  One of a thread carries out one step: what only moves locals about
before it, then the step; it ends where a check fails, if that is before the step.  One of a rule is
something that hardware does.  That is what a schedule writes down, so that a schedule outlives
changes of the reductions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from model.lang.errors import ModelError
from model.lang.ir import Edge, Kind, Rule, State, System

from ..engine.interpret import Interpreter, Position
from ..engine.search import DEADLOCK
from .visible import shared


@dataclass(frozen=True)
class Tick:
    """One step of a thread, with the option taken if it is a free choice; or a rule by name."""

    thread: int = -1
    choice: str = ""
    rule: str = ""


@dataclass(frozen=True)
class Done:
    """A tick as it was carried out: the edges of the thread, and the positions before it, as its
    last edge is taken (locals have been moved about), and after it."""

    tick: Tick
    edges: tuple[Edge, ...]
    before: Position
    at: Position
    after: Position


class Runner:
    """Carries out ticks on one system."""

    def __init__(self, system: System, initial: State) -> None:
        self.system = system
        self.interpreter = Interpreter(system)
        self.start = self.interpreter.start(initial)
        self._rules = {r.name: r for r in system.rules}

    def rule(self, name: str) -> Rule:
        """A rule of a name; ModelError if there is none."""
        if name not in self._rules:
            raise ModelError(f"no hardware step '{name}' in this system")
        return self._rules[name]

    def next_edges(self, pos: Position, thread: int, choice: str = "") -> tuple[Edge, ...] | None:
        """The edges of a thread's next step, the step last; None if it has to wait or is done."""
        found: list[Edge] = []
        while True:
            ways = self.interpreter.enabled(pos, thread)
            if choice and any(e.op.kind is Kind.CHOICE for e in ways):
                ways = [e for e in ways if e.choice == choice]
            if not ways:
                return None
            edge = ways[0]
            found.append(edge)
            if shared(edge) or self.interpreter.failing(pos, edge.op, thread):
                return tuple(found)
            pos = self.interpreter.take(pos, thread, edge)

    def stands_at(self, pos: Position, thread: int) -> tuple[Position, Edge, bool] | None:
        """Where a thread stands: the position once locals have been moved about, the step that is
        next, and whether it has to wait there; None if it has returned."""
        while True:
            ways = self.interpreter.enabled(pos, thread)
            if not ways:
                leaving = [
                    e for e in self.system.threads[thread].edges if e.source == pos.pcs[thread]
                ]
                return (pos, leaving[0], True) if leaving else None
            if shared(ways[0]):
                return pos, ways[0], False
            pos = self.interpreter.take(pos, thread, ways[0])

    def tick(self, pos: Position, tick: Tick) -> Done | None:
        """Carry out one tick; None if it cannot be."""
        if tick.rule:
            rule = self.rule(tick.rule)
            if not self.interpreter.can_fire(pos, rule):
                return None
            return Done(tick, (), pos, pos, self.interpreter.fire(pos, rule))
        edges = self.next_edges(pos, tick.thread, tick.choice)
        if edges is None:
            return None
        at = pos
        for edge in edges[:-1]:
            at = self.interpreter.take(at, tick.thread, edge)
        after = self.interpreter.take(at, tick.thread, edges[-1])
        return Done(tick, edges, pos, at, after)

    def run(self, ticks: Sequence[Tick], pos: Position | None = None) -> list[Done] | None:
        """Carry out a schedule; None if some tick cannot be."""
        done: list[Done] = []
        here = pos or self.start
        for tick in ticks:
            step = self.tick(here, tick)
            if step is None:
                return None
            done.append(step)
            here = step.after
        return done

    # -- what fails -------------------------------------------------------------------------------

    def failures(self, done: Done) -> list[str]:
        """The invariants that a tick breaks: at its steps, or in the state after it."""
        found: list[str] = []
        pos = done.before
        if done.tick.rule:
            pos = done.after
        for edge in done.edges:
            found += [c.invariant for c in self.interpreter.failing(pos, edge.op, done.tick.thread)]
            pos = self.interpreter.take(pos, done.tick.thread, edge)
        found += self.interpreter.broken(pos)
        if self.deadlocked(pos):
            found.append(DEADLOCK)
        return list(dict.fromkeys(found))

    def deadlocked(self, pos: Position) -> bool:
        """Whether somebody has not returned and nobody can move."""
        if self.interpreter.ended(pos):
            return False
        return all(self.next_edges(pos, n) is None for n in range(len(self.system.threads)))

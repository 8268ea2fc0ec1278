# SPDX-License-Identifier: GPL-2.0-only
"""A path of the reduced system made a run of the meaning: unmerged, TLBs filling at any time.

First every fill that is possible happens at once, as the eager TLBs have it.  Then what the
violation does not need is left out, and what is left happens as late as possible.
"""

from __future__ import annotations

from collections.abc import Sequence

from model.hw.eager_tlb import is_fill
from model.lang.errors import ModelError
from model.lang.ir import Edge, Kind

from ..engine.interpret import Position
from .run import Done, Runner, Tick
from .shortest import RULE, Move
from .visible import shared


class UnfaithfulError(ModelError):
    """The tool's own error: what was found in the reduced system does not replay."""


def expand(runner: Runner, moves: Sequence[Move], invariant: str) -> list[Done]:
    """The run of a violation, its last tick being the one that fails."""
    made = _Expander(runner, invariant)
    ticks = made.saturated(moves)
    ticks = made.shortened(ticks)
    ticks = made.delayed(ticks)
    done = runner.run(ticks)
    assert done is not None
    return done


class _Expander:
    def __init__(self, runner: Runner, invariant: str) -> None:
        self._runner, self._invariant = runner, invariant
        self._fills = [r for r in runner.system.rules if is_fill(r)]

    def _fails(self, done: Done) -> bool:
        return self._invariant in self._runner.failures(done)

    def _shows(self, ticks: Sequence[Tick]) -> bool:
        """Whether a schedule can be carried out and its last tick fails."""
        done = self._runner.run(ticks)
        if not done:
            return done == [] and self._invariant in self._runner.interpreter.broken(
                self._runner.start
            )
        return self._fails(done[-1])

    # -- all fills ------------------------------------------------------------------------------

    def saturated(self, moves: Sequence[Move]) -> list[Tick]:
        """The run with every fill made as soon as it can be, up to the tick that fails."""
        ticks: list[Tick] = []
        pos = self._fill(self._runner.start, ticks)
        for move in moves:
            steps = [Tick(rule=move.rule)] if move.thread == RULE else None
            for tick in steps or self._ticks(move):
                while True:
                    done = self._runner.tick(pos, tick)
                    if done is None:
                        raise UnfaithfulError(
                            f"a trace to '{self._invariant}' does not replay: "
                            f"step {len(ticks)} {tick} cannot be taken"
                        )
                    ticks.append(tick)
                    if self._fails(done):
                        return ticks
                    pos = self._fill(done.after, ticks)
                    if move.thread == RULE or self._arrived(done, move):
                        break
        after = self._local(pos, moves)
        if after is not None:
            return [*ticks, after]
        if self._runner.deadlocked(pos) or self._invariant in self._runner.interpreter.broken(pos):
            return ticks
        raise UnfaithfulError(f"a trace to '{self._invariant}' does not violate it when replayed")

    def _local(self, pos: Position, moves: Sequence[Move]) -> Tick | None:
        """The tick that fails where the last thread only moves locals about, after its last step:
        as it keeps a value that its local may not have."""
        if not moves or moves[-1].thread == RULE:
            return None
        tick = Tick(moves[-1].thread)
        done = self._runner.tick(pos, tick)
        if done is None or shared(done.edges[-1]) or not self._fails(done):
            return None
        return tick

    def _ticks(self, move: Move) -> list[Tick]:
        """The ticks of a move: one for each of its shared steps, by the unmerged numbers."""
        edges = [self._raw(move.thread, e) for e in move.edges]
        return [
            Tick(move.thread, e.choice if e.op.kind is Kind.CHOICE else "")
            for e in edges if shared(e)
        ]  # fmt: skip

    def _raw(self, thread: int, edge: Edge) -> Edge:
        return self._runner.system.threads[thread].edges[edge.number]

    def _arrived(self, done: Done, move: Move) -> bool:
        """Steps that a pass dropped, for they change nothing, are taken on the way."""
        return shared(done.edges[-1]) and done.edges[-1].number in {e.number for e in move.edges}

    def _fill(self, pos: Position, ticks: list[Tick]) -> Position:
        interpreter = self._runner.interpreter
        changed = True
        while changed:
            changed = False
            for rule in self._fills:
                if interpreter.can_fire(pos, rule):
                    after = interpreter.fire(pos, rule)
                    if after.cells != pos.cells:
                        ticks.append(Tick(rule=rule.name))
                        pos, changed = after, True
        return pos

    # -- only those that are needed -------------------------------------------------------------

    def shortened(self, ticks: list[Tick]) -> list[Tick]:
        """Without the hardware steps that the violation does not need."""
        bare = [t for t in ticks if not t.rule]
        if self._shows(bare):
            return bare
        size = len(ticks) - len(bare)
        while size >= 1:
            end = len(ticks)
            while end > 0:
                at = [n for n in range(end) if ticks[n].rule][-size:]
                if not at:
                    break
                left = [t for n, t in enumerate(ticks) if n not in set(at)]
                end = at[0]
                if self._shows(left):
                    ticks = left
            size //= 2
        return ticks

    def delayed(self, ticks: list[Tick]) -> list[Tick]:
        """With each hardware step as late as it can be."""
        for n in reversed([n for n, t in enumerate(ticks) if t.rule]):
            rest = [*ticks[:n], *ticks[n + 1 :]]
            positions = self._positions(rest)
            rule = self._runner.rule(ticks[n].rule)
            for place in range(min(len(rest), len(positions)) - 1, n, -1):
                if not self._runner.interpreter.can_fire(positions[place], rule):
                    continue
                done = self._runner.run([ticks[n], *rest[place:]], positions[place])
                if done is not None and self._fails(done[-1]):
                    ticks = [*rest[:place], ticks[n], *rest[place:]]
                    break
        return ticks

    def _positions(self, ticks: Sequence[Tick]) -> list[Position]:
        """Where each tick begins, as far as they can be carried out."""
        found = [self._runner.start]
        for tick in ticks:
            done = self._runner.tick(found[-1], tick)
            if done is None:
                break
            found.append(done.after)
        return found

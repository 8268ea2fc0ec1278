# SPDX-License-Identifier: GPL-2.0-only
"""A system carried out one operation at a time, over dictionaries.

Nothing is packed and no text is generated: each expression is evaluated as `model.lang.expr`
defines it.  Too slow to search with; right for following one trace, and for checking the faster
ways to run a system against.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from model.lang.expr import Cell, Expr, Local, cell, const, evaluate, show
from model.lang.ir import Check, Edge, Op, Rule, State, StateCheck, System


@dataclass(frozen=True)
class Position:
    """Where a run stands: shared cells, the locals of each thread, each program counter."""

    cells: Mapping[Cell, int]
    locals: tuple[Mapping[Local, int], ...]
    pcs: tuple[int, ...]


class Interpreter:
    """Follows one system.  `thread` is a position in `System.threads`, None for a rule."""

    def __init__(self, system: System) -> None:
        self.system = system
        self._leaving = [t.leaving() for t in system.threads]

    def start(self, initial: State) -> Position:
        """Every thread at its entry, with its locals at their lowest."""
        cells = {c: v for c, v in initial.items() if isinstance(c, Cell)}
        own = tuple({v: v.sort.lowest for v in t.locals} for t in self.system.threads)
        return Position(cells, own, tuple(t.entry for t in self.system.threads))

    # -- what may happen -------------------------------------------------------------------------

    def enabled(self, pos: Position, thread: int) -> list[Edge]:
        """The edges that leave the thread's location and whose guard holds, in order."""
        value = _values(pos, thread)
        return [e for e in self._leaving[thread][pos.pcs[thread]] if value(e.op.guard)]

    def failing(self, pos: Position, op: Op, thread: int | None) -> list[Check]:
        """The checks that do not hold as the operation is about to be carried out."""
        value = _values(pos, thread)
        return [c for c in op.checks if not value(c.cond)]

    def can_fire(self, pos: Position, rule: Rule) -> bool:
        """Whether the guard of a rule holds."""
        return bool(_values(pos, None)(rule.op.guard))

    def rules(self, pos: Position) -> list[Rule]:
        """The rules whose guard holds and that change something, in order."""
        value = _values(pos, None)
        found = []
        for rule in self.system.rules:
            if value(rule.op.guard):
                changed, _ = _outcome(pos, rule.op, None)
                if any(pos.cells[c] != v for c, v in changed.items()):
                    found.append(rule)
        return found

    def ended(self, pos: Position) -> bool:
        """True if every thread has returned."""
        return all(at == t.end for at, t in zip(pos.pcs, self.system.threads, strict=True))

    def broken(self, pos: Position) -> list[str]:
        """The invariants that the state itself breaks; when all have returned, finals too."""
        value = _values(pos, None)
        judged: tuple[StateCheck, ...] = self.system.checks
        if self.ended(pos):
            judged += self.system.finals
        return [c.invariant for c in judged if not value(c.cond)]

    # -- what then holds ----------------------------------------------------------------------

    def take(self, pos: Position, thread: int, edge: Edge) -> Position:
        """The position after an edge; ValueError if it cannot be taken here."""
        if edge.source != pos.pcs[thread] or not _values(pos, thread)(edge.op.guard):
            raise ValueError(f"thread {thread} cannot take edge {edge.number} now")
        cells, own = _outcome(pos, edge.op, thread)
        every, pcs = list(pos.locals), list(pos.pcs)
        every[thread] = {**every[thread], **own}
        pcs[thread] = edge.target
        return Position({**pos.cells, **cells} if cells else pos.cells, tuple(every), tuple(pcs))

    def fire(self, pos: Position, rule: Rule) -> Position:
        """The position after a rule; ValueError if its guard does not hold."""
        if not _values(pos, None)(rule.op.guard):
            raise ValueError(f"the guard of {rule.name} does not hold")
        cells, _ = _outcome(pos, rule.op, None)
        return Position({**pos.cells, **cells}, pos.locals, pos.pcs)


def _values(pos: Position, thread: int | None) -> Callable[[Expr], int]:
    """Evaluates expressions as one thread, or a rule, sees the position."""
    own: Mapping[Local, int] = {} if thread is None else pos.locals[thread]
    memo: dict[Expr, int] = {}

    def read(place: Expr) -> int:
        if isinstance(place, Local):
            return own[place]
        assert isinstance(place, Cell)
        return pos.cells.get(place, place.sort.lowest)  # a field of None: reads as the lowest

    return lambda e: evaluate(e, read, memo)


def _outcome(pos: Position, op: Op, thread: int | None) -> tuple[dict[Cell, int], dict[Local, int]]:
    """What the updates of an operation write, all values taken from before it.

    An operation names fields of None only where it leaves them alone (or a `model:` check fails
    first), so that such a write is not carried out; IndexError if it would change something.
    """
    value = _values(pos, thread)
    cells: dict[Cell, int] = {}
    own: dict[Local, int] = {}
    for update in op.updates:
        place, new = update.place, value(update.value)
        if isinstance(place, Local):
            own[place] = new
            continue
        if place not in pos.cells:  # an index is computed, or there is no such element
            place = cell(place.var, tuple(const(value(i), i.sort) for i in place.index), place.sort)
        if cells.get(place, new) != new:
            raise ValueError(f"two updates of one operation give {show(place)} different values")
        if place in pos.cells:
            cells[place] = new
        elif new != place.sort.lowest:
            raise IndexError(f"{show(place)} does not exist")
    return cells, own

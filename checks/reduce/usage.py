# SPDX-License-Identifier: GPL-2.0-only
"""Which elements of the shared variables a part of a system reads and writes, and how.

A *part* is one thread or one set of rules.  An array that is only ever indexed by constants is
as many variables as it has elements; one that is indexed by a computed value somewhere in the
family of systems at hand is one variable to every pass.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from model.lang import expr as ex
from model.lang.expr import Cell, Const, Expr
from model.lang.ir import Op, Rule, StateCheck, Thread

Index = tuple[int, ...]
Region = tuple[str, Index]
"""A variable by name, with those of its indices that tell its parts from each other."""


def cells_of(e: Expr) -> Iterator[Cell]:
    for leaf in ex.leaves(e):
        if isinstance(leaf, Cell):
            yield leaf


def constant_index(cell: Cell) -> Index | None:
    """The index of a cell, or None where some part is computed."""
    values = []
    for part in cell.index:
        if not isinstance(part, Const):
            return None
        values.append(part.value)
    return tuple(values)


@dataclass(frozen=True, eq=False)
class Part:
    """A thread with its number in the system, or rules; compared by identity."""

    thread: Thread | None
    number: int = -1
    rules: tuple[Rule, ...] = ()

    @cached_property
    def ops(self) -> tuple[Op, ...]:
        if self.thread is not None:
            return tuple(e.op for e in self.thread.edges)
        return tuple(r.op for r in self.rules)

    @cached_property
    def cells(self) -> frozenset[Cell]:
        """Every cell that is read or written."""
        return frozenset().union(*(op.cells for op in self.ops))

    @cached_property
    def arrays(self) -> frozenset[str]:
        """The variables that they are elements of."""
        return frozenset(c.var for c in self.cells)

    @cached_property
    def computed(self) -> frozenset[str]:
        """Those of `arrays` with a computed index: once that is known, any element may be meant."""
        return frozenset().union(*(op.computed for op in self.ops))

    @cached_property
    def written(self) -> tuple[tuple[Cell, Expr], ...]:
        """Every cell that is written, with the value."""
        return tuple(
            (u.place, u.value) for op in self.ops for u in op.updates if isinstance(u.place, Cell)
        )


class Regions:
    """Maps cells to the variable that they are to every pass.

    `depth` says of an array how many of its leading indices are constants wherever it is used;
    arrays that are not in it are always indexed by constants.
    """

    def __init__(self, depth: Mapping[str, int]) -> None:
        self.depth = depth

    @classmethod
    def of_parts(cls, parts: Iterable[Part], judged: Iterable[Cell] = ()) -> Regions:
        """The regions of a family of systems made of these parts, in which something looks at the
        cells `judged` besides."""
        depth: dict[str, int] = {}
        for cell in itertools.chain(judged, *(part.cells for part in parts)):
            known = _leading(cell)
            if known < len(cell.index):
                depth[cell.var] = min(known, depth.get(cell.var, known))
        return cls(depth)

    @property
    def whole(self) -> frozenset[str]:
        """Arrays whose first index is computed somewhere."""
        return frozenset(var for var, depth in self.depth.items() if depth == 0)

    def seen_by(self, part: Part) -> frozenset[tuple[str, int]]:
        """What of the regions matters to a part."""
        return frozenset((var, self.depth[var]) for var in part.arrays if var in self.depth)

    def of(self, cell: Cell) -> Region:
        index = cell.index
        deep = self.depth.get(cell.var)
        if deep is not None:
            index = index[:deep]
        values = []
        for part in index:
            assert isinstance(part, Const), ex.show(cell)
            values.append(part.value)
        return (cell.var, tuple(values))

    def in_(self, e: Expr) -> set[Region]:
        return {self.of(c) for c in cells_of(e)}


def _leading(cell: Cell) -> int:
    for n, part in enumerate(cell.index):
        if not isinstance(part, Const):
            return n
    return len(cell.index)


def judged_cells(judges: Iterable[StateCheck]) -> Iterator[Cell]:
    for judge in judges:
        yield from cells_of(judge.cond)

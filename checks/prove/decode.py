# SPDX-License-Identifier: GPL-2.0-only
"""States of an explored system by names of cells and objects, and the steps between them."""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from model.lang.expr import Cell, Const
from model.lang.ir import Edge, State
from model.lang.sorts import BOOL, Ref, Set, Sort

from ..engine.prepared import Prepared
from .instance import Value


class Seen:
    """A state of a model: its cells by variable and names of objects, and who has returned."""

    def __init__(self, cells: Mapping[tuple[str, ...], Value], ended: Collection[str]) -> None:
        self._cells, self._ended = cells, ended

    def __call__(self, variable: str, *index: str) -> Value:
        """The value of a cell: the name of an object or None, a truth value, the set of what is in
        it, or as it is shown."""
        return self._cells[variable, *index]

    def ended(self, thread: str) -> bool:
        """Whether a thread has returned."""
        return thread in self._ended


class Decoder:
    """Cells of packed states, by name; those that are not packed never change."""

    def __init__(self, explorer: Prepared, initial: State) -> None:
        self._explorer = explorer
        self._ended: dict[int, frozenset[str]] = {}
        dims = {v.name: v.dims for v in explorer.system.variables}
        self.fixed = {
            named_cell(cell, dims[cell.var]): value_of(code, cell.sort)
            for cell, code in initial.items()
            if isinstance(cell, Cell)
        }
        self._slots = []
        for cell in explorer.cells(initial):
            slot = explorer.layout.slot(cell)
            if slot is not None:
                self._slots.append(
                    (named_cell(cell, dims[cell.var]), slot.offset, slot.mask, cell.sort)
                )

    def __call__(self, packed: int, ended: Collection[str] = ()) -> Seen:
        now = {n: value_of(packed >> at & mask, sort) for n, at, mask, sort in self._slots}
        return Seen({**self.fixed, **now}, ended)

    def ended(self, packed: int) -> frozenset[str]:
        """The threads that have returned."""
        explorer, at = self._explorer, packed & self._explorer.layout.pcs
        if at not in self._ended:
            seats = zip(explorer.seats, explorer.system.threads, strict=True)
            self._ended[at] = frozenset(
                t.name for seat, t in seats if explorer.layout.value(packed, seat.pc) == t.end
            )
        return self._ended[at]

    def mask(self, variables: Collection[str]) -> int:
        """The bits of the cells of some variables."""
        bits = (mask << at for name, at, mask, _ in self._slots if name[0] in variables)
        return functools.reduce(int.__or__, bits, 0)

    def codes(self, variable: str, states: Iterable[int]) -> set[int]:
        """The codes that cells of a variable have in some states."""
        places = [(at, mask) for name, at, mask, _ in self._slots if name[0] == variable]
        return {state >> at & mask for state in states for at, mask in places}


def named_cell(cell: Cell, dims: Sequence[Sort]) -> tuple[str, ...]:
    """A cell by its variable and the names of its indices."""
    values = (i.value if isinstance(i, Const) else 0 for i in cell.index)
    return cell.var, *(d.show(v - d.lowest) for d, v in zip(dims, values, strict=True))


def value_of(code: int, sort: Sort) -> Value:
    """The value of a code: the name of an object or None, a truth value, a set, or as shown."""
    if sort == BOOL:
        return bool(code)
    if isinstance(sort, Ref) and not code:
        return None
    if isinstance(sort, Set):
        return frozenset(sort.elem.show(e) for e in sort.elem.codes() if code >> e & 1)
    return sort.show(code)


@dataclass(frozen=True)
class Step:
    """A step of a system: the state after it, which thread's it is, or none's, the traits of the
    call that it is, and where it stands."""

    after: int
    who: str
    traits: frozenset[str]
    where: Callable[[], str]


def steps_from(explorer: Prepared, state: int, mask: int) -> Iterator[Step]:
    """The steps of a system from a state, but for those that neither change these bits nor
    return."""
    nothing: frozenset[str] = frozenset()
    for code in explorer.codes:
        at = explorer.layout.value(state, code.seat.pc)
        for number, after in code.moves(state, at).taken:
            edge = code.thread.edges[number]
            if (state ^ after) & mask or edge.target == code.thread.end:
                traits = edge.call.traits if edge.call is not None else nothing
                where = functools.partial(_place, edge)
                yield Step(after, code.thread.name, traits, where)
    if explorer.rules is not None:
        for number, after in explorer.rules.moves(state).taken:
            if (state ^ after) & mask:
                where = functools.partial(str, explorer.system.rules[number].name)
                yield Step(after, "", nothing, where)


def _place(edge: Edge) -> str:
    if edge.site is None:
        return ""
    site = edge.site.shown()
    return f"{site.function} {site.line}  {edge.call.name if edge.call is not None else ''}"

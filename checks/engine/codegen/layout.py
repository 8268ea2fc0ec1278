# SPDX-License-Identifier: GPL-2.0-only
"""Packed states: where each variable lies in one natural number.

One layout serves every system over the same world: places are handed out when they are first
asked for and never move, so that the text generated for a thread can be used again in another
cast.  Bits that a system does not use stay 0.

Locals of a thread whose lifetimes do not overlap share bits; dead locals must have been reset
(`reduce.liveness`) for that, which the caller says.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from model.lang.expr import Cell, Const, Expr, Local
from model.lang.ir import State, Thread, Variable
from model.lang.sorts import Int, Ref, Sort

PC_BITS = 11
BLOCK = 32
"""Locals are placed in blocks of this many bits, so that threads can grow one by one."""


@dataclass(frozen=True)
class Slot:
    """A field of the packed state; the value is the code plus `lowest`."""

    offset: int
    width: int
    lowest: int = 0

    @property
    def mask(self) -> int:
        return (1 << self.width) - 1


@dataclass(frozen=True)
class Seat:
    """Where a thread keeps its program counter and locals, as one of the threads of a system."""

    number: int
    pc: Slot
    locals: dict[str, Slot]


def extent(sort: Sort) -> int:
    """How many elements an array has along an index of this sort."""
    if isinstance(sort, Ref):
        return len(sort.objects)
    assert isinstance(sort, Int), sort
    return sort.hi - sort.lo + 1


def first(sort: Sort) -> int:
    """The index value of the first element."""
    return 1 if isinstance(sort, Ref) else sort.lowest


class Layout:
    """Hands out bits for the variables of one world.

    An array is laid out row by row, a row being the elements with the same first index, unless
    it is in `whole`: then all at once, because some thread computes the first index.  The program
    counters of as many `threads` come first: `counters`, the bits `pcs`.
    """

    def __init__(
        self, variables: Iterable[Variable], whole: frozenset[str], threads: int = 0
    ) -> None:
        self.width = 0
        self._variables = {v.name: v for v in variables}
        self._whole = whole
        self._rows: dict[tuple[str, int], int] = {}
        self._cells: dict[Cell, Slot | None] = {}
        self._blocks: list[list[int]] = []
        self.counters = [Slot(self._take(PC_BITS), PC_BITS) for _ in range(threads)]
        self.pcs = (1 << self.width) - 1

    def _take(self, width: int) -> int:
        offset = self.width
        self.width += width
        return offset

    # -- shared cells ----------------------------------------------------------------------------

    def slot(self, place: Expr, seat: Seat | None = None) -> Slot | None:
        """The field of a local, or of a cell whose index is constant; None for other cells."""
        if isinstance(place, Local):
            assert seat is not None
            return seat.locals[place.name]
        assert isinstance(place, Cell)
        if place not in self._cells:
            self._cells[place] = self._cell_slot(place)
        return self._cells[place]

    def _cell_slot(self, place: Cell) -> Slot | None:
        if not all(isinstance(i, Const) for i in place.index):
            return None
        var = self._variables[place.var]
        at = 0
        for index, dim in zip(place.index, var.dims, strict=True):
            assert isinstance(index, Const)
            at = at * extent(dim) + index.value - first(dim)
        row, inside = divmod(at, self._row_length(var))
        base = self._row(var, row)
        return Slot(base + inside * var.sort.bits, var.sort.bits, var.sort.lowest)

    def _row_length(self, var: Variable) -> int:
        length = 1
        for dim in var.dims[1:]:
            length *= extent(dim)
        return length

    def _row(self, var: Variable, row: int) -> int:
        """Where a row begins.  Row -1 is that of None, which a check keeps from being used."""
        key = (var.name, row)
        if key not in self._rows:
            size = self._row_length(var) * var.sort.bits
            if var.name in self._whole and var.dims and row >= 0:
                start = self._take(size * extent(var.dims[0]))
                for n in range(extent(var.dims[0])):
                    self._rows[var.name, n] = start + n * size
            else:
                self._rows[key] = self._take(size)
        return self._rows[key]

    def array(self, place: Cell) -> tuple[int, list[tuple[Expr, int, int]], Slot]:
        """How to find a cell with a computed index.

        The offset of the first element, then for each computed index the expression, its first
        value and the stride; and the shape of an element.
        """
        var = self._variables[place.var]
        sizes = [extent(dim) for dim in var.dims]
        strides: list[int] = []
        stride = var.sort.bits
        for size in reversed(sizes):
            strides.insert(0, stride)
            stride *= size
        head = place.index[0]
        if isinstance(head, Const):
            fixed = self._row(var, head.value - first(var.dims[0]))
        else:
            assert place.var in self._whole, place.var
            fixed = self._row(var, 0)
        moving = []
        for n, (index, dim) in enumerate(zip(place.index, var.dims, strict=True)):
            if not isinstance(index, Const):
                moving.append((index, first(dim), strides[n]))
            elif n:
                fixed += (index.value - first(dim)) * strides[n]
        return fixed, moving, Slot(0, var.sort.bits, var.sort.lowest)

    def bits(self, place: Expr, seat: Seat | None = None) -> int:
        """The bits of a place; of one with a computed index, those of all that it may be, the
        field of None included."""
        slot = self.slot(place, seat)
        if slot is not None:
            return slot.mask << slot.offset
        assert isinstance(place, Cell)
        fixed, moving, shape = self.array(place)
        found = {fixed}
        for index, low, stride in moving:
            lowest = index.sort.lowest - low
            numbers = range(lowest, lowest + (1 << index.sort.bits))
            found = {at + n * stride for at in found for n in numbers}
        mask = 0
        for at in found:
            mask |= shape.mask << at if at >= 0 else shape.mask >> -at
        return mask

    # -- threads -----------------------------------------------------------------------------------

    def seat(self, number: int, thread: Thread, live: list[frozenset[Local]] | None) -> Seat:
        """Places for a thread's locals; `live` gives those alive at each location, None if dead
        ones are not reset and so cannot share."""
        while len(self._blocks) <= number:
            self._blocks.append([])
        assert thread.locations <= 1 << PC_BITS
        clashes = _clashes(thread, live)
        taken: dict[str, tuple[int, int]] = {}
        places: dict[str, Slot] = {}
        for var in thread.locals:
            width = var.sort.bits
            busy = [taken[n] for n in sorted(clashes[var.name]) if n in taken]
            at = _first_gap(busy, width)
            taken[var.name] = (at, width)
            places[var.name] = Slot(self._bit(number, at, width), width, var.sort.lowest)
        return Seat(number, self.counters[number], places)

    def _bit(self, number: int, at: int, width: int) -> int:
        """The offset of a thread's bit number `at`; a local never crosses a block."""
        assert width <= BLOCK, width
        block, inside = divmod(at, BLOCK)
        blocks = self._blocks[number]
        while len(blocks) <= block:
            blocks.append(self._take(BLOCK))
        return blocks[block] + inside

    # -- states ------------------------------------------------------------------------------------

    def pack(self, state: State, used: Iterable[Cell]) -> int:
        """These cells of a state, packed; all else is 0.

        Fields of None, which text that is never reached may name, are left 0.
        """
        packed = 0
        for cell in used:
            here = self.slot(cell)
            assert here is not None
            if not _of_none(cell):
                packed |= state[cell] - here.lowest << here.offset
        return packed

    def value(self, packed: int, slot: Slot) -> int:
        return (packed >> slot.offset & slot.mask) + slot.lowest


def _of_none(cell: Cell) -> bool:
    """Whether a cell with constant index is a field of None."""
    return any(
        isinstance(i, Const) and isinstance(i.sort, Ref) and i.value == 0 for i in cell.index
    )


def _clashes(thread: Thread, live: list[frozenset[Local]] | None) -> dict[str, set[str]]:
    names = [v.name for v in thread.locals]
    if live is None:
        return {n: set(names) for n in names}
    clashes: dict[str, set[str]] = {n: set() for n in names}
    for group in {frozenset(v.name for v in at) for at in live}:
        for name in group:
            if name in clashes:
                clashes[name] |= group
    return clashes


def _first_gap(busy: list[tuple[int, int]], width: int) -> int:
    """The lowest bit where `width` bits are free and do not cross a block."""
    at = 0
    while True:
        if at % BLOCK + width > BLOCK:
            at += BLOCK - at % BLOCK
        clash = next((b for b in busy if b[0] < at + width and at < b[0] + b[1]), None)
        if clash is None:
            return at
        at = clash[0] + clash[1]

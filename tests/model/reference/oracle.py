# SPDX-License-Identifier: GPL-2.0-only
"""The flat oracle: what bytes each process must read at each page, and nothing else.

It knows no page tables, folios or counts.  Whether an operation worked, and how far, it takes from
the machine; what memory then holds it knows by itself.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from model.reference.programs.observation import PRESENT, Kind, Observation
from model.reference.programs.program import PAGE_SIZE, Arena, Operation, Result

PROGRESS = ("copy", "zeropage", "poison", "move")
"""Operations whose field says how far they came."""


@dataclass
class Cell:
    """A page of a process: a window on a page of the memfd, or private.

    `own` is what a private page holds apart from what it would begin with, None if nothing.
    `maybe`: MADV_FREE was called and nothing was written since: it may have lost `own`.
    `trap`: an access faults for good (guard, poison).
    """

    shared: bool = False
    index: int | None = None
    own: int | None = None
    maybe: bool = False
    trap: bool = False


class NotToldError(Exception):
    """A call failed half-way, and nothing that can be seen says where."""


class Oracle:
    """What the arena must hold, in every process."""

    def __init__(self, arena: Arena) -> None:
        self.pages, self.hugetlb = arena.pages, arena.hugetlb
        self.file = [0] * arena.pages
        self.there: set[int] = set()
        """Huge pages that the file has."""
        self.cells: dict[int, list[Cell | None]] = {0: [None] * arena.pages}

    # -- asking ------------------------------------------------------------------------------------

    def value(self, proc: int, page: int) -> tuple[int, ...]:
        """What a read may give; none at all where nothing is mapped."""
        cell = self.cells[proc][page]
        if cell is None:
            return ()
        begins = 0 if cell.index is None else self.file[cell.index]
        if cell.own is None:
            return (begins,)
        return (cell.own, begins) if cell.maybe else (cell.own,)

    def wrong(self, op: Operation, result: Result, seen: Observation) -> str:
        """Take an operation in and say what does not hold after it; "" if all does.

        NotToldError: it cannot know any more.
        """
        if self.hugetlb and op.name in ("read", "write") and not result.errno:
            self._touch(self.cells[op.proc][op.page])
        may_be = self.value(op.proc, op.page) if op.name == "read" and not result.errno else None
        if may_be is not None and result.value not in may_be:
            return f"read {result.value}, not {' or '.join(map(str, may_be)) or 'nothing'}"
        if op.name == "mremap" and result.errno == "EFAULT" and "fixed" in op.flags:
            self._moved_partly(op, seen)
        else:
            self._take(op, result)
        for proc, pages in seen.pages.items():
            for number, page in enumerate(pages):
                if (page is None) != (self.cells[proc][number] is None):
                    return f"p{proc} page {number} is {'not ' if page is None else ''}mapped"
                if page is None or page.kind not in PRESENT:
                    continue
                if page.value not in self.value(proc, number):
                    may = " or ".join(map(str, self.value(proc, number)))
                    return f"p{proc} page {number} holds {page.value}, not {may}"
                if page.kind is Kind.ZERO and page.value != 0:
                    return f"p{proc} page {number}: a zero page that holds something"
        return ""

    # -- taking in ---------------------------------------------------------------------------------

    def _take(self, op: Operation, result: Result) -> None:
        cells = self.cells.get(op.proc, [])
        span = range(op.page, op.page + op.length)
        if op.name in PROGRESS:
            done = result.field // PAGE_SIZE if result.field and result.field > 0 else 0
            self._fill(op, cells, done)
        elif result.errno and op.name not in ("dontneed", "free", "guard", "unguard"):
            return
        elif op.name == "fork":
            self.cells[op.target] = [replace(c) if c else None for c in cells]
        elif op.name == "exit":
            del self.cells[op.proc]
        elif op.name == "mmap":
            for n in span:
                at = op.at + n - op.page
                index = None if op.kind == "anon" else at
                cells[n] = Cell(op.kind == "shared", index)
        elif op.name == "munmap":
            self._unmap(cells, op.page, op.length)
        elif op.name == "mremap":
            self._mremap(op, cells)
        elif op.name == "write":
            self._write(cells[op.page], op.token)
        elif not (result.errno and "odd_address" in op.flags):
            self._advise(op.name, result, [cells[n] for n in span])

    def _touch(self, cell: Cell | None) -> None:
        """What is shared is the file's from now on; a private mapping of a hole gets a page of its
        own, also by a read."""
        assert cell is not None
        assert cell.index is not None
        if cell.shared:
            self.there.add(cell.index)
        elif cell.index not in self.there and cell.own is None:
            cell.own = 0

    def _unmap(self, cells: list[Cell | None], page: int, length: int) -> None:
        cells[page : page + length] = [None] * length

    def _write(self, cell: Cell | None, token: int) -> None:
        assert cell is not None
        if cell.shared:
            assert cell.index is not None
            self.file[cell.index] = token
        else:
            cell.own, cell.maybe = token, False

    def _advise(self, name: str, result: Result, cells: list[Cell | None]) -> None:
        if result.errno == "EINVAL":
            return  # some VMA forbids it: the ones before it have had it, which nobody uses here
        for cell in cells:
            if cell is None:
                continue
            if name in ("dontneed", "guard") and not cell.shared:
                cell.own, cell.maybe = None, False
            elif name == "free" and cell.own is not None:
                cell.maybe = True

    def _fill(self, op: Operation, cells: list[Cell | None], done: int) -> None:
        for n in range(done):
            cell = cells[op.page + n]
            assert cell is not None
            if op.name == "move":
                there = cells[op.target + n]
                assert there is not None
                there.own, there.maybe = cell.own, cell.maybe
                cell.own, cell.maybe = None, False
            elif op.name == "poison":
                cell.own, cell.maybe = None, False
            else:
                self._write(cell, op.token if op.name == "copy" else 0)

    def _mremap(self, op: Operation, cells: list[Cell | None]) -> None:
        moved = [cells[op.page + n] for n in range(op.length)]
        size = min(op.length, op.new_length)
        if "fixed" not in op.flags:
            self._unmap(cells, op.page + size, op.length - size)
            if op.new_length > op.length:
                self._grow(cells, op.page + op.length, op.new_length - op.length)
            return
        if op.length != op.new_length:
            self._unmap(cells, op.target, op.new_length)
        if op.length == 0:
            self._again(cells, op)
            return
        for n in range(op.length):
            cell = moved[n]
            if n < size and cell is not None:  # a gap moves nothing, and stays a gap
                cells[op.target + n] = cell
            left = replace(cell, own=None, maybe=False) if cell is not None else None
            cells[op.page + n] = left if "dontunmap" in op.flags else None
        self._grow(cells, op.target + size, op.new_length - size)

    def _moved_partly(self, op: Operation, seen: Observation) -> None:
        """A move of several VMAs failed at one: those before it are where they were to go."""
        if "dontunmap" in op.flags:
            raise NotToldError(op)
        cells, there = self.cells[op.proc], seen.pages[op.proc]
        for n in range(op.length):
            cell = cells[op.page + n]
            if cell is not None and there[op.page + n] is None:
                cells[op.target + n], cells[op.page + n] = cell, None
            elif op.target + n < self.pages and there[op.target + n] is None:
                cells[op.target + n] = None

    def _grow(self, cells: list[Cell | None], page: int, length: int) -> None:
        """More of the mapping that ends at a page."""
        before = cells[page - 1] if length else None
        for n in range(length):
            assert before is not None
            index = None if before.index is None else before.index + 1 + n
            cells[page + n] = Cell(before.shared, index)

    def _again(self, cells: list[Cell | None], op: Operation) -> None:
        """A second window on a shared mapping."""
        first = cells[op.page]
        assert first is not None
        assert first.index is not None
        for n in range(op.new_length):
            cells[op.target + n] = Cell(True, first.index + n)

# SPDX-License-Identifier: GPL-2.0-only
"""What a step changed, in the words of a trace."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from types import MappingProxyType

from model.lang.expr import Cell, Const
from model.lang.ir import Storage, Variable
from model.lang.sorts import Rec, Ref, Set, Sort

from ..engine.interpret import Position

Variables = Mapping[str, Variable]

Place = tuple[str, tuple[int, ...]]
"""A cell as `World.snapshot` names it."""

LOCKS = (
    "SpinLock.owner", "RwSem.writer", "RwSem.readers", "Folio.locked_by", "MmapLock.writer",
    "MmapLock.readers", "VmaLock.writer", "VmaLock.readers",
)  # fmt: skip

UNSHOWN = ("Gather.todo",)
"""Fields of which the calls themselves tell: records of an mmu_gather."""


class Weight(IntEnum):
    """How much a reader needs a row; the first go last when a trace has to be cut."""

    NOTHING = 0
    COUNT = 1  # references and other bookkeeping
    LOCK = 2
    STATE = 3  # page tables, TLBs, flushes, where folios belong


@dataclass(frozen=True)
class Change:
    """One change: what of, and the text."""

    text: str
    weight: Weight


def place_of(cell: Cell) -> Place:
    """The place of a cell with constant index."""
    return cell.var, tuple(i.value for i in cell.index if isinstance(i, Const))


def written(before: Position, after: Position) -> frozenset[Place]:
    """The places whose value differs, ghosts included."""
    if before.cells is after.cells:
        return frozenset()
    return frozenset(
        place_of(cell) for cell, value in after.cells.items() if before.cells[cell] != value
    )


def written_locks(positions: Iterable[Position]) -> frozenset[str]:
    """The locks that somebody holds for writing at one of these positions."""
    return frozenset(
        owner(cell)
        for pos in positions for cell, value in pos.cells.items()
        if value and cell.var in LOCKS and cell.var.endswith(".writer")
    )  # fmt: skip


def changes(
    before: Position, after: Position, known: Variables, written: Collection[str] | None = None,
    moved: Mapping[str, str] = MappingProxyType({}),
) -> tuple[Change, ...]:  # fmt: skip
    """Differences, ghosts aside but for pins, in the order of declaration.

    `written`: the locks that somebody takes for writing, if that is known.  Who takes another one
    for reading keeps nobody off.  `moved`: entries by where they are, if that is not their name.
    """
    found: list[Change] = []
    for cell, new in after.cells.items():
        old = before.cells[cell]
        if old == new or cell.var in UNSHOWN:
            continue
        if known[cell.var].storage is Storage.GHOST:
            if cell.var == "Folio.pinned_at" and new > old:
                text = f"{owner(cell)} pinned at {key(cell, known[cell.var])}"
                found.append(Change(text, Weight.STATE))
            continue
        if cell.var in LOCKS:
            keeps_off = written is None or owner(cell) in written
            reads = cell.var.endswith(".readers")
            weight = Weight.COUNT if reads and not keeps_off else Weight.LOCK
            found += _lock(cell, old, new, weight)
        else:
            found += _change(cell, known[cell.var], old, new, moved)
    return tuple(sorted(found, key=lambda c: -c.weight))


def _lock(cell: Cell, old: int, new: int, weight: Weight) -> list[Change]:
    was, now = set(names_in(cell.sort, old)), set(names_in(cell.sort, new))
    name = lock_of(cell)
    took = [Change(f"{cpu(t)} takes {name}", weight) for t in sorted(now - was)]
    return took + [Change(f"{cpu(t)} drops {name}", weight) for t in sorted(was - now)]


def lock_of(cell: Cell) -> str:
    """The name of the lock that a lock word is (a part) of."""
    if cell.var == "Folio.locked_by":
        return owner(cell) + ".lock"
    return owner(cell) + (" (read)" if cell.var.endswith(".readers") else "")


def cpu(thread: str) -> str:
    """The CPU that a thread runs on, as columns are headed."""
    return "CPU" + thread.removeprefix("T")


def held_by(pos: Position, thread: str) -> str:
    """The locks that a thread holds; (read) marks one that is held for reading."""
    found = []
    for var in LOCKS:
        for cell, value in pos.cells.items():
            if cell.var == var and thread in names_in(cell.sort, value):
                found.append(lock_of(cell))
    return ", ".join(found)


def owner(cell: Cell) -> str:
    """The object that a cell is a field of."""
    return _shown(cell, 0)


def key(cell: Cell, variable: Variable) -> str:
    """The second index of a cell: an address, or another object."""
    return _shown(cell, 1, variable.dims[1])


def _shown(cell: Cell, at: int, sort: Sort | None = None) -> str:
    index = cell.index[at]
    assert isinstance(index, Const)
    named = sort or index.sort
    return named.show(index.value - named.lowest)


def names_in(sort: Sort, value: int) -> tuple[str, ...]:
    """The objects that a lock word names."""
    if isinstance(sort, Set):
        return tuple(sort.elem.show(c) for c in sort.elem.codes() if value >> c & 1)
    assert isinstance(sort, Ref)
    return (sort.show(value),) if value else ()


def _change(
    cell: Cell, variable: Variable, old: int, new: int, moved: Mapping[str, str]
) -> list[Change]:
    who = moved.get(owner(cell), owner(cell))
    if cell.var == "Cpu.tlb" and isinstance(cell.sort, Set):
        return _cached(f"TLB{who.removeprefix('CPU')} {key(cell, variable)}", cell.sort, old, new)
    if cell.var == "Cpu.walk":
        return _cached(f"{who} walk {key(cell, variable)}", cell.sort, old, new)
    if cell.var.startswith("Cpu.issued"):
        return []
    was, now = shown(cell.sort, old), shown(cell.sort, new)
    match cell.var:
        case "Pte.val":
            return [Change(f"PTE {who} {was} => {now}", Weight.STATE)]
        case "Pmd.table":
            return [Change(f"PMD {who} {was} => {now}", Weight.STATE)]
        case "Folio.free":
            return [Change(f"{who} {'FREE' if new else 'allocated'}", Weight.STATE)]
        case "Table.freed":
            return [Change(f"{who} {'FREE' if new else 'allocated'}", Weight.STATE)]
        case "Folio.mapping" | "Folio.index" | "Frame.value" | "Folio.anon_exclusive":
            return [Change(f"{who} {_word(cell, variable)} {was} => {now}", Weight.STATE)]
    return [Change(f"{who} {_word(cell, variable)} {was} => {now}", Weight.COUNT)]


def _word(cell: Cell, variable: Variable) -> str:
    word = cell.var.partition(".")[2]
    return f"{word}[{key(cell, variable)}]" if len(cell.index) > 1 else word


def _cached(what: str, sort: Sort, old: int, new: int) -> list[Change]:
    assert isinstance(sort, Set)
    added = [shown(sort.elem, c) for c in sort.elem.codes() if new & ~old & 1 << c]
    if added:
        return [Change(f"{what} => {', '.join(added)}", Weight.STATE)]
    return [Change(f"{what} dropped", Weight.STATE)]


_SHORT = {"soft_dirty": "soft-dirty", "uffd_wp": "uffd-wp"}


def shown(sort: Sort, value: int) -> str:
    """A value as a trace writes it."""
    if not isinstance(sort, Rec):
        return sort.show(value - sort.lowest)
    parts = sort.parts(value)
    fields = dict(sort.fields)
    if sort.name == "Batched":
        return f"{parts['pending']}/{parts['flushed']}"
    if "kind" in parts and not parts["kind"]:
        return "-"
    words = []
    if "kind" in parts and fields["kind"].show(parts["kind"]) != "PRESENT":
        words.append(fields["kind"].show(parts["kind"]).lower())
        if words == ["swap"]:
            words.append(str(parts["entry"]))
    if parts.get("frame"):
        words.append(fields["frame"].show(parts["frame"]))
    if parts.get("write"):
        words.append("w")
    for name in ("dirty", "young", "protnone", "soft_dirty", "uffd_wp", "exclusive"):
        if parts.get(name):
            words.append(_SHORT.get(name, name))
    return " ".join(words)

# SPDX-License-Identifier: GPL-2.0-only
"""A program on the reference MM, one operation after the other, and what memory is after each."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from model.hw.objects import PteKind, PteVal, Translation
from model.kernel.objects import GUP_PIN, Swap
from model.kernel.pgtable import UFFD_WP_MARKER
from model.lang.errors import ModelError
from model.reference.calls import faults
from model.reference.machine.check import broken, head_of
from model.reference.machine.machine import Reference
from model.reference.programs.program import (
    BadProgramError,
    Operation,
    Program,
    Refused,
    Result,
    parse,
)
from model.reference.state.behaviour import Behaviour
from model.reference.state.compound import PageOf
from model.reference.state.space import Area, Space

LARGEST = 2**20
"""Bytes of a program, at most."""


@dataclass(frozen=True)
class VmaRow:
    process: int
    start: int
    length: int
    prot: str
    of: str
    anon_vma: str
    notes: tuple[str, ...]


@dataclass(frozen=True)
class PageRow:
    """A page whose entry or TLB holds something; `holds` is the byte at its beginning."""

    process: int
    page: int
    entry: str
    tlb: str
    holds: int | None


@dataclass(frozen=True)
class FolioRow:
    folio: str
    references: int
    pins: int
    maps: int
    exclusive: bool
    mapping: str
    index: int
    holds: int
    notes: tuple[str, ...]


@dataclass(frozen=True)
class SlotRow:
    slot: str
    entries: int
    holds: int
    folio: str


@dataclass(frozen=True)
class TableRow:
    """A PMD table of huge pages, and the ranges of processes that it maps."""

    table: str
    ranges: tuple[str, ...]


@dataclass(frozen=True)
class Step:
    """An operation and what it left; `steps` are those of the models that it took, by name.

    `result` is None for one that the reference MM refuses, `why` says why.
    """

    number: int
    op: Operation
    result: Result | None
    why: str
    steps: tuple[str, ...]
    vmas: tuple[VmaRow, ...]
    pages: tuple[PageRow, ...]
    folios: tuple[FolioRow, ...]
    slots: tuple[SlotRow, ...]
    tables: tuple[TableRow, ...]
    broken: str


def read_program(file: str) -> Program:
    """The program in a file, or on standard input for `-`; ModelError if there is none."""
    try:
        if file != "-" and Path(file).stat().st_size > LARGEST:
            raise ModelError(f"{file} is too large for a program", why=f"more than {LARGEST} bytes")
        text = sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(f"{file} cannot be read", why=_reason(error)) from None
    try:
        program = parse(text)
    except BadProgramError as error:
        raise ModelError(f"{file}: {error}") from None
    if not program.ops:
        raise ModelError(f"{file} has no operations", instead="begin with p0 mmap 0+8 rw anon")
    return program


def _reason(error: Exception) -> str:
    return error.strerror or "" if isinstance(error, OSError) else "it is not UTF-8 text"


def stepped(program: Program, kernel: Behaviour) -> Iterator[Step]:
    """Run the program; a step after each operation."""
    machine = Reference(program.arena, kernel)
    for number, op in enumerate(program.ops, 1):
        result, why, steps = None, "", list[str]()
        try:
            result = machine.run(op, steps.append)
        except Refused as refused:
            why = str(refused)
        spaces = list(machine.spaces.values())
        yield Step(
            number, op, result, why, tuple(steps), tuple(_vmas(spaces)), tuple(_pages(spaces)),
            tuple(_folios(machine)), tuple(_slots(machine)), tuple(_tables(machine)),
            broken(machine),
        )  # fmt: skip


def _vmas(spaces: list[Space]) -> Iterator[VmaRow]:
    for space in spaces:
        for area in space.areas:
            yield VmaRow(
                space.number, area.start, area.end - area.start, area.flags.prot, _of(area),
                str(area.anon) if area.anon is not None else "",
                (*sorted(f"uffd-{m}" for m in area.flags.uffd),
                 *(["locked"] if area.flags.locked else [])),
            )  # fmt: skip


def _of(area: Area) -> str:
    if area.is_anonymous:
        return "anon"
    return f"{'shared' if area.shared else 'file'} @ {area.start - area.shift}"


def _pages(spaces: list[Space]) -> Iterator[PageRow]:
    for space in spaces:
        for page in range(space.universe.arena.pages):
            val, cached = faults.entry(space, page), space.cpu.tlb[page]
            if val.kind != PteKind.NONE or cached:
                holds = val.frame.value if val.frame is not None else None
                tlb = ", ".join(sorted(map(_translation, cached)))
                what = _entry(val) + (" leaf" if space.leaf_at(page) is not None else "")
                yield PageRow(space.number, page, what, tlb, holds)


_MARKERS = {UFFD_WP_MARKER.entry: "marker", faults.GUARD: "guard", faults.POISONED: "poison"}


def _entry(val: PteVal) -> str:
    words = {
        PteKind.NONE: ["-"],
        PteKind.PRESENT: [str(val.frame)],
        PteKind.SWAP: [f"swap S{val.entry}"],
        PteKind.MARKER: [_MARKERS.get(val.entry, "")],
    }[val.kind]
    bits = {
        "w": val.write, "dirty": val.dirty, "young": val.young, "protnone": val.protnone,
        "uffd-wp": val.uffd_wp, "exclusive": val.exclusive,
    }  # fmt: skip
    return " ".join([*words, *(name for name, is_set in bits.items() if is_set)])


def _translation(cached: Translation) -> str:
    bits = {"w": cached.write, "dirty": cached.dirty}
    return " ".join([str(cached.frame), *(name for name, is_set in bits.items() if is_set)])


def _folios(machine: Reference) -> Iterator[FolioRow]:
    pinned = Counter(
        f for space in machine.spaces.values() for held in space.pins.values() for f in held
    )
    memfd = machine.universe.memfd
    files = {memfd.pages[n]: n for n in range(machine.arena.pages)}
    for folio in machine.universe.folios():
        notes = []
        if folio in files:
            notes.append(f"memfd page {files[folio]}")
        if folio.swap is not None:
            notes.append(f"swap cache {folio.swap}")
        notes += ["lazyfree"] if folio.lazyfree else []
        if folio.large:
            notes.append(f"of {head_of(folio)}, {folio.mapcount} mappings")
        pins = pinned[folio]
        count = folio.page_mapcount if isinstance(folio, PageOf) else folio.mapcount
        yield FolioRow(
            str(folio), folio.refcount - pins * (1 if folio.large else GUP_PIN), pins, count,
            folio.anon_exclusive, str(folio.mapping) if folio.mapping is not None else "",
            folio.index, folio.frame.value, tuple(notes),
        )  # fmt: skip


def _slots(machine: Reference) -> Iterator[SlotRow]:
    for slot in machine.universe.all(Swap):
        if slot.count or slot.folio is not None:
            folio = str(slot.folio) if slot.folio is not None else ""
            yield SlotRow(str(slot), slot.count, slot.value, folio)


def _tables(machine: Reference) -> Iterator[TableRow]:
    if not machine.arena.hugetlb:
        return
    found: dict[str, list[str]] = {}
    for space in machine.spaces.values():
        for start, end in machine.arena.tables:
            table = space.mm.root.pmds[start].table
            if table is not None:
                found.setdefault(str(table), []).append(f"p{space.number} {start}+{end - start}")
    for name, ranges in found.items():
        yield TableRow(name, tuple(ranges))

# SPDX-License-Identifier: GPL-2.0-only
"""The running kernel as a Machine: programs become system calls, /proc shows the outcome."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence

from model.reference.programs.observation import Capability, Kind, Observation, Page, VmaView
from model.reference.programs.program import Arena, Operation, Refused, Result

from . import abi, calls
from .actor import Actor, base_of, unit_of
from .calls import PAGE
from .family import Family
from .observe import Entry, Frames, Pages, decode

_PROTECTIONS = {0: "none", abi.PROT_READ: "r", abi.PROT_READ | abi.PROT_WRITE: "rw"}


class Kernel:
    """One process, which plays p0 and forks the others, for one program after another.

    Made in a process that is there for nothing else, whose memory it changes: the arena has a
    fixed address, and the process and its children stay on one CPU: a page that another CPU has
    not yet put on the lists of reclaim (its folio batch) has one reference more, and is neither
    reused after a fork nor paged out.
    """

    name = "kernel"

    def __init__(self, can: Collection[Capability], cpu: int = 0) -> None:
        self.can = frozenset(can)
        _stay_on_one_cpu(cpu)
        calls.prctl(abi.PR_SET_THP_DISABLE, 1)
        self._actor = Actor()
        self._family = Family(self._actor)
        self._frames = _frames()
        self.begin(Arena())

    def begin(self, arena: Arena) -> None:
        """A fresh arena, one process."""
        self._family.end_children()
        self._actor.begin(arena)
        self._arena, self._base, self._unit = arena, base_of(arena), unit_of(arena)

    def run(self, op: Operation) -> Result:
        for need in op.call.needs:
            if need not in self.can:
                raise Refused(f"{op.name} needs {need.value}")
        return self._family.run(op)

    def observe(self) -> Observation:
        living = self._family.living()
        vmas = {p: self._vmas(self._family.pages(p)) for p in living}
        return Observation({p: self._pages(p, vmas[p]) for p in living}, vmas)

    def close(self) -> None:
        """End the children and empty the arena.  Files stay open: `begin` may follow."""
        self._family.end_children()
        self._actor.give_back()

    def _vmas(self, pages: Pages) -> tuple[VmaView, ...]:
        base, count, unit = self._base, self._arena.pages, self._unit
        found = []
        for vma in pages.vmas(base, base + count * unit):
            start, end = (vma.start - base) // unit, (vma.end - base) // unit
            found.append(VmaView(max(start, 0), min(end, count), _PROTECTIONS[vma.prot]))
        return tuple(found)

    def _pages(self, process: int, vmas: tuple[VmaView, ...]) -> tuple[Page | None, ...]:
        found: list[Page | None] = [None] * self._arena.pages
        present = {}
        pages = self._family.pages(process)
        for vma in vmas:
            words = self._words(pages, vma)
            for number, word in enumerate(words, vma.start):
                found[number] = _EMPTY
                if word:
                    entry = decode(word)
                    if entry.present:
                        present[number] = entry
                    else:
                        found[number] = Page(_kind_of_absent(entry), uffd_wp=entry.uffd_wp)
        values = self._family.peek(process, list(present)) if present else []
        leaves = self._leaves(pages) if present else None
        for (number, entry), value in zip(present.items(), values, strict=True):
            leaf = None if leaves is None else number in leaves
            found[number] = self._present(entry, value, leaf)
        return tuple(found)

    def _words(self, pages: Pages, vma: VmaView) -> Sequence[int]:
        """One word of pagemap a page."""
        first, count = self._base + vma.start * self._unit, vma.end - vma.start
        if self._arena.pud or self._arena.hugetlb:
            return [pages.words(first + n * self._unit, 1)[0] for n in range(count)]
        if not self._arena.huge:
            return pages.words(first, count)
        return pages.blocks(first, count, self._unit // PAGE)

    def _leaves(self, pages: Pages) -> frozenset[int] | None:
        """The pages that leaves map; None if that is not seen."""
        if not self._arena.huge:
            return frozenset()
        try:
            spans = pages.leaves(self._base, self._base + self._arena.pages * self._unit)
        except OSError:
            return None
        return frozenset(
            (at - self._base) // self._unit
            for start, end in spans
            for at in range(start, end, self._unit)
        )

    def _present(self, entry: Entry, value: int | None, leaf: bool | None) -> Page:
        # pagemap calls the huge zero page one of a file; leaves map no other file here.
        kind = Kind.FILE if entry.file and not leaf else Kind.ANON
        if self._frames is None or not entry.frame:
            return Page(kind, uffd_wp=entry.uffd_wp, value=value, leaf=leaf)
        frame = self._frames.read(entry.frame)
        if frame.zero:
            return Page(Kind.ZERO, uffd_wp=entry.uffd_wp, value=value, leaf=leaf)
        anon = kind is Kind.ANON
        return Page(
            kind, entry.frame, frame.mapcount, frame.exclusive if anon else None, entry.uffd_wp,
            value, frame.large if anon else None, leaf,
        )  # fmt: skip


_EMPTY = Page(uffd_wp=False)


def _kind_of_absent(entry: Entry) -> Kind:
    if entry.guard:
        return Kind.GUARD
    if entry.marker:
        return Kind.MARKER
    return Kind.SWAP if entry.swap else Kind.NONE


def _frames() -> Frames | None:
    """None for who is not root."""
    try:
        return Frames()
    except OSError:
        return None


def _stay_on_one_cpu(number: int) -> None:
    """Bind this process to one of the CPUs that it may use."""
    allowed = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {allowed[number % len(allowed)]})

# SPDX-License-Identifier: GPL-2.0-only
"""What can be seen of an arena after an operation, and how two machines' views differ."""

from __future__ import annotations

import enum
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field


class Capability(enum.Enum):
    """What a machine can do and show; two machines are compared in what both can."""

    UFFD = "userfaultfd: register, unregister, copy, zeropage, wp"
    MOVE = "UFFDIO_MOVE"
    POISON = "UFFDIO_POISON"
    GUARD = "MADV_GUARD_INSTALL and _REMOVE"
    SWAP = "MADV_PAGEOUT puts anonymous pages out to swap"
    HUGETLB = "huge pages of hugetlb"
    PIN = "registered buffers of io_uring"
    MREMAP_MANY = "mremap moves a range of several VMAs"
    HUGE = "transparent huge pages, where MADV_HUGEPAGE asks for them"
    HUGE_ZERO = "a read fault maps the huge zero page"
    TABLE_RECLAIM = "MADV_DONTNEED of all that a page table maps frees the table"
    SEES_FRAMES = "which pages share a frame, and which kept theirs"
    SEES_ZERO = "the shared zero page is told from others"
    SEES_UFFD_WP = "the uffd-wp bit of an entry"
    SEES_MAPCOUNT = "page-table entries that map a frame"
    SEES_EXCLUSIVE = "PageAnonExclusive"
    SEES_LARGE = "whether a page is of a large folio"
    SEES_LEAVES = "whether a PMD leaf maps a page"
    SEES_VALUES = "what a present page holds, without touching it"
    SEES_VMAS = "where VMAs begin and end, and their protection"


class Kind(enum.Enum):
    """What the page-table entry of a page is."""

    NONE = "none"
    ANON = "anon"
    """Present, an anonymous page (or one of which that cannot be told)."""
    FILE = "file"
    """Present, a page of the memfd."""
    ZERO = "zero"
    """Present, the shared zero page."""
    SWAP = "swap"
    """A swap entry."""
    GUARD = "guard"
    """A guard marker."""
    MARKER = "marker"
    """Another marker: poison, or uffd-wp where nothing is present."""


PRESENT = (Kind.ANON, Kind.FILE, Kind.ZERO)


@dataclass(frozen=True)
class Page:
    """One page of one process; None where it cannot be seen, or there is nothing to see."""

    kind: Kind = Kind.NONE
    frame: int | None = None
    """ANON and FILE: any number that is this frame's as long as it is seen.  Machines need not
    use the same numbers."""
    mapcount: int | None = None
    """ANON and FILE: how many page-table entries map the frame."""
    exclusive: bool | None = None
    """ANON: PageAnonExclusive."""
    uffd_wp: bool | None = None
    """Any kind: the uffd-wp bit of the entry."""
    value: int | None = None
    """Present: the byte at its beginning (0 for the zero page)."""
    large: bool | None = None
    """ANON: it is a page of a large folio, whose head's `exclusive` then is what it shows."""
    leaf: bool | None = None
    """Present: a PMD leaf maps it."""


@dataclass(frozen=True)
class VmaView:
    """A VMA, cut to the arena; pages, `end` excluded."""

    start: int
    end: int
    prot: str
    """"none", "r" or "rw"."""


@dataclass(frozen=True)
class Observation:
    """`pages[process]` has one Page a page of the arena, None where nothing is mapped (no VMA).
    `vmas` is None where it was not looked at."""

    pages: Mapping[int, tuple[Page | None, ...]]
    vmas: Mapping[int, tuple[VmaView, ...]] | None = None


@dataclass
class Comparison:
    """Compares what a reference shows with what another machine does, step after step.

    `sees`: what both can do; the SEES_... among it are compared.  Frames are paired one to one in
    each observation, and a frame that the reference shows before and after a step must be the
    same frame of the other machine: the reference never uses a frame number again, the other may.
    """

    sees: Collection[Capability]
    _pairs: dict[int, int] = field(default_factory=dict)
    _seen: dict[tuple[int, int], int | None] = field(default_factory=dict)

    def difference(self, expected: Observation, seen: Observation, *, frees: bool = True) -> str:
        """The first difference, as one line; "" if there is none.

        `frees`: the operation may have freed frames before it allocated others.  If it has not, a
        frame that stays where it was must have stayed on both sides.
        """
        if list(expected.pages) != list(seen.pages):
            return f"living processes: {list(expected.pages)} expected, {list(seen.pages)} seen"
        there: dict[int, int] = {}
        back: dict[int, int] = {}
        for proc, pages in expected.pages.items():
            for number, (one, two) in enumerate(zip(pages, seen.pages[proc], strict=True)):
                found = self._page(one, two) or self._frame(one, two, there, back)
                stayed = two is not None and two.frame == self._seen.get((proc, number))
                if not found and stayed and not frees:
                    found = self._stayed(one, two)
                if found:
                    return f"p{proc} page {number}: {found}"
        self._pairs = there
        self._seen = {
            (proc, number): page.frame
            for proc, pages in seen.pages.items()
            for number, page in enumerate(pages)
            if page is not None and page.frame is not None
        }
        if (
            Capability.SEES_VMAS in self.sees
            and expected.vmas is not None
            and seen.vmas is not None
        ):
            for proc, vmas in expected.vmas.items():
                if vmas != seen.vmas[proc]:
                    return f"p{proc} VMAs: {_vmas(vmas)} expected, {_vmas(seen.vmas[proc])} seen"
        return ""

    def _page(self, one: Page | None, two: Page | None) -> str:
        if one is None or two is None:
            return "" if one is two else f"{_mapped(one)} expected, {_mapped(two)} seen"
        if self._kind(one) is not self._kind(two):
            return f"{one.kind.value} expected, {two.kind.value} seen"
        for sight, name in _FIELDS:
            if sight in self.sees:
                a, b = getattr(one, name), getattr(two, name)
                if a != b and a is not None and b is not None:
                    return f"{name} {a} expected, {b} seen"
        return ""

    def _kind(self, page: Page) -> Kind:
        """Kinds that cannot be told apart are one."""
        if page.kind is Kind.ZERO and Capability.SEES_ZERO not in self.sees:
            return Kind.ANON
        return page.kind

    def _stayed(self, one: Page | None, two: Page | None) -> str:
        """Of a page whose frame the other machine has kept."""
        if Capability.SEES_FRAMES not in self.sees or one is None or two is None:
            return ""
        if one.frame is None or two.frame is None or one.frame in self._pairs:
            return ""
        return "a new frame expected, the one that was there before the step seen"

    def _frame(
        self, one: Page | None, two: Page | None, there: dict[int, int], back: dict[int, int]
    ) -> str:
        if Capability.SEES_FRAMES not in self.sees or one is None or two is None:
            return ""
        if one.frame is None or two.frame is None:
            return ""
        if self._pairs.get(one.frame, two.frame) != two.frame:
            return "the frame that was there before the step expected, another seen"
        if there.setdefault(one.frame, two.frame) != two.frame:
            return "a frame shared with an earlier page expected, another seen"
        if back.setdefault(two.frame, one.frame) != one.frame:
            return "a frame of its own expected, one shared with an earlier page seen"
        return ""


_FIELDS = (
    (Capability.SEES_MAPCOUNT, "mapcount"),
    (Capability.SEES_EXCLUSIVE, "exclusive"),
    (Capability.SEES_UFFD_WP, "uffd_wp"),
    (Capability.SEES_LARGE, "large"),
    (Capability.SEES_LEAVES, "leaf"),
    (Capability.SEES_VALUES, "value"),
)


def _mapped(page: Page | None) -> str:
    return "not mapped" if page is None else "mapped"


def _vmas(vmas: tuple[VmaView, ...]) -> str:
    return " ".join(f"{v.start}-{v.end}:{v.prot}" for v in vmas) or "none"

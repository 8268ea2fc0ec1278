# SPDX-License-Identifier: GPL-2.0-only
"""The VMAs of a process: found, split, merged (mm/vma.c, read in 7.3.4; 6.18 merges alike).

All changes are made with mmap_lock held for writing, which is why the fields of a Vma that the
models take for constant may change here, between calls of routines.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from model.hw.objects import Cpu, Pmd, PteKind, PteVal
from model.kernel.huge.memory import split_huge_pmd
from model.kernel.objects import AnonVma, Folio, Mapping, Mm, Vma, VmaLock

from .universe import Universe


@dataclass(frozen=True)
class Flags:
    """What two VMAs must have in common to merge: vm_flags, the file, the userfaultfd.

    `account` is VM_ACCOUNT; `uffd` holds "missing" and "wp", none if not registered.  There is one
    userfaultfd a process, so that its modes say which context it is.
    """

    prot: str = "rw"
    shared: bool = False
    file: Mapping | None = None
    locked: bool = False
    account: bool = False
    uffd: frozenset[str] = frozenset()


class Area(Vma):
    """A VMA, or the part of one that lies in one page table."""

    flags: Flags
    whole: Area
    maybe_guard: bool
    """VM_MAYBE_GUARD: it has had a guard region.  VMAs merge whatever it is, and then have it if
    one of them had (VM_STICKY)."""

    def set(self, flags: Flags) -> None:
        """Give it other flags."""
        self.flags = flags
        self.__dict__.update(
            writable=flags.prot == "rw", readable=flags.prot != "none", shared=flags.shared,
            file=flags.file, uffd_missing="missing" in flags.uffd, uffd_wp="wp" in flags.uffd,
        )  # fmt: skip

    def put(self, **values: Any) -> None:
        """Change `start`, `end`, `shift`, `anon_vma`, `trees` or `maybe_guard`."""
        self.__dict__.update(values)

    @property
    def anon(self) -> AnonVma | None:
        """Its anon_vma, if it has been prepared."""
        found: AnonVma | None = self.__dict__["anon_vma"]
        return found

    @property
    def is_anonymous(self) -> bool:
        """vma_is_anonymous."""
        return self.flags.file is None

    @property
    def is_fork_child(self) -> bool:
        """vma_is_fork_child: it may map pages that a parent maps too."""
        return self.anon is not None and len(self.trees) != 1


class Space:
    """The address space of one process."""

    def __init__(self, universe: Universe, number: int) -> None:
        self.universe, self.number = universe, number
        mm_cpu: tuple[Mm, Cpu] = universe.mm(f"p{number}")
        self.mm, self.cpu = mm_cpu
        self.areas: list[Area] = []
        self.pins: dict[int, list[Folio]] = {}
        universe.spaces.append(self)

    # -- finding -----------------------------------------------------------------------------------

    def find(self, page: int) -> Area | None:
        """vma_lookup."""
        for area in self.areas:
            if area.start <= page < area.end:
                return area
        return None

    def within(self, start: int, end: int) -> Iterator[Area]:
        """for_each_vma_range: the areas that [start, end) touches, as they are by then."""
        at = start
        while at < end:
            area = next((a for a in self.areas if a.end > at and a.start < end), None)
            if area is None:
                return
            at = area.end
            yield area

    def before(self, page: int) -> Area | None:
        """The area that ends at a page."""
        return next((a for a in self.areas if a.end == page), None)

    def after(self, page: int) -> Area | None:
        """The area that begins at a page."""
        return next((a for a in self.areas if a.start == page), None)

    # -- leaves ------------------------------------------------------------------------------------

    def leaf_at(self, page: int) -> PteVal | None:
        """The leaf that maps a page, if one does."""
        leaf: PteVal = self.mm.root.pmds[page].leaf
        return leaf if leaf.kind == PteKind.PRESENT else None

    def page_of_leaf(self, page: int, leaf: PteVal) -> PteVal:
        """A page's part of a leaf, as if it had an entry; as it is, if it maps nothing."""
        if leaf.frame is None or leaf.frame.zero:
            return leaf
        start, _ = self.universe.arena.table(page)
        return replace(leaf, frame=leaf.frame.folio.pages[page - start].frame)

    def leaves_in(self, start: int, end: int) -> Iterator[tuple[int, int, Pmd]]:
        """The leaves that map something of a range, with what they map, as they are by then."""
        for first, last in self.universe.arena.tables:
            if first < end and start < last and self.leaf_at(first) is not None:
                yield first, last, self.mm.root.pmds[first]

    def split_leaf(self, page: int) -> None:
        """split_huge_pmd of the leaf that maps a page, if one does."""
        area = self.find(page)
        if area is not None and self.leaf_at(page) is not None:
            start, _ = self.universe.arena.table(page)
            split_huge_pmd(self.part(area, page), self.mm.root.pmds[page], start)

    def split_leaf_inside(self, page: int) -> None:
        """split_huge_pmd_if_needed: a VMA will begin or end at a page."""
        arena = self.universe.arena
        if arena.huge and page % arena.huge:
            self.split_leaf(page)

    # -- making ------------------------------------------------------------------------------------

    def _area(self, start: int, end: int, shift: int, flags: Flags) -> Area:
        area = Area(
            self.universe, f"p{self.number}:{start}-{end}",
            {"mm": self.mm, "start": start, "end": end, "shift": shift,
             "lock": self.universe.new(VmaLock, "vma_lock")},
        )  # fmt: skip
        area.set(flags)
        area.whole = area
        area.put(maybe_guard=False)
        return area

    def insert(
        self, start: int, end: int, shift: int, flags: Flags, like: Area | None = None
    ) -> Area:
        """A new area where there is none; with the anon_vmas of another (anon_vma_clone)."""
        area = self._area(start, end, shift, flags)
        if like is not None:
            area.put(anon_vma=like.anon_vma, trees=like.trees, maybe_guard=like.maybe_guard)
        self.areas.append(area)
        self.areas.sort(key=lambda a: a.start)
        return area

    def parts(self, area: Area) -> tuple[Area, ...]:
        """The area as the routines know VMAs: in one page table each."""
        if area.end <= self.universe.arena.table(area.start)[1]:
            return (area,)
        return tuple(
            self._part(area, max(start, area.start), min(end, area.end))
            for start, end in self.universe.arena.tables
            if start < area.end and area.start < end
        )

    def part(self, area: Area, page: int) -> Area:
        """The part of an area that a page is in."""
        start, end = self.universe.arena.table(page)
        if start <= area.start and area.end <= end:
            return area
        return self._part(area, max(start, area.start), min(end, area.end))

    def _part(self, area: Area, start: int, end: int) -> Area:
        part = self._area(start, end, area.shift, area.flags)
        part.put(anon_vma=area.anon, trees=area.trees, lock=area.lock)
        part.whole = area
        return part

    # -- splitting and merging ---------------------------------------------------------------------

    def split(self, area: Area, page: int) -> Area:
        """__split_vma: `area` keeps what is below the page; what is above is returned."""
        self.split_leaf_inside(page)
        above = self.insert(page, area.end, area.shift, area.flags, like=area)
        area.put(end=page)
        return above

    def carve(self, area: Area, start: int, end: int) -> Area:
        """The part of an area in [start, end), as an area of its own."""
        if area.start < start:
            area = self.split(area, start)
        if area.end > end:
            self.split(area, end)
        return area

    def new(self, start: int, end: int, flags: Flags, at: int) -> Area:
        """A mapping where there is none: vma_merge_new_range, or a new VMA (mmap_region).

        `at`: the index of its first page (vm_pgoff).
        """
        shift = start - at
        return self._merge_new(start, end, shift, flags) or self.insert(start, end, shift, flags)

    def copy(self, area: Area, start: int, end: int, at: int) -> Area:
        """copy_vma: where the pages of `area` from index `at` on will be moved to."""
        if area.anon is None and area.is_anonymous:
            at = start
        shift = start - at
        return self._merge_new(start, end, shift, area.flags, area.anon, area) or self.insert(
            start, end, shift, area.flags, like=area
        )

    def extend(self, area: Area, end: int) -> None:
        """vma_merge_extend: an area grows upwards, into what is behind it if the two can merge."""
        self._merge_new(area.end, end, area.shift, area.flags, area.anon)

    def _merge_new(
        self, start: int, end: int, shift: int, flags: Flags, anon_vma: AnonVma | None = None,
        source: Area | None = None,
    ) -> Area | None:  # fmt: skip
        prev, after = self.before(start), self.after(end)
        left = _mergeable(prev, shift, flags, anon_vma, source)
        right = _mergeable(after, shift, flags, anon_vma, source)
        if left is not None and right is not None:
            right = right if _compatible(left, right) else None
        if left is None and right is None:
            return None
        target = left or right
        assert target is not None
        if left is not None:
            left.put(end=end)
            if right is not None:
                _joined(left, right)
                left.put(end=right.end)
                self.areas.remove(right)
        elif right is not None:
            right.put(start=start)
        if source is not None:
            _joined(target, source)
        return target

    def modify(self, area: Area, start: int, end: int, flags: Flags) -> Area:
        """vma_modify_flags: give [start, end) of an area other flags, merging or splitting.

        The area that has the range then, with the new flags.
        """
        starts, ends = start == area.start, end == area.end
        left = right = None
        if starts:
            left = _mergeable(self.before(start), area.shift, flags, area.anon, area)
        if ends:
            right = _mergeable(self.after(end), area.shift, flags, area.anon, area)
        if left is not None and right is not None and not _compatible(left, right):
            right = None
        if left is None and right is None:
            area = self.carve(area, start, end)
            area.set(flags)
            return area
        if starts and ends:
            self.areas.remove(area)
        elif starts:
            self.split_leaf_inside(end)
            area.put(start=end)
        else:
            self.split_leaf_inside(start)
            area.put(end=start)
        if left is not None and right is not None:
            _joined(left, right)
            _joined(left, area)
            left.put(end=right.end)
            self.areas.remove(right)
            return left
        if left is not None:
            _joined(left, area)
            left.put(end=end)
            return left
        assert right is not None
        _joined(right, area)
        right.put(start=start)
        return right

    # -- anon_vmas ---------------------------------------------------------------------------------

    def anon_vma_prepare(self, area: Area) -> None:
        """__anon_vma_prepare: a neighbour's anon_vma if the two might merge, or a new one."""
        area = area.whole
        if area.anon is not None:
            return
        anon_vma = _reusable(self.after(area.end), area) or _reusable(self.before(area.start), area)
        anon_vma = anon_vma or self.universe.anon_vma()
        area.put(anon_vma=anon_vma, trees=(anon_vma,))

    def anon_vma_fork(self, area: Area, parent: Area) -> None:
        """anon_vma_fork: the child's VMA is found through all of the parent's, and has its own.

        Left out: that an anon_vma without VMAs of its own is used again.
        """
        if parent.anon is not None:
            own = self.universe.anon_vma(parent.anon)
            area.put(anon_vma=own, trees=(*parent.trees, own))


def _mergeable(
    area: Area | None, shift: int, flags: Flags, anon_vma: AnonVma | None, source: Area | None
) -> Area | None:
    """can_vma_merge_left, can_vma_merge_right: `area` if what is beside it may join it.

    `source`: the VMA that the anon_vma comes from.
    """
    if area is None or area.flags != flags or area.shift != shift:
        return None
    if area.anon is None and anon_vma is not None:  # is_mergeable_anon_vma
        fits = source is None or not source.is_fork_child
    elif area.anon is not None and anon_vma is None:
        fits = not area.is_fork_child
    else:
        fits = area.anon is anon_vma
    return area if fits else None


def _compatible(left: Area, right: Area) -> bool:
    """Both neighbours can be merged with what is between; can they be with each other?"""
    return left.anon is None or right.anon is None or left.anon is right.anon


def _joined(target: Area, source: Area) -> None:
    """An area that becomes one with another has its VM_STICKY flags; without an anon_vma of its
    own, it is found through those of the other (dup_anon_vma)."""
    if source.maybe_guard:
        target.put(maybe_guard=True)
    if target.anon is None and source.anon is not None:
        target.put(anon_vma=source.anon, trees=source.trees)


def _reusable(area: Area | None, mine: Area) -> AnonVma | None:
    """reusable_anon_vma: flags are the same but for what mprotect changes."""
    if area is None or len(area.trees) != 1 or area.shift != mine.shift:
        return None
    same = replace(area.flags, prot="") == replace(mine.flags, prot="")
    return area.anon if same else None

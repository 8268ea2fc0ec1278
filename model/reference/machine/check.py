# SPDX-License-Identifier: GPL-2.0-only
"""What must hold of the reference MM between two operations: structure, not contents.

Each check is a sentence, and looks at everything: nothing runs meanwhile.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from model.hw.objects import Pte, PteKind, PteVal, permitted
from model.kernel.objects import GUP_PIN, Folio, Swap
from model.kernel.pgtable import userfaultfd_pte_wp
from model.kernel.rmap import in_tree

from ..calls.faults import entry
from ..state.compound import PageOf
from ..state.space import Area, Space
from .machine import Reference

CHECKS: list[tuple[str, Callable[[State], Iterator[str]]]] = []
"""Sentences, each with what finds the places where it does not hold."""


@dataclass(frozen=True)
class Entry:
    """A page-table entry that is not none, and where it is; or what a leaf says of a page."""

    space: Space
    area: Area | None
    page: int
    pte: Pte | None
    """None of what a leaf maps."""
    val: PteVal
    leaf: bool = False

    @property
    def folio(self) -> Folio | None:
        """The folio that it maps; None for the zero page and what is not present."""
        found: Folio | None = None
        if self.val.kind == PteKind.PRESENT and self.val.frame is not None:
            found = self.val.frame.folio
        return found

    @property
    def exclusive(self) -> bool:
        """PageAnonExclusive of the page; where a leaf maps it, of the head."""
        folio = self.folio
        return folio is not None and (head_of(folio) if self.leaf else folio).anon_exclusive

    def __str__(self) -> str:
        return f"p{self.space.number} page {self.page}"


def head_of(folio: Folio) -> Folio:
    """The folio that a page is of."""
    return folio.head if isinstance(folio, PageOf) else folio


@dataclass
class State:
    """The machine, looked through once."""

    machine: Reference
    entries: list[Entry] = field(default_factory=list)
    maps: Counter[Folio] = field(default_factory=Counter)
    """By page: what maps it."""
    leaves: Counter[Folio] = field(default_factory=Counter)
    """By head: leaves."""
    folios: dict[Folio, None] = field(default_factory=dict)
    slots: tuple[Swap, ...] = ()

    def __post_init__(self) -> None:
        for space in self.machine.spaces.values():
            for page, pmd in enumerate(space.mm.root.pmds):
                val, table = entry(space, page), pmd.table
                if val.kind != PteKind.NONE:
                    leaf = space.leaf_at(page) is not None
                    pte = table.slots[page] if table is not None and not leaf else None
                    found = Entry(space, space.find(page), page, pte, val, leaf)
                    self.entries.append(found)
        # One of a table that is shared counts once.
        once = {e.pte or (e.space, e.page): e for e in self.entries}.values()
        mapped = [(e.folio, e.leaf) for e in once if e.folio is not None]
        self.maps = Counter(folio for folio, _ in mapped)
        self.leaves = Counter(f for f, leaf in mapped if leaf and f is head_of(f))
        self.slots = self.machine.universe.all(Swap)
        self.folios = dict.fromkeys(self.machine.universe.folios())
        self.folios |= dict.fromkeys(self.maps)


def broken(machine: Reference) -> str:
    """The first check that does not hold and where, as one line; "" if all do."""
    state = State(machine)
    for sentence, find in CHECKS:
        for place in find(state):
            return f"{sentence}: {place}"
    return ""


def _check(sentence: str) -> Callable[[Callable[[State], Iterator[str]]], None]:
    def add(find: Callable[[State], Iterator[str]]) -> None:
        CHECKS.append((sentence, find))

    return add


# -- VMAs and page tables --------------------------------------------------------------------------


@_check("VMAs are in order and do not overlap")
def _(s: State) -> Iterator[str]:
    for space in s.machine.spaces.values():
        for one, two in zip(space.areas, space.areas[1:], strict=False):
            if not one.start < one.end <= two.start:
                yield f"p{space.number} {one.start}-{one.end} and {two.start}-{two.end}"


@_check("an entry is inside a VMA")
def _(s: State) -> Iterator[str]:
    yield from (str(e) for e in s.entries if e.area is None)


@_check("an entry is writable only if the VMA is, and accessible only if the VMA is")
def _(s: State) -> Iterator[str]:
    for e in s.entries:
        if e.area is not None and e.val.kind == PteKind.PRESENT:
            if e.val.write and not e.area.writable:
                yield str(e)
            if not e.val.protnone and not e.area.readable:
                yield str(e)


@_check("an entry that a userfaultfd protects is not writable")
def _(s: State) -> Iterator[str]:
    for e in s.entries:
        if e.area is not None and userfaultfd_pte_wp(e.area, e.val) and e.val.write:
            yield str(e)


@_check("a page table counts the entries that point to it, other than the first")
def _(s: State) -> Iterator[str]:
    puds = [p for space in s.machine.spaces.values() for p in dict.fromkeys(space.mm.root.pmds)]
    for table, count in Counter(p.table for p in puds).items():
        if table is not None and table.sharers != count - 1:
            yield f"{table} says {table.sharers}, {count} entries point to it"


# -- folios ----------------------------------------------------------------------------------------


@_check("what is mapped is not free")
def _(s: State) -> Iterator[str]:
    yield from (str(e) for e in s.entries if e.folio is not None and e.folio.free)


@_check("the map count is the number of entries")
def _(s: State) -> Iterator[str]:
    for folio in s.folios:
        count = folio.page_mapcount if isinstance(folio, PageOf) else folio.mapcount
        if count != s.maps[folio]:
            yield f"{folio} says {count}, {s.maps[folio]} entries map it"


@_check("a leaf counts as one mapping of its folio, and maps all of it in one VMA")
def _(s: State) -> Iterator[str]:
    for folio in s.folios:
        if folio.entire_mapcount != s.leaves[head_of(folio)] and folio.large:
            yield f"{folio} says {folio.entire_mapcount}, {s.leaves[folio]} leaves map it"
    for space in s.machine.spaces.values():
        for start, end in s.machine.arena.tables:
            area = space.find(start)
            if space.leaf_at(start) is not None and (area is None or area.end < end):
                yield f"p{space.number} page {start}"


@_check("one process that maps a large folio is told from several, while two do")
def _(s: State) -> Iterator[str]:
    if len(s.machine.spaces) > 2 or not s.machine.arena.huge:
        return
    mms: dict[Folio, set[int]] = {}
    for e in s.entries:
        if isinstance(e.folio, PageOf) and e.folio.large:
            mms.setdefault(e.folio.head, set()).add(e.space.number)
    for head, numbers in mms.items():
        if isinstance(head, PageOf) and len(numbers) > 1 and not head.ids.shared:
            yield f"{head}"


@_check("references are entries, the swap cache, the page cache, and pins")
def _(s: State) -> Iterator[str]:
    pins = Counter(
        f for space in s.machine.spaces.values() for held in space.pins.values() for f in held
    )
    memfd = s.machine.universe.memfd
    files = Counter(memfd.pages.peek(n) for n in range(s.machine.arena.pages))
    for folio in s.folios:
        if folio is not head_of(folio):
            continue
        pages = folio.pages if folio.large else (folio,)
        taken = sum(pins[page] for page in pages) * (1 if folio.large else GUP_PIN)
        cached = (folio.swap is not None) + files[folio]
        maps = sum(s.maps[p] for p in pages) - s.leaves[folio] * (len(pages) - 1)
        if folio.refcount != maps + cached + taken:
            yield f"{folio} has {folio.refcount}"


@_check("an anonymous page is writable only where it is exclusive")
def _(s: State) -> Iterator[str]:
    for e in s.entries:
        folio = e.folio
        anon = folio is not None and folio.mapping is not None
        if anon and e.val.write and not e.exclusive:
            yield f"{e} {folio}"


@_check("an exclusive page is mapped once, and a pinned one that is mapped is exclusive")
def _(s: State) -> Iterator[str]:
    for e in s.entries:
        folio = e.folio
        if folio is None or folio.mapping is None:
            continue
        if e.exclusive and s.maps[folio] > 1:
            yield f"{folio} has {s.maps[folio]}"
        if not e.exclusive and not folio.large and folio.refcount >= GUP_PIN:
            yield f"{folio} is pinned"


@_check("the zero page is never writable")
def _(s: State) -> Iterator[str]:
    for e in s.entries:
        if e.val.frame is not None and e.val.frame.zero and e.val.write:
            yield str(e)


@_check("the reverse map finds every entry of an anonymous page")
def _(s: State) -> Iterator[str]:
    for e in s.entries:
        folio = e.folio
        if folio is None or folio.mapping is None or e.area is None:
            continue
        area = e.area
        if not in_tree(area, folio.mapping, folio.index) or folio.index + area.shift != e.page:
            yield f"{e} {folio}, which has index {folio.index} in {folio.mapping}"


@_check("a swap slot counts the entries that name it, and one that is exclusive has one")
def _(s: State) -> Iterator[str]:
    names = [e for e in s.entries if e.val.kind == PteKind.SWAP]
    memfd = s.machine.universe.memfd
    counts = Counter(e.val.entry for e in names)
    counts.update(memfd.swapped.peek(n) for n in range(s.machine.arena.pages))
    for slot in s.slots:
        if slot.count != counts[slot.number]:
            yield f"{slot} says {slot.count}, {counts[slot.number]} entries name it"
    for e in names:
        if e.val.exclusive and counts[e.val.entry] > 1:
            yield str(e)


# -- TLBs, locks -----------------------------------------------------------------------------------


@_check("a TLB holds nothing that the page table does not give")
def _(s: State) -> Iterator[str]:
    for space in s.machine.spaces.values():
        for page in range(s.machine.arena.pages):
            if not space.cpu.tlb[page] <= permitted(entry(space, page)):
                yield f"p{space.number} page {page}"


@_check("nothing is locked, and no flush is due")
def _(s: State) -> Iterator[str]:
    thread = s.machine.universe.thread
    if thread.rcu or thread.cpu.irqs_off:
        yield "the kernel thread"
    yield from (str(f) for f in s.folios if f.locked_by is not None)
    for space in s.machine.spaces.values():
        if space.mm.tlb_flush_pending:
            yield f"p{space.number}: an mmu_gather is open"
        for pmd in dict.fromkeys(space.mm.root.pmds):
            table = pmd.table
            if pmd.ptl.owner is not None or (table is not None and table.ptl.owner is not None):
                yield f"p{space.number}: a page-table lock"
        for area in space.areas:
            anon = area.anon.rwsem if area.anon is not None else None
            for sem in (area.lock, anon, area.hugetlb_lock):
                if sem is not None and (sem.readers or sem.writer is not None):
                    yield f"p{space.number} {area.start}-{area.end}: {sem}"
    memfd = s.machine.universe.memfd
    for sem in (memfd.i_mmap_rwsem, *memfd.fault_mutexes):
        if sem.readers or sem.writer is not None:
            yield str(sem)

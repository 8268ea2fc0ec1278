# SPDX-License-Identifier: GPL-2.0-only
"""A small address space: two anonymous VMAs of one mm, their tables, folios and CPUs.

The source VMA maps `pages` pages at first, the destination none.  What a cast does not need is
not made: a spare page, a spare table, a forked child, the zero page, further anon_vmas.  Both VMAs
of the mm are registered for write protection, which UFFDIO_WRITEPROTECT needs.  The child has made
its VMA read-only; UFFDIO_MOVE takes no such VMA (mm/userfaultfd.c:validate_move_areas).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from model.hw.objects import Cpu, Frame, Pmd, Pte, PteKind, PteVal, Root, SpinLock, Table, Thread
from model.lang import World
from model.lang.sorts import Int

from ..kernel.objects import AnonVma, Folio, Gather, Mm, RmapWalk, RwSem, Swap, Vma

NEEDS = ("spare_page", "spare_table", "child", "zero_page", "other_anon_vma", "other_root")
"""What a cast may ask for besides the two VMAs."""


@dataclass
class Setup:
    """A world under construction, and the names that casts use for its parts."""

    world: World
    pages: int
    mm: Mm
    src_vma: Vma
    dst_vma: Vma
    child_vma: Vma | None
    threads: tuple[Thread, ...]
    user: Cpu
    spares: tuple[Folio, ...]

    def src(self, page: int) -> Pte:
        return _entry(self.src_vma, self.src_vma.start + page)

    def dst(self, page: int) -> Pte:
        return _entry(self.dst_vma, self.dst_vma.start + page)

    def folio(self, page: int) -> Folio:
        """The folio that page number `page` is in at first."""
        return self.world.all(Folio)[page]

    def map_anon(self, folio: Folio, vma: Vma, addr: int, *, write: bool = True) -> None:
        """Map an exclusive anonymous folio, as a write fault would have."""
        folio.free = False
        folio.lru = True
        folio.refcount = folio.refcount + 1
        folio.mapcount = folio.mapcount + 1
        folio.mapping = vma.anon_vma
        folio.index = addr - vma.shift
        folio.anon_exclusive = True
        folio.frame.modified = write
        _entry(vma, addr).val = PteVal(
            kind=PteKind.PRESENT, frame=folio.frame, write=write, dirty=write
        )


def _entry(vma: Vma, addr: int) -> Pte:
    table = vma.mm.root.pmds[addr].table
    assert table is not None
    return table.slots[addr]


class _Builder:
    """Makes the objects in an order that is the same every time."""

    def __init__(self, pages: int, needs: frozenset[str], threads: int, same_ptl: bool) -> None:
        self.pages, self.needs = pages, needs
        self.spans = {"src": (0, pages), "dst": (pages + 1, 2 * pages + 1)}
        names = [f"src+{i}" for i in range(pages)] + ["end of src"]
        names += [f"dst+{i}" for i in range(pages)] + ["end of dst"]
        if "child" in needs:
            self.spans["child"] = (2 * pages + 2, 3 * pages + 2)
            names += [f"child+{i}" for i in range(pages)] + ["end of child"]
        self.size = len(names)
        self.w = World(
            addr=Int(0, self.size - 1, tuple(names)), token=Int(0, 2), entry=Int(0, 1),
            generation=Int(0, 3),
        )  # fmt: skip
        self.names = names
        self.locks(same_ptl)
        self.tables: dict[str, list[Table]] = {}
        self.frames()
        self.threads = self.processors(threads)

    def sem(self, name: str) -> RwSem:
        return self.w.new(RwSem, name)

    def locks(self, same_ptl: bool) -> None:
        first = self.w.new(SpinLock, "ptl" if same_ptl else "src.ptl", rank=1)
        second = first if same_ptl else self.w.new(SpinLock, "dst.ptl", rank=2)
        self.ptl = {"src": first, "dst": second}
        self.pml = {"src": self.w.new(SpinLock, "mm.pml", rank=0)}
        self.pml["dst"] = self.pml["src"]
        if "child" in self.needs:
            self.ptl["child"] = self.w.new(SpinLock, "child.ptl", rank=3)
            self.pml["child"] = self.w.new(SpinLock, "child.pml", rank=4)

    def frames(self) -> None:
        count = self.pages + ("spare_page" in self.needs)
        for i in range(count):
            self.w.new(Frame, f"F{i}")
        if "zero_page" in self.needs:
            self.w.new(Frame, "ZERO", zero=True)
        for i in range(count):
            frame = self.w.all(Frame)[i]
            frame.__dict__["folio"] = self.w.new(
                Folio, f"F{i}", frame=frame, free=True, spare=i >= self.pages
            )  # fmt: skip
        self.w.new(Swap, "S1", number=1)

    def processors(self, count: int) -> tuple[Thread, ...]:
        cpus = [self.w.new(Cpu, f"CPU{i}") for i in range(count)]
        threads = tuple(self.w.new(Thread, f"T{i}", cpu=c) for i, c in enumerate(cpus))
        for i, thread in enumerate(threads):
            self.w.new(RmapWalk, f"walk{i}", thread=thread)
            self.w.new(Gather, f"tlb{i}", thread=thread)
        return threads

    def table(self, region: str, name: str) -> Table:
        """A table whose slots are the entries of a region."""
        mark = "" if not self.tables.get(region) else "'"
        lock = self.ptl[region] if not mark else self.spare_lock(region)
        table = self.w.new(Table, name, ptl=lock, spare=bool(mark), freed=bool(mark))
        lo, hi = self.spans[region]
        slots: list[Pte | None] = [None] * self.size
        for addr in range(lo, hi):
            slots[addr] = self.w.new(Pte, self.names[addr] + mark, table=table, addr=addr)
        table.__dict__["slots"] = tuple(slots)
        self.tables.setdefault(region, []).append(table)
        return table

    def spare_lock(self, region: str) -> SpinLock:
        """The lock of a spare table; the one lock that there is, where there is one."""
        if self.ptl["src"] is self.ptl["dst"]:
            return self.ptl[region]
        return self.w.new(SpinLock, f"{region}.ptl'", rank=5 if region == "dst" else 6)

    def space(self, name: str, regions: Iterable[str]) -> Mm:
        pmds: list[Pmd | None] = [None] * self.size
        for region in regions:
            table = self.table(region, f"{region}.table")
            pmd = self.w.new(Pmd, f"{region}.pmd", table=table, ptl=self.pml[region])
            lo, hi = self.spans[region]
            pmds[lo:hi] = [pmd] * (hi - lo)
        root = self.w.new(Root, f"{name}.pgd", pmds=tuple(pmds))
        return self.w.new(Mm, name, root=root, mmap_lock=self.sem(f"{name}.mmap_lock"))

    def vma(self, region: str, mm: Mm, own: AnonVma, trees: tuple[AnonVma, ...]) -> Vma:
        lo, hi = self.spans[region]
        shift = lo if region == "child" else 0
        return self.w.new(
            Vma, region, mm=mm, start=lo, end=hi, shift=shift, anon_vma=own, trees=trees,
            lock=self.sem(f"{region}.vma_lock"), writable=region != "child",
            uffd_wp=region != "child",
        )  # fmt: skip


def two_vmas(
    pages: int, *, same_ptl: bool = False, threads: int = 1, needs: frozenset[str] = frozenset()
) -> Setup:
    """The world of a cast.

    `same_ptl`: one lock serves both tables, as when both ranges lie in one table, or where
    tables have no locks of their own (USE_SPLIT_PTE_PTLOCKS off).
    """
    b = _Builder(pages, needs, threads, same_ptl)
    src_root, dst_root = b.sem("src.anon_vma"), b.sem("dst.anon_vma")
    src_anon = b.w.new(AnonVma, "A.src", rwsem=src_root, root=1)
    dst_anon = b.w.new(AnonVma, "A.dst", rwsem=dst_root, root=2)
    src_trees: tuple[AnonVma, ...] = (src_anon,)
    if "other_anon_vma" in needs:
        src_trees += (b.w.new(AnonVma, "A.parent", rwsem=src_root, root=1),)
    if "other_root" in needs:
        src_trees += (b.w.new(AnonVma, "A.alien", rwsem=b.sem("alien.anon_vma"), root=3),)
    mm = b.space("mm", ("src", "dst"))
    src_vma = b.vma("src", mm, src_anon, src_trees)
    dst_vma = b.vma("dst", mm, dst_anon, (dst_anon,))
    child_vma = None
    if "child" in needs:
        child = b.space("child", ("child",))
        own = b.w.new(AnonVma, "A.child", rwsem=src_root, root=1)
        child_vma = b.vma("child", child, own, (src_anon, own))
    if "spare_table" in needs:
        b.table("dst", "dst.table'")
        b.table("src", "src.table'")
    user = b.w.new(Cpu, f"CPU{threads}", user=True, root=mm.root)
    folios = b.w.all(Folio)
    made = Setup(
        b.w, pages, mm, src_vma, dst_vma, child_vma, b.threads, user, folios[pages:]
    )  # fmt: skip
    for page in range(pages):
        made.map_anon(folios[page], src_vma, src_vma.start + page)
    return made


def share_with_child(s: Setup, page: int) -> None:
    """The state after fork: parent and child map the page, read-only, and it is not exclusive."""
    assert s.child_vma is not None
    folio = s.folio(page)
    folio.anon_exclusive = False
    folio.refcount = folio.refcount + 1
    folio.mapcount = folio.mapcount + 1
    mine = s.src(page)
    mine.val = replace(mine.val, write=False)
    _entry(s.child_vma, s.child_vma.start + page).val = mine.val

# SPDX-License-Identifier: GPL-2.0-only
"""The objects of a run: as many as are needed, made when they are needed.

A cast has finitely many objects that are there from the start; here frames, folios, swap slots and
anon_vmas come and go, so that a frame's number is never used for another allocation.  The
routines find them where they look in a cast: in the world of the current thread.
"""

from __future__ import annotations

from collections.abc import Mapping as Dict
from typing import TYPE_CHECKING, Any, TypeVar

from model.hw.objects import Cpu, Frame, Pmd, Pte, Root, SpinLock, Table, Thread
from model.hw.tlb import settled
from model.kernel.file.filemap import i_mmap
from model.kernel.folio import pins_go_along
from model.kernel.huge.move_tables import entries_map_at
from model.kernel.hugetlb.tables import new_pmd_table
from model.kernel.objects import (
    AnonVma,
    Folio,
    Gather,
    Mapping,
    Mm,
    MmapLock,
    RmapWalk,
    RwSem,
    Swap,
    Vma,
)
from model.kernel.pgtable import changed, spare_table, table_arrives, table_leaves
from model.kernel.rmap import looked_at
from model.kernel.task import addresses, entries, pmds
from model.lang import Kobject, World, effect, kfield, static, step
from model.lang.declare import ModelFunction

from ..programs.program import PARTS_OF_A_PUD, Arena
from .behaviour import Behaviour
from .compound import PageOf
from .patched import patches

if TYPE_CHECKING:
    from .space import Area, Space

T = TypeVar("T", bound=Kobject)


class Page(Frame):
    """A frame with a number, which no other has."""

    number: int = kfield(0, const=True)


class Directory(Pmd):
    """An entry that points to a table, and the table that it is given when it needs one."""

    room: Table = kfield(const=True)


@static
def room_of(pmd: Pmd) -> Table | None:
    """The table for an entry that has none."""
    table: Table = pmd.__dict__["room"]
    return table


@step()
def change_places(_mm: Mm, table: Table, old_pmd: Pmd, new_pmd: Pmd) -> None:
    """A table goes to another entry, and what that would have been given comes here."""
    old, new = old_pmd.__dict__, new_pmd.__dict__
    other = new["room"]
    old["room"], new["room"] = other, table
    there, here = other.__dict__["slots"], table.__dict__["slots"]
    table.__dict__["slots"] = _at(there, here)
    other.__dict__["slots"] = _at(here, there)


def _at(places: tuple[Pte | None, ...], slots: tuple[Pte | None, ...]) -> tuple[Pte | None, ...]:
    """Entries in order, at the addresses where others have been."""
    entries = iter([pte for pte in slots if pte is not None])
    found = tuple(None if pte is None else next(entries) for pte in places)
    for addr, pte in enumerate(found):
        if pte is not None:
            pte.__dict__["addr"] = addr
    return found


@effect
def nothing(*_: Any) -> None:
    pass


@static
def none_at_all() -> tuple[Any, ...]:
    return ()


@static
def made_for(pud: Directory) -> Table:
    """A new PMD table of hugetlb: the one before may be in use by others."""
    universe: Universe = pud.world  # type: ignore[assignment]
    return universe.pmd_table()


@static
def linked(mapping: Mapping) -> tuple[Vma, ...]:
    """The VMAs of the memfd; of one of hugetlb as they stand in its interval tree."""
    universe: Universe = mapping.world  # type: ignore[assignment]
    if universe.arena.hugetlb:
        return tuple(universe.i_mmap)
    return tuple(v for v in universe.all(Vma) if v.file is mapping)


ADAPTED: Dict[ModelFunction[..., Any], ModelFunction[..., Any]] = {
    spare_table: room_of, entries_map_at: change_places, new_pmd_table: made_for, i_mmap: linked,
}  # fmt: skip
"""What is found in another way than in the world of a cast."""

WITHOUT_GHOSTS: Dict[ModelFunction[..., Any], ModelFunction[..., Any]] = {
    changed: nothing,
    table_leaves: nothing,
    table_arrives: nothing,
    pins_go_along: nothing,
    settled: nothing,
    looked_at: nothing,
    entries: none_at_all,
    pmds: none_at_all,
    addresses: none_at_all,
}
"""What only keeps ghosts up to date, which no guard reads: not run, for speed."""


class Universe(World):
    """A world that grows."""

    def __init__(self, arena: Arena, kernel: Behaviour) -> None:
        super().__init__()
        self.arena, self.kernel = arena, kernel
        self.patches = patches(kernel.versions)
        self._tuples: dict[type[Kobject], tuple[Any, ...]] = {}
        self._last: dict[str, int] = {}
        cpu = self.new(Cpu, "kernel")
        self.thread = self.new(Thread, "kernel", cpu=cpu)
        self.new(RmapWalk, "walk", thread=self.thread)
        self.new(Gather, "tlb", thread=self.thread)
        self.zero = self.new(Page, "ZERO", zero=True, number=0)
        self.huge_zero = Page(self, "HUGEZERO", {"zero": True, "number": 0})
        self.acting: Mm | None = None
        """Whose entries are made and taken away."""
        self.memfd = self.new(
            Mapping, "memfd", i_mmap_rwsem=self.sem("i_mmap_rwsem"),
            fault_mutexes=tuple(self.sem(f"fault_mutex{n}") for n in range(arena.pages)),
        )  # fmt: skip
        self.spaces: list[Space] = []
        self.i_mmap: list[Area] = []
        self.left_mlocked: dict[Folio, int] = {}
        """Folios with PG_mlocked that no locked VMA accounts for, and what is in mlock_count apart
        from those that do: a folio that is put back on its list begins anew at 0."""

    # -- objects by kind ---------------------------------------------------------------------------

    def new(self, cls: type[T], name: str, **values: Any) -> T:
        """Create an object, at any time."""
        made = cls(self, name, values)
        kind = _kind(cls)
        self._objects.setdefault(kind, []).append(made)
        self._tuples.pop(kind, None)
        return made

    def drop(self, gone: Kobject) -> None:
        """Forget an object; what is still in use by others goes on."""
        kind = _kind(type(gone))
        self._objects[kind].remove(gone)
        self._tuples.pop(kind, None)

    def all(self, cls: type[T]) -> tuple[T, ...]:
        """All objects of a kind, in order; of folios and slots always one that is free."""
        if cls is Vma:
            return tuple(p for s in self.spaces for a in s.areas for p in s.parts(a))  # type: ignore[misc]
        if cls is Folio:  # one that was freed has had its number, and is not given out again
            return (*self.folios(), self._folio())  # type: ignore[arg-type]  # a T is a Folio here
        if cls is Swap and self.kernel.swap:
            self._free_slot()
        found = self._tuples.get(cls)
        if found is None:
            found = self._tuples[cls] = tuple(self._objects.get(cls, ()))
        return found

    def folios(self) -> tuple[Folio, ...]:
        """The folios that are in use."""
        found: list[Any] = self._objects.get(Folio, [])
        return tuple(f for f in found if not f.__dict__["free"])

    def _number(self, kind: str) -> int:
        self._last[kind] = self._last.get(kind, 0) + 1
        return self._last[kind]

    def _folio(self) -> Folio:
        number = self._number("F")
        frame = self.new(Page, f"F{number}", number=number)
        folio = self.new(Folio, f"F{number}", frame=frame, free=True)
        frame.__dict__["folio"] = folio
        return folio

    def large_folio(self) -> PageOf:
        """A new folio as large as a PMD, zeroed, with one reference: its head."""
        pages = []
        for _ in range(self.arena.huge):
            number = self._number("F")
            frame = self.new(Page, f"F{number}", number=number)
            page = self.new(PageOf, f"F{number}", frame=frame, large=True)
            frame.__dict__["folio"] = page
            pages.append(page)
        for place, page in enumerate(pages):
            page.join(tuple(pages), place)
        pages[0].__dict__["refcount"] = 1
        return pages[0]

    def _free_slot(self) -> None:
        slots = self._objects.get(Swap, [])
        last = slots[-1].__dict__ if slots else None
        if last is None or last["count"] or last["folio"] is not None:
            number = len(slots) + 1
            self.new(Swap, f"S{number}", number=number)

    def sweep(self) -> None:
        """Forget folios that went back to the allocator."""
        for folio in [f for f in self._objects.get(Folio, ()) if f.__dict__["free"]]:
            self.drop(folio)
            self.drop(folio.__dict__["frame"])
            self.left_mlocked.pop(folio, None)  # type: ignore[call-overload]  # it is a Folio
        if self.left_mlocked:
            self._accounted()

    def _accounted(self) -> None:
        """A folio that was put back and is mapped in a locked VMA again is as good as new: the last
        munlock takes PG_mlocked away."""
        for space in self.spaces:
            for area in space.areas:
                if area.flags.locked:
                    for page in range(area.start, area.end):
                        table = space.mm.root.pmds[page].table
                        frame = table.slots[page].val.frame if table is not None else None
                        if frame is not None and self.left_mlocked.get(frame.folio) == 0:
                            del self.left_mlocked[frame.folio]

    # -- what processes are made of ----------------------------------------------------------------

    def anon_vma(self, root: AnonVma | None = None) -> AnonVma:
        """A new anon_vma, of the root of another or its own root."""
        number = self._number("A")
        if root is None:
            return AnonVma(self, f"A{number}", {"rwsem": self.sem(f"A{number}"), "root": number})
        return AnonVma(self, f"A{number}", {"rwsem": root.rwsem, "root": root.root})

    def sem(self, name: str) -> RwSem:
        return RwSem(self, name, {})

    def pmd_table(self) -> Table:
        """A PMD table, at whatever PUD entry it is used: an address finds its place in it."""
        number = self._number("PMD table")
        lock = SpinLock(self, f"PMD{number}.ptl", {"rank": 1})
        table = Table(self, f"PMD{number}", {"ptl": lock})
        part = tuple(
            Pte(self, f"PMD{number}+{n}", {"table": table, "addr": n})
            for n in range(PARTS_OF_A_PUD)
        )
        slots = part * (self.arena.pages // PARTS_OF_A_PUD + 1)
        table.__dict__["slots"] = slots[: self.arena.pages]
        return table

    def _pte_table(self, name: str, rank: int, start: int, end: int) -> Table:
        lock = SpinLock(self, f"{name}.ptl{rank}", {"rank": rank})
        table = Table(self, f"{name}.table{rank}", {"ptl": lock})
        slots: list[Pte | None] = [None] * self.arena.pages
        for addr in range(start, end):
            slots[addr] = Pte(self, f"{name}+{addr}", {"table": table, "addr": addr})
        table.__dict__["slots"] = tuple(slots)
        return table

    def mm(self, name: str) -> tuple[Mm, Cpu]:
        """An address space without page tables, and a CPU that runs it."""
        pml = SpinLock(self, f"{name}.pml", {"rank": 0})
        pmds: list[Pmd | None] = [None] * self.arena.pages
        for rank, (start, end) in enumerate(self.arena.tables, 1):
            room = None if self.arena.hugetlb else self._pte_table(name, rank, start, end)
            pmd = Directory(self, f"{name}.pmd{rank}", {"ptl": pml, "room": room})
            pmds[start:end] = [pmd] * (end - start)
        root = self.new(Root, f"{name}.pgd", pmds=tuple(pmds))
        mm = self.new(Mm, name, root=root, mmap_lock=self.new(MmapLock, f"{name}.mmap_lock"))
        return mm, self.new(Cpu, f"{name}.cpu", user=True, root=root)


def _kind(cls: type[Kobject]) -> type[Kobject]:
    """The class of the models that a class is or extends."""
    return next(c for c in cls.__mro__ if c.__base__ is Kobject)

# SPDX-License-Identifier: GPL-2.0-only
"""Parts that worlds are built from: address spaces, VMAs, tables, folios, processors.

An address of a model names its address space too: pages of two processes have different numbers,
also where both would be at one virtual address.  So what is kept by address (TLBs, ghosts of a
call) is kept by address space as well.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from model.hw.objects import Cpu, Frame, Pmd, Pte, PteKind, PteVal, Root, SpinLock, Table, Thread
from model.lang import World
from model.lang.errors import ModelError, near
from model.lang.sorts import Int

from ..kernel.objects import (
    AnonVma,
    Folio,
    Gather,
    Mm,
    MmapLock,
    RmapWalk,
    RwSem,
    Swap,
    Vma,
    VmaLock,
)


@dataclass(frozen=True)
class Plan:
    """The plan of a world: the values of the family's axes, the parts that a cast needs
    besides, and for each thread of the kernel the process that it runs in ("" for a thread of the
    kernel's own)."""

    axes: Mapping[str, Any]
    needs: frozenset[str] = frozenset()
    crew: tuple[str, ...] = ("",)


@dataclass
class Setup:
    """A world under construction, and the names that casts use for its parts.

    `roles` are VMAs; `users` the CPU that runs user code of a process, by process; `spares` folios
    that nobody maps at first.
    """

    world: World
    plan: Plan
    roles: Mapping[str, Vma]
    threads: tuple[Thread, ...]
    users: Mapping[str, Cpu]
    spares: tuple[Folio, ...] = ()

    def axis(self, name: str) -> Any:
        """The value of an axis in this world."""
        return self.plan.axes[name]

    def vma(self, role: str) -> Vma:
        """The VMA of a role; ModelError lists those that this world has."""
        if role not in self.roles:
            raise ModelError(f"this world has no role '{role}'", instead=near(role, self.roles))
        return self.roles[role]

    def pte(self, role: str, page: int) -> Pte:
        """The entry of a page of a role, in the table that it has now."""
        vma = self.vma(role)
        return entry_at(vma, vma.start + page)

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
        entry_at(vma, addr).val = PteVal(
            kind=PteKind.PRESENT, frame=folio.frame, write=write, dirty=write
        )

    def take_out(self, role: str, page: int) -> Folio:
        """Unmap and free a page that `map_anon` has mapped."""
        folio = self.folio(page)
        self.pte(role, page).val = PteVal()
        folio.refcount = folio.mapcount = 0
        folio.anon_exclusive = False
        folio.free = True
        folio.lru = False
        folio.mapping = None
        folio.frame.modified = False
        return folio


def entry_at(vma: Vma, addr: int) -> Pte:
    """The entry of an address, in the table that is there now."""
    table = vma.mm.root.pmds[addr].table
    assert table is not None
    return table.slots[addr]


@dataclass(frozen=True, eq=False)
class Blueprint:
    """How the world of a cast is built, and which names it gives to its parts.

    `roles` are the names of VMAs with the noun for each; `processes` name the address space of a
    role that is not in `home`, where the subject runs.  `always` are parts that every world has, so
    that casts share it, and `alone` those that it has besides where one neighbour plays.  `apart`
    are parts that come in the place of others: a world has one if its initial state needs it.
    """

    build: Callable[[Plan], Setup]
    roles: Mapping[str, str]
    home: str = "mm"
    processes: Mapping[str, str] = field(default_factory=dict)
    always: frozenset[str] = frozenset()
    alone: frozenset[str] = frozenset()
    apart: frozenset[str] = frozenset()

    def fits(self, initial: frozenset[str], world: frozenset[str]) -> bool:
        """True if a state with these needs can be that of a world with those."""
        return initial <= world and initial & self.apart == world & self.apart

    def world(self, plan: Plan) -> Setup:
        """The world of a plan; ModelError where processes are not called what the blueprint says:
        flushes would then be for others than they are meant for."""
        setup = self.build(plan)
        mms = {mm.name: mm for mm in setup.world.all(Mm)}
        for process in (self.home, *filter(None, plan.crew)):
            if process not in mms:
                raise ModelError(
                    f"no process '{process}'", why="the world has no mm of the name",
                    instead=near(process, mms),
                )  # fmt: skip
        for role, vma in setup.roles.items():
            if vma.mm.name != self.process_of(role):
                raise ModelError(
                    f"the role '{role}' is in {vma.mm.name}, not in {self.process_of(role)}",
                    instead=f"say `processes={{{role!r}: {vma.mm.name!r}}}` in the blueprint",
                )  # fmt: skip
        for process, cpu in setup.users.items():
            if process not in mms or cpu.root is not mms[process].root:
                raise ModelError(
                    f"the user CPU of '{process}' runs no mm of that name",
                    instead="users are by the name of their mm: {mm.name: b.user(mm)}",
                )  # fmt: skip
        return setup

    def process_of(self, role: str) -> str:
        """The process whose VMA a role is; ModelError lists the roles."""
        if role and role not in self.roles:
            raise ModelError(f"no role '{role}'", instead=near(role, self.roles))
        return self.processes.get(role, self.home)


class Parts:
    """Makes objects, in an order that is the same every time.

    `regions` are ranges of addresses by name, with their pages; they stand one behind the other,
    an address that nothing maps after each.
    """

    def __init__(self, plan: Plan, regions: Mapping[str, int]) -> None:
        self.plan, self.regions = plan, regions
        self.spans: dict[str, tuple[int, int]] = {}
        self.names: list[str] = []
        for region, pages in regions.items():
            start = len(self.names)
            self.spans[region] = start, start + pages
            self.names += [*(f"{region}+{i}" for i in range(pages)), f"end of {region}"]
        self.w = World(
            addr=Int(0, len(self.names) - 1, tuple(self.names)), token=Int(0, 2),
            entry=Int(0, 1), generation=Int(0, 3),
        )  # fmt: skip
        self._rank = 0

    def lock(self, name: str) -> SpinLock:
        """A spinlock, behind all others in the order of addresses."""
        self._rank += 1
        return self.w.new(SpinLock, name, rank=self._rank - 1)

    def sem(self, name: str) -> RwSem:
        """A sleeping lock."""
        return self.w.new(RwSem, name)

    def folios(self, mapped: int, spare: int = 0, *, zero_page: bool = False) -> tuple[Folio, ...]:
        """Folios of one page, those that will be mapped first; and a swap slot."""
        frames = [self.w.new(Frame, f"F{i}") for i in range(mapped + spare)]
        if zero_page:
            self.w.new(Frame, "ZERO", zero=True)
        for i, frame in enumerate(frames):
            frame.__dict__["folio"] = self.w.new(
                Folio, f"F{i}", frame=frame, free=True, spare=i >= mapped
            )
        self.w.new(Swap, "S1", number=1)
        return self.w.all(Folio)

    def processors(self) -> tuple[Thread, ...]:
        """A thread of the kernel for each of the crew, each on a CPU of its own."""
        count = len(self.plan.crew)
        cpus = [self.w.new(Cpu, f"CPU{i}") for i in range(count)]
        threads = tuple(self.w.new(Thread, f"T{i}", cpu=c) for i, c in enumerate(cpus))
        for i, thread in enumerate(threads):
            self.w.new(RmapWalk, f"walk{i}", thread=thread)
            self.w.new(Gather, f"tlb{i}", thread=thread)
        return threads

    def table(self, region: str, ptl: SpinLock, *, spare: bool = False) -> Table:
        """A table whose slots are the entries of a region; a spare one is free at first."""
        mark = "'" if spare else ""
        table = self.w.new(Table, f"{region}.table{mark}", ptl=ptl, spare=spare, freed=spare)
        slots: list[Pte | None] = [None] * len(self.names)
        for addr in range(*self.spans[region]):
            slots[addr] = self.w.new(
                Pte, self.names[addr] + mark, table=table, addr=addr, elsewhere=addr
            )
        table.__dict__["slots"] = tuple(slots)
        return table

    def movable(self, root: Root, table: Table, region: str, to: str) -> None:
        """Give the entries of a table of a region a second place, that of another region."""
        slots = list(table.slots)
        lo, hi = self.spans[region]
        start = self.spans[to][0]
        slots[start : start + hi - lo] = slots[lo:hi]
        table.__dict__["slots"] = tuple(slots)
        for pte in filter(None, table.slots[lo:hi]):
            elsewhere = pte.addr + start - lo
            above = {"here": root.pmds[pte.addr], "there": root.pmds[elsewhere]}
            pte.__dict__.update(above, elsewhere=elsewhere)

    def mm(
        self, name: str, regions: Mapping[str, tuple[SpinLock, SpinLock]],
        empty: Collection[str] = (),
    ) -> Mm:  # fmt: skip
        """An address space: for each of its regions a table and the pmd entry that points to it,
        with the locks of both, table first; no table for one that is `empty`.  Threads of the crew
        that run in it get its root."""
        pmds: list[Pmd | None] = [None] * len(self.names)
        for region, (ptl, pml) in regions.items():
            table = None if region in empty else self.table(region, ptl)
            pmd = self.w.new(Pmd, f"{region}.pmd", table=table, ptl=pml)
            lo, hi = self.spans[region]
            pmds[lo:hi] = [pmd] * (hi - lo)
        root = self.w.new(Root, f"{name}.pgd", pmds=tuple(pmds))
        for thread, process in zip(self.w.all(Thread), self.plan.crew, strict=True):
            if process == name:
                thread.cpu.__dict__["root"] = root
        return self.w.new(
            Mm, name, root=root, mmap_lock=self.w.new(MmapLock, f"{name}.mmap_lock"),
        )  # fmt: skip

    def anon_vma(self, name: str, rwsem: RwSem, root: int) -> AnonVma:
        """An anon_vma; those of one root have its lock and its number."""
        return self.w.new(AnonVma, name, rwsem=rwsem, root=root)

    def vma(
        self, region: str, mm: Mm, trees: Iterable[AnonVma], *, own: AnonVma | None = None,
        shift: int = 0, **fields: Any,
    ) -> Vma:  # fmt: skip
        """A VMA over a region, in the interval trees of these anon_vmas; its own is the first of
        them if nothing is said, and it has none if there are none."""
        lo, hi = self.spans[region]
        inside = tuple(trees)
        return self.w.new(
            Vma, region, mm=mm, start=lo, end=hi, shift=shift,
            anon_vma=own or next(iter(inside), None),
            trees=inside, lock=self.w.new(VmaLock, f"{region}.vma_lock"), **fields,
        )  # fmt: skip

    def user(self, mm: Mm) -> Cpu:
        """A CPU that runs user code of an address space: its TLB is one that matters."""
        count = len(self.w.all(Cpu))
        return self.w.new(Cpu, f"CPU{count}", user=True, root=mm.root)

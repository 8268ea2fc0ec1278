# SPDX-License-Identifier: GPL-2.0-only
"""What an invariant sees: every object of a world, by kind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from model.hw.objects import Addr, Cpu, Pmd, Pte, PteKind, PteVal, Root, SpinLock, Table, Thread
from model.lang import World, pure

from ..kernel.objects import AnonVma, Folio, Gather, Mm, RmapWalk, RwSem, Swap, Vma


@dataclass(frozen=True)
class View:
    """The objects of a world.  Tuples are in the order of creation."""

    static_methods: ClassVar[bool] = True  # the front end may call them while it compiles

    cpus: tuple[Cpu, ...]
    threads: tuple[Thread, ...]
    locks: tuple[SpinLock, ...]
    sems: tuple[RwSem, ...]
    folios: tuple[Folio, ...]
    tables: tuple[Table, ...]
    ptes: tuple[Pte, ...]
    pmds: tuple[Pmd, ...]
    vmas: tuple[Vma, ...]
    mms: tuple[Mm, ...]
    anon_vmas: tuple[AnonVma, ...]
    swaps: tuple[Swap, ...]
    walks: tuple[RmapWalk, ...]
    gathers: tuple[Gather, ...]
    addresses: tuple[Addr, ...]

    @property
    def rmap_sems(self) -> tuple[RwSem, ...]:
        """The locks of anon_vma roots."""
        used = {a.rwsem for v in self.vmas for a in v.trees}
        return tuple(s for s in self.sems if s in used)

    @property
    def walk_sems(self) -> tuple[RwSem, ...]:
        """The locks under which walks of the reverse map go: of files, and of anon_vma roots."""
        files = {v.file.i_mmap_rwsem for v in self.vmas if v.file is not None}
        return tuple(s for s in self.sems if s in files or s in self.rmap_sems)

    def vma_at(self, addr: Addr) -> Vma:
        """The VMA that an address is in."""
        return next(v for v in self.vmas if v.start <= addr < v.end)

    def mm_of(self, cpu: Cpu) -> Mm:
        """The address space that a CPU runs user code of."""
        return next(mm for mm in self.mms if mm.root is cpu.root)

    def gather(self, thread: Thread) -> Gather:
        """The mmu_gather of a thread."""
        return self.gathers[self.threads.index(thread)]

    def walk(self, thread: Thread) -> RmapWalk:
        """The rmap walk of a thread."""
        return self.walks[self.threads.index(thread)]


@pure
def before(thread: Thread, pte: Pte) -> PteVal:
    """The entry as it was when its lock was taken, if the thread has changed it since."""
    return thread.took[pte.addr] if thread.took[pte.addr].kind != PteKind.NONE else pte.val


@pure
def throws_away(s: View, thread: Thread, folio: Folio) -> bool:
    """True if the thread, which unmaps a folio, does so in a walk and for good (MADV_FREE): no
    entry of migration stands for it.  To swap goes what no MADV_FREE has been at."""
    return (
        s.walk(thread).folio == folio
        and folio.lazyfree
        and all(pte.val.kind != PteKind.MIGRATION or pte.val.frame != folio.frame for pte in s.ptes)
    )


def view(world: World) -> View:
    """Everything in a world; only CPUs that run user code."""
    roots = world.all(Root)
    addresses = {a for r in roots for a, pmd in enumerate(r.pmds) if pmd is not None}
    return View(
        tuple(c for c in world.all(Cpu) if c.user), world.all(Thread), world.all(SpinLock),
        world.all(RwSem), world.all(Folio), world.all(Table), world.all(Pte), world.all(Pmd),
        world.all(Vma), world.all(Mm), world.all(AnonVma), world.all(Swap), world.all(RmapWalk),
        world.all(Gather), tuple(sorted(addresses)),
    )  # fmt: skip

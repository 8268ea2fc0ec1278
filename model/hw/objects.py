# SPDX-License-Identifier: GPL-2.0-only
"""What hardware knows: processors, threads of execution, lock words, frames and page tables.

Addresses are page numbers.  A world names them (``src+0``); ``Addr`` and ``Token`` are the
ranges that it declares.  Two levels of the page table are modelled: an entry that points to a
table (`Pmd`) and the entries in a table (`Pte`); higher levels never change here.
"""

from __future__ import annotations

import enum
from typing import Annotated, Any

from model.lang import (
    Array,
    Bounded,
    Kobject,
    ghost,
    hardware,
    kfield,
    lockword,
    pure,
    record,
    static,
)

Addr = Annotated[int, Bounded("addr")]
"""A virtual page number."""

Token = Annotated[int, Bounded("token")]
"""What a page holds: 0 at first, another number for each store of a user."""

Entry = Annotated[int, Bounded("entry")]
"""A swap entry: a slot number, 0 for none."""


class Frame(Kobject):
    """A page of physical memory.  For an order-0 folio, the folio's page."""

    zero: bool = kfield(False, "it is the shared zero page", const=True)
    folio: Any = kfield(None, "the struct folio that the kernel keeps for it", const=True)
    value: Token = kfield(0, "what it holds")
    modified: bool = ghost(False, "a store was recorded as Dirty and is not saved yet")


class PteKind(enum.Enum):
    """What kind of page-table entry it is."""

    NONE = 0
    PRESENT = 1
    SWAP = 2
    MIGRATION = 3
    MARKER = 4


@record
class PteVal:
    """The value of a page-table entry: hardware and software bits."""

    kind: PteKind = PteKind.NONE
    frame: Frame | None = None  # mapped, or under migration
    write: bool = False  # writable; for MIGRATION, a write entry
    dirty: bool = False
    young: bool = False
    protnone: bool = False  # present to the kernel, no access for the user (NUMA hinting)
    soft_dirty: bool = False
    uffd_wp: bool = False
    exclusive: bool = False  # SWAP and MIGRATION: the page was PageAnonExclusive
    entry: Entry = 0  # SWAP: the slot


@record
class Translation:
    """What a TLB holds for an address."""

    frame: Frame
    write: bool
    dirty: bool


class Thread(Kobject):
    """A thread of execution in the kernel, on a CPU of its own."""

    cpu: Cpu = kfield(const=True)
    rcu: int = lockword(0, "depth of rcu_read_lock", hi=4)
    removed: Array[Addr, frozenset[Translation]] = ghost(
        frozenset(),
        "translations that this call answers for when it returns: what it took away from "
        "the page table, and what it found taken away while it had an mmu_gather",
    )
    placed: Array[Addr, bool] = ghost(
        False, "addresses at which this call has put something where nothing was"
    )
    taken: Array[Addr, bool] = ghost(
        False, "addresses from which this call has taken what was there, and not put it back"
    )
    took: Array[Addr, PteVal] = ghost(
        PteVal(), "what entries were that it has changed since it holds their lock"
    )
    unlinked: Array[Pmd, Table | None] = ghost(
        None, "the table that it has taken from a PMD entry since it holds the lock of that"
    )


class SpinLock(Kobject):
    """A spinlock; of several, the position in the world is the address order."""

    owner: Thread | None = lockword(None, "who holds it")
    rank: int = kfield(0, "position in address order", const=True, hi=7)
    irqs_off: bool = ghost(False, "somebody has taken it with interrupts off")


class Table(Kobject):
    """A page of page-table entries."""

    ptl: SpinLock = kfield(const=True, doc="its split page-table lock")
    slots: tuple[Pte, ...] = kfield(
        (), const=True, doc="its entries, by address; of one that may be moved, at each place"
    )
    spare: bool = kfield(False, "in use by nobody at first", const=True)
    freed: bool = kfield(False, "with the page allocator")
    sharers: int = kfield(
        0, "pt_share_count: entries that point to it, other than the first (hugetlb)", hi=3
    )


class Pte(Kobject):
    """An entry of a table: the word that maps one page."""

    table: Table = kfield(const=True)
    addr: Addr = kfield(
        0, const=True, doc="the address that it maps while its table is in use at its first place"
    )
    here: Pmd | None = kfield(
        None, const=True, doc="of a table that may be moved: the PMD entry above its first place"
    )
    there: Pmd | None = kfield(None, const=True, doc="the PMD entry above its second place")
    elsewhere: Addr = kfield(0, const=True, doc="the address at its second place, or `addr`")
    val: PteVal = kfield(PteVal(), "the entry", lock="table.ptl.owner")


class Pmd(Kobject):
    """An entry that points to a table, or is a leaf."""

    table: Table | None = kfield(None, "the table, None if there is none", lock="ptl.owner")
    leaf: PteVal = kfield(
        PteVal(), "a leaf: what it maps, its frame that of the head (pmd_leaf)", lock="ptl.owner"
    )
    ptl: SpinLock = kfield(const=True, doc="pmd_lockptr")


class Root(Kobject):
    """The page-table root of an address space."""

    pmds: tuple[Pmd, ...] = kfield((), const=True, doc="the entry that translates each address")


class Cpu(Kobject):
    """A processor.

    Kernel code of the models runs on CPUs of its own; `user` CPUs run user code of one address
    space, and theirs are the TLBs that matter.
    """

    user: bool = kfield(False, "runs user code", const=True)
    root: Root | None = kfield(None, "what its page walks start from", const=True)
    irqs_off: bool = hardware(False, "interrupts are disabled: an IPI waits")
    lazy: bool = hardware(False, "runs a kernel thread and keeps the mm's translations")
    stores: int = hardware(0, "stores that its user code will make", hi=2)
    tlb: Array[Addr, frozenset[Translation]] = hardware(frozenset(), "cached translations")
    walk: Array[Pmd, frozenset[Table]] = hardware(frozenset(), "cached pointers to tables")
    issued: Array[Addr, frozenset[Translation]] = hardware(
        frozenset(), "translations that an invalidation by this CPU will have dropped"
    )
    issued_walk: Array[Pmd, frozenset[Table]] = hardware(
        frozenset(), "the same for cached pointers to tables"
    )


@static
def places(pte: Pte) -> tuple[Addr, ...]:
    """Every address that an entry may map: several if its table may be moved."""
    return tuple(addr for addr, slot in enumerate(pte.table.slots) if slot is pte)


@static
def moves(pte: Pte) -> bool:
    """True if the table of an entry may be moved."""
    return len(places(pte)) > 1


@static
def pmd_above(pte: Pte, addr: Addr) -> Pmd:
    """The PMD entry that has to point to an entry's table for it to map an address."""
    return next(r.pmds[addr] for r in pte.world.all(Root) if r.pmds[addr] is not None)


@static
def tables_move(thread: Thread) -> bool:
    """True if some table of the world may be moved."""
    return any(pte.there is not None for pte in thread.world.all(Pte))


@pure
def maps_at(pte: Pte, addr: Addr) -> bool:
    """True if a page walk for an address ends at an entry; always, if its table stays in place."""
    return not moves(pte) or pmd_above(pte, addr).table == pte.table


@pure
def translation(val: PteVal, write: bool, dirty: bool) -> Translation:
    """What a TLB holds of an entry that translates, with these rights."""
    return Translation(
        frame=val.frame,  # type: ignore[arg-type]  # an entry that translates has a frame
        write=write,
        dirty=dirty,
    )


@pure
def permitted(val: PteVal) -> frozenset[Translation]:
    """The translations that an entry stands for: with its rights, or with fewer; of one that maps
    nothing there are none (see `tlb.fill`)."""
    nothing: frozenset[Translation] = frozenset()
    if not translates(val) or val.frame is None:
        return nothing
    return frozenset(
        {
            translation(val, val.write, val.dirty),
            translation(val, val.write, False),
            translation(val, False, val.dirty),
            translation(val, False, False),
        }
    )


@pure
def translates(val: PteVal) -> bool:
    """Whether hardware may use the entry for a user access."""
    return val.kind == PteKind.PRESENT and not val.protnone

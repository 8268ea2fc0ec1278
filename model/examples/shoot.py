# SPDX-License-Identifier: GPL-2.0-only
"""shoot: TLB shootdown as a system of guarded commands, the yardstick for engines.

CPUs fault pages in and zap them for ever under one page-table lock.  A zap clears the entry,
flushes its own TLB, posts an IPI to every other CPU, unlocks, waits for the acknowledgements
and frees the frame.  TLBs fill by themselves, only where they hold nothing, and never evict.

Asks: may a TLB or the page table name a free frame?
Other checkers (SPIN, TLC, rumur) agree on the number of states:
tests/checks/engine/test_shoot.py.
"""

from __future__ import annotations

import enum

from model.lang import Array, Kobject, World, kfield, pure, rule, wait_until

from .example import Example, Param


class Pc(enum.Enum):
    """Where a CPU is."""

    IDLE = 0
    FAULT = 1  # holds the lock, found no entry
    ZAP = 2  # holds the lock
    CLEARED = 3  # the entry is cleared
    WAIT = 4  # unlocked, waits for acknowledgements


class Frame(Kobject):
    """A page frame."""

    used: bool = kfield(False, "not free")


class Page(Kobject):
    """A virtual page: its page-table entry."""

    pte: Frame | None = kfield(None, "the frame that is mapped")


class Cpu(Kobject):
    """A processor and the kernel code that it is in."""

    pc: Pc = kfield(Pc.IDLE, "where its kernel code is")
    page: Page | None = kfield(None, "what it faults or zaps")
    old: Frame | None = kfield(None, "what it will free")
    tlb: Array[Page, Frame | None] = kfield(None, "its translations")
    ipi: Array[Cpu, bool] = kfield(False, "whom it still waits for")


class Lock(Kobject):
    """The page-table lock."""

    owner: Cpu | None = kfield(None, "who holds it")


class Machine(Kobject):
    """What there is one of."""

    lock: Lock = kfield(const=True)
    cpus: tuple[Cpu, ...] = kfield((), const=True)
    pages: tuple[Page, ...] = kfield((), const=True)
    frames: tuple[Frame, ...] = kfield((), const=True)
    acked: bool = kfield(True, "whether a zap waits for acknowledgements", const=True)
    flushes: bool = kfield(True, "whether a zap flushes its own CPU", const=True)


@rule
def tlb_fill(c: Cpu, p: Page) -> None:
    """Hardware: a walk caches the entry."""
    frame = p.pte
    wait_until(frame is not None and c.tlb[p] is None)
    c.tlb[p] = frame


@rule
def fault_start(m: Machine, c: Cpu, p: Page) -> None:
    wait_until(c.pc == Pc.IDLE and m.lock.owner is None and p.pte is None and c.tlb[p] is None)
    m.lock.owner = c
    c.pc = Pc.FAULT
    c.page = p


@rule
def zap_start(m: Machine, c: Cpu, p: Page) -> None:
    wait_until(c.pc == Pc.IDLE and m.lock.owner is None)
    m.lock.owner = c
    c.pc = Pc.ZAP
    c.page = p


@rule
def fault_map(m: Machine, c: Cpu, f: Frame, p: Page) -> None:
    wait_until(c.pc == Pc.FAULT and c.page == p and p.pte is None and not f.used)
    p.pte = f
    f.used = True
    m.lock.owner = None
    c.pc = Pc.IDLE
    c.page = None


@rule
def fault_nothing(m: Machine, c: Cpu, p: Page) -> None:
    """Somebody mapped it, or there is no memory."""
    wait_until(c.pc == Pc.FAULT and c.page == p)
    wait_until(p.pte is not None or all(f.used for f in m.frames))
    m.lock.owner = None
    c.pc = Pc.IDLE
    c.page = None


@rule
def zap_nothing(m: Machine, c: Cpu, p: Page) -> None:
    wait_until(c.pc == Pc.ZAP and c.page == p and p.pte is None)
    m.lock.owner = None
    c.pc = Pc.IDLE
    c.page = None


@rule
def zap_clear(c: Cpu, p: Page) -> None:
    wait_until(c.pc == Pc.ZAP and c.page == p and p.pte is not None)
    c.old = p.pte
    p.pte = None
    c.pc = Pc.CLEARED


@rule
def zap_flush(m: Machine, c: Cpu, p: Page) -> None:
    """Flush this CPU, post the IPIs, and let go of the lock."""
    wait_until(c.pc == Pc.CLEARED and c.page == p)
    if m.flushes:
        c.tlb[p] = None
    for other in m.cpus:
        c.ipi[other] = other is not c
    m.lock.owner = None
    c.pc = Pc.WAIT


@rule
def zap_free(m: Machine, c: Cpu) -> None:
    wait_until(c.pc == Pc.WAIT)
    wait_until(not m.acked or all(not c.ipi[other] for other in m.cpus))
    for f in m.frames:
        if c.old == f:
            f.used = False
    for other in m.cpus:
        c.ipi[other] = False
    c.old = None
    c.page = None
    c.pc = Pc.IDLE


@rule
def acknowledge(c: Cpu, sender: Cpu, p: Page) -> None:
    """The interrupt: drop the translation."""
    wait_until(sender.ipi[c] and sender.page == p)
    c.tlb[p] = None
    sender.ipi[c] = False


@pure
def is_used(frame: Frame | None) -> bool:
    """No frame is named, or one that is not free."""
    return frame is None or frame.used


@pure
def no_free_frame_is_named(m: Machine) -> bool:
    """Neither a TLB nor the page table names a frame that is free."""
    cached = all(is_used(c.tlb[p]) for c in m.cpus for p in m.pages)
    return cached and all(is_used(p.pte) for p in m.pages)


RULES = (
    tlb_fill, fault_start, zap_start, fault_map, fault_nothing, zap_nothing, zap_clear, zap_flush,
    zap_free, acknowledge,
)  # fmt: skip


def world(
    cpus: int = 3, pages: int = 2, frames: int = 3, *, acked: bool = True, flushes: bool = True
) -> World:
    """The machine with nothing mapped."""
    w = World()
    lock = w.new(Lock, "ptl")
    w.new(
        Machine, "machine", lock=lock, acked=acked, flushes=flushes,
        cpus=tuple(w.new(Cpu, f"cpu{i}") for i in range(cpus)),
        pages=tuple(w.new(Page, f"p{i}") for i in range(pages)),
        frames=tuple(w.new(Frame, f"f{i}") for i in range(frames)),
    )  # fmt: skip
    return w


SHOOT = Example(
    "shoot", {"cpus": Param(1, 4, 3), "pages": Param(1, 4, 2), "frames": Param(1, 6, 3)},
    {"no_ack_wait": {"acked": False}, "no_local_flush": {"flushes": False}},
    world, RULES, (no_free_frame_is_named,),
)  # fmt: skip

# SPDX-License-Identifier: GPL-2.0-only
"""TLBs and walk caches: how they fill and lose entries, and how entries are invalidated.

The meaning: at any time a CPU may read an entry that points to a table and remember the pointer,
may read an entry through a remembered pointer and cache the translation, and may forget either
(Intel SDM vol. 3, 4.10.2 and 4.10.3; Arm ARM D8).  So a page walk is two reads, and a walk
that began before an invalidation is a remembered pointer.

`FILL` are the rules by which caches grow, `EVICT` those by which they shrink: with both, that is
the any-time system.  `eager_tlb` removes them and keeps every set at its largest instead.

An invalidation by instruction (TLBI, INVLPGB) is complete at a barrier of the CPU that issued it.
Until then nothing need be gone; what is cached after it was issued need not go at all.
"""

from __future__ import annotations

from dataclasses import replace

from model.lang import current, effect, hardware_rule, static, step, wait_until

from .objects import (
    Addr,
    Cpu,
    Pmd,
    Pte,
    Root,
    Table,
    Thread,
    Translation,
    permitted,
    places,
    tables_move,
    translates,
)


@static
def cpus_of(cpu: Cpu) -> tuple[Cpu, ...]:
    """Every CPU of the machine."""
    return cpu.world.all(Cpu)


@static
def user_cpus(cpu: Cpu) -> tuple[Cpu, ...]:
    """The CPUs whose TLBs are modelled."""
    return tuple(c for c in cpus_of(cpu) if c.user)


@static
def users_of(cpu: Cpu, root: Root) -> tuple[Cpu, ...]:
    """Of those, the ones that run an address space: an invalidation names its ASID."""
    return tuple(c for c in user_cpus(cpu) if c.root is root)


@static
def walks(cpu: Cpu, pmd: Pmd) -> bool:
    """True if a page walk of this CPU may read this entry."""
    return cpu.user and pmd in _pmds(cpu)


def _pmds(cpu: Cpu) -> tuple[Pmd, ...]:
    assert cpu.root is not None, "only a CPU that runs user code walks"
    return cpu.root.pmds


@static
def pmd_at(cpu: Cpu, addr: Addr) -> Pmd:
    """The entry that a page walk of this CPU reads first for an address."""
    return _pmds(cpu)[addr]


@static
def addresses_of(cpu: Cpu) -> int:
    """How many addresses a page walk of this CPU may be asked for."""
    return len(_pmds(cpu))


@static
def translated(cpu: Cpu) -> tuple[Addr, ...]:
    """Every address that a page walk of this CPU finds an entry for."""
    return tuple(a for a, pmd in enumerate(_pmds(cpu)) if pmd is not None)


@static
def entries_of(cpu: Cpu, addr: Addr) -> tuple[Pte, ...]:
    """The entries that an address has in the tables of the world."""
    return tuple(p for p in cpu.world.all(Pte) if addr in places(p))


@static
def threads_of(cpu: Cpu) -> tuple[Thread, ...]:
    """Every thread of the machine."""
    return cpu.world.all(Thread)


# -- rules: what hardware does by itself -----------------------------------------------------------


@hardware_rule
def remember_table(cpu: Cpu, pmd: Pmd) -> None:
    """Walk, upper part: read the entry that points to a table."""
    wait_until(walks(cpu, pmd))
    table = pmd.table
    wait_until(table is not None)
    found: frozenset[Table] = frozenset({table})  # type: ignore[arg-type]  # waited for
    cpu.walk[pmd] = cpu.walk[pmd] | found
    for issuer in cpus_of(cpu):
        issuer.issued_walk[pmd] = issuer.issued_walk[pmd] - found


@hardware_rule
def fill(cpu: Cpu, addr: Addr, table: Table) -> None:
    """Walk, last read: the entry in a table whose pointer is at hand.

    Of an entry that maps nothing nothing is held: it is wrong already, and is told where it is
    written (`a_present_entry_maps_a_page`).
    """
    wait_until(cpu.user)
    pmd = pmd_at(cpu, addr)
    pte = table.slots[addr]
    wait_until(pmd is not None and pte is not None)
    val = pte.val
    frame = val.frame
    wait_until(table in cpu.walk[pmd] and translates(val) and frame is not None)
    held = Translation(frame=frame, write=val.write, dirty=val.dirty)  # type: ignore[arg-type]
    found = frozenset({held})  # waited for
    cpu.tlb[addr] = cpu.tlb[addr] | found
    for issuer in cpus_of(cpu):
        issuer.issued[addr] = issuer.issued[addr] - found


@hardware_rule
def forget(cpu: Cpu, addr: Addr) -> None:
    """Evict what is cached for an address."""
    wait_until(cpu.user)
    cpu.tlb[addr] = frozenset()


@hardware_rule
def forget_table(cpu: Cpu, pmd: Pmd) -> None:
    """Evict remembered pointers."""
    wait_until(cpu.user)
    cpu.walk[pmd] = frozenset()


@hardware_rule
def set_accessed(cpu: Cpu, addr: Addr, table: Table) -> None:
    """The walker sets Accessed in an entry that it may cache.

    Apart from `fill`, so that a system without it can leave Accessed out; an entry filled while
    Accessed is clear is one that real hardware would have set it in first.
    """
    wait_until(cpu.user)
    pmd = pmd_at(cpu, addr)
    pte = table.slots[addr]
    wait_until(pmd is not None and pte is not None)
    val = pte.val
    wait_until(table in cpu.walk[pmd] and translates(val) and not val.young)
    pte.val = replace(val, young=True)


@hardware_rule
def set_dirty(cpu: Cpu, addr: Addr, table: Table) -> None:
    """The walker sets Dirty for a store, in the entry as it is in memory now."""
    wait_until(cpu.user and cpu.stores > 0 and not cpu.lazy)
    pmd = pmd_at(cpu, addr)
    pte = table.slots[addr]
    wait_until(pmd is not None and pte is not None)
    val = pte.val
    wait_until(table in cpu.walk[pmd] and translates(val) and val.write and not val.dirty)
    new = replace(val, dirty=True)
    pte.val = new
    for thread in threads_of(cpu):
        thread.removed[addr] = thread.removed[addr] - permitted(new)


@hardware_rule
def store(cpu: Cpu, addr: Addr, through: Translation) -> None:
    """User code stores a token through a cached translation that is writable and dirty."""
    wait_until(cpu.user and through.write and through.dirty)
    wait_until(cpu.stores > 0 and not cpu.lazy and through in cpu.tlb[addr])
    through.frame.value = cpu.stores
    cpu.stores = cpu.stores - 1
    for pte in entries_of(cpu, addr):
        if pte.val.frame == through.frame and pte.val.dirty:
            through.frame.modified = True


FILL = (remember_table, fill)
EVICT = (forget, forget_table)
STORES = (set_accessed, set_dirty, store)


# -- invalidation ----------------------------------------------------------------------------------


@effect
def drop(cpu: Cpu, start: Addr, end: Addr) -> None:
    """One CPU loses its translations of [start, end) and the pointers that led there."""
    for addr in translated(cpu):
        if start <= addr and addr < end:
            cpu.tlb[addr] = frozenset()
            cpu.walk[pmd_at(cpu, addr)] = frozenset()


@effect
def drop_entries(cpu: Cpu, start: Addr, end: Addr) -> None:
    """Drop a CPU's translations of [start, end), and keep its pointers to tables."""
    for addr in translated(cpu):
        if start <= addr and addr < end:
            cpu.tlb[addr] = frozenset()


@effect
def settled(cpu: Cpu, start: Addr, end: Addr) -> None:
    """`cpu` has been flushed: what the flushing thread had taken away there need be remembered
    only where another CPU may still have it."""
    me: Thread = current()
    for addr in translated(cpu):
        if start <= addr and addr < end:
            left: frozenset[Translation] = frozenset()
            for other in user_cpus(cpu):
                if other is not cpu:
                    left = left | other.tlb[addr]
            me.removed[addr] = me.removed[addr] & left


@effect
def drop_entry(cpu: Cpu, addr: Addr) -> None:
    """Every CPU loses its translations of one address (IPTE and the like, with the entry)."""
    for other in user_cpus(cpu):
        other.tlb[addr] = frozenset()


@effect
def drop_pte(cpu: Cpu, pte: Pte) -> None:
    """Every CPU loses what it has of an entry: IPTE names the table and the place in it, so that
    it does not matter at which address the table is."""
    me: Thread = current()
    drop_entry(cpu, pte.addr)
    if tables_move(me) and pte.there is not None:
        drop_entry(cpu, pte.elsewhere)


@effect
def drop_table(cpu: Cpu, pmd: Pmd) -> None:
    """Every CPU loses the pointers that it remembers of an entry (IDTE, with the entry)."""
    for other in user_cpus(cpu):
        other.walk[pmd] = frozenset()


@step("arch/x86/mm/tlb.c:flush_tlb_func", "7.3.4", order="full", traits="ipi")
def ipi(cpu: Cpu, start: Addr, end: Addr, skip_lazy: bool, last_level: bool) -> None:
    """One CPU takes the flush interrupt; the initiator has to wait for it."""
    wait_until(not cpu.irqs_off)
    if cpu.user and not (skip_lazy and cpu.lazy):
        if last_level:
            drop_entries(cpu, start, end)
        else:
            drop(cpu, start, end)
        settled(cpu, start, end)


@step("arch/arm64/include/asm/tlbflush.h:__flush_tlb_range", "7.3.4", order="full", traits="tlbi",
      barrier="tlbi and dsb")  # fmt: skip
def broadcast_flush(cpu: Cpu, root: Root, start: Addr, end: Addr, last_level: bool) -> None:
    """An invalidation and, at once, the wait for it (TLBI; DSB, or INVLPGB; TLBSYNC) as one step.

    One step is enough where nothing stands between the two: an entry that is cached while the
    wait lasts may stay and one cached before may go late, and for any single entry there is a run
    in which the step comes early or late enough.  It is for the address space of `root`.
    """
    for other in users_of(cpu, root):
        if last_level:
            drop_entries(other, start, end)
        else:
            drop(other, start, end)
        settled(other, start, end)


@step("arch/arm64/include/asm/tlbflush.h:__tlbi_level", "7.3.4", traits="tlbi")
def tlbi(cpu: Cpu, root: Root, start: Addr, end: Addr, last_level: bool) -> None:
    """Broadcast an invalidation of [start, end) of an address space; `cpu` issues it."""
    for other in users_of(cpu, root):
        for addr in translated(other):
            if start <= addr and addr < end:
                cpu.issued[addr] = cpu.issued[addr] | other.tlb[addr]
                pmd = pmd_at(other, addr)
                if not last_level:
                    cpu.issued_walk[pmd] = cpu.issued_walk[pmd] | other.walk[pmd]


@step("arch/arm64/include/asm/barrier.h:dsb", "7.3.4", order="full", barrier="dsb")
def dsb(cpu: Cpu) -> None:
    """What this CPU has issued is complete on every CPU."""
    for other in user_cpus(cpu):
        for addr in translated(other):
            other.tlb[addr] = other.tlb[addr] - cpu.issued[addr]
            pmd = pmd_at(other, addr)
            other.walk[pmd] = other.walk[pmd] - cpu.issued_walk[pmd]
    for other in user_cpus(cpu):
        for addr in translated(other):
            cpu.issued[addr] = frozenset()
            cpu.issued_walk[pmd_at(other, addr)] = frozenset()


@hardware_rule
def run_mm_again(cpu: Cpu) -> None:
    """A lazy CPU returns to user code of its mm and catches up on flushes that it was spared.

    arch/x86/mm/tlb.c:switch_mm_irqs_off 7.3.4 compares tlb_gen and flushes when it is behind.
    """
    wait_until(cpu.user and cpu.lazy)
    drop(cpu, 0, addresses_of(cpu))
    cpu.lazy = False


RESUME = (run_mm_again,)

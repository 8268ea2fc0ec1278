# SPDX-License-Identifier: GPL-2.0-only
"""The current thread: RCU read sections, interrupts, choices of the environment, the return."""

from __future__ import annotations

from typing import TypeVar

from model.hw.objects import Addr, Cpu, Pmd, Pte, Root, Thread
from model.lang import Kobject, current, static, step, wait_until

K = TypeVar("K", bound=Kobject)


@static
def threads() -> tuple[Thread, ...]:
    """Every thread of the cast."""
    me: Thread = current()
    return me.world.all(Thread)


@static
def cpus() -> tuple[Cpu, ...]:
    """Every CPU but the one that this thread runs on."""
    me: Thread = current()
    return tuple(c for c in me.world.all(Cpu) if c is not me.cpu)


@static
def addresses() -> tuple[Addr, ...]:
    """Every address that some CPU translates."""
    me: Thread = current()
    roots = me.world.all(Root)
    return tuple(sorted({a for r in roots for a, pmd in enumerate(r.pmds) if pmd is not None}))


@static
def entries() -> tuple[Pte, ...]:
    """Every page-table entry of the world."""
    me: Thread = current()
    return me.world.all(Pte)


@static
def pmds() -> tuple[Pmd, ...]:
    """Every PMD entry of the world."""
    me: Thread = current()
    return me.world.all(Pmd)


@static
def mine(cls: type[K]) -> K:
    """The object of a class that belongs to this thread (it has one per thread)."""
    me: Thread = current()
    return next(o for o in me.world.all(cls) if o.__dict__["thread"] is me)


@step("include/linux/rcupdate.h:rcu_read_lock", "7.3.4", order="plain", traits="rcu")
def rcu_read_lock() -> None:
    me: Thread = current()
    me.rcu = me.rcu + 1


@step("include/linux/rcupdate.h:rcu_read_unlock", "7.3.4", order="plain", traits="rcu")
def rcu_read_unlock() -> None:
    me: Thread = current()
    me.rcu = me.rcu - 1


@step("kernel/rcu/tree.c:call_rcu", "7.3.4", order="full", traits="grace-period",
      several="waits for every reader that there is")  # fmt: skip
def synchronize_rcu() -> None:
    """A grace period: nobody is in a read section, and no CPU has interrupts off.

    Stands for call_rcu: the caller of the model frees by itself what the callback would free.
    Readers that begin later hold it up as well, which only delays the free.
    """
    for thread in threads():
        wait_until(thread.rcu == 0 and not thread.cpu.irqs_off)


@step("include/linux/irqflags.h:local_irq_save", "7.3.4")
def local_irq_save() -> None:
    me: Thread = current()
    me.cpu.irqs_off = True


@step("include/linux/irqflags.h:local_irq_restore", "7.3.4")
def local_irq_restore() -> None:
    me: Thread = current()
    me.cpu.irqs_off = False


@step(traits="ghost")
def reports_pages(result: int) -> None:
    """Note what the call is about to return: how many pages it has put in place, or an error."""


@step(traits="ghost")
def reports_moved(start: Addr, end: Addr) -> None:
    """Note that a call takes a range for moved: whatever is still there will be unmapped."""


@step(traits="return")
def return_to_caller(result: object) -> None:
    """The call is over.  Invariants about the end of a call attach here; ghosts are cleared."""
    me: Thread = current()
    for addr in addresses():
        me.removed[addr] = frozenset()
        me.placed[addr] = False
        me.taken[addr] = False

# SPDX-License-Identifier: GPL-2.0-only
"""Pairs of accesses whose order matters, and which an architecture may take in the other order.

Everything else here is decided for sequential consistency.  That is enough where no such pair is:
two accesses of one thread to different locations that the architecture does not keep in order, on
a cycle of the orders of programs and of conflicts between threads (Shasha and Snir, "Efficient and
correct execution of parallel programs that share memory", 1988).

Two accesses of one location are never taken in the other order.  What orders two others of a
thread, on its way from one to the other: a full barrier; a barrier of loads or of stores; an
acquire at the first, a release at the second; on arm64 a release and then an acquire (both are RCsc
there; on riscv they are fences, and RCpc); and on arm64 and riscv a dependency, of an address or of
a value, or of a store behind a branch.  x86 and s390 only let a store be overtaken by a later load.
All four are multi-copy atomic: a store is seen by all other threads at once.  An atomic or a
trylock that may fail orders only on the way on which it has not, unless its architecture orders it
either way.  What depends on a plain load is not kept after it, for a compiler may break that.  A
way that no run takes counts as well, but for one that contradicts itself: each is followed with
what it knows of locals (`ways`), by what checks of the model demand, and by what nobody ever sets
(`unset`).

Conflicts of fields that both sides use under the lock that their declaration names do not count,
for what is in a critical section stays in it; nor do lock words, unless somebody looks at one
without asking for the lock; nor the words of RCU, whose guarantee is the order; nor what a step
does to an object that nobody else can see, which the check that nobody uses what is freed makes
sure of.  That a trylock failed is not seen as a look.  Hardware is left out: an entry is ordered
with its invalidation by the flush itself.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from model.lang import expr as ex
from model.lang.expr import Cell, Expr, Local
from model.lang.ir import Edge, Kind, Storage, Thread
from model.lang.order import BARRIERS
from model.lang.traits import Trait

from .overtaking import Access, Found, Overtaking
from .usage import Part, Region, Regions
from .uses import COUNTED, LOCKLESS, UNSEEN

PRIVATE = UNSEEN | {Trait.NEW}
"""Steps on an object that nobody else has yet, or any more."""

RCU = frozenset({Trait.RCU, Trait.GRACE_PERIOD})
"""Steps that begin or end a read section, or wait for all of them."""


@dataclass(frozen=True)
class Pair:
    """Two accesses that may be taken in the other order, and the two of another thread (or the
    first of one and the last of another) that can tell.

    `unless`: full barriers that other ways from the first to the second come by; what is said is of
    the ways that do not.
    """

    first: Access
    second: Access
    after: Access
    before: Access
    unless: tuple[Edge, ...] = ()


class Ordering:
    """The accesses of threads that run together on an architecture of a family."""

    def __init__(
        self, threads: Sequence[Thread], storage: Mapping[str, Storage], locked: frozenset[str],
        family: str,
    ) -> None:  # fmt: skip
        self._threads, self._storage, self._locked = threads, storage, locked
        self._regions = Regions.of_parts(Part(t, n) for n, t in enumerate(threads))
        self._leaving = [t.leaving() for t in threads]
        self._looked_at = {
            region for thread in threads for edge in thread.edges for region in self._looks(edge)
        }  # fmt: skip
        self._accesses = [
            {id(e): tuple(self._accesses_of(n, e)) for e in t.edges if e.op.access is not None}
            for n, t in enumerate(threads)
        ]
        words = {v for v, kind in storage.items() if kind in (Storage.MEMORY, Storage.LOCK)}
        self._walks = [
            Overtaking(thread, accesses, words, family)
            for thread, accesses in zip(threads, self._accesses, strict=True)
        ]
        self._later: dict[int, list[Access]] = {}

    def pairs(self) -> list[Pair]:
        """Every pair whose order is not decided, by thread and place in the text."""
        return [
            pair for access in self._every()
            for first, says in self._walks[access.thread].overtaken(access)
            if self._shared(first)
            for pair in self._of(first, self._walks[access.thread].following(first, says))
        ]  # fmt: skip

    def _of(self, first: Access, found: Found) -> Iterator[Pair]:
        """The pairs of one access and what may overtake it, if somebody can tell."""
        for second in found.early.values():
            if self._shared(second):
                cycle = self._cycle(first, second)
                if cycle is not None:
                    yield Pair(first, second, *cycle, self._unless(first, second, found))

    def _unless(self, first: Access, second: Access, found: Found) -> tuple[Edge, ...]:
        """The barriers on other ways from the first access to the second, those near it first."""
        near = {id(e): n for n, e in enumerate(self._ahead(first.thread, first.edge))}
        between = [
            barrier for barrier in found.barriers.values()
            if second.edge in self._ahead(first.thread, barrier, without=first.edge)
        ]  # fmt: skip
        return tuple(sorted(between, key=lambda e: near[id(e)]))

    # -- accesses ------------------------------------------------------------------------------

    def _every(self) -> Iterator[Access]:
        for thread in self._accesses:
            for accesses in thread.values():
                yield from accesses

    def _looks(self, edge: Edge) -> Iterator[Region]:
        """The lock words that an edge looks at without asking for the lock.

        To wait until nobody has it, and with the order of one who takes it, is to ask.
        """
        if edge.op.kind is Kind.LOAD and edge.op.access is not None:
            if edge.op.access.order in BARRIERS and not edge.op.updates:
                return
            for part in (edge.op.guard, *(u.value for u in edge.op.updates)):
                for cell in _cells(part):
                    if self._storage[cell.var] is Storage.LOCK:
                        yield self._regions.of(cell)

    def _accesses_of(self, thread: int, edge: Edge) -> Iterator[Access]:
        """What an edge does to each place in memory: several at once, if it is declared so."""
        made = edge.op.access
        assert made is not None
        traits = edge.call.traits if edge.call is not None else frozenset({Trait.LOCKLESS})
        if traits & RCU:
            return
        reads = set(_cells(edge.op.guard))
        for update in edge.op.updates:
            if isinstance(update.place, Local):
                reads |= _cells(update.value)
            elif self._is_memory(update.place):
                reads |= {c for c in _cells(update.value) if c.var != update.place.var}
        writes = {u.place for u in edge.op.updates if isinstance(u.place, Cell)}
        for place in sorted(reads | writes, key=ex.show):
            if self._is_memory(place) and not (traits & PRIVATE and place.var not in COUNTED):
                locked = place.var in self._locked and not traits & LOCKLESS
                region = self._regions.of(place)
                yield Access(
                    thread, edge, place, region, place in reads, place in writes, made.order, locked
                )

    def _is_memory(self, place: Cell) -> bool:
        kind = self._storage[place.var]
        return kind is Storage.MEMORY or (
            kind is Storage.LOCK and self._regions.of(place) in self._looked_at
        )

    @cached_property
    def _by_region(self) -> dict[Region, list[Access]]:
        found: dict[Region, list[Access]] = {}
        for access in self._every():
            found.setdefault(access.region, []).append(access)
        return found

    def _conflicting(self, access: Access) -> Iterator[Access]:
        for other in self._by_region[access.region]:
            if other.thread != access.thread and access.conflicts(other):
                yield other

    def _shared(self, access: Access) -> bool:
        return next(self._conflicting(access), None) is not None

    # -- cycles ----------------------------------------------------------------------------------

    def _cycle(self, first: Access, second: Access) -> tuple[Access, Access] | None:
        """The accesses of others that come right after the second and right before the first, if
        there is a way between them: along programs, and from one thread to the next."""
        came: dict[tuple[int, bool], Access] = {}
        todo: list[tuple[Access, bool]] = []
        for access in self._conflicting(second):
            came[id(access), False] = access
            todo.append((access, False))
        while todo:
            access, moved = todo.pop()
            start = came[id(access), moved]
            if moved and access.conflicts(first):
                return start, access
            ahead = [(a, True) for a in self._after(access)]
            ahead += [
                (a, moved) for a in self._conflicting(access)
                if a.thread not in (first.thread, access.thread)
            ]  # fmt: skip
            for following in ahead:
                key = id(following[0]), following[1]
                if key not in came:
                    came[key] = start
                    todo.append(following)
        return None

    def _after(self, access: Access) -> list[Access]:
        """The accesses that may come later in the thread."""
        known = self._later.get(id(access))
        if known is None:
            accesses = self._accesses[access.thread]
            ahead = self._ahead(access.thread, access.edge)
            known = [a for edge in ahead for a in accesses.get(id(edge), ())]
            self._later[id(access)] = known
        return known

    def _ahead(self, thread: int, start: Edge, without: Edge | None = None) -> list[Edge]:
        """The edges that may come after one, without another one between; nearest first."""
        seen = {start.target}
        todo = deque([start.target])
        found = []
        while todo:
            for edge in self._leaving[thread][todo.popleft()]:
                if edge is without:
                    continue
                found.append(edge)
                if edge.target not in seen:
                    seen.add(edge.target)
                    todo.append(edge.target)
        return found


def _cells(e: Expr) -> set[Cell]:
    return {v for v in ex.leaves(e) if isinstance(v, Cell)}

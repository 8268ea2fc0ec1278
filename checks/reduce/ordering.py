# SPDX-License-Identifier: GPL-2.0-only
"""Pairs of accesses whose order matters, and which an architecture may take in the other order.

Everything else here is decided for sequential consistency.  That is enough where no such pair is:
two accesses of one thread to different locations that the architecture does not keep in order, on
a cycle of the orders of programs and of conflicts between threads (Shasha and Snir, "Efficient and
correct execution of parallel programs that share memory", 1988).

Two accesses of one location are never taken in the other order.  What orders two others of a
thread, on its way from one to the other: a full barrier; a barrier of loads or of stores; an
acquire at the first, a release at the second; a release and then an acquire (both are RCsc on
arm64); and on arm64 a dependency, of an address or of a value, or of a store behind a branch.  x86
and s390 only let a store be overtaken by a later load.  A trylock orders nothing here, for it may
have failed.  A way that no run takes counts as well.

Conflicts of fields that both sides use under the lock that their declaration names do not count,
for the lock orders them; nor do lock words.  Hardware is left out: an entry is ordered with its
invalidation by the flush itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from model.lang import expr as ex
from model.lang.expr import Cell, Expr, Local
from model.lang.ir import Edge, Kind, Op, Role, Thread

from .conflicts import LOCKLESS
from .usage import Part, Region, Regions

TSO = frozenset({"x86", "s390"})
"""Families of architectures on which only a store and a later load are not kept in order."""

_FULL = frozenset({"mb", "after atomic", "dsb", "tlbi and dsb"})


@dataclass(frozen=True, eq=False)
class Access:
    """One access of a thread to memory: an edge, and what it does there."""

    thread: int
    edge: Edge
    place: Cell
    region: Region
    reads: bool
    writes: bool
    order: str
    locked: bool

    def conflicts(self, other: Access) -> bool:
        """Whether the order of two accesses of different threads shows."""
        return (
            self.region == other.region
            and (self.writes or other.writes)
            and not (self.locked and other.locked)
        )


@dataclass(frozen=True)
class Pair:
    """Two accesses that may be taken in the other order, and the two of another thread (or the
    first of one and the last of another) that can tell."""

    first: Access
    second: Access
    after: Access
    before: Access


class Ordering:
    """The accesses of threads that run together on an architecture of a family."""

    def __init__(
        self, threads: Sequence[Thread], roles: Mapping[str, Role], locked: frozenset[str],
        family: str,
    ) -> None:  # fmt: skip
        self._threads, self._roles, self._locked = threads, roles, locked
        self._tso = family in TSO
        self._regions = Regions.of_parts(Part(t, n) for n, t in enumerate(threads))
        self._leaving = [t.leaving() for t in threads]
        self._accesses = [
            {id(e): a for e in t.edges if (a := self._access(n, e)) is not None}
            for n, t in enumerate(threads)
        ]
        self._later: dict[int, list[Access]] = {}

    def pairs(self) -> list[Pair]:
        """Every pair whose order is not decided, by thread and place in the text."""
        found = []
        for accesses in self._accesses:
            for first in accesses.values():
                if not self._shared(first):
                    continue
                for second in self._overtaking(first):
                    if self._shared(second):
                        cycle = self._cycle(first, second)
                        if cycle is not None:
                            found.append(Pair(first, second, *cycle))
        return found

    # -- accesses ------------------------------------------------------------------------------

    def _access(self, thread: int, edge: Edge) -> Access | None:
        made = edge.op.access
        if made is None or self._roles[made.place.var] is not Role.MEMORY:
            return None
        traits = edge.call.traits if edge.call is not None else frozenset({"lockless"})
        reads = edge.op.kind is Kind.LOAD or (edge.op.kind is Kind.RMW and made.used)
        writes = any(
            isinstance(u.place, Cell) and u.place.var == made.place.var for u in edge.op.updates
        )
        order = "plain" if "trylock" in traits else made.order
        locked = made.place.var in self._locked and not traits & LOCKLESS
        region = self._regions.of(made.place)
        return Access(thread, edge, made.place, region, reads, writes, order, locked)

    @cached_property
    def _by_region(self) -> dict[Region, list[Access]]:
        found: dict[Region, list[Access]] = {}
        for accesses in self._accesses:
            for access in accesses.values():
                found.setdefault(access.region, []).append(access)
        return found

    def _conflicting(self, access: Access) -> Iterator[Access]:
        for other in self._by_region[access.region]:
            if other.thread != access.thread and access.conflicts(other):
                yield other

    def _shared(self, access: Access) -> bool:
        return next(self._conflicting(access), None) is not None

    # -- what is not kept in order ---------------------------------------------------------------

    def _overtaking(self, first: Access) -> list[Access]:
        """The accesses that may be carried out before one that comes earlier in its thread."""
        if first.order == "full" or (self._tso and not first.writes):
            return []
        if not self._tso and first.order == "acquire" and first.reads:
            return []
        tainted = _assigned(first.edge) if first.reads else frozenset()
        start = _Way(first.edge.target, tainted, _fixed(first.place))
        found: dict[int, Access] = {}
        seen = {start}
        todo = [start]
        while todo:
            way = todo.pop()
            for edge in self._leaving[first.thread][way.at]:
                then = self._step(first, way, edge, found)
                if then is not None and then not in seen:
                    seen.add(then)
                    todo.append(then)
        return list(found.values())

    def _step(self, first: Access, way: _Way, edge: Edge, found: dict[int, Access]) -> _Way | None:
        """Where a way goes on, if what comes may still overtake; notes what does here."""
        op = edge.op
        if op.kind is Kind.BARRIER and op.note in _FULL:
            return None
        loads = way.loads or (op.kind is Kind.BARRIER and op.note == "rmb" and first.reads)
        stores = way.stores or (op.kind is Kind.BARRIER and op.note == "wmb" and first.writes)
        branch = way.branch or bool(way.tainted & _locals_of(op.guard))
        released = way.released
        tainted = _flowing(op, way.tainted)
        same = way.same and not any(u.place in ex.leaves(first.place) for u in op.updates)
        made = op.access
        if made is not None:
            order = made.order
            if edge.call is not None and "trylock" in edge.call.traits:
                order = "plain"
            if order == "full" or (order == "acquire" and way.released):
                return None
            released = released or order == "release"
            here = self._accesses[first.thread].get(id(edge))
            if here is not None and not (way.same and here.place is first.place):
                if not self._kept(here, way, branch, loads, stores):
                    # a branch keeps the store of an atomic, but not what that looks at
                    kept = branch and here.writes
                    found[id(here)] = replace(here, writes=False) if kept else here
                elif here.reads and order == "acquire":
                    return None
                elif here.reads:
                    tainted |= _assigned(edge)
        return _Way(edge.target, tainted, same, branch, released, loads, stores)

    def _kept(self, here: Access, way: _Way, branch: bool, loads: bool, stores: bool) -> bool:
        """Whether an access is kept after the first one."""
        if self._tso:
            return here.writes or not here.reads
        if here.order == "release" and here.writes:
            return True
        if (loads and here.reads and not here.writes) or (
            stores and here.writes and not here.reads
        ):
            return True
        used = frozenset().union(*(_locals_of(i) for i in here.place.index))
        if here.writes:
            used |= frozenset().union(*(_locals_of(u.value) for u in here.edge.op.updates))
        return bool(used & way.tainted) or (here.writes and not here.reads and branch)

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
            thread = self._leaving[access.thread]
            seen = {access.edge.target}
            todo = [access.edge.target]
            known = []
            while todo:
                for edge in thread[todo.pop()]:
                    here = self._accesses[access.thread].get(id(edge))
                    if here is not None:
                        known.append(here)
                    if edge.target not in seen:
                        seen.add(edge.target)
                        todo.append(edge.target)
            self._later[id(access)] = known
        return known


@dataclass(frozen=True)
class _Way:
    """How far a way has come from an access: the locals that depend on it, whether its place would
    still be the same one, whether a branch depended on it, whether a release came, and a barrier of
    loads or of stores."""

    at: int
    tainted: frozenset[Local]
    same: bool
    branch: bool = False
    released: bool = False
    loads: bool = False
    stores: bool = False


def _locals_of(e: Expr) -> frozenset[Local]:
    return frozenset(v for v in ex.leaves(e) if isinstance(v, Local))


def _assigned(edge: Edge) -> frozenset[Local]:
    return frozenset(u.place for u in edge.op.updates if isinstance(u.place, Local))


def _flowing(op: Op, tainted: frozenset[Local]) -> frozenset[Local]:
    """The locals that depend on tainted ones after an operation."""
    gone, new = set(), set()
    for update in op.updates:
        if isinstance(update.place, Local):
            gone.add(update.place)
            if _locals_of(update.value) & tainted:
                new.add(update.place)
    return (tainted - gone) | new


def _fixed(place: Cell) -> bool:
    """Whether it is one location as long as no local is assigned that its index is made of."""
    return not any(isinstance(v, Cell) for i in place.index for v in ex.leaves(i))

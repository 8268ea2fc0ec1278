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
and s390 only let a store be overtaken by a later load.  An atomic or a trylock that may fail orders
only on the way on which it has not, unless its architecture orders it either way.  What depends on
a plain load is not kept after it, for a compiler may break that.  A way that no run takes counts as
well, but for one that contradicts itself: each is followed with what it knows of locals (`ways`).

Conflicts of fields that both sides use under the lock that their declaration names do not count,
for what is in a critical section stays in it; nor do lock words, unless somebody looks at one
without asking for the lock; nor the words of RCU, whose guarantee is the order; nor what a step
does to an object that nobody else can see, which the check that nobody uses what is freed makes
sure of.  That a trylock failed is not seen as a look.  Hardware is left out: an entry is ordered
with its invalidation by the flush itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain

from model.lang import expr as ex
from model.lang.expr import Cell, Expr, Local
from model.lang.ir import Edge, Kind, Op, Role, Thread
from model.lang.order import BARRIERS, success_conditions
from model.lang.sorts import Bool
from model.lang.traits import Trait

from .conflicts import COUNTED, LOCKLESS, UNSEEN
from .usage import Part, Region, Regions
from .ways import NOTHING, Facts, asked_ahead, assigned, branched, carried, conjuncts, renamed

TSO = frozenset({"x86", "s390"})
"""Families of architectures on which only a store and a later load are not kept in order."""

PRIVATE = UNSEEN | {Trait.NEW}
"""Steps on an object that nobody else has yet, or any more."""

RCU = frozenset({Trait.RCU, Trait.GRACE_PERIOD})
"""Steps that begin or end a read section, or wait for all of them."""

_FULL = frozenset({"mb", "after atomic", "dsb", "tlbi and dsb"})


@dataclass(frozen=True, eq=False)
class Access:
    """One access of a thread to memory: an edge, and what it does there.

    `reserved`: the write of an atomic by itself, between which and what the atomic has looked at no
    other write comes, so that only a look can tell when it happened.
    """

    thread: int
    edge: Edge
    place: Cell
    region: Region
    reads: bool
    writes: bool
    order: str
    locked: bool
    reserved: bool = False

    def conflicts(self, other: Access) -> bool:
        """Whether the order of two accesses of different threads shows."""
        return (
            self.region == other.region
            and (self.writes or other.writes)
            and not (self.locked and other.locked)
            and not (self.reserved and other.writes)
            and not (other.reserved and self.writes)
        )


@dataclass(frozen=True)
class Pair:
    """Two accesses that may be taken in the other order, and the two of another thread (or the
    first of one and the last of another) that can tell."""

    first: Access
    second: Access
    after: Access
    before: Access


_Found = dict[tuple[int, Cell], Access]
"""What may overtake an access: by edge and place."""


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
        self._asked = [asked_ahead(t) for t in threads]
        self._looked_at = {
            region for thread in threads for edge in thread.edges for region in self._looks(edge)
        }  # fmt: skip
        self._accesses = [
            {id(e): tuple(self._accesses_of(n, e)) for e in t.edges if e.op.access is not None}
            for n, t in enumerate(threads)
        ]
        self._later: dict[int, list[Access]] = {}

    def pairs(self) -> list[Pair]:
        """Every pair whose order is not decided, by thread and place in the text."""
        found = []
        for first, says in chain.from_iterable(map(self._overtaken, self._every())):
            if not self._shared(first):
                continue
            for second in self._overtaking(first, says):
                if self._shared(second):
                    cycle = self._cycle(first, second)
                    if cycle is not None:
                        found.append(Pair(first, second, *cycle))
        return found

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
                    if self._roles[cell.var] is Role.LOCK:
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
        role = self._roles[place.var]
        return role is Role.MEMORY or (
            role is Role.LOCK and self._regions.of(place) in self._looked_at
        )

    @cached_property
    def _words(self) -> set[str]:
        return {v for v, role in self._roles.items() if role in (Role.MEMORY, Role.LOCK)}

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

    # -- what is not kept in order ---------------------------------------------------------------

    def _overtaken(self, access: Access) -> Iterator[tuple[Access, Facts]]:
        """What of an access may be carried out late, and the facts that say that it may not.

        Of a barrier, what it looks at when it fails.  Of an acquire, what it writes as well: only
        its look is kept before what follows (TSO has no atomic that is less than a barrier).
        """
        if access.order not in BARRIERS or not access.reads:
            if access.order != "full":
                yield access, NOTHING
            return
        says = self._success(access.edge.op)
        if says is not None:
            yield replace(access, writes=False), says
        if access.order == "acquire" and access.writes and not self._tso:
            yield replace(access, reads=False, reserved=True), NOTHING

    def _overtaking(self, first: Access, says: Facts) -> list[Access]:
        """The accesses that may be carried out before one that comes earlier in its thread."""
        thread = first.thread
        if self._tso and not first.writes:
            return []
        depends = first.reads and first.order != "plain"
        tainted = _assigned(first.edge) if depends else frozenset()
        known = assigned(NOTHING, first.edge.op, self._asked[thread][first.edge.target])
        start = _Way(first.edge.target, tainted, _fixed(first.place), says=says, known=known)
        found: _Found = {}
        seen = {start}
        todo = [start]
        while todo:
            way = todo.pop()
            for edge in self._leaving[thread][way.at]:
                then = self._step(first, way, edge, found)
                if then is not None and then not in seen:
                    seen.add(then)
                    todo.append(then)
        return list(found.values())

    def _step(self, first: Access, way: _Way, edge: Edge, found: _Found) -> _Way | None:
        """Where a way goes on, if what comes may still overtake; notes what does here."""
        op = edge.op
        if op.kind is Kind.BARRIER and op.note in _FULL:
            return None
        known = branched(way.known, op.guard)
        if known is None or not way.says.isdisjoint(conjuncts(op.guard)):
            return None
        loads, stores, branch = way.loads, way.stores, way.branch
        if op.kind is Kind.BARRIER:
            loads = loads or (op.note == "rmb" and first.reads)
            stores = stores or (op.note == "wmb" and first.writes)
        if way.tainted and not branch:
            branch = bool(way.tainted & _locals_of(op.guard))
        if (loads, stores, branch) != (way.loads, way.stores, way.branch):
            way = replace(way, loads=loads, stores=stores, branch=branch)
        tainted = _flowing(op, way.tainted)
        released, says = way.released, _followed(op, way.says)
        if op.access is not None:
            order = op.access.order
            barrier = order == "full" or (order == "acquire" and released)
            if barrier and self._success(op) is None:
                return None
            released = released or order == "release"
            if self._note(first, way, edge, found):
                barrier = barrier or order == "acquire"
                if order not in ("acquire", "plain"):
                    tainted |= _assigned(edge)
            if barrier:
                found_out = self._success(op)
                if found_out is None:
                    return None
                says |= found_out
        asked = self._asked[first.thread][edge.target]
        known = assigned(known, op, asked)
        says = frozenset(s for s in says if ex.leaves(s) <= asked)
        same = way.same and not any(u.place in ex.leaves(first.place) for u in op.updates)
        return _Way(edge.target, tainted, same, branch, released, loads, stores, says, known)

    def _note(self, first: Access, way: _Way, edge: Edge, found: _Found) -> bool:
        """Note the accesses of an edge that may overtake; whether it reads what is kept."""
        kept = False
        for here in self._accesses[first.thread][id(edge)]:
            if way.same and here.place is first.place:
                continue
            if here.order == "full":  # it comes early only if it fails
                here = replace(here, writes=False)
            if self._kept(here, way):
                kept = kept or here.reads
                continue
            if way.branch and here.writes:  # keeps the store of an atomic, but not what it looks at
                here = replace(here, writes=False)
            key = id(edge), here.place
            if key not in found or here.writes:
                found[key] = here
        return kept

    def _success(self, op: Op) -> Facts | None:
        """The facts each of which says that an atomic has not failed; None if it orders anyway."""
        assert op.access is not None
        tests = success_conditions(op, self._words)
        if op.access.otherwise == "full" or not tests:
            return None
        said: set[Expr] = set()
        for update in op.updates:
            if isinstance(update.place, Local):
                for test in tests:
                    said |= _saying(test, update.place, update.value)
        return frozenset(said)

    def _kept(self, here: Access, way: _Way) -> bool:
        """Whether an access is kept after the first one."""
        if self._tso:
            return not here.reads
        if here.order == "release" and here.writes:
            return True
        if way.loads and not here.writes:
            return True
        if way.stores and not here.reads:
            return True
        used = frozenset().union(*(_locals_of(i) for i in here.place.index))
        if here.writes:
            used |= frozenset().union(*(_locals_of(u.value) for u in here.edge.op.updates))
        return bool(used & way.tainted) or (here.writes and not here.reads and way.branch)

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
                    known.extend(self._accesses[access.thread].get(id(edge), ()))
                    if edge.target not in seen:
                        seen.add(edge.target)
                        todo.append(edge.target)
            self._later[id(access)] = known
        return known


@dataclass(frozen=True)
class _Way:
    """How far a way has come from an access: the locals that depend on it, whether its place would
    still be the same one, whether a branch depended on it, whether a release came, and a barrier of
    loads or of stores; the facts each of which says that a full barrier came; and what is known."""

    at: int
    tainted: frozenset[Local]
    same: bool
    branch: bool = False
    released: bool = False
    loads: bool = False
    stores: bool = False
    says: Facts = NOTHING
    known: Facts = NOTHING


def _locals_of(e: Expr) -> frozenset[Local]:
    return frozenset(v for v in ex.leaves(e) if isinstance(v, Local))


def _cells(e: Expr) -> set[Cell]:
    return {v for v in ex.leaves(e) if isinstance(v, Cell)}


def _saying(test: Expr, local: Local, value: Expr) -> set[Expr]:
    """What is a fact about a local that is assigned a value only if a test held."""
    needed = set(conjuncts(test))
    found: set[Expr] = {local} if needed <= set(conjuncts(value)) else set()
    if needed <= set(conjuncts(ex.not_(value))):
        found.add(ex.not_(local))
    if isinstance(value, Cell):  # the value that the test is about
        fact = renamed(test, value, local)
        if ex.leaves(fact) == {local}:
            found.add(fact)
    return found


def _followed(op: Op, says: Facts) -> Facts:
    """The facts that say after an operation what these say before it."""
    found = carried(says, op)
    for update in op.updates:
        if isinstance(update.place, Local) and isinstance(update.value.sort, Bool):
            if not says.isdisjoint(conjuncts(update.value)):
                found.add(update.place)
            if not says.isdisjoint(conjuncts(ex.not_(update.value))):
                found.add(ex.not_(update.place))
    return frozenset(found)


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

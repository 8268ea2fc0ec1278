# SPDX-License-Identifier: GPL-2.0-only
"""Reordering: which accesses overtake earlier ones of their thread, and what keeps them in order.

The rules are at the top of `ordering`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from model.lang import expr as ex
from model.lang.errors import ModelError, near
from model.lang.expr import Cell, Expr, Local
from model.lang.ir import Edge, Kind, Op, Thread
from model.lang.order import BARRIERS, success_conditions
from model.lang.sorts import Bool

from .usage import Region
from .ways import NOTHING, Facts, asked_ahead, assigned, branched, carried, renamed


@dataclass(frozen=True)
class Rules:
    """The rules in which memory models differ.

    `tso`: only a store and a later load are not kept in order.  `rcsc`: a release and a later
    acquire are kept in order, and are a full barrier together.
    """

    tso: bool = False
    rcsc: bool = False


RULES = {
    "x86": Rules(tso=True),
    "s390": Rules(tso=True),
    "arm64": Rules(rcsc=True),
    "riscv": Rules(),
}
"""By memory model.  On riscv the acquire and the release of a lock are fences, `fence r,rw` after
the load and `fence rw,w` before the store, and leave that load free to overtake that store
(arch/riscv/include/asm/barrier.h:__smp_store_release, __smp_load_acquire 7.3.4).  An AMO that is
.rl and a later one that is .aq would stay in order; a declared word tells nothing of that."""

_FULL = frozenset({"mb", "after atomic", "dsb", "tlbi and dsb"})


@dataclass(frozen=True, eq=False)
class Access:
    """An access of a thread to memory: an edge, and what it does there.

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
        """True if the order of two accesses of different threads shows."""
        return (
            self.region == other.region
            and (self.writes or other.writes)
            and not (self.locked and other.locked)
            and not (self.reserved and other.writes)
            and not (other.reserved and self.writes)
        )


@dataclass(frozen=True)
class Found:
    """Accesses that may overtake one, by edge and place; and the barriers that stop the others."""

    early: dict[tuple[int, Cell], Access] = field(default_factory=dict)
    barriers: dict[int, Edge] = field(default_factory=dict)


class Overtaking:
    """Follows the ways from accesses of one thread; `words` are the variables of memory."""

    def __init__(
        self, thread: Thread, accesses: Mapping[int, Sequence[Access]], words: Collection[str],
        family: str,
    ) -> None:  # fmt: skip
        self._leaving, self._asked = thread.leaving(), asked_ahead(thread)
        self._accesses, self._words = accesses, words
        if family not in RULES:
            raise ModelError(
                f"no memory model '{family}'", why="what it may reorder is not known",
                instead=near(family, RULES),
            )  # fmt: skip
        self._rules = RULES[family]

    def overtaken(self, access: Access) -> Iterator[tuple[Access, Facts]]:
        """The part of an access that may come late, and the facts that say that it may not.

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
        if access.order == "acquire" and access.writes and not self._rules.tso:
            yield replace(access, reads=False, reserved=True), NOTHING

    def following(self, first: Access, says: Facts) -> Found:
        """The accesses that may be carried out before one that comes earlier in its thread."""
        if self._rules.tso and not first.writes:
            return Found()
        depends = first.reads and first.order != "plain"
        tainted = _assigned(first.edge) if depends else frozenset()
        known = assigned(NOTHING, first.edge.op, self._asked[first.edge.target])
        start = _Way(first.edge.target, tainted, _fixed(first.place), says=says, known=known)
        found = Found()
        seen = {start}
        todo = [start]
        while todo:
            way = todo.pop()
            for edge in self._leaving[way.at]:
                then = self._step(first, way, edge, found)
                if then is not None and then not in seen:
                    seen.add(then)
                    todo.append(then)
        return found

    def _step(self, first: Access, way: _Way, edge: Edge, found: Found) -> _Way | None:
        """Where a way goes on, if what comes may still overtake; notes what does here."""
        op = edge.op
        if op.kind is Kind.BARRIER and op.note in _FULL:
            found.barriers[id(edge)] = edge
            return None
        known = branched(way.known, _required(op))
        if known is None or not way.says.isdisjoint(ex.conjuncts(op.guard)):
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
            paired = self._rules.rcsc and released
            barrier = order == "full" or (order == "acquire" and paired)
            if barrier and self._success(op) is None:
                found.barriers[id(edge)] = edge
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
        asked = self._asked[edge.target]
        known = assigned(known, op, asked)
        says = frozenset(s for s in says if ex.leaves(s) <= asked)
        same = way.same and not any(u.place in ex.leaves(first.place) for u in op.updates)
        return _Way(edge.target, tainted, same, branch, released, loads, stores, says, known)

    def _note(self, first: Access, way: _Way, edge: Edge, found: Found) -> bool:
        """Note the accesses of an edge that may overtake; whether it reads what is kept."""
        kept = False
        for here in self._accesses[id(edge)]:
            if way.same and here.place is first.place:
                continue
            if here.order == "full":  # it comes early only if it fails
                here = replace(here, writes=False)
            if self._kept(here, way):
                looks = replace(here, writes=False)  # of an atomic, only the write may be kept
                kept = kept or (here.reads and self._kept(looks, way))
                continue
            if way.branch and here.writes:  # keeps the store of an atomic, but not what it looks at
                here = replace(here, writes=False)
            key = id(edge), here.place
            if key not in found.early or here.writes:
                found.early[key] = here
        return kept

    def _success(self, op: Op) -> Facts | None:
        """The facts each of which says that an atomic has not failed; None if it orders anyway."""
        assert op.access is not None
        tests = success_conditions(op, self._words)
        if op.access.otherwise in ("full", op.access.order) or not tests:
            return None
        said: set[Expr] = set()
        for update in op.updates:
            if isinstance(update.place, Local):
                for test in tests:
                    said |= _saying(test, update.place, update.value)
        return frozenset(said)

    def _kept(self, here: Access, way: _Way) -> bool:
        """True if an access is kept after the first one."""
        if self._rules.tso:
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


def _required(op: Op) -> Expr:
    """The condition where an operation is carried out: its guard, and the checks of the model,
    without which no verdict is given."""
    return ex.and_(op.guard, *(check.cond for check in op.checks if check.halts))


def _saying(test: Expr, local: Local, value: Expr) -> set[Expr]:
    """Facts about a local that is assigned a value only if a test held."""
    needed = set(ex.conjuncts(test))
    found: set[Expr] = {local} if needed <= set(ex.conjuncts(value)) else set()
    if needed <= set(ex.conjuncts(ex.not_(value))):
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
            if not says.isdisjoint(ex.conjuncts(update.value)):
                found.add(update.place)
            if not says.isdisjoint(ex.conjuncts(ex.not_(update.value))):
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
    """True if it stays one location while no local of its index is assigned."""
    return not any(isinstance(v, Cell) for i in place.index for v in ex.leaves(i))

# SPDX-License-Identifier: GPL-2.0-only
"""The intermediate representation: what every front end makes and every engine reads.

A `System` is shared variables, threads and rules.  A thread is a control-flow graph whose edges
carry one operation each; a rule is an operation that may happen at any time (hardware, RCU
callbacks, or a whole system of guarded commands).  An operation is a guard, a simultaneous
assignment and checks, all over finite sorts, and says besides what memory it touches and how
that access is ordered, so that memory ordering can become a pass over the same text.

Nothing here is callable or knows Python's objects: `textform` writes it out and reads it back.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property
from operator import is_
from typing import NamedTuple

from .expr import TRUE, Cell, Const, Expr, Local, leaves
from .sorts import Sort
from .traits import Trait


class Storage(StrEnum):
    """What a shared variable stands for."""

    MEMORY = "memory"  # words that the kernel reads and writes
    LOCK = "lock"  # lock words; the holder is part of the value
    HARDWARE = "hardware"  # TLBs, walk caches, interrupt state: no guard of software reads it
    GHOST = "ghost"  # kept for invariants only: nothing that runs may read it


@dataclass(frozen=True)
class Variable:
    """A shared variable, or an array of them with one element for each value of `dims`."""

    name: str
    dims: tuple[Sort, ...]
    sort: Sort
    storage: Storage = Storage.MEMORY
    doc: str = ""


class Kind(StrEnum):
    """What an edge is; see `Op`."""

    LET = "let"  # locals only
    ASSUME = "assume"  # a branch on locals
    LOAD = "load"
    STORE = "store"
    RMW = "rmw"  # an atomic read-modify-write, also one that waits (a lock)
    PRIMITIVE = "primitive"  # touches hardware or ghosts, no memory
    CHOICE = "choice"  # one of several edges, freely
    BARRIER = "barrier"
    ASSERT = "assert"  # a check of the routine's own
    UNMODELLED = "unmodelled"  # reached: the verdict is unknown
    MERGED = "merged"  # several operations in a row, made by a pass


class Access(NamedTuple):
    """The one access to memory of an operation, for the ordering pass; or, of one that is declared
    to be several accesses at once, the first place, and how all of them are ordered.

    `order` is plain, once, relaxed, acquire, release or full on this architecture; `otherwise`
    is the order when the guard of a compare-and-exchange or trylock fails.
    """

    place: Cell
    order: str = "plain"
    otherwise: str = "plain"
    used: bool = True


NULL_POINTER = "no_null_pointer_is_followed"
"""The invariant after which there is no kernel any more to say anything of."""


def halts(invariant: str) -> bool:
    """True if nothing comes after an invariant fails: the model has no meaning there, or the
    kernel has died."""
    return invariant.startswith("model:") or invariant == NULL_POINTER


class Check(NamedTuple):
    """What must hold when an operation is carried out (in the state before it).

    `steady`: what other threads do meanwhile can only make it hold, so that a pass may judge it
    as soon as the thread gets there.
    """

    invariant: str
    cond: Expr
    steady: bool = False

    @property
    def halts(self) -> bool:
        """True if nothing comes after it fails."""
        return halts(self.invariant)

    def with_cond(self, cond: Expr) -> Check:
        """The check of another condition; itself if it is the same."""
        return self if cond is self.cond else Check(self.invariant, cond, self.steady)


class Update(NamedTuple):
    """A place, and the value that it is given."""

    place: Cell | Local
    value: Expr


@dataclass(frozen=True)
class Op:
    """If `guard`, assign all `updates` at once; each check is judged in the state before."""

    kind: Kind
    guard: Expr = TRUE
    updates: tuple[Update, ...] = ()
    checks: tuple[Check, ...] = ()
    access: Access | None = None
    note: str = ""

    def doing(self, guard: Expr, updates: tuple[Update, ...], checks: tuple[Check, ...]) -> Op:
        """The operation with these instead of its own; itself if they are the same."""
        if guard is self.guard and updates == self.updates and checks == self.checks:
            return self
        return Op(self.kind, guard, updates, checks, self.access, self.note).shared

    @cached_property
    def shared(self) -> Op:
        """The operation that stands for all equal ones, so that what it reads is worked out once:
        passes make the same ones of threads that are alike."""
        if len(_made) > _KEPT:
            _made.clear()
        return _made.setdefault(self, self)

    def __hash__(self) -> int:
        return self._hash

    @cached_property
    def _hash(self) -> int:
        return hash((self.kind, self.guard, self.updates, self.checks, self.access, self.note))

    @cached_property
    def bare(self) -> Op:
        """The operation without its checks."""
        return self.doing(self.guard, self.updates, ())

    @cached_property
    def reads(self) -> frozenset[Expr]:
        """Locals and cells that the operation depends on, checks included."""
        parts = [self.guard, *(c.cond for c in self.checks)]
        for u in self.updates:
            parts.append(u.value)
            if isinstance(u.place, Cell):
                parts.extend(u.place.index)
        return frozenset().union(*(leaves(p) for p in parts))

    @cached_property
    def local_flow(
        self,
    ) -> tuple[frozenset[Local], tuple[tuple[Local, frozenset[Local]], ...]]:
        """The locals that it needs whatever comes after, and for each local that it assigns, those
        that the value is made from."""
        own = tuple((u.place, _locals(u.value)) for u in self.updates if isinstance(u.place, Local))
        values = [u.value for u in self.updates if isinstance(u.place, Cell)]
        places = [i for u in self.updates if isinstance(u.place, Cell) for i in u.place.index]
        parts = [self.guard, *(c.cond for c in self.checks), *values, *places]
        return frozenset().union(*map(_locals, parts)), own

    @cached_property
    def assigned(self) -> frozenset[Local]:
        """The locals that it assigns."""
        return frozenset(u.place for u in self.updates if isinstance(u.place, Local))

    @cached_property
    def cells(self) -> frozenset[Cell]:
        """Cells that it reads or writes."""
        places = self.reads.union(u.place for u in self.updates)
        return frozenset(p for p in places if isinstance(p, Cell))

    @cached_property
    def computed(self) -> frozenset[str]:
        """The arrays of which it uses an element by a computed index."""
        return frozenset(
            c.var for c in self.cells if not all(isinstance(i, Const) for i in c.index)
        )


_made: dict[Op, Op] = {}

_KEPT = 200_000
"""More operations than this are not kept."""

_locals_of: dict[Expr, frozenset[Local]] = {}


def _locals(e: Expr) -> frozenset[Local]:
    found = _locals_of.get(e)
    if found is None:
        found = _locals_of[e] = frozenset(v for v in leaves(e) if isinstance(v, Local))
    return found


@dataclass(frozen=True, slots=True)
class Call:
    """What a step calls: the name and arguments that a trace shows and that invariants attach to.

    `traits` are what the declaration of the step says of it.
    """

    name: str
    args: tuple[tuple[str, Expr], ...] = ()
    traits: frozenset[Trait] = frozenset()


@dataclass(frozen=True)
class Site:
    """A place in a model's source, and the calls that led there.

    `primitive`: the enclosing function is one, so a trace shows the place that called it.
    `call` is what is called here, for the outer places of a chain.
    """

    file: str
    line: int
    col: int
    function: str
    cite: str = ""
    primitive: bool = False
    call: Call | None = None
    outer: Site | None = None

    def chain(self) -> Iterator[Site]:
        """This place and its callers, innermost first."""
        here: Site | None = self
        while here is not None:
            yield here
            here = here.outer

    def shown(self) -> Site:
        """The innermost place that is no part of a primitive: what a reader looks for."""
        return next((s for s in self.chain() if not s.primitive), self)


@dataclass(frozen=True, slots=True)
class Edge:
    source: int
    target: int
    op: Op
    site: Site | None = None
    call: Call | None = None
    choice: str = ""
    number: int = -1
    parts: tuple[Edge, ...] = field(default=(), compare=False)
    """`choice` is the option of a choice, or yes or no of a branch; `number` is the position in
    the thread as the front end made it, which passes keep; `parts` are the edges that a pass
    merged into this one, in order."""

    def with_op(self, op: Op) -> Edge:
        """The edge with another operation; itself if it is the same."""
        if op is self.op:
            return self
        return Edge(
            self.source, self.target, op, self.site, self.call, self.choice, self.number, self.parts
        )

    def between(self, source: int, target: int) -> Edge:
        """The edge from and to other locations."""
        return Edge(
            source, target, self.op, self.site, self.call, self.choice, self.number, self.parts
        )

    def origin(self) -> tuple[Edge, ...]:
        """The edges of the unmerged thread that this one stands for."""
        return self.parts or (self,)


@dataclass(frozen=True)
class Thread:
    """One call of a routine, from entry to return, on a CPU of its own.

    `name` is that of the Thread object on whose behalf it runs.
    """

    name: str
    routine: str
    locals: tuple[Local, ...]
    edges: tuple[Edge, ...]
    entry: int
    end: int
    locations: int

    def with_edges(self, edges: tuple[Edge, ...]) -> Thread:
        """The thread with other edges; itself if they are the same objects."""
        if len(edges) == len(self.edges) and all(map(is_, edges, self.edges)):
            return self
        return replace(self, edges=edges)

    def leaving(self) -> dict[int, list[Edge]]:
        """The edges by source, in order."""
        table: dict[int, list[Edge]] = {at: [] for at in range(self.locations)}
        for edge in self.edges:
            table[edge.source].append(edge)
        return table


@dataclass(frozen=True)
class Rule:
    """An operation that may be carried out whenever its guard holds.

    One of software that changes the state is progress: threads that wait meanwhile are in no
    deadlock.  What the machine does by itself (`hardware`) is none.
    """

    name: str
    op: Op
    hardware: bool = False
    site: Site | None = None


@dataclass(frozen=True)
class StateCheck:
    """What must hold in every reachable state."""

    invariant: str
    cond: Expr


@dataclass(frozen=True)
class System:
    """Threads and rules over shared variables.  The initial state is not part of it.

    `checks` must hold in every state, `finals` in those in which every thread has returned.
    """

    name: str
    variables: tuple[Variable, ...]
    threads: tuple[Thread, ...] = ()
    rules: tuple[Rule, ...] = ()
    checks: tuple[StateCheck, ...] = ()
    finals: tuple[StateCheck, ...] = ()

    def ops(self) -> Iterator[Op]:
        for thread in self.threads:
            for edge in thread.edges:
                yield edge.op
        for rule in self.rules:
            yield rule.op


State = dict[Expr, int]
"""A state by place: cells with constant index, locals, and program counters elsewhere."""

# SPDX-License-Identifier: GPL-2.0-only
"""Random small programs as systems: locks, loops, choices, records, arrays, several CPUs.

A program is threads of statements over shared variables, some of which are declared to be used
under the lock.  Statements nest, so that a program that fails shrinks to few of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from hypothesis import strategies as st

from checks.reduce.reducer import Group, Passes, Reduced, Reducer
from model.lang import expr as ex
from model.lang.expr import Cell, Expr, Local
from model.lang.ir import (
    Call,
    Check,
    Edge,
    Kind,
    Op,
    State,
    StateCheck,
    Storage,
    System,
    Thread,
    Update,
    Variable,
)  # fmt: skip
from model.lang.sorts import BOOL, Int, Rec, Ref, Set
from model.lang.traits import Trait

THREADS = Ref("Thread", ("cpu0", "cpu1", "cpu2"), nullable=True)
SLOT = Ref("Slot", ("a", "b"))
NUMBER = Int(-1, 2)
PAIR = Rec("Pair", (("on", BOOL), ("n", NUMBER)))
GROUP = Set(SLOT)

LOCK = Variable("Lock.owner", (), THREADS, Storage.LOCK)
GUARDED = Variable("Box.n", (), NUMBER)
FREE = Variable("Box.free", (), NUMBER)
PAIRED = Variable("Box.pair", (), PAIR)
ROW = Variable("Row.n", (SLOT,), NUMBER)
SEEN = Variable("Box.seen", (), GROUP)
AT = Variable("Box.at", (), SLOT)
VARIABLES = (LOCK, GUARDED, FREE, PAIRED, ROW, SEEN, AT)
LOCKED = frozenset({GUARDED.name, PAIRED.name})

OWNER = ex.cell(LOCK.name, (), THREADS)
N = ex.cell(GUARDED.name, (), NUMBER)
F = ex.cell(FREE.name, (), NUMBER)
P = ex.cell(PAIRED.name, (), PAIR)
S = ex.cell(SEEN.name, (), GROUP)
W = ex.cell(AT.name, (), SLOT)


def row(at: Expr) -> Cell:
    return ex.cell(ROW.name, (at,), NUMBER)


A, B = (row(ex.const(n, SLOT)) for n in (1, 2))
INITIAL: State = {OWNER: 0, N: 0, F: 0, P: 1, A: 0, B: 1, S: 0, W: 1}

X, Y, I = ex.local("f.x", NUMBER), ex.local("f.y", NUMBER), ex.local("f.i", SLOT)  # noqa: E741
OWN = (X, Y, I)


@dataclass(frozen=True)
class Do:
    """One operation."""

    what: str
    number: int = 0


@dataclass(frozen=True)
class Nest:
    """Statements inside of a lock, a branch, a choice or a loop."""

    what: str
    first: tuple[Statement, ...]
    second: tuple[Statement, ...] = ()


Statement = Do | Nest

_DO = [
    "load n", "load free", "load pair", "load row", "store n", "store free", "store pair",
    "store row", "count n", "pick", "add seen", "check n", "check free", "check seen", "wait free",
]  # fmt: skip
_POINT = [
    "aim", "aim", "store one", "store one", "follow", "load at", "weigh at", "store at", "check at",
    "wait at", "load row", "store free",
]  # fmt: skip
"""About a pointer that passes may come to know, and so the element that it names."""
_NEST = ["lock", "lock", "if", "choice", "loop", "trylock"]


def statements(do: list[str], least: int = 1) -> st.SearchStrategy[tuple[Statement, ...]]:
    one: st.SearchStrategy[Statement] = st.builds(Do, st.sampled_from(do), st.integers(-1, 2))

    def nest(inner: st.SearchStrategy[Statement]) -> st.SearchStrategy[Statement]:
        body = st.lists(inner, max_size=3).map(tuple)
        return st.builds(Nest, st.sampled_from(_NEST), body, body)

    return st.lists(st.recursive(one, nest, max_leaves=5), min_size=least, max_size=4 * least).map(
        tuple
    )


programs = st.one_of(
    st.lists(statements(_DO), min_size=2, max_size=3),
    st.tuples(statements(_POINT, 4), statements(_DO)).map(list),
)
"""Some with a thread that mostly uses a pointer which no other thread writes."""


@dataclass
class _Writer:
    """Makes the edges of one thread."""

    who: int
    edges: list[Edge] = field(default_factory=list)
    count: int = 1

    def place(self) -> int:
        self.count += 1
        return self.count - 1

    def edge(self, source: int, target: int, op: Op, call: str, choice: str = "") -> None:
        traits = set() if call in ("lock", "unlock", "locked") else {Trait.LOCKLESS}
        does = Call(call, (), frozenset(traits))
        made = Edge(source, target, op, None, does, choice, len(self.edges))
        self.edges.append(made)

    def all(self, body: Sequence[Statement], at: int, held: bool) -> int:
        for statement in body:
            at = self.one(statement, at, held)
        return at

    def one(self, statement: Statement, at: int, held: bool) -> int:
        if isinstance(statement, Do):
            after = self.place()
            self.edge(at, after, _operation(statement), "locked" if held else "anything")
            return after
        write = {
            "lock": self._lock, "trylock": self._trylock, "if": self._if,
            "choice": self._choice, "loop": self._loop,
        }  # fmt: skip
        return write[statement.what](statement, at, held)

    def _lock(self, nest: Nest, at: int, held: bool) -> int:
        if held:
            return self.all(nest.first, at, held)
        inside, after = self.place(), self.place()
        self.edge(at, inside, self._take(), "lock")
        end = self.all(nest.first, inside, True)
        self.edge(
            end, after, Op(Kind.RMW, updates=(Update(OWNER, ex.const(0, THREADS)),)), "unlock"
        )
        return after

    def _take(self) -> Op:
        free = ex.eq(OWNER, ex.const(0, THREADS))
        return Op(Kind.RMW, free, (Update(OWNER, ex.const(self.who, THREADS)),))

    def _trylock(self, nest: Nest, at: int, held: bool) -> int:
        if held:
            return self.all(nest.second, at, held)
        inside, after = self.place(), self.place()
        take = self._take()
        self.edge(at, inside, take, "lock")
        end = self.all(nest.first, inside, True)
        self.edge(
            end, after, Op(Kind.RMW, updates=(Update(OWNER, ex.const(0, THREADS)),)), "unlock"
        )
        self.edge(at, after, Op(Kind.LOAD, ex.not_(take.guard)), "look")
        return after

    def _if(self, nest: Nest, at: int, held: bool) -> int:
        return self._two(nest, at, held, Kind.ASSUME, ex.lt(X, Y))

    def _choice(self, nest: Nest, at: int, held: bool) -> int:
        return self._two(nest, at, held, Kind.CHOICE, None)

    def _two(self, nest: Nest, at: int, held: bool, kind: Kind, cond: Expr | None) -> int:
        yes, no, after = self.place(), self.place(), self.place()
        self.edge(at, yes, Op(kind, cond or ex.TRUE), "branch", "yes")
        self.edge(at, no, Op(kind, ex.not_(cond) if cond else ex.TRUE), "branch", "no")
        for start, body in ((yes, nest.first), (no, nest.second)):
            end = self.all(body, start, held)
            self.edge(end, after, Op(Kind.LET), "go on")
        return after

    def _loop(self, nest: Nest, at: int, held: bool) -> int:
        """While x < y: what the body does not change goes round for ever."""
        head, inside, after = self.place(), self.place(), self.place()
        self.edge(at, head, Op(Kind.LET), "go on")
        self.edge(head, inside, Op(Kind.ASSUME, ex.lt(X, Y)), "branch", "yes")
        self.edge(head, after, Op(Kind.ASSUME, ex.not_(ex.lt(X, Y))), "branch", "no")
        end = self.all(nest.first, inside, held)
        self.edge(end, head, Op(Kind.LET), "go round")
        return after


def _operation(do: Do) -> Op:
    number, where = ex.const(do.number, NUMBER), ex.const(1 + (do.number > 0), SLOT)
    sets: dict[str, tuple[Cell | Local, Expr]] = {
        "load n": (X, N),
        "load free": (Y, F),
        "load pair": (Y, ex.get(P, "n")),
        "load row": (X, row(I)),
        "store n": (N, X),
        "store free": (F, number),
        "store pair": (P, ex.put(P, "n", X)),
        "store row": (row(I), Y),
        "count n": (N, ex.ite(ex.lt(N, number), ex.narrow(ex.add(N, ex.number(1)), NUMBER), N)),
        "pick": (I, where),
        "add seen": (S, ex.union(S, ex.single(I, GROUP))),
        "store one": (row(where), ex.const(1 - do.number, NUMBER)),  # never what is there at first
        "aim": (W, where),
        "follow": (I, W),
        "load at": (X, row(W)),
        "weigh at": (Y, ex.ite(ex.lt(row(W), number), number, X)),
        "store at": (row(W), number),
    }
    if do.what in sets:
        place, value = sets[do.what]
        return Op(
            Kind.STORE if isinstance(place, Cell) else Kind.LOAD, updates=(Update(place, value),)
        )
    checks = {
        "check n": ("n is small", ex.not_(ex.eq(N, number))),
        "check free": ("y agrees", ex.not_(ex.eq(Y, number))),
        "check at": ("what it points to is small", ex.lt(row(W), _TWO)),
        "check seen": ("not both are seen", ex.not_(ex.and_(ex.has(S, I), ex.eq(F, number)))),
    }
    if do.what in checks:
        return Op(Kind.PRIMITIVE, checks=(Check(*checks[do.what]),))
    awaited = row(W) if do.what == "wait at" else F
    return Op(Kind.LOAD, ex.not_(ex.eq(awaited, number)))


def system_of(program: Sequence[Sequence[Statement]]) -> System:
    """The system of a program, every thread on a CPU of its own."""
    threads = []
    for who, body in enumerate(program, 1):
        writer = _Writer(who)
        first = Op(Kind.LET, updates=(Update(I, ex.const(1, SLOT)),))  # no index is ever None
        writer.edge(0, writer.place(), first, "begin")
        end = writer.all(body, 1, False)
        name = THREADS.objects[who - 1]
        threads.append(Thread(name, "f", OWN, tuple(writer.edges), 0, end, writer.count))
    checks = (
        StateCheck("seen while zero", ex.not_(ex.and_(ex.eq(N, ex.number(2)), ex.has(S, _A)))),
        StateCheck("pair is even", ex.not_(ex.and_(ex.get(P, "on"), ex.eq(ex.get(P, "n"), _TWO)))),
    )
    finals = (StateCheck("row is as it was", ex.eq(A, ex.number(0))),)
    return System("random", VARIABLES, tuple(threads), (), checks, finals)


_A, _TWO = ex.const(1, SLOT), ex.number(2)


def reduced(system: System, passes: Passes) -> tuple[Reduced, System]:
    """A system with these passes made."""
    family = Group(
        [[t] for t in system.threads], (), system.checks, system.finals, [INITIAL], LOCKED,
        lambda _: OWNER,
    )  # fmt: skip
    done = Reducer(VARIABLES, passes).reduce(family)
    return done, replace(done.of(system), name="reduced")

# SPDX-License-Identifier: GPL-2.0-only
"""From a random program to a system of the IR."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from model.lang import expr as ex
from model.lang.expr import Expr
from model.lang.ir import Call, Edge, Kind, Op, State, System, Thread, Update
from model.lang.sorts import Int
from model.lang.traits import Trait

from .statements import Body, Do, Form, Hold, If, Leave, Lock, Program, Statement, To, While
from .world import (
    LOCALS,
    NAMES,
    NOBODY,
    PAIR,
    THREADS,
    VARIABLES,
    B,
    I,
    J,
    P,
    cell,
    cpu,
    elements,
    least,
    me,
    slot,
)  # fmt: skip

_NOTHING: frozenset[str] = frozenset()
_LOCKLESS = frozenset({"lockless"})


def system_of(program: Program) -> tuple[System, State]:
    """The system of a program and its initial state."""
    threads = []
    for who, body in enumerate(program.threads):
        writer = _Writer(who)
        first = (Update(I, slot(1)), Update(J, slot(2)), Update(P, ex.const(least(PAIR), PAIR)))
        writer.edge(0, writer.place(), Op(Kind.LET, updates=first), _NOTHING)
        end = writer.routine(body)
        threads.append(Thread(NAMES[who], "f", LOCALS, tuple(writer.edges), 0, end, writer.places))
    system = System(
        "random", VARIABLES, tuple(threads), program.rules, program.checks, program.finals
    )
    initial: State = {c: least(c.sort) for v in VARIABLES for c in elements(v)}
    return system, initial | dict(program.initial)


@dataclass(frozen=True)
class _Word:
    """How a lock is taken and let go of."""

    free: Expr
    take: Update
    drop: Update
    kind: Kind = Kind.RMW


@dataclass
class _Target:
    """A loop, or the routine: where it may be left to, with how much held."""

    head: int | None
    after: int
    held: int


@dataclass
class _Writer:
    """Writes the edges of one thread."""

    who: int
    edges: list[Edge] = field(default_factory=list)
    places: int = 1
    held: list[tuple[Hold, _Word]] = field(default_factory=list)
    targets: list[_Target] = field(default_factory=list)

    def place(self) -> int:
        self.places += 1
        return self.places - 1

    def edge(
        self, source: int, target: int, op: Op, traits: frozenset[str], choice: str = ""
    ) -> None:
        call = Call("step", (), frozenset(map(Trait, traits)))
        self.edges.append(Edge(source, target, op, None, call, choice, len(self.edges)))

    def routine(self, body: Body) -> int:
        """All of a thread behind its first edge; gives where it ends."""
        end = self.place()
        self.targets.append(_Target(None, end, 0))
        self.edge(self.all(body, 1), end, Op(Kind.LET), frozenset({"return"}))
        return end

    def all(self, body: Body, at: int) -> int:
        for statement in body:
            at = self.one(statement, at)
        return at

    def one(self, statement: Statement, at: int) -> int:
        if isinstance(statement, Do):
            after = self.place()
            self.edge(at, after, self._kept(statement.op), statement.traits)
            return after
        if isinstance(statement, Hold):
            return self._hold(statement, at)
        if isinstance(statement, If):
            return self._if(statement, at)
        if isinstance(statement, While):
            return self._while(statement, at)
        return self._leave(statement, at)

    # -- locks -----------------------------------------------------------------------------------

    def _kept(self, op: Op) -> Op:
        """The operation without what would change which lock is held."""
        names: set[Expr] = set()
        for hold, _ in self.held:
            if hold.at is not None:
                names |= ex.leaves(hold.at)
        return replace(op, updates=tuple(u for u in op.updates if u.place not in names))

    def _word(self, hold: Hold) -> _Word:
        mine = me(self.who)
        if hold.lock is Lock.RCU or hold.lock is Lock.IRQ:
            return self._section(hold.lock)
        if hold.lock is Lock.READ:
            word, one = cell("Sem.readers"), ex.single(cpu(self.who), THREADS)
            free = ex.eq(cell("Sem.writer"), NOBODY)
            return _Word(free, Update(word, ex.union(word, one)), Update(word, ex.diff(word, one)))
        word = {
            Lock.MUTEX: lambda: cell("Mutex.owner"),
            Lock.SPIN: lambda: cell("Spin.owner", hold.at or slot(1)),
            Lock.WRITE: lambda: cell("Sem.writer"),
        }[hold.lock]()
        free = ex.eq(word, NOBODY)
        if hold.lock is Lock.WRITE:
            free = ex.and_(free, ex.is_empty(cell("Sem.readers")))
        return _Word(free, Update(word, mine), Update(word, NOBODY))

    def _section(self, lock: Lock) -> _Word:
        if lock is Lock.IRQ:
            flag = cell("Cpu.irqs_off", cpu(self.who))
            return _Word(ex.TRUE, Update(flag, ex.TRUE), Update(flag, ex.FALSE), Kind.PRIMITIVE)
        depth, one = cell("Cpu.rcu", cpu(self.who)), ex.number(1)
        sort = depth.sort
        assert isinstance(sort, Int)
        deeper, back = ex.narrow(ex.add(depth, one), sort), ex.narrow(ex.sub(depth, one), sort)
        return _Word(ex.TRUE, Update(depth, deeper), Update(depth, back))

    def _would_wait_for_itself(self, hold: Hold) -> bool:
        mine = [h for h, _ in self.held]
        if hold.lock is Lock.RCU:
            return sum(h.lock is Lock.RCU for h in mine) > 1
        if hold.lock in (Lock.READ, Lock.WRITE):
            return any(h.lock in (Lock.READ, Lock.WRITE) for h in mine)
        return any(h.lock is hold.lock and h.at is hold.at for h in mine)

    def _hold(self, hold: Hold, at: int) -> int:
        if self._would_wait_for_itself(hold):
            return self.all(hold.body, at)
        word = self._word(hold)
        inside = self.place()
        section = hold.lock in (Lock.RCU, Lock.IRQ)
        if section or hold.form is Form.WAIT:
            guard = word.free if hold.also is None else ex.and_(word.free, hold.also)
            traits = _LOCKLESS if section or hold.also is not None else frozenset({"acquire"})
            self.edge(at, inside, Op(word.kind, guard, (word.take,)), traits)
            return self._release(hold, word, inside)
        failed, after = self.place(), self.place()
        traits = frozenset({"trylock"})
        if hold.form is Form.TRY:
            self.edge(at, inside, Op(Kind.RMW, word.free, (word.take,)), traits)
            self.edge(at, failed, Op(Kind.LOAD, ex.not_(word.free)), traits)
        else:
            place = word.take.place
            taken = ex.ite(word.free, word.take.value, place)
            branch = self.place()
            both = (Update(place, taken), Update(B, word.free))
            self.edge(at, branch, Op(Kind.RMW, updates=both), traits)
            self._branch(branch, Kind.ASSUME, B, inside, failed)
        end = self._release(hold, word, inside)
        self.edge(end, after, Op(Kind.LET), _NOTHING)
        self.edge(self.all(hold.other, failed), after, Op(Kind.LET), _NOTHING)
        return after

    def _release(self, hold: Hold, word: _Word, inside: int) -> int:
        self.held.append((hold, word))
        end = self.all(hold.body, inside)
        self.held.pop()
        return self._drop(word, end)

    def _drop(self, word: _Word, at: int) -> int:
        after = self.place()
        traits = frozenset({"release"}) if word.free is not ex.TRUE else _LOCKLESS
        self.edge(at, after, Op(word.kind, updates=(word.drop,)), traits)
        return after

    # -- control -----------------------------------------------------------------------------------

    def _branch(self, at: int, kind: Kind, cond: Expr | None, yes: int, no: int) -> None:
        traits = _LOCKLESS if kind is Kind.LOAD else _NOTHING
        self.edge(at, yes, Op(kind, ex.TRUE if cond is None else cond), traits, "yes")
        self.edge(at, no, Op(kind, ex.TRUE if cond is None else ex.not_(cond)), traits, "no")

    def _if(self, branch: If, at: int) -> int:
        yes, no, after = self.place(), self.place(), self.place()
        kind = Kind.CHOICE if branch.cond is None else Kind.LOAD if branch.loads else Kind.ASSUME
        self._branch(at, kind, branch.cond, yes, no)
        self.edge(self.all(branch.body, yes), after, Op(Kind.LET), _NOTHING)
        self.edge(self.all(branch.other, no), after, Op(Kind.LET), _NOTHING)
        return after

    def _while(self, loop: While, at: int) -> int:
        head, inside, after = self.place(), self.place(), self.place()
        self.edge(at, head, Op(Kind.LET), _NOTHING)
        self._branch(head, Kind.ASSUME, loop.cond, inside, after)
        self.targets.append(_Target(head, after, len(self.held)))
        end = self.all(loop.body, inside)
        self.targets.pop()
        self.edge(end, head, Op(Kind.LET), _NOTHING)
        return after

    def _leave(self, leave: Leave, at: int) -> int:
        target = self.targets[0] if leave.to is To.RETURN else self.targets[-1]
        out, on = self.place(), self.place()
        self._branch(at, Kind.ASSUME, leave.cond, out, on)
        for _, word in reversed(self.held[target.held :]):
            out = self._drop(word, out)
        again = leave.to is To.AGAIN and target.head is not None
        to = target.head if again and target.head is not None else target.after
        self.edge(out, to, Op(Kind.LET), _NOTHING)
        return on

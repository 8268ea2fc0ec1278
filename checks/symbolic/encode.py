# SPDX-License-Identifier: GPL-2.0-only
"""A finite system as Z3 terms: its variables, its steps, and what is wrong with a state.

The text is that of the IR, read by `values`; what a step, a deadlock and an end are is what the
reference explorer says they are (`checks.engine.reference`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from model.lang.expr import Cell, Const, Expr, Local
from model.lang.ir import Check, Op, State, Update
from model.lang.sorts import Bool, Int, Sort

from ..engine.codegen.layout import Slot, first
from ..engine.prepared import Prepared
from ..engine.search import DEADLOCK
from .solver import Term, z3
from .values import Values, as_bits

RULE = -1
"""The thread of a rule."""


@dataclass(frozen=True, eq=False)
class Field:
    """A variable of the state: what Z3 calls it, where it lies in a packed state, and its code at
    first."""

    name: str
    sort: Sort
    term: Term
    slot: Slot
    initial: int

    def held(self, code: int) -> Term:
        """What it holds, as a constant."""
        return holding(code, self.sort)


@dataclass(frozen=True, eq=False)
class Step:
    """An edge, or a rule: by whom, its number there, and from where to where.

    `checks` are its checks and what they say; `writes` what it leaves in each field that it may
    change.  The program counter is one of them.
    """

    thread: int
    number: int
    source: int
    target: int
    guard: Term
    writes: Mapping[Field, Term]
    checks: tuple[tuple[Check, Term], ...]


class Encoding:
    """The system of an explorer that begins in a state.

    `fields` are its variables: program counters, `locals` of each thread, `cells` that are written.
    `checks`: what must hold in every state; `finals`: where all have ended and nothing moves.
    `moves`: whether some thread, or a rule of software, can move; `ended`: whether all threads have
    returned.
    """

    def __init__(self, explorer: Prepared, initial: State) -> None:
        self.explorer, self._system = explorer, explorer.system
        self.initial = initial
        self._variables = {v.name: v for v in self._system.variables}
        self._written = {
            u.place.var for op in self._system.ops() for u in op.updates
            if isinstance(u.place, Cell)
        }  # fmt: skip
        self.start = explorer.pack(initial)
        self.cells: dict[Cell, Field] = {}
        self._fixed: dict[Cell, Term] = {}
        self.locals: list[dict[Local, Field]] = []
        self.counters: list[Field] = []
        self._name_cells(initial)
        self._name_threads()
        self.fields = (
            *self.counters, *(f for own in self.locals for f in own.values()),
            *self.cells.values(),
        )  # fmt: skip
        self._edges: dict[tuple[int, int], list[tuple[int, int, Op]]] = {}
        for n, thread in enumerate(self._system.threads):
            for number, edge in enumerate(thread.edges):
                self._edges.setdefault((n, edge.source), []).append((number, edge.target, edge.op))
        rules = [(number, 0, rule.op) for number, rule in enumerate(self._system.rules)]
        self._edges |= {(RULE, 0): rules} if rules else {}
        self._steps: dict[tuple[int, int], list[Step]] = {}
        self._readers = {n: self._values(own) for n, own in enumerate(self.locals)}
        self._readers[RULE] = self._values({})
        judging = self._values({})
        self.checks = [(c.invariant, judging.term(c.cond)) for c in self._system.checks]
        self.finals = [(c.invariant, judging.term(c.cond)) for c in self._system.finals]
        self.rules_alone = not self._system.threads
        self.ended = z3.And(*(
            f.term == t.end for f, t in zip(self.counters, self._system.threads, strict=True)
        ))  # fmt: skip
        self.moves = z3.Or(*(
            self._enabled(thread, source, self._readers[thread].term(op.guard))
            for (thread, source), edges in self._edges.items() if thread != RULE
            for _, _, op in edges
        ), *map(self._progress, self._software()))  # fmt: skip

    # -- fields ----------------------------------------------------------------------------------

    def _name_cells(self, initial: State) -> None:
        layout = self.explorer.layout
        for place in sorted(self.explorer.cells(initial), key=str):
            slot = layout.slot(place)
            if slot is None or _of_none(place):
                continue
            code = layout.value(self.start, slot) - slot.lowest
            if place.var in self._written:
                self.cells[place] = _field(str(place), place.sort, slot, code)
            else:
                self._fixed[place] = holding(code, place.sort)

    def _name_threads(self) -> None:
        for seat, thread in zip(self.explorer.seats, self._system.threads, strict=True):
            sort = Int(0, thread.locations)
            self.counters.append(_field(f"pc {seat.number}", sort, seat.pc, thread.entry))
            self.locals.append({
                v: _field(f"{v.name} of {seat.number}", v.sort, seat.locals[v.name], 0)
                for v in thread.locals
            })  # fmt: skip

    def _values(self, own: Mapping[Local, Field]) -> Values:
        def read(place: Expr) -> Term | None:
            if isinstance(place, Local):
                return own[place].term
            assert isinstance(place, Cell)
            found = self.cells.get(place)
            return found.term if found is not None else self._fixed.get(place)

        return Values(read, self._variables)

    # -- steps -----------------------------------------------------------------------------------

    def enabled(self, step: Step) -> Term:
        """Whether a step can be taken: its thread is there, and its guard holds."""
        return self._enabled(step.thread, step.source, step.guard)

    def _enabled(self, thread: int, source: int, guard: Term) -> Term:
        if thread == RULE:
            return guard
        return z3.And(self.counters[thread].term == source, guard)

    def _software(self) -> list[Op]:
        return [rule.op for rule in self._system.rules if not rule.hardware]

    def _progress(self, op: Op) -> Term:
        """True if a rule can fire and change something."""
        values = self._readers[RULE]
        writes = self._writes(op.updates, values, {})
        changed = z3.Or(*(field.term != value for field, value in writes.items()))
        return z3.And(values.term(op.guard), changed)

    def places(self) -> Iterable[tuple[int, int]]:
        """Each thread and location from which there are steps; rules stand at 0."""
        return self._edges

    def leaving(self, thread: int, source: int) -> list[Step]:
        """The steps of a thread from a location, or the rules: made when they are asked for."""
        if (thread, source) not in self._steps:
            self._steps[thread, source] = list(self._made(thread, source))
        return self._steps[thread, source]

    def _made(self, thread: int, source: int) -> Iterator[Step]:
        values = self._readers[thread]
        own = {} if thread == RULE else self.locals[thread]
        for number, target, op in self._edges.get((thread, source), ()):
            writes = self._writes(op.updates, values, own)
            if target != source:
                counter = self.counters[thread]
                writes[counter] = counter.held(target)
            yield self._step(thread, number, source, target, op, values, writes)

    def _step(
        self, thread: int, number: int, source: int, target: int, op: Op, values: Values,
        writes: Mapping[Field, Term],
    ) -> Step:  # fmt: skip
        checks: list[tuple[Check, Term]] = []
        for check in op.checks:  # nothing is judged after one that ends all
            before = [holds for earlier, holds in checks if earlier.halts]
            cond = values.term(check.cond)
            checks.append((check, z3.Implies(z3.And(*before), cond) if before else cond))
        guard = values.term(op.guard)
        return Step(thread, number, source, target, guard, writes, tuple(checks))

    def _writes(
        self, updates: Iterable[Update], values: Values, own: Mapping[Local, Field]
    ) -> dict[Field, Term]:
        """What fields hold after simultaneous updates; a field of None is not written."""
        found: dict[Field, Term] = {}
        for update in updates:
            place = update.place
            value = values.stored(update.value, place.sort)
            if isinstance(place, Local):
                found[own[place]] = value
                continue
            for one, here in values.elements(place):
                field = self.cells.get(one)
                if field is not None:
                    known = found.get(field, field.term)
                    found[field] = value if z3.is_true(here) else z3.If(here, value, known)
        return found

    # -- states ----------------------------------------------------------------------------------

    def wrong(self) -> Iterator[tuple[str, Term]]:
        """What may be wrong with a state, by invariant; not what a step breaks."""
        for invariant, cond in self.checks:
            yield invariant, z3.Not(cond)
        still = z3.Not(self.moves)
        for invariant, cond in self.finals:
            yield invariant, z3.And(self.ended, still, z3.Not(cond))
        if self._system.threads:
            yield DEADLOCK, z3.And(z3.Not(self.ended), still)

    def packed(self, codes: Mapping[Field, int]) -> int:
        """The packed state in which fields have these codes; dead locals have 0."""
        found = self.start
        for field in self.fields:
            found &= ~(field.slot.mask << field.slot.offset)
        for field, code in codes.items():
            found |= code << field.slot.offset
        return found


def _of_none(place: Cell) -> bool:
    """Whether it is a field of None, or of no element at all."""
    return any(isinstance(i, Const) and i.value < first(i.sort) for i in place.index)


def _field(name: str, sort: Sort, slot: Slot, initial: int) -> Field:
    return Field(name, sort, named(name, sort), slot, initial)


def named(name: str, sort: Sort) -> Term:
    """A variable of Z3 for what a sort's variables hold."""
    return z3.Bool(name) if isinstance(sort, Bool) else z3.BitVec(name, sort.bits)


def holding(code: int, sort: Sort) -> Term:
    """What a variable of a sort holds, as a constant."""
    return z3.BoolVal(bool(code)) if isinstance(sort, Bool) else z3.BitVecVal(code, sort.bits)


def code_of(held: Term) -> int:
    """The code of a constant that a field holds."""
    if not z3.is_bv_value(held):
        held = z3.simplify(as_bits(held))
    return int(held.as_long())

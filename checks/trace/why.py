# SPDX-License-Identifier: GPL-2.0-only
"""Reasons of a violation: the failing condition in that state, with names and values.

The sentences are declared by the invariant; here their fields are filled.  What the failing part
of the condition reads is found on the way, so that a trace shows who wrote it.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from string import Formatter
from typing import Any

from invariants import said
from invariants.registry import Invariant
from invariants.words import WRITTEN
from model.cast.view import view
from model.hw.arch import selected
from model.hw.archs import arch_named
from model.hw.objects import Addr, Thread
from model.lang import expr as ex
from model.lang import runtime
from model.lang.expr import Cell, Expr
from model.lang.ir import Check, Edge
from model.lang.objects import Kobject, World
from model.lang.sorts import Ref

from ..engine.interpret import Position
from ..engine.search import DEADLOCK
from .binding import Binding, Names, failing
from .changes import Place, cpu, held_by, lock_of, names_in, owner, place_of, shown
from .later import next_flush, returns_without_flush
from .run import Done, Runner, Tick
from .statements import Statements
from .visible import stated


@dataclass(frozen=True)
class Why:
    """The facts, what follows from them, and the places that the failing condition reads, and
    those of whose writes the facts tell."""

    facts: str
    then: str
    reads: frozenset[Place]


@dataclass(frozen=True)
class Writes:
    """Rows by the places that they write: the number of a row, and its thread ("" of hardware)."""

    rows: Sequence[tuple[int, str, frozenset[Place]]]

    def but_last(self) -> Writes:
        """Those before the last row."""
        return Writes(self.rows[:-1])

    def last(self, places: Sequence[Place]) -> tuple[int, str] | None:
        """The last row that writes one of these places."""
        found = [(n, who) for n, who, written in self.rows if written.intersection(places)]
        return found[-1] if found else None


@dataclass(frozen=True)
class Moment:
    """Failure of a run: the position; the step that does and its thread, if it is one."""

    pos: Position
    edge: Edge | None = None
    thread: int = -1
    check: Check | None = None


def moment_of(runner: Runner, done: Sequence[Done], invariant: str) -> Moment:
    """Failure of a run that ends with one."""
    if not done:
        return Moment(runner.start)
    step, pos = done[-1], done[-1].before
    for edge in step.edges:
        failed = runner.interpreter.failing(pos, edge.op, step.tick.thread)
        check = next((c for c in failed if c.invariant == invariant), None)
        if check is not None:
            return Moment(pos, edge, step.tick.thread, check)
        pos = runner.interpreter.take(pos, step.tick.thread, edge)
    return Moment(step.after)


class Explainer:
    """Fills the sentences of one invariant for the moment at which a run breaks it."""

    def __init__(
        self, world: World, arch: str, runner: Runner, done: Sequence[Done], invariant: Invariant,
        say: Statements,
    ) -> None:  # fmt: skip
        self._world, self._arch, self._runner, self._done = world, arch, runner, done
        self._invariant, self._say = invariant, say
        self._at = moment_of(runner, done, invariant.name)
        self._cited: set[Place] = set()
        self._names: dict[str, Any] = vars(said) | self._common()

    def why(self, writes: Writes) -> Why:
        """The sentences, with the rows that they speak of.

        ValueError if the condition holds as plain Python: the two ways to run it differ.
        """
        breaks = _row(writes.rows[-1][:2] if writes.rows else None)
        if self._at.edge is not None:  # judged in the state before its step
            writes = writes.but_last()
        with self._standing():
            binding, reads = self._binding(writes)
            names = {**binding.names, **self._names, "row": breaks}
            facts = self._filled(self._invariant.why or _plain(binding), names, writes)
            then = self._filled(self._invariant.then, names, writes)
            return Why(facts, then, reads | self._cited)

    @contextmanager
    def _standing(self) -> Iterator[None]:
        """The objects of the world in the state at which the run fails."""
        before = self._world.snapshot()
        try:
            now = {place_of(c): v for c, v in self._at.pos.cells.items()}
            self._world.restore({**before, **now})
            with selected(arch_named(self._arch)):
                yield
        finally:
            self._world.restore(before)

    # -- names ------------------------------------------------------------------------------------

    def _common(self) -> dict[str, Any]:
        """Names that each sentence may use beside those of the condition."""
        at = self._at
        if at.edge is None:
            return {}
        done = Done(self._done[-1].tick, (at.edge,), at.pos, at.pos, at.pos)
        who = self._runner.system.threads[at.thread].name
        return {
            "step": self._say.step(done), "held": held_by(at.pos, who) or "no lock",
            "thread": self._world.by_name("Thread", who), "later": self._later,
        }  # fmt: skip

    def _later(self) -> str:
        """True if the thread that fails flushes later on the way that it goes alone."""
        thread, who = self._at.thread, cpu(self._runner.system.threads[self._at.thread].name)
        step = next_flush(self._runner, self._done[-1].after, thread)
        what = stated(step.edges[-1]) if step is not None else None
        if step is not None and what is not None:
            text = self._say.text(step, what)
            return f"The next flush of {who}, {text} (line {what.site.line}), is not reached yet"
        if returns_without_flush(self._runner, self._done[-1].after, thread):
            return f"No flush follows before {who} returns"
        return f"No flush follows before {who} has to wait"

    def _binding(self, writes: Writes) -> tuple[Binding, frozenset[Place]]:
        """The names of the failing condition, and what the part that fails reads."""
        fn, at = self._invariant.fn, self._at
        if self._invariant.name == DEADLOCK:
            names, places = self._cycle(writes)
            return Binding(names, ()), places
        if fn is None:
            return self._of_check()
        given: dict[str, Any] = {"s": view(self._world)}
        if at.edge is not None and at.edge.call is not None:
            given |= {name: self._decoded(e) for name, e in at.edge.call.args}
            given["thread"] = self._names["thread"]
            for update in at.edge.op.updates:
                if isinstance(update.place, Cell) and update.place.var == "Pte.val":
                    given[WRITTEN] = self._decoded(update.value)
        try:
            binding = failing(fn, _asked(fn.fn, given))
        except (AttributeError, LookupError, TypeError, ValueError) as error:
            if at.check is not None:
                return self._of_check()  # one that the step itself makes, of what it touches
            if isinstance(error, ValueError):
                raise
            return Binding({}, ()), frozenset()  # as Python it fails where the IR is total
        with _reading() as watch:
            for part in binding.parts:
                part.value()
        return binding, frozenset(map(self._place, watch.found))

    def _of_check(self) -> tuple[Binding, frozenset[Place]]:
        """The names of what is asked of a step for what it touches: the lock word that should be
        the thread's, the folio that should not be free."""
        at = self._at
        if at.check is None or at.edge is None:
            return Binding({}, ()), frozenset()
        cells = [self._resolved(c) for c in ex.leaves(at.check.cond) if isinstance(c, Cell)]
        written = [self._resolved(u.place) for u in at.edge.op.updates if isinstance(u.place, Cell)]
        fields = {f"{cls.__name__}.{spec.name}" for cls, spec in self._world.specs() if spec.lock}
        changed = [f"{owner(c)} {c.var.partition('.')[2]}" for c in written if c.var in fields]
        names: dict[str, Any] = {
            "lock": ", ".join(sorted(map(lock_of, cells))), "place": ", ".join(changed),
        }  # fmt: skip
        for cell in cells:
            if cell.var == "Folio.free" and at.pos.cells.get(cell):
                names["folio"] = self._world.by_name("Folio", owner(cell))
        return Binding(names, ()), frozenset(map(place_of, [*cells, *written]))

    def _cycle(self, writes: Writes) -> tuple[Names, frozenset[Place]]:
        """Who waits for which lock that who holds, until it closes; and who hangs."""
        waits = dict(self._waits())
        said = []
        for name, (step, wanted) in waits.items():
            others = [c for other, (_, cells) in waits.items() if other != name for c in cells]
            mine = [c for c in others if name in names_in(c.sort, self._at.pos.cells[c])]
            holders = {h for c in wanted for h in names_in(c.sort, self._at.pos.cells[c])}
            spins = all(c.var == "SpinLock.owner" for c in wanted) and wanted
            text = f"{cpu(name)} "
            if mine:
                held = (f"{lock_of(c)} {_where(writes, c)}" for c in dict.fromkeys(mine))
                text += f"holds {' and '.join(held)} and "
            what = " and ".join(sorted({lock_of(c) for c in wanted})) or step
            text += f"{'spins' if spins else 'sleeps'} for {what}"
            for holder in sorted(holders - waits.keys()):
                text += f", which {cpu(holder)} holds and has returned"
            said.append(text)
        stuck = {1: f"{cpu(next(iter(waits)))} waits forever", 2: "Both wait forever"}
        names = {"cycle": "; ".join(said), "stuck": stuck.get(len(waits), "All wait forever")}
        return names, frozenset(place_of(c) for _, cells in waits.values() for c in cells)

    def _waits(self) -> Iterator[tuple[str, tuple[str, list[Cell]]]]:
        """The threads that wait: where, and for which lock words that somebody has."""
        runner, pos = self._runner, self._at.pos
        for n, thread in enumerate(runner.system.threads):
            stands = runner.stands_at(pos, n)
            if stands is not None and stands[2]:
                at, edge, _ = stands
                cells = (self._resolved(c, at, n) for c in ex.leaves(edge.op.guard)
                         if isinstance(c, Cell))  # fmt: skip
                wanted = sorted((c for c in cells if pos.cells.get(c)), key=ex.show)
                yield thread.name, (self._say.step(Done(Tick(n), (edge,), at, at, at)), wanted)

    def _resolved(self, cell: Cell, pos: Position | None = None, thread: int = -1) -> Cell:
        """The cell, with its index evaluated."""
        at = pos or self._at.pos
        own = at.locals[self._at.thread if thread < 0 else thread]

        def read(place: Expr) -> int:
            if isinstance(place, Cell):
                return at.cells.get(place, place.sort.lowest)
            assert isinstance(place, ex.Local)
            return own[place]

        index = tuple(ex.const(ex.evaluate(i, read), i.sort) for i in cell.index)
        return ex.cell(cell.var, index, cell.sort)

    def _decoded(self, value: Expr) -> Any:
        """An argument of the failing step, as the object or value that it is."""
        own = self._at.pos.locals[self._at.thread]

        def read(place: Expr) -> int:
            if isinstance(place, Cell):
                return self._at.pos.cells.get(place, place.sort.lowest)
            assert isinstance(place, ex.Local)
            return own[place]

        code = ex.evaluate(value, read)
        if isinstance(value.sort, Ref):
            objects = value.sort.objects
            return self._world.by_name(value.sort.cls, objects[code - 1]) if code else None
        hint = self._world.hints_by_sort().get(value.sort)
        return code if hint is None else self._world.decode(code, hint)

    def _place(self, read: tuple[Kobject, str, Any]) -> Place:
        obj, name, key = read
        cls, spec = type(obj), type(obj).fields[name]
        index = [self._world.encode(obj, self._world.ref(cls))]
        if spec.keys() is not None:
            index.append(self._world.encode(key, self._world.sort(spec.keys())))
        return f"{cls.__name__}.{name}", tuple(index)

    # -- sentences --------------------------------------------------------------------------------

    def _filled(self, sentence: str, names: dict[str, Any], writes: Writes) -> str:
        found = []
        for text, field, form, _ in Formatter().parse(sentence):
            found.append(text)
            if field is not None:
                found.append(self._field(field, form or "", names, writes))
        return "".join(found)

    def _field(self, field: str, form: str, names: dict[str, Any], writes: Writes) -> str:
        """A field as it is shown; "?" if the state has no such thing: what is violated is violated
        also where the sentence about it is wrong."""
        try:
            with _reading() as watch:
                value = eval(field, dict(names))
        except Exception:
            return "?"
        places = [self._place(r) for r in watch.found[-1:]]
        if form in ("set", "by"):
            self._cited.update(places)
        if form == "said":
            return self._filled(value, names, writes)
        return self._shown(value, form, writes.last(places))

    def _shown(self, value: Any, form: str, last: tuple[int, str] | None) -> str:
        if form == "set":
            return _row(last)
        if form == "by":
            return f"by {last[1] or 'hardware'} (row {last[0]})" if last else "from the start"
        if form == "addr":
            sort = self._world.sort(Addr)
            return shown(sort, self._world.encode(value, sort))
        return self._text_of(value)

    def _text_of(self, value: Any) -> str:
        if isinstance(value, Thread):
            return cpu(value.name)
        if isinstance(value, Kobject):
            return self._say.moved(self._at.pos).get(value.name, value.name)
        if isinstance(value, tuple | list | frozenset):
            parts = [self._text_of(v) for v in value]
            return ", ".join(sorted(parts) if isinstance(value, frozenset) else parts) or "nothing"
        if value is None:
            return "none"
        if type(value) in self._world.hints_by_sort().values():
            sort = self._world.sort(type(value))
            text = shown(sort, self._world.encode(value, sort))
            return "none" if text == "-" else text
        return str(value)


class _Reads(runtime.Observer):
    """Keeps what is read."""

    def __init__(self) -> None:
        self.found: list[tuple[Kobject, str, Any]] = []

    def reads(self, obj: Any, field: str, key: Any) -> None:
        self.found.append((obj, field, key))


@contextmanager
def _reading() -> Iterator[_Reads]:
    watch = _Reads()
    with runtime.observed(watch):
        yield watch


def _asked(fn: Callable[..., Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments that a judge asks for; those that a step has not have their defaults."""
    code = fn.__code__
    names = code.co_varnames[: code.co_argcount]
    defaults = dict(zip(names[::-1], (fn.__defaults__ or ())[::-1], strict=False))
    return {name: given[name] if name in given else defaults[name] for name in names}


def _where(writes: Writes, cell: Cell) -> str:
    return _row(writes.last([place_of(cell)]))


def _row(last: tuple[int, str] | None) -> str:
    return f"(row {last[0]})" if last else "(from the start)"


def _plain(binding: Binding) -> str:
    """The sentence of an invariant that declares none: the parts that fail, as they are written."""
    texts = dict.fromkeys(ast.unparse(p.node) for p in binding.parts)
    names = dict.fromkeys(
        n.id for p in binding.parts for n in ast.walk(p.node)
        if isinstance(n, ast.Name) and isinstance(binding.names.get(n.id), Kobject)
    )  # fmt: skip
    of = ", ".join(f"{name} = {{{name}}}" for name in names)
    every = " and ".join(texts).replace("{", "{{").replace("}", "}}")
    return f"not so{' for ' + of if of else ''}: {every}."

# SPDX-License-Identifier: GPL-2.0-only
"""Which locks a thread holds as it takes another one, in the runs of a scenario.

Every state of a scenario is visited, nothing merged.  What each thread does is then looked at by
itself: its place, its locals, the locks that it holds, and which lock words its steps change.  From
its entry on, that gives from which lines it holds what as it comes to a step that takes a lock.
Nothing is guessed from the text: in some run the one lock is held as the other is taken.  What no
run of the scenarios comes to is told as `unseen`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from model.cast.casts import Cast
from model.hw.objects import Pmd, Table
from model.kernel.objects import AnonVma, Folio, Mm, Vma
from model.lang import Kobject, World
from model.lang import expr as ex
from model.lang.ir import State, Storage, Thread, Variable
from model.lang.sorts import Ref, Set
from model.lang.traits import TAKES, Trait

from ..engine.codegen.layout import Slot
from ..engine.engines import Engine
from ..engine.prepared import Prepared
from ..engine.search import Limits
from ..reduce.reducer import Passes
from ..stage.stage import Role, Setting, Stage

UNMERGED = Passes(erase=False, merge=False, movers=False)
"""Lock words that nobody waits for stay as well."""


@dataclass(frozen=True, order=True)
class Lock:
    """A lock: what it is in every process, and the one of a scenario."""

    kind: str
    name: str


@dataclass(frozen=True, order=True)
class Taken:
    """A lock that was taken: read, write or (with one way only) "", by whom and where."""

    lock: Lock
    mode: str
    routine: str
    function: str
    line: int
    call: str
    tried: bool

    @property
    def where(self) -> str:
        return f"{self.function} {self.line}  {self.call}"


@dataclass(frozen=True, order=True)
class Order:
    """`then` was taken while `first` was held."""

    first: Taken
    then: Taken


@dataclass
class Observed:
    """What was seen: the orders, with the first scenario that has each, the locks that were taken
    at all, and steps that take one and that no run came to, as places."""

    orders: dict[Order, Cast] = field(default_factory=dict)
    taken: set[Taken] = field(default_factory=set)
    beside: dict[tuple[str, ...], Counter[str]] = field(default_factory=dict)
    """The routines that run together, by the names of the neighbours."""
    casts: int = 0
    states: int = 0
    unseen: set[str] = field(default_factory=set)
    stopped: list[str] = field(default_factory=list)
    """Scenarios that were not visited to their end."""

    @property
    def routines(self) -> set[str]:
        return set().union(*self.beside.values())


def observe(side: Role, casts: Iterable[Cast], arch: str, limits: Limits) -> Iterator[Observed]:
    """What is seen in casts, after each of them: always the same object, which grows.

    Where all that its neighbours take was seen, a cast is left out.
    """
    found = Observed()
    stages: dict[Setting, Stage] = {}
    steps: set[tuple[str, str]] = set()
    done: set[tuple[str, ...]] = set()
    for cast in casts:
        others = tuple(n.name for n in cast.others)
        if others in done:
            continue
        setting = Setting.of(cast)
        if setting not in stages:
            stages[setting] = Stage(setting, arch, (), passes=UNMERGED)
        stage = stages[setting]
        threads = _add(found, stage, cast, side, limits)
        steps |= {step for thread in threads for step in _taking(thread)}
        unseen = steps - {(t.routine, t.where) for t in found.taken}
        found.unseen = {f"{routine}(): {where}" for routine, where in unseen}
        if others and not unseen & {step for thread in threads[1:] for step in _taking(thread)}:
            done.add(others)
        stage.forget(cast, side)
        yield found


def _add(
    found: Observed, stage: Stage, cast: Cast, side: Role, limits: Limits
) -> tuple[Thread, ...]:
    """What is seen in one cast; gives its threads, without what folding has ruled out."""
    explorer, search = stage.search(cast, side, limits, engine=Engine.REFERENCE)
    found.casts += 1
    found.states += search.states
    if search.why:
        found.stopped.append(cast.name)
    others = tuple(n.name for n in cast.others)
    found.beside[others] = Counter(t.routine for t in explorer.system.threads)
    words = _Words(stage.world, stage.variables, explorer)
    for n in range(len(explorer.codes)):
        walk = _Walk(explorer, n, words, search.parents)
        for order in sorted(walk.orders(stage.initial(cast))):
            found.orders.setdefault(order, cast)
        found.taken |= walk.taken
    return explorer.system.threads


def _taking(thread: Thread) -> Iterator[tuple[str, str]]:
    """The steps of a thread that take a lock: its routine, and the place."""
    for edge in thread.edges:
        if edge.call is not None and edge.call.traits & TAKES:
            assert edge.site is not None
            site = edge.site.shown()
            yield thread.routine, f"{site.function} {site.line}  {edge.call.name}"


# -- lock words ------------------------------------------------------------------------------------


def _kinds(world: World) -> dict[str, str]:
    """What each lock is, by the field that refers to it."""
    found: dict[str, str] = {}

    def note(cls: type[Kobject], field_name: str, kind: str) -> None:
        for owner in world.all(cls):
            found.setdefault(getattr(owner, field_name).name, kind)

    note(Mm, "mmap_lock", "mmap_lock")
    note(Vma, "lock", "VMA lock")
    note(AnonVma, "rwsem", "anon_vma->root->rwsem")
    note(Pmd, "ptl", "pmd lock")
    note(Table, "ptl", "pte lock")
    for folio in world.all(Folio):
        found[folio.name] = "folio lock"
    return found


@dataclass(frozen=True)
class _Word:
    """A lock word: where it is, and whether several threads can hold it at once."""

    lock: Lock
    mode: str
    slot: Slot
    shared: bool

    def held_by(self, state: int, who: int) -> bool:
        value = state >> self.slot.offset & self.slot.mask
        return bool(value >> who & 1) if self.shared else value == who


class _Words:
    """The lock words of a world as an explorer packs them."""

    def __init__(self, world: World, variables: tuple[Variable, ...], explorer: Prepared) -> None:
        kinds = _kinds(world)
        self.words: list[_Word] = []
        for variable in variables:
            if variable.storage is not Storage.LOCK or len(variable.dims) != 1:
                continue
            objects = variable.dims[0]
            assert isinstance(objects, Ref)
            shared = isinstance(variable.sort, Set)
            mode = {"readers": "read", "writer": "write"}.get(variable.name.partition(".")[2], "")
            for code in objects.codes():
                index = (ex.const(code, objects),)
                slot = explorer.layout.slot(ex.cell(variable.name, index, variable.sort))
                name = objects.show(code)
                if slot is not None and name in kinds:
                    self.words.append(_Word(Lock(kinds[name], name), mode, slot, shared))
        self.mask = sum(w.slot.mask << w.slot.offset for w in self.words)

    def held(self, state: int, who: int) -> int:
        """The locks that a thread holds, as bits."""
        return sum(1 << n for n, word in enumerate(self.words) if word.held_by(state, who))

    def changes(self, before: int, after: int, who: int) -> tuple[tuple[_Word, bool], ...]:
        """The locks that a thread lets go of, then those that it takes (True): a downgrade does
        both."""
        if not (before ^ after) & self.mask:
            return ()
        now = [(word, word.held_by(after, who)) for word in self.words]
        found = [(w, held) for w, held in now if held != w.held_by(before, who)]
        return tuple(sorted(found, key=lambda change: change[1]))


# -- threads ---------------------------------------------------------------------------------------


_Here = tuple[int, int]
"""A thread's place and locals, and the locks that it holds, as bits by number."""

_Step = tuple[int, _Here, tuple[tuple[_Word, bool], ...]]
"""The number of an edge, where it leads, and what it does to locks."""


class _Walk:
    """One thread of an explored system, by its place and locals."""

    def __init__(
        self, explorer: Prepared, number: int, words: _Words, states: Iterable[int]
    ) -> None:
        self._explorer, self._number, self._words = explorer, number, words
        self._code = explorer.codes[number]
        slots = (self._code.seat.pc, *self._code.seat.locals.values())
        self._own = 0
        for slot in slots:
            self._own |= slot.mask << slot.offset
        self._steps: dict[_Here, set[_Step]] = {}
        self._holds: dict[int, int] = {}
        self.taken: set[Taken] = set()
        self._look(states)

    def _here(self, state: int) -> _Here:
        locks = state & self._words.mask
        held = self._holds.get(locks)
        if held is None:
            held = self._holds[locks] = self._words.held(state, self._number + 1)
        return state & self._own, held

    def _look(self, states: Iterable[int]) -> None:
        layout, pc = self._explorer.layout, self._code.seat.pc
        seen = set()
        for state in states:
            at = layout.value(state, pc)
            here = self._here(state)
            known = (state & self._code.footprints[at], here)
            if known in seen:
                continue
            seen.add(known)
            for number, after in self._code.moves(state, at).taken:
                locks = self._words.changes(state, after, self._number + 1)
                self._steps.setdefault(here, set()).add((number, self._here(after), locks))

    def orders(self, initial: State) -> set[Order]:
        """What is taken with what held, on every way from the entry."""
        first = self._here(self._explorer.pack(initial))
        found: set[Order] = set()
        seen: set[tuple[_Here, frozenset[Taken]]] = {(first, frozenset())}
        todo = list(seen)
        while todo:
            at, held = todo.pop()
            for number, after, locks in self._steps.get(at, ()):
                now = held
                for word, got in locks:
                    if not got:
                        now = frozenset(t for t in now if t.lock != word.lock)
                        continue
                    taken = self._taken(self._code.thread, number, word)
                    found |= {Order(h, taken) for h in now}
                    self.taken.add(taken)
                    now |= {taken}
                if (after, now) not in seen:
                    seen.add((after, now))
                    todo.append((after, now))
        return found

    @staticmethod
    def _taken(thread: Thread, number: int, word: _Word) -> Taken:
        edge = thread.edges[number]
        assert edge.site is not None
        assert edge.call is not None
        site = edge.site.shown()
        return Taken(
            word.lock, word.mode, thread.routine, site.function, site.line, edge.call.name,
            Trait.TRYLOCK in edge.call.traits,
        )  # fmt: skip


__all__ = ["Lock", "Observed", "Order", "Taken", "observe"]

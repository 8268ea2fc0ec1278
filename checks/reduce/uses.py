# SPDX-License-Identifier: GPL-2.0-only
"""Uses: which regions of shared state a step reads and writes, and in what way."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from model.lang import expr as ex
from model.lang.expr import Cell, Const, Expr
from model.lang.ir import Edge, Op, Rule, Storage, Update
from model.lang.sorts import Int, Ref, Set
from model.lang.traits import Trait

from .elements import Elements
from .free import InUse, is_unseen
from .lock_words import GAINS, Holder, awaited, frees, is_made_from, own_part, takes
from .usage import Part, Region, cells_of

LOCKLESS = frozenset({
    Trait.LOCKLESS, Trait.RETURN, Trait.NEW, Trait.PUT, Trait.ALLOC, Trait.GHOST, Trait.TRYGET,
    Trait.MAYBE_FREE,
})  # fmt: skip
"""Steps that use fields without their lock, or objects that nobody else has yet."""

COUNTED = frozenset({"Folio.refcount", "Folio.free", "Folio.lru"})
"""Variables that say whether an object may be used: everybody may look at them."""

UNSEEN = frozenset({Trait.PUT, Trait.ALLOC})
"""Steps that write to an object that is free, so that nobody else sees it, apart from
`COUNTED`."""

MAY_BE_FREE = frozenset({Trait.TRYGET, Trait.ALLOC, Trait.MAYBE_FREE, Trait.GHOST})
"""Steps that may look at free objects."""


Word = tuple[Region, frozenset[str]]
"""A lock word, with variables of the same object."""


@dataclass(frozen=True, slots=True)
class Uses:
    """The regions that a step, or a part, uses; `free` ones without a declared lock.

    `looks`: lock words whose value matters otherwise than by waiting for them; `asks`: all those
    that it looks at in any way, also to ask whether one is its own; `unseen`: writes to
    objects that nobody else can see, not in `writes`; `shrinks`: ghosts that lose elements, not in
    `writes`; `careless`: reads of objects that may be free, and writes to such; `waits`: lock words
    that it waits for to be free; `gains`: those that it may make less free, so that whoever waits
    for one has come before, or has not.

    `awaits` has besides, for each of `waits`, the variables that the same step takes for itself of
    the same object (the readers of a semaphore, where it waits for the writer); `wins`, for each of
    `gains`, the variables of the same object that the step waits for.
    """

    reads: frozenset[Region] = frozenset()
    writes: frozenset[Region] = frozenset()
    free_reads: frozenset[Region] = frozenset()
    free_writes: frozenset[Region] = frozenset()
    looks: frozenset[Region] = frozenset()
    asks: frozenset[Region] = frozenset()
    unseen: frozenset[Region] = frozenset()
    shrinks: frozenset[Region] = frozenset()
    careless: frozenset[Region] = frozenset()
    waits: frozenset[Region] = frozenset()
    gains: frozenset[Region] = frozenset()
    awaits: frozenset[Word] = frozenset()
    wins: frozenset[Word] = frozenset()

    @classmethod
    def of_all(cls, several: Iterable[Uses]) -> Uses:
        """All their uses together."""
        different = dict.fromkeys(several)
        if len(different) == 1:
            return next(iter(different))
        names = cls.__slots__
        return cls(*(frozenset().union(*(getattr(u, n) for u in different)) for n in names))


_same: dict[Uses, Uses] = {}
"""Uses by content: many steps use the same."""


@dataclass(slots=True)
class _Found:
    """The uses of a step, as they are found."""

    reads: set[Region] = field(default_factory=set)
    writes: set[Region] = field(default_factory=set)
    free_reads: set[Region] = field(default_factory=set)
    free_writes: set[Region] = field(default_factory=set)
    looks: set[Region] = field(default_factory=set)
    asks: set[Region] = field(default_factory=set)
    unseen: set[Region] = field(default_factory=set)
    shrinks: set[Region] = field(default_factory=set)
    careless: set[Region] = field(default_factory=set)
    waits: set[Region] = field(default_factory=set)
    gains: set[Region] = field(default_factory=set)
    awaits: set[Word] = field(default_factory=set)
    wins: set[Word] = field(default_factory=set)

    def all(self) -> Uses:
        """The uses, the same object for the same ones."""
        uses = Uses(*(frozenset(getattr(self, name)) for name in Uses.__slots__))
        return _same.setdefault(uses, uses)


class Classifier:
    """Classifies the accesses of one part of a family of systems.

    `locked` are the variables whose declaration names a lock, `freeable` those of objects that may
    be free; `steady`, if checks that are declared so are taken for it.  Where lock words are memory
    like any other (`storage`) and the rest is empty and false, nothing is taken for granted.
    """

    def __init__(
        self, elements: Elements, storage: Mapping[str, Storage], locked: frozenset[str],
        freeable: frozenset[str], holder: Holder, in_use: InUse, *, steady: bool,
    ) -> None:  # fmt: skip
        self._steady = steady
        self.elements, self.storage, self._holder, self.in_use = elements, storage, holder, in_use
        self.locked, self.freeable = locked, freeable - COUNTED

    def edge(self, edge: Edge, who: int, *, checks: bool = True) -> Uses:
        """The uses of one edge of thread number `who` (from 1), its checks included if asked."""
        traits = edge.call.traits if edge.call is not None else frozenset({Trait.LOCKLESS})
        op = edge.op if checks else edge.op.bare
        found = self._op(op, who, bool(traits & LOCKLESS))
        if traits & (UNSEEN | MAY_BE_FREE):
            unseen = [u for u in op.updates if traits & UNSEEN and self._is_unseen(op, u)]
            rest = op.doing(op.guard, tuple(u for u in op.updates if u not in unseen), op.checks)
            seen = self._op(rest, who, True)
            found.unseen = self._places(unseen) - seen.writes
            found.writes -= found.unseen
            found.free_writes -= found.unseen
            found.careless |= found.reads | found.looks | found.asks | self._places(rest.updates)
        return found.all()

    def _is_unseen(self, op: Op, update: Update) -> bool:
        """True if an update writes to an object only where that is free before or after."""
        place = update.place
        freeable = isinstance(place, Cell) and place.var in self.freeable
        return freeable and is_unseen(op, update, self.in_use)

    def _places(self, updates: Iterable[Update]) -> set[Region]:
        """The regions of objects that may be free which these write."""
        cells = [u.place for u in updates if isinstance(u.place, Cell)]
        return {r for c in cells if c.var in self.freeable for r in self.elements.of(c)}

    def judging(self, conditions: Iterable[Expr], who: int) -> Uses:
        """The uses of conditions that are checked: from outside of any lock, and also of what may
        be free."""
        found = _Found()
        for cond in conditions:
            self._judge(found, cond, who)
        return found.all()

    def used(self, edge: Edge) -> list[Cell]:
        """The cells of objects that may be free which an edge takes for not free."""
        traits = edge.call.traits if edge.call is not None else frozenset()
        if traits & (MAY_BE_FREE | UNSEEN):
            return []
        return [c for c in edge.op.bare.cells if c.var in self.freeable]

    def under_locks(self, edge: Edge) -> list[Cell]:
        """The cells of fields with a declared lock that software reads or writes at an edge."""
        places = (u.place for u in edge.op.updates if isinstance(u.place, Cell))
        return [*self.locked_cells(edge), *(c for c in places if c.var in self.locked)]

    def holds(self, cell: Cell, who: int) -> Expr:
        """The condition that a thread holds the lock of a cell."""
        word = self._holder(cell)
        return ex.eq(word, ex.const(who, word.sort))

    def words_at(self, edge: Edge, who: int) -> list[tuple[Cell, Expr]]:
        """The lock words that an edge of thread number `who` writes, each with the condition that
        it changes its own part in the word only.  Taking one that it waits for always does."""
        traits = edge.call.traits if edge.call is not None else frozenset()
        waited_for = {awaited(part) for part in ex.conjuncts(edge.op.guard)}
        return [
            (u.place, own_part(u.place, u.value, who))
            for u in edge.op.updates
            if isinstance(u.place, Cell) and self._is_lock(u.place)
            and not (u.place in waited_for and takes(u.place, u.value, who))
            and not (traits & UNSEEN and self._is_unseen(edge.op, u))
        ]  # fmt: skip

    def releases(self, op: Op, who: int) -> bool:
        """True if an operation may write anything but its own name into a lock word."""
        return any(
            isinstance(u.place, Cell)
            and self.storage[u.place.var] is Storage.LOCK
            and not takes(u.place, u.value, who)
            for u in op.updates
        )

    def locked_cells(self, edge: Edge) -> list[Cell]:
        """The cells of fields with a declared lock that software reads at an edge."""
        parts = [edge.op.guard]
        for update in edge.op.updates:
            place = update.place
            if isinstance(place, Cell):
                parts.extend(place.index)
            if not isinstance(place, Cell) or self.storage[place.var] is not Storage.HARDWARE:
                parts.append(update.value)
        cells = {c for p in parts for c in cells_of(p) if c.var in self.locked}
        return sorted(cells, key=ex.show)

    def edges(self, part: Part) -> tuple[tuple[Uses, Uses], ...]:
        """The uses of each edge of a thread, with its checks and without."""
        if part.thread is None:
            return ()
        return tuple(self._both(e, part.number + 1) for e in part.thread.edges)

    def _both(self, edge: Edge, who: int) -> tuple[Uses, Uses]:
        bare = self.edge(edge, who, checks=False)
        judged = [c.cond for c in edge.op.checks if not (c.steady and self._steady)]
        return (Uses.of_all([bare, self.judging(judged, who)]) if judged else bare, bare)

    def shown(self, part: Part, uses: Iterable[tuple[Uses, Uses]]) -> Uses:
        """The uses of a part, with those of its edges, as others see them: what makes a steady
        check hold may not come before the check either, nor what makes hold or fail what movers
        rest on."""
        if part.thread is None:
            return self.rules(part)
        who = part.number + 1
        found = [every for every, _ in uses]
        for edge in part.thread.edges:
            steady = [check.cond for check in edge.op.checks if check.steady]
            found.append(self.judging([*steady, *self._relied_on(edge, who)], who))
        return Uses.of_all(found)

    def _relied_on(self, edge: Edge, who: int) -> Iterator[Expr]:
        """The conditions under which an edge is as it has to be for movers."""
        yield from map(self.in_use, self.used(edge))
        for _, own in self.words_at(edge, who):
            yield own
        for cell in self.under_locks(edge):
            yield self.holds(cell, who)

    def rules(self, part: Part) -> Uses:
        """The uses of the rules of a part."""
        return Uses.of_all(map(self.rule, part.rules))

    def rule(self, rule: Rule) -> Uses:
        found = self._op(rule.op, 0, True)
        found.careless |= found.reads | found.looks | found.asks | self._places(rule.op.updates)
        return found.all()

    def _op(self, op: Op, who: int, free: bool) -> _Found:
        found = _Found()
        waited_for = [c for c in map(awaited, ex.conjuncts(op.guard)) if c and self._is_lock(c)]
        written = [(u.place, u.value) for u in op.updates if isinstance(u.place, Cell)]
        taken = [p for p, value in written if self._is_lock(p) and takes(p, value, who)]
        for cell in waited_for:
            found.awaits.update(self._words(cell, taken))
        for update in op.updates:
            if isinstance(update.place, Cell):
                if self._shrunk(update.place, update.value) is not None:
                    found.shrinks.update(self.elements.of(update.place))
                else:
                    self._note(found.writes, found.free_writes, update.place, free)
                if self._is_lock(update.place) and not frees(update.place, update.value):
                    found.gains.update(self.elements.of(update.place))
                    found.wins.update(self._words(update.place, waited_for))
                    asked = update.place in taken and update.place in waited_for
                    if isinstance(update.place.sort, Ref) and not asked:
                        found.looks.update(self.elements.of(update.place))
                for index in update.place.index:
                    self._read(found, index, who, free, waiting=False)
                hardware = self.storage[update.place.var] is Storage.HARDWARE
            else:
                hardware = False
            for value in self._decisive(update.place, update.value):
                self._read(found, value, who, free or hardware, waiting=False)
        for part in ex.conjuncts(op.guard):
            self._read(found, part, who, free, waiting=True)
        for check in op.checks:
            if not (check.steady and self._steady):
                self._judge(found, check.cond, who)
        return found

    def _judge(self, found: _Found, cond: Expr, who: int) -> None:
        seen = _Found()
        self._read(seen, cond, who, True, waiting=False)
        found.reads |= seen.reads
        found.free_reads |= seen.free_reads
        found.looks |= seen.looks
        found.asks |= seen.asks
        found.careless |= seen.reads | seen.looks | seen.asks

    def _decisive(self, place: Expr, value: Expr) -> Iterable[Expr]:
        """The expressions that a written value depends on; not a lock word that only gains or loses
        a holder, or a ghost that only loses elements, for then nobody can tell who came first."""
        shrunk = self._shrunk(place, value)
        if shrunk is not None:
            yield from shrunk
            return
        if value is place and self._is_lock(place):
            return
        if isinstance(value, ex.Apply) and self._is_lock(place):
            if value.name in GAINS and value.args[0] is place:
                yield from value.args[1:]
                return
            if value.name == "ite" and any(is_made_from(place, a) for a in value.args[1:]):
                yield value.args[0]
                for arm in value.args[1:]:
                    yield from self._decisive(place, arm)
                return
        if self._is_lock(place) and isinstance(place.sort, Int | Set):
            yield place  # it comes before or after what the others gain
        yield value

    def _shrunk(self, place: Expr, value: Expr) -> list[Expr] | None:
        """The expressions that decide which elements a set of ghosts loses by a write; None if the
        place is no such set, or may have others afterwards."""
        if not isinstance(place, Cell) or self.storage[place.var] is not Storage.GHOST:
            return None
        return _taken_out(place, value) if isinstance(place.sort, Set) else None

    def _words(self, cell: Cell, others: Iterable[Cell]) -> Iterable[Word]:
        """The words that a cell may be, with those of `others` that are of the same object."""
        beside = frozenset(other.var for other in others if other.index == cell.index)
        return ((region, beside) for region in self.elements.of(cell))

    def _is_lock(self, place: Expr) -> bool:
        return isinstance(place, Cell) and self.storage[place.var] is Storage.LOCK

    def _note(self, every: set[Region], free_ones: set[Region], cell: Cell, free: bool) -> None:
        regions = self.elements.of(cell)
        every.update(regions)
        if free or cell.var not in self.locked:
            free_ones.update(regions)

    def _read(self, found: _Found, e: Expr, who: int, free: bool, *, waiting: bool) -> None:
        for word in filter(self._is_lock, cells_of(e)):
            found.asks.update(self.elements.of(word))
        for cell in self._sensitive(e, who):
            if self.storage[cell.var] is not Storage.LOCK:
                self._note(found.reads, found.free_reads, cell, free)
            elif waiting and awaited(e) is cell:
                found.waits.update(self.elements.of(cell))
            else:
                found.looks.update(self.elements.of(cell))

    def _sensitive(self, e: Expr, who: int) -> Iterable[Cell]:
        """The cells whose value matters, apart from asking whether a lock word is mine."""
        cells = list(cells_of(e))
        if not any(self.storage[c.var] is Storage.LOCK for c in cells):
            yield from cells
            return
        if isinstance(e, Cell):
            yield e
            for index in e.index:
                yield from self._sensitive(index, who)
            return
        if isinstance(e, ex.Apply) and self._asks_if_mine(e, who):
            cell = e.args[0] if isinstance(e.args[0], Cell) else ex.children(e.args[0])[0]
            assert isinstance(cell, Cell)
            for index in cell.index:
                yield from self._sensitive(index, who)
            return
        for child in ex.children(e):
            yield from self._sensitive(child, who)

    def _asks_if_mine(self, e: ex.Apply, who: int) -> bool:
        if e.name != "eq" or not isinstance(e.args[1], Const) or who == 0:
            return False
        word, value = e.args[0], e.args[1].value
        if isinstance(word, ex.Apply) and word.name == "inter":
            word, mask = word.args
            mine = value == 0 and isinstance(mask, Const) and mask.value == 1 << who
        else:  # a set or a depth that is `who` is something else
            mine = value == who and isinstance(word.sort, Ref)
        return mine and isinstance(word, Cell) and self.storage[word.var] is Storage.LOCK


def _taken_out(place: Cell, value: Expr) -> list[Expr] | None:
    """The expressions that decide which elements of a place a value lacks; None if it may have
    others besides."""
    if value is place or (isinstance(value, Const) and value.value == 0):
        return []
    if not isinstance(value, ex.Apply):
        return None
    if value.name == "ite":
        yes, no = (_taken_out(place, arm) for arm in value.args[1:])
        return None if yes is None or no is None else [value.args[0], *yes, *no]
    if value.name in ("diff", "inter"):
        inner = _taken_out(place, value.args[0])
        return None if inner is None else [*inner, value.args[1]]
    return None

# SPDX-License-Identifier: GPL-2.0-only
"""Conflicts: what the others do to what a thread's step uses.

A step is a *left mover* when, whatever another thread does just before it, the two may as well
happen in the other order; then nobody can tell it from a part of the step before (Lipton).  It is
one if no access of another thread conflicts with its own, where

* accesses to a field under the lock that its declaration names do not conflict with each other,
  for only one thread can be at such a step (that both hold it is checked as they run, by
  `DISCIPLINE`); what an invariant looks at, it looks at without a lock;
* releasing a lock conflicts with nothing but a trylock or a look at the lock word; entering what
  others wait for the end of, as a read section of RCU, does with their waiting (`held_up`);
* asking "is it mine?" of a lock word does not conflict with what others do to it;
* writing to an object that nobody else can see (just allocated, or freed by this very step)
  conflicts only with those who may look at free objects: that nobody else does is an invariant
  ("a folio is not used after it is freed").
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace

from model.lang import expr as ex
from model.lang.expr import Cell, Const, Expr
from model.lang.ir import Edge, Op, Role, Rule
from model.lang.sorts import Int, Set

from .elements import Elements
from .usage import Part, Region, cells_of

DISCIPLINE = "model:lock discipline"
"""The check that a field is used under its lock; if it fails, movers may not be used."""

LOCKLESS = frozenset({"lockless", "return", "new", "put", "alloc", "ghost", "tryget", "maybe-free"})
"""Steps that use fields without their lock, or objects that nobody else can see."""

UNSEEN = frozenset({"new", "put", "alloc"})
"""Steps that write to an object that nobody else can see, apart from `COUNTED`."""

COUNTED = frozenset({"Folio.refcount", "Folio.free", "Folio.lru"})
"""What says whether an object may be used: everybody may look at it."""

MAY_BE_FREE = frozenset({"tryget", "alloc", "maybe-free", "ghost"})
"""Steps that may look at free objects."""


@dataclass(frozen=True, slots=True)
class Uses:
    """The regions that a step, or a part, uses; `free` ones without a declared lock.

    `looks`: lock words whose value matters otherwise than by waiting for them; `unseen`: writes to
    objects that nobody else can see, not in `writes`; `careless`: reads of objects that may be
    free; `waits`: lock words that it waits for to be free; `gains`: those that it may make less
    free, so that whoever waits for one has come before, or has not.
    """

    reads: frozenset[Region] = frozenset()
    writes: frozenset[Region] = frozenset()
    free_reads: frozenset[Region] = frozenset()
    free_writes: frozenset[Region] = frozenset()
    looks: frozenset[Region] = frozenset()
    unseen: frozenset[Region] = frozenset()
    careless: frozenset[Region] = frozenset()
    waits: frozenset[Region] = frozenset()
    gains: frozenset[Region] = frozenset()

    @classmethod
    def of_all(cls, several: Iterable[Uses]) -> Uses:
        """What all of them use together."""
        different = list(dict.fromkeys(several))
        names = [f.name for f in fields(cls)]
        return cls(*(frozenset().union(*(getattr(u, n) for u in different)) for n in names))


_same: dict[Uses, Uses] = {}
"""Uses by content: many steps use the same."""


@dataclass
class _Found:
    """The uses of a step, as they are found."""

    reads: set[Region] = field(default_factory=set)
    writes: set[Region] = field(default_factory=set)
    free_reads: set[Region] = field(default_factory=set)
    free_writes: set[Region] = field(default_factory=set)
    looks: set[Region] = field(default_factory=set)
    unseen: set[Region] = field(default_factory=set)
    careless: set[Region] = field(default_factory=set)
    waits: set[Region] = field(default_factory=set)
    gains: set[Region] = field(default_factory=set)

    def all(self) -> Uses:
        """The uses, the same object for the same ones."""
        uses = Uses(*(frozenset(getattr(self, f.name)) for f in fields(self)))
        return _same.setdefault(uses, uses)


class Classifier:
    """Classifies the accesses of one part of a family of systems.

    `locked` are the variables whose declaration names a lock.
    """

    def __init__(
        self, elements: Elements, roles: Mapping[str, Role], locked: frozenset[str]
    ) -> None:
        self.elements, self.roles, self.locked = elements, roles, locked

    def edge(self, edge: Edge, who: int, *, checks: bool = True) -> Uses:
        """What one edge of thread number `who` (from 1) uses, its checks included if asked."""
        traits = edge.call.traits if edge.call is not None else frozenset({"lockless"})
        op = edge.op if checks else replace(edge.op, checks=())
        found = self._op(op, who, bool(traits & LOCKLESS))
        if traits & UNSEEN:
            found.unseen = {r for r in found.writes if r[0] not in COUNTED and self._is_memory(r)}
            found.writes -= found.unseen
            found.free_writes -= found.unseen
        if traits & MAY_BE_FREE:
            found.careless = set(found.reads)
        return found.all()

    def releases(self, op: Op, who: int) -> bool:
        """Whether an operation may write anything but its own name into a lock word."""
        return any(
            isinstance(u.place, Cell)
            and self.roles[u.place.var] is Role.LOCK
            and not _takes(u.place, u.value, who)
            for u in op.updates
        )

    def _is_memory(self, region: Region) -> bool:
        return self.roles[region[0]] in (Role.MEMORY, Role.LOCK)

    def locked_cells(self, edge: Edge) -> list[Cell]:
        """The cells of fields with a declared lock that software reads at an edge."""
        parts = [edge.op.guard]
        for update in edge.op.updates:
            place = update.place
            if isinstance(place, Cell):
                parts.extend(place.index)
            if not isinstance(place, Cell) or self.roles[place.var] is not Role.HARDWARE:
                parts.append(update.value)
        cells = dict.fromkeys(c for p in parts for c in cells_of(p))
        return [c for c in cells if c.var in self.locked]

    def edges(self, part: Part) -> tuple[tuple[Uses, Uses], ...]:
        """What each edge of a thread uses, with its checks and without."""
        if part.thread is None:
            return ()
        return tuple(self._both(e, part.number + 1) for e in part.thread.edges)

    def _both(self, edge: Edge, who: int) -> tuple[Uses, Uses]:
        bare = self.edge(edge, who, checks=False)
        return (self.edge(edge, who), bare) if edge.op.checks else (bare, bare)

    def rules(self, part: Part) -> Uses:
        """What the rules of a part use."""
        return Uses.of_all(map(self.rule, part.rules))

    def rule(self, rule: Rule) -> Uses:
        found = self._op(rule.op, 0, True)
        found.careless = set(found.reads)
        return found.all()

    def _op(self, op: Op, who: int, free: bool) -> _Found:
        found = _Found()
        for update in op.updates:
            if isinstance(update.place, Cell):
                self._note(found.writes, found.free_writes, update.place, free)
                if self._is_lock(update.place) and not _frees(update.place, update.value):
                    found.gains.update(self.elements.of(update.place))
                for index in update.place.index:
                    self._read(found, index, who, free, waiting=False)
                hardware = self.roles[update.place.var] is Role.HARDWARE
            else:
                hardware = False
            for value in self._decisive(update.place, update.value):
                self._read(found, value, who, free or hardware, waiting=False)
        for part in _conjuncts(op.guard):
            self._read(found, part, who, free, waiting=True)
        for check in op.checks:
            if not check.steady:
                self._read(found, check.cond, who, True, waiting=False)  # from outside of any lock
        return found

    def _decisive(self, place: Expr, value: Expr) -> Iterable[Expr]:
        """What a written value depends on; not on a lock word that only gains or loses a holder,
        for then nobody can tell who came first."""
        if value is place and self._is_lock(place):
            return
        if isinstance(value, ex.Op) and self._is_lock(place):
            if value.name in _GAINS and value.args[0] is place:
                yield from value.args[1:]
                return
            if value.name == "ite" and any(_is_made_from(place, a) for a in value.args[1:]):
                yield value.args[0]
                for arm in value.args[1:]:
                    yield from self._decisive(place, arm)
                return
        if self._is_lock(place) and isinstance(place.sort, Int | Set):
            yield place  # it comes before or after what the others gain
        yield value

    def _is_lock(self, place: Expr) -> bool:
        return isinstance(place, Cell) and self.roles[place.var] is Role.LOCK

    def _note(self, every: set[Region], free_ones: set[Region], cell: Cell, free: bool) -> None:
        regions = self.elements.of(cell)
        every.update(regions)
        if free or cell.var not in self.locked:
            free_ones.update(regions)

    def _read(self, found: _Found, e: Expr, who: int, free: bool, *, waiting: bool) -> None:
        for cell in self._sensitive(e, who):
            if self.roles[cell.var] is not Role.LOCK:
                self._note(found.reads, found.free_reads, cell, free)
            elif waiting and _waits(e, cell):
                found.waits.update(self.elements.of(cell))
            else:
                found.looks.update(self.elements.of(cell))

    def _sensitive(self, e: Expr, who: int) -> Iterable[Cell]:
        """The cells whose value matters, apart from asking whether a lock word is mine."""
        cells = list(cells_of(e))
        if not any(self.roles[c.var] is Role.LOCK for c in cells):
            yield from cells
            return
        if isinstance(e, Cell):
            yield e
            for index in e.index:
                yield from self._sensitive(index, who)
            return
        if isinstance(e, ex.Op) and self._asks_if_mine(e, who):
            cell = e.args[0] if isinstance(e.args[0], Cell) else ex.children(e.args[0])[0]
            assert isinstance(cell, Cell)
            for index in cell.index:
                yield from self._sensitive(index, who)
            return
        for child in ex.children(e):
            yield from self._sensitive(child, who)

    def _asks_if_mine(self, e: ex.Op, who: int) -> bool:
        if e.name != "eq" or not isinstance(e.args[1], Const) or who == 0:
            return False
        word, value = e.args[0], e.args[1].value
        if isinstance(word, ex.Op) and word.name == "inter" and value == 0:
            word, mask = word.args
            value = who if isinstance(mask, Const) and mask.value == 1 << who else 0
        if not isinstance(word, Cell) or self.roles[word.var] is not Role.LOCK:
            return False
        return value == who


_GAINS = ("union", "diff", "add", "sub")


def _is_made_from(place: Expr, value: Expr) -> bool:
    return value is place or (
        isinstance(value, ex.Op) and value.name in _GAINS and value.args[0] is place
    )


def _conjuncts(guard: Expr) -> tuple[Expr, ...]:
    if isinstance(guard, ex.Op) and guard.name == "and":
        return guard.args
    return (guard,)


def _waits(e: Expr, cell: Cell) -> bool:
    """Whether a guard waits for a lock word to be free: it is none, or the empty set."""
    if isinstance(e, ex.Op) and e.name == "eq" and e.args[0] is cell:
        return isinstance(e.args[1], Const) and e.args[1].value == 0
    return False


def _frees(word: Cell, value: Expr) -> bool:
    """Whether a value leaves a lock word as free as it was, or makes it more so."""
    if isinstance(value, Const):
        return value.value == 0
    value = _wide(value)
    return value is word or (
        isinstance(value, ex.Op) and value.name in ("diff", "sub") and value.args[0] is word
    )


def _wide(value: Expr) -> Expr:
    """A number before it is made to fit."""
    return value.args[0] if isinstance(value, ex.Op) and value.name == "narrow" else value


def _takes(word: Cell, value: Expr, who: int) -> bool:
    """Whether a value makes a thread the holder of a lock, or one of its holders."""
    if isinstance(word.sort, Int):  # a depth: whoever waits for it waits for 0
        value = _wide(value)
        if isinstance(value, ex.Op) and value.name == "add" and value.args[0] is word:
            value = value.args[1]
        return isinstance(value, Const) and value.value > 0
    if not isinstance(word.sort, Set):
        return isinstance(value, Const) and value.value == who
    added = value.args[1] if isinstance(value, ex.Op) and value.name == "union" else value
    return isinstance(added, Const) and added.value == 1 << who


@dataclass(frozen=True)
class Others:
    """What everybody else does, as one thread sees it; `judged`: what invariants of states see."""

    uses: Uses
    judged: frozenset[Region]
    _known: dict[tuple[Uses, bool], bool] = field(default_factory=dict, compare=False, repr=False)

    def held_up(self, mine: Uses) -> bool:
        """Whether a step that uses `mine` may keep one of theirs from being taken after it."""
        return not mine.gains.isdisjoint(self.uses.waits)

    def conflict(self, mine: Uses, roles: Mapping[str, Role], *, ghosts: bool = False) -> bool:
        """Whether something of theirs conflicts with a step that uses `mine`.

        `ghosts`: also whether their checks look at ghosts that it writes.
        """
        key = mine, ghosts
        if key not in self._known:
            self._known[key] = self._conflict(mine, roles, ghosts)
        return self._known[key]

    def _conflict(self, mine: Uses, roles: Mapping[str, Role], ghosts: bool) -> bool:
        theirs = self.uses
        locked_reads = mine.reads - mine.free_reads
        if mine.free_reads & theirs.writes or locked_reads & theirs.free_writes:
            return True
        if mine.careless & theirs.unseen or mine.unseen & (theirs.careless | self.judged):
            return True
        if mine.looks & theirs.writes:
            return True
        for region in mine.writes:
            if roles[region[0]] is Role.GHOST:
                if ghosts and region in theirs.reads:
                    return True
                continue
            if region in self.judged:
                return True
            if roles[region[0]] is Role.LOCK:
                if region in theirs.looks:
                    return True
            elif region in mine.free_writes:
                if region in theirs.reads or region in theirs.writes:
                    return True
            elif region in theirs.free_reads or region in theirs.free_writes:
                return True
        return False

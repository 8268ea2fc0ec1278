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
* waiting for a lock word to be free conflicts with whoever may take it, unless what the step takes
  itself keeps them from it (`overtaken`): it matters for right movers only, a left mover never
  waits;
* asking "is it mine?" of a lock word does not conflict with what others do to it;
* writing to an object that is free before or after this very step conflicts only with those who
  may look at free objects;
* a ghost is written at a time like any other word, for what judges it may tell; but taking things
  out of a set of ghosts may come before or after the same by others.

Three things are taken for granted here, and are checked as the system runs, as `DISCIPLINE`:
fields are used under their lock, a lock is released by its holder, and what is free is not used
(`merge.moves_of`).  Where one fails, the search is made again without movers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields, replace

from model.lang import expr as ex
from model.lang.expr import Cell, Const, Expr
from model.lang.ir import Check, Edge, Op, Role, Rule
from model.lang.sorts import Int, Ref, Set
from model.lang.traits import Trait

from .elements import Elements
from .usage import Part, Region, cells_of

DISCIPLINE = "model:lock discipline"
"""The check of what movers rest on; if it fails, they may not be used."""

LOCKLESS = frozenset({
    Trait.LOCKLESS, Trait.RETURN, Trait.NEW, Trait.PUT, Trait.ALLOC, Trait.GHOST, Trait.TRYGET,
    Trait.MAYBE_FREE,
})  # fmt: skip
"""Steps that use fields without their lock, or objects that nobody else has yet."""

COUNTED = frozenset({"Folio.refcount", "Folio.free", "Folio.lru"})
"""What says whether an object may be used: everybody may look at it."""

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

    `looks`: lock words whose value matters otherwise than by waiting for them; `unseen`: writes to
    objects that nobody else can see, not in `writes`; `shrinks`: ghosts that lose elements, not in
    `writes`; `careless`: reads of objects that may be
    free; `waits`: lock words that it waits for to be free; `gains`: those that it may make less
    free, so that whoever waits for one has come before, or has not.

    `awaits` has besides, for each of `waits`, the variables that the same step takes for itself of
    the same object (the readers of a semaphore, where it waits for the writer); `wins`, for each of
    `gains`, the variables of the same object that the step waits for.
    """

    reads: frozenset[Region] = frozenset()
    writes: frozenset[Region] = frozenset()
    free_reads: frozenset[Region] = frozenset()
    free_writes: frozenset[Region] = frozenset()
    looks: frozenset[Region] = frozenset()
    unseen: frozenset[Region] = frozenset()
    shrinks: frozenset[Region] = frozenset()
    careless: frozenset[Region] = frozenset()
    waits: frozenset[Region] = frozenset()
    gains: frozenset[Region] = frozenset()
    awaits: frozenset[Word] = frozenset()
    wins: frozenset[Word] = frozenset()

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
    shrinks: set[Region] = field(default_factory=set)
    careless: set[Region] = field(default_factory=set)
    waits: set[Region] = field(default_factory=set)
    gains: set[Region] = field(default_factory=set)
    awaits: set[Word] = field(default_factory=set)
    wins: set[Word] = field(default_factory=set)

    def all(self) -> Uses:
        """The uses, the same object for the same ones."""
        uses = Uses(*(frozenset(getattr(self, f.name)) for f in fields(self)))
        return _same.setdefault(uses, uses)


class Classifier:
    """Classifies the accesses of one part of a family of systems.

    `locked` are the variables whose declaration names a lock, `freeable` those of objects that may
    be free.  Where lock words are memory like any other (`roles`) and both are empty, nothing is
    taken for granted.
    """

    def __init__(
        self, elements: Elements, roles: Mapping[str, Role], locked: frozenset[str],
        freeable: frozenset[str],
    ) -> None:  # fmt: skip
        self.elements, self.roles = elements, roles
        self.locked, self.freeable = locked, freeable - COUNTED

    def edge(self, edge: Edge, who: int, *, checks: bool = True) -> Uses:
        """What one edge of thread number `who` (from 1) uses, its checks included if asked."""
        traits = edge.call.traits if edge.call is not None else frozenset({Trait.LOCKLESS})
        op = edge.op if checks else replace(edge.op, checks=())
        found = self._op(op, who, bool(traits & LOCKLESS))
        if traits & UNSEEN:
            found.unseen = {r for r in found.writes if r[0] in self.freeable}
            found.writes -= found.unseen
            found.free_writes -= found.unseen
        if traits & MAY_BE_FREE:
            found.careless |= found.reads | found.looks
        return found.all()

    def judging(self, checks: Iterable[Check], who: int) -> Uses:
        """What checks use besides, which look at what may be free, and from outside of any lock."""
        found = _Found()
        for check in checks:
            self._judge(found, check, who)
        return found.all()

    def used(self, edge: Edge) -> list[Cell]:
        """The cells of objects that may be free which an edge takes for not free."""
        traits = edge.call.traits if edge.call is not None else frozenset()
        if traits & (MAY_BE_FREE | UNSEEN):
            return []
        bare = replace(edge.op, checks=())
        return [c for c in bare.cells if c.var in self.freeable]

    def released(self, edge: Edge) -> list[Cell]:
        """The lock words with one holder that an edge makes free."""
        traits = edge.call.traits if edge.call is not None else frozenset()
        return [
            u.place for u in edge.op.updates
            if isinstance(u.place, Cell) and self._is_lock(u.place)
            and isinstance(u.place.sort, Ref) and isinstance(u.value, Const) and u.value.value == 0
            and not (traits & UNSEEN and u.place.var in self.freeable)
        ]  # fmt: skip

    def releases(self, op: Op, who: int) -> bool:
        """Whether an operation may write anything but its own name into a lock word."""
        return any(
            isinstance(u.place, Cell)
            and self.roles[u.place.var] is Role.LOCK
            and not _takes(u.place, u.value, who)
            for u in op.updates
        )

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

    def shown(self, part: Part, in_use: Callable[[Cell], Expr]) -> Uses:
        """What a part uses, as others see it: what makes a steady check hold may not come before
        the check either, nor a free before the use of what is freed."""
        if part.thread is None:
            return self.rules(part)
        who = part.number + 1
        found = [every for every, _ in self.edges(part)]
        for edge in part.thread.edges:
            checks = [replace(c, steady=False) for c in edge.op.checks if c.steady]
            checks += [Check(DISCIPLINE, in_use(cell)) for cell in self.used(edge)]
            if checks:
                found.append(self.judging(checks, who))
        return Uses.of_all(found)

    def rules(self, part: Part) -> Uses:
        """What the rules of a part use."""
        return Uses.of_all(map(self.rule, part.rules))

    def rule(self, rule: Rule) -> Uses:
        found = self._op(rule.op, 0, True)
        found.careless |= found.reads | found.looks
        return found.all()

    def _op(self, op: Op, who: int, free: bool) -> _Found:
        found = _Found()
        awaited = [c for c in map(_awaited, _conjuncts(op.guard)) if c and self._is_lock(c)]
        written = [(u.place, u.value) for u in op.updates if isinstance(u.place, Cell)]
        taken = [p for p, value in written if self._is_lock(p) and _takes(p, value, who)]
        for cell in awaited:
            found.awaits.update(self._words(cell, taken))
        for update in op.updates:
            if isinstance(update.place, Cell):
                if self._shrunk(update.place, update.value) is not None:
                    found.shrinks.update(self.elements.of(update.place))
                else:
                    self._note(found.writes, found.free_writes, update.place, free)
                if self._is_lock(update.place) and not _frees(update.place, update.value):
                    found.gains.update(self.elements.of(update.place))
                    found.wins.update(self._words(update.place, awaited))
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
                self._judge(found, check, who)
        return found

    def _judge(self, found: _Found, check: Check, who: int) -> None:
        seen = _Found()
        self._read(seen, check.cond, who, True, waiting=False)
        found.reads |= seen.reads
        found.free_reads |= seen.free_reads
        found.looks |= seen.looks
        found.careless |= seen.reads | seen.looks

    def _decisive(self, place: Expr, value: Expr) -> Iterable[Expr]:
        """What a written value depends on; not on a lock word that only gains or loses a holder, or
        a ghost that only loses elements, for then nobody can tell who came first."""
        shrunk = self._shrunk(place, value)
        if shrunk is not None:
            yield from shrunk
            return
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

    def _shrunk(self, place: Expr, value: Expr) -> list[Expr] | None:
        """What decides which elements a set of ghosts loses by a write; None if it is none, or may
        have others afterwards."""
        if not isinstance(place, Cell) or self.roles[place.var] is not Role.GHOST:
            return None
        return _taken_out(place, value) if isinstance(place.sort, Set) else None

    def _words(self, cell: Cell, others: Iterable[Cell]) -> Iterable[Word]:
        """The words that a cell may be, with those of `others` that are of the same object."""
        beside = frozenset(other.var for other in others if other.index == cell.index)
        return ((region, beside) for region in self.elements.of(cell))

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
            elif waiting and _awaited(e) is cell:
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


def _taken_out(place: Cell, value: Expr) -> list[Expr] | None:
    """What decides which elements a value has not of those that the place has; None if it may have
    others besides."""
    if value is place or (isinstance(value, Const) and value.value == 0):
        return []
    if not isinstance(value, ex.Op):
        return None
    if value.name == "ite":
        yes, no = (_taken_out(place, arm) for arm in value.args[1:])
        return None if yes is None or no is None else [value.args[0], *yes, *no]
    if value.name in ("diff", "inter"):
        inner = _taken_out(place, value.args[0])
        return None if inner is None else [*inner, value.args[1]]
    return None


_GAINS = ("union", "diff", "add", "sub")


def _is_made_from(place: Expr, value: Expr) -> bool:
    return value is place or (
        isinstance(value, ex.Op) and value.name in _GAINS and value.args[0] is place
    )


def _conjuncts(guard: Expr) -> tuple[Expr, ...]:
    if isinstance(guard, ex.Op) and guard.name == "and":
        return guard.args
    return (guard,)


def _awaited(e: Expr) -> Cell | None:
    """The lock word that a guard waits for to be free, which is none, or the empty set."""
    if isinstance(e, ex.Op) and e.name == "eq" and isinstance(e.args[0], Cell):
        free = isinstance(e.args[1], Const) and e.args[1].value == 0
        return e.args[0] if free else None
    return None


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
    _known: dict[Uses, bool] = field(default_factory=dict, compare=False, repr=False)

    def held_up(self, mine: Uses) -> bool:
        """Whether a step that uses `mine` may keep one of theirs from being taken after it."""
        return not mine.gains.isdisjoint(self.uses.waits)

    def overtaken(self, mine: Uses) -> bool:
        """Whether one of their steps may come after a step that uses `mine` and not before it,
        because it takes what that one waits for.

        It cannot where it waits for a word of the same object that `mine` takes: a reader of a
        semaphore waits for its writer and takes its readers, for which a writer waits.
        """
        return any(
            region == word and taken.isdisjoint(waited)
            for region, taken in mine.awaits
            for word, waited in self.uses.wins
        )

    def conflict(self, mine: Uses, roles: Mapping[str, Role]) -> bool:
        """Whether something of theirs conflicts with a step that uses `mine`."""
        if mine not in self._known:
            self._known[mine] = self._conflict(mine, roles)
        return self._known[mine]

    def _conflict(self, mine: Uses, roles: Mapping[str, Role]) -> bool:
        theirs = self.uses
        locked_reads = mine.reads - mine.free_reads
        if mine.free_reads & theirs.writes or locked_reads & theirs.free_writes:
            return True
        if mine.careless & theirs.unseen or mine.unseen & (theirs.careless | self.judged):
            return True
        if mine.looks & theirs.writes:
            return True
        if theirs.shrinks & (mine.reads | mine.writes):
            return True
        if mine.shrinks & (theirs.reads | theirs.writes | self.judged):
            return True
        for region in mine.writes:
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

# SPDX-License-Identifier: GPL-2.0-only
"""The passes in order, for a family of systems at once.

A *family* is threads that may come together: for each seat (the subject, the first neighbour,
the second) the threads that may take it, the rules, and the initial states.  What is found holds
in every system of the family, so that a thread is reduced once and used in all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeVar

from model.lang import expr as ex
from model.lang.expr import Cell, Expr
from model.lang.ir import Rule, State, StateCheck, Storage, System, Thread, Variable
from model.lang.traits import Trait

from .conflicts import Others
from .elements import Elements, held, written_by
from .erase import erase_part, flow_of, live_regions
from .fold import Folder, Known, Memo, Tables, changes, fold_part
from .free import InUse
from .liveness import reset_dead
from .lock_words import Holder
from .merge import merge_thread, moves_of
from .propagate import dead_locals, propagate
from .usage import Part, Region, Regions, cells_of, judged_cells
from .uses import Classifier, Uses

T = TypeVar("T")

_SMALL = 16
"""Cells of more bits than this are not followed: sets of translations."""


_RESULTS = 600
"""More results of passes than this are not kept from family to family; one makes about 150."""

_OPERATIONS = 50_000
"""More operations that were folded than this are not kept."""


@dataclass(frozen=True)
class Passes:
    """Which reductions are made; all of them unless a test compares, or one turned out to rest on
    what does not hold.

    `movers`: what locks and free objects exclude counts, too, when steps are merged.  `apart`: a
    step that may halt is not merged with what comes before it, which others see even so.
    """

    fold: bool = True
    erase: bool = True
    merge: bool = True
    movers: bool = True
    apart: bool = False


def _itself(cell: Cell) -> Expr:
    return cell


def _always(_: Cell) -> Expr:
    return ex.TRUE


NO_PASSES = Passes(fold=False, erase=False, merge=False, movers=False)


@dataclass
class Group:
    """Systems that are reduced together.

    `locked` are variables whose declaration names a lock, `holder` gives the lock word of a cell of
    one; `freeable` are those of objects that may be free, `in_use` says whether that of a cell is
    not.
    """

    seats: list[list[Thread]]
    rules: tuple[Rule, ...]
    checks: tuple[StateCheck, ...]
    finals: tuple[StateCheck, ...]
    initial: Sequence[State]
    locked: frozenset[str] = frozenset()
    holder: Holder = _itself
    freeable: frozenset[str] = frozenset()
    in_use: InUse = _always

    def relied_on(self, parts: Iterable[Part]) -> set[Cell]:
        """The cells that say whether what movers rest on is so."""
        found: set[Cell] = set()
        for cell in {c for part in parts for c in part.cells}:
            if cell.var in self.locked:
                found |= set(cells_of(self.holder(cell)))
            if cell.var in self.freeable:
                found |= set(cells_of(self.in_use(cell)))
        return found


class Reduced:
    """A reduced family: gives the reduced form of each of its systems."""

    def __init__(
        self, regions: Regions, threads: Mapping[int, Thread], rules: tuple[Rule, ...],
        checks: tuple[StateCheck, ...], finals: tuple[StateCheck, ...],
    ) -> None:  # fmt: skip
        self.regions = regions
        self._threads, self._rules = threads, rules
        self._some_rules: dict[int, tuple[tuple[Rule, ...], tuple[Rule, ...]]] = {}
        self._checks, self._finals = checks, finals

    def of(self, system: System) -> System:
        """The reduced form of a system whose threads and rules are in the family."""
        threads = tuple(self._threads[id(t)] for t in system.threads)
        return replace(
            system, threads=threads, rules=self._rules_of(system.rules),
            checks=self._checks, finals=self._finals,
        )  # fmt: skip

    def _rules_of(self, rules: tuple[Rule, ...]) -> tuple[Rule, ...]:
        """The reduced form of rules; one object for the same rules."""
        if id(rules) not in self._some_rules:
            mine = {rule.name for rule in rules}
            self._some_rules[id(rules)] = rules, tuple(r for r in self._rules if r.name in mine)
        return self._some_rules[id(rules)][1]


class Reducer:
    """Reduces families of one world.

    What a pass makes of a part depends on little of the family: it is kept with that, and used
    again in families that agree in it.
    """

    def __init__(self, variables: Iterable[Variable], passes: Passes = Passes()) -> None:
        self._passes = passes
        self._storage: dict[str, Storage] = {v.name: v.storage for v in variables}
        self._kept: dict[Any, Any] = {}
        self._folds: Memo = {}

    def by(self, passes: Passes) -> Reducer:
        """A reducer of the same world by other passes, which keeps what it makes with this one."""
        other = copy(self)
        other._passes = passes
        return other

    def reduce(self, family: Group) -> Reduced:
        """The family with the passes made."""
        passes = self._passes
        if len(self._kept) > _RESULTS:
            self.forget()
        if len(self._folds) > _OPERATIONS:
            self._folds.clear()
        sources = [(t, n) for n, seat in enumerate(family.seats) for t in seat]
        parts = [self._part(t, n) for t, n in sources]
        parts.append(self._once(("rules", id(family.rules)), lambda: Part(None, -1, family.rules)))
        judges = (*family.checks, *family.finals)
        relied_on = family.relied_on(parts) if passes.merge and passes.movers else set()
        regions = Regions.of_parts(parts, {*judged_cells(judges), *relied_on})
        if passes.fold:
            parts, judges = self._fold(parts, judges, family.initial, regions)
        if passes.erase:
            parts = self._erase(parts, {*judged_cells(judges), *relied_on}, regions)
        if passes.merge:
            parts = self._merge(parts, judges[: len(family.checks)], family)
        threads = [p.thread for p in parts if p.thread is not None]
        count = len(family.checks)
        return Reduced(
            regions, {id(t): r for (t, _), r in zip(sources, threads, strict=True)},
            parts[-1].rules, judges[:count], judges[count:],
        )  # fmt: skip

    def forget(self) -> None:
        """Let go of what passes made of threads: little of it is of use to other families."""
        self._kept.clear()

    def _once(self, key: Any, make: Callable[[], T]) -> T:
        found: T | None = self._kept.get(key)
        if found is None:
            found = self._kept[key] = make()
        return found

    def _part(self, thread: Thread, number: int) -> Part:
        part = self._once(("part", id(thread), number), lambda: Part(thread, number))
        assert part.thread is thread
        return part

    # -- folding and propagating, until nothing more changes --------------------------------------

    def _fold(
        self, parts: list[Part], judges: tuple[StateCheck, ...], initial: Sequence[State],
        regions: Regions,
    ) -> tuple[list[Part], tuple[StateCheck, ...]]:  # fmt: skip
        """Start from "nothing changes" and give up what turns out to, until nothing more does."""
        first = initial[0]
        known: dict[Cell, int] = {
            c: v for c, v in first.items()
            if isinstance(c, Cell) and all(other[c] == v for other in initial[1:])
        }  # fmt: skip
        agreed = frozenset(known)
        while True:
            tables = _tables(known, first)
            folded = [self._folded(p, known, tables) for p in parts]
            folded = self._propagated(parts, folded, first, agreed, regions)
            lost: set[Cell] = set()
            for part in folded:
                cells, arrays = changes(part, known, tables)
                lost |= cells
                lost |= {c for c in known if c.var in arrays}
            if not lost:
                break
            known = {c: v for c, v in known.items() if c not in lost}
        folder = Folder(known, tables)
        return folded, tuple(folder.judge(j) for j in judges)

    def _folded(self, part: Part, known: Known, tables: Tables) -> Part:
        cells = frozenset(
            (c, v) for c, v in known.items() if c in part.cells or c.var in part.computed
        )
        arrays = frozenset((var, tables[var]) for var in part.arrays if var in tables)
        made = partial(fold_part, part, known, tables, self._folds)
        return self._once(("fold", part, cells, arrays), made)

    def _propagated(
        self, parts: list[Part], folded: list[Part], first: State, agreed: frozenset[Cell],
        regions: Regions,
    ) -> list[Part]:  # fmt: skip
        """Follow each thread's locals, and the cells that only threads of its seat write."""
        writers: dict[Region, set[int]] = {}
        for part in folded:
            key = ("writes", part, regions.seen_by(part))
            for region in self._once(key, partial(_regions_written, part, regions)):
                writers.setdefault(region, set()).add(part.number)
        return [
            self._followed(was, part, first, agreed, regions, writers)
            for was, part in zip(parts, folded, strict=True)
        ]

    def _followed(
        self, was: Part, part: Part, first: State, agreed: frozenset[Cell], regions: Regions,
        writers: Mapping[Region, set[int]],
    ) -> Part:  # fmt: skip
        if part.thread is None or was.thread is None:
            return part
        thread = part.thread
        dead = self._once(("dead", was), partial(dead_locals, was.thread))
        read = {regions.of(c) for c in part.cells}
        mine = {part.number}
        alone = {region for region in read if writers.get(region) == mine}
        own = {
            c: first[c] for c in agreed
            if c.sort.bits <= _SMALL and regions.of(c) in alone
        }  # fmt: skip
        key = ("propagate", part, frozenset(own.items()))
        return self._once(key, lambda: Part(propagate(thread, own, dead), part.number))

    # -- the other passes --------------------------------------------------------------------------

    def _erase(self, parts: list[Part], looked_at: Iterable[Cell], regions: Regions) -> list[Part]:
        judged = (regions.of(c) for c in looked_at)
        seen = [regions.seen_by(p) for p in parts]
        flows = [
            self._once(("flow", p, key), partial(flow_of, p, regions))
            for p, key in zip(parts, seen, strict=True)
        ]
        live = live_regions(flows, judged)
        done = []
        for part, flow, key in zip(parts, flows, seen, strict=True):
            kept = live.intersection(flow.feeds)
            made = partial(erase_part, part, live, regions)
            done.append(self._once(("erase", part, key, kept), made))
        return done

    def _merge(self, parts: list[Part], judges: Iterable[StateCheck], family: Group) -> list[Part]:
        taken_for_granted = self._passes.movers
        locked = family.locked if taken_for_granted else frozenset()
        freeable = family.freeable if taken_for_granted else frozenset()
        written = [self._once(("written", p), partial(written_by, p)) for p in parts]
        pointers = held(written, family.initial)
        anywhere = Elements(Part(None), {})
        judged = frozenset(r for c in judged_cells(judges) for r in anywhere.of(c))
        by_rules = frozenset(cell.var for cell, _ in parts[-1].written)
        storage = self._storage_of_words(by_rules)
        steady = taken_for_granted and not any(map(_is_foreign, parts))
        kinds: dict[Part, Classifier] = {}
        uses: dict[Part, tuple[tuple[Uses, Uses], ...]] = {}
        by_seat: dict[int, list[Uses]] = {}
        for part in parts:
            known = {c: pointers[c] for c in part.cells if c in pointers}
            key = ("uses", part, frozenset(known.items()), by_rules, steady, taken_for_granted)
            elements = Elements(part, known)
            made = partial(
                Classifier, elements, storage, locked, freeable, family.holder, family.in_use,
                steady=steady,
            )  # fmt: skip
            kinds[part] = self._once((*key, "kinds"), made)
            uses[part] = self._once(key, partial(kinds[part].edges, part))
            total = self._once((*key, "shown"), partial(kinds[part].shown, part, uses[part]))
            by_seat.setdefault(part.number, []).append(total)
        others = {n: Others(_without(by_seat, n), judged) for n in by_seat}
        return [self._merged(p, uses[p], kinds[p], others[p.number]) for p in parts]

    def _storage_of_words(self, by_rules: frozenset[str]) -> Mapping[str, Storage]:
        """Roles where a lock word that no holder minds, or that a rule writes, is as any word."""
        if not self._passes.movers:
            return _as_memory(self._storage, self._storage)
        return _as_memory(self._storage, by_rules)

    def _merged(
        self, part: Part, uses: tuple[tuple[Uses, Uses], ...], kinds: Classifier, others: Others,
    ) -> Part:  # fmt: skip
        if part.thread is None:
            return part
        thread = part.thread
        moves = tuple(
            moves_of(
                edge,
                part.number,
                used,
                kinds,
                others,
                apart=self._passes.apart,
            )
            for edge, used in zip(thread.edges, uses, strict=True)
        )
        return self._once(
            ("merge", part, moves),
            lambda: Part(reset_dead(merge_thread(thread, moves)), part.number),
        )


def _is_foreign(part: Part) -> bool:
    """True if a step of a thread is none of `model`: nobody has argued what it does to a check that
    is declared steady."""
    edges = part.thread.edges if part.thread is not None else ()
    return any(e.call is not None and Trait.FOREIGN in e.call.traits for e in edges)


def _as_memory(storage: Mapping[str, Storage], words: Iterable[str]) -> dict[str, Storage]:
    """Roles in which these lock words are words like any other."""
    locks = frozenset(var for var in words if storage[var] is Storage.LOCK)
    return {var: Storage.MEMORY if var in locks else kind for var, kind in storage.items()}


def _regions_written(part: Part, regions: Regions) -> frozenset[Region]:
    return frozenset(regions.of(place) for place, _ in part.written)


def _without(by_seat: Mapping[int, list[Uses]], number: int) -> Uses:
    return Uses.of_all(u for seat, used in by_seat.items() if seat != number for u in used)


def _tables(known: Known, first: State) -> dict[str, tuple[int, ...]]:
    """Arrays with one index all of whose elements are known."""
    sizes: dict[str, int] = {}
    for place in first:
        if isinstance(place, Cell) and len(place.index) == 1:
            sizes[place.var] = sizes.get(place.var, 0) + 1
    groups: dict[str, dict[int, int]] = {}
    for cell, value in known.items():
        if len(cell.index) == 1:
            at = cell.index[0]
            assert isinstance(at, ex.Const)
            groups.setdefault(cell.var, {})[at.value] = value
    found = {}
    for var, group in groups.items():
        if len(group) == sizes[var] and min(group) == 1:
            values = [group[i] for i in sorted(group)]
            found[var] = (values[0], *values)
    return found

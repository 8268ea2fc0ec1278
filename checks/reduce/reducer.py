# SPDX-License-Identifier: GPL-2.0-only
"""The passes in order, for a family of systems at once.

A *family* is threads that may come together: for each seat (the subject, the first neighbour,
the second) the threads that may take it, the rules, and the initial states.  What is found holds
in every system of the family, so that a thread is reduced once and used in all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from model.lang import expr as ex
from model.lang.expr import Cell, Expr
from model.lang.ir import Role, Rule, State, StateCheck, System, Thread, Variable

from .conflicts import Classifier, Others, Uses
from .erase import erase_part, flow_of, live_regions
from .fold import Folder, Known, changes, fold_part
from .liveness import reset_dead
from .merge import merge_thread
from .propagate import propagate
from .usage import Part, Region, Regions, judged_cells

_SMALL = 16
"""Cells of more bits than this are not followed: sets of translations."""


@dataclass(frozen=True)
class Passes:
    """Which reductions are made; all of them unless a test compares or movers were ruled out."""

    fold: bool = True
    erase: bool = True
    merge: bool = True
    movers: bool = True


@dataclass
class Family:
    """Systems that are reduced together."""

    variables: tuple[Variable, ...]
    seats: list[list[Thread]]
    rules: tuple[Rule, ...]
    checks: tuple[StateCheck, ...]
    finals: tuple[StateCheck, ...]
    initial: Sequence[State]
    locked: frozenset[str] = frozenset()
    holder: Callable[[Cell], Expr] = field(default=lambda cell: cell)
    """Variables whose declaration names a lock, and the lock word of a cell of one."""


class Reduced:
    """A reduced family: gives the reduced form of each of its systems."""

    def __init__(self, family: Family, passes: Passes = Passes()) -> None:
        self._family = family
        self._roles: dict[str, Role] = {v.name: v.role for v in family.variables}
        sources = [(t, n) for n, seat in enumerate(family.seats) for t in seat]
        parts = [Part(t, n) for t, n in sources] + [Part(None, -1, family.rules)]
        self.regions = Regions.of_parts(parts)
        judges = (*family.checks, *family.finals)
        if passes.fold:
            parts, judges = _fold(parts, judges, family.initial, self.regions)
        if passes.erase:
            parts = self._erase(parts, judges)
        if passes.merge:
            locked = family.locked if passes.movers else frozenset()
            parts = self._merge(parts, judges, locked)
        threads = [p.thread for p in parts if p.thread is not None]
        self._threads = {id(t): r for (t, _), r in zip(sources, threads, strict=True)}
        self._rules = parts[-1].rules
        count = len(family.checks)
        self._checks, self._finals = judges[:count], judges[count:]

    def of(self, system: System) -> System:
        """The reduced form of a system whose threads are in the family."""
        threads = tuple(self._threads[id(t)] for t in system.threads)
        return replace(
            system, threads=threads, rules=self._rules, checks=self._checks, finals=self._finals
        )

    def _erase(self, parts: list[Part], judges: Iterable[StateCheck]) -> list[Part]:
        judged = (self.regions.of(c) for c in judged_cells(judges))
        live = live_regions([flow_of(p, self.regions) for p in parts], judged)
        return [erase_part(p, live, self.regions) for p in parts]

    def _merge(
        self, parts: list[Part], judges: Iterable[StateCheck], locked: frozenset[str]
    ) -> list[Part]:
        kinds = Classifier(self.regions, self._roles, locked)
        uses = [kinds.part(p) for p in parts]
        judged = frozenset(self.regions.of(c) for c in judged_cells(judges))
        by_seat: dict[int, Uses] = {}
        for part, used in zip(parts, uses, strict=True):
            by_seat.setdefault(part.number, Uses()).add(used)
        return [self._merge_part(p, kinds, by_seat, judged) for p in parts]

    def _merge_part(
        self, part: Part, kinds: Classifier, by_seat: Mapping[int, Uses],
        judged: frozenset[Region],
    ) -> Part:  # fmt: skip
        if part.thread is None:
            return part
        theirs = Uses()
        for seat, used in by_seat.items():
            if seat != part.number:
                theirs.add(used)
        merged = merge_thread(
            part.thread, part.number, kinds, Others(theirs, judged), self._roles,
            self._family.holder,
        )  # fmt: skip
        return Part(reset_dead(merged), part.number)


# -- folding and propagating, until nothing more changes -------------------------------------------


def _fold(
    parts: list[Part], judges: tuple[StateCheck, ...], initial: Sequence[State], regions: Regions
) -> tuple[list[Part], tuple[StateCheck, ...]]:
    """Start from "nothing changes" and give up what turns out to, until nothing more does."""
    first = initial[0]
    known: dict[Cell, int] = {
        c: v for c, v in first.items()
        if isinstance(c, Cell) and all(other[c] == v for other in initial[1:])
    }  # fmt: skip
    agreed = frozenset(known)
    while True:
        tables = _tables(known, first)
        folded = [fold_part(p, known, tables) for p in parts]
        folded = _propagate(folded, first, agreed, regions)
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


def _propagate(
    parts: list[Part], first: State, agreed: frozenset[Cell], regions: Regions
) -> list[Part]:
    """Follow each thread's locals, and the cells that only threads of its seat write."""
    writers: dict[Region, set[int]] = {}
    for part in parts:
        for place, _ in part.written:
            writers.setdefault(regions.of(place), set()).add(part.number)
    done = []
    for part in parts:
        if part.thread is None:
            done.append(part)
            continue
        read = {regions.of(c) for c in part.cells}
        own = {
            c: first[c] for c in agreed
            if c.sort.bits <= _SMALL and (region := regions.of(c)) in read
            and writers.get(region) == {part.number}
        }  # fmt: skip
        done.append(Part(propagate(part.thread, own), part.number))
    return done


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

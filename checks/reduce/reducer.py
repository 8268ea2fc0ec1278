# SPDX-License-Identifier: GPL-2.0-only
"""The passes in order, with results used again wherever the same is asked of the same thread."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from model.lang import expr as ex
from model.lang.expr import Cell
from model.lang.ir import Role, State, StateCheck, System, Thread
from model.lang.sorts import Bool, Int

from .erase import Flow, erase_part, flow_of, live_regions
from .fold import Folder, Known, Tables, changes, fold_part
from .liveness import reset_dead
from .merge import Locality, merge_thread
from .propagate import propagate
from .usage import Part, Regions, constant_index, judged_cells

V = TypeVar("V")


@dataclass(frozen=True)
class Passes:
    """Which reductions are made; all of them unless a test compares."""

    fold: bool = True
    erase: bool = True
    merge: bool = True


class Reducer:
    """Reduces the systems of one world."""

    def __init__(self, regions: Regions, passes: Passes = Passes()) -> None:
        self.regions = regions
        self.passes = passes
        self._memo: dict[Any, Any] = {}
        self._parts: dict[Any, Part] = {}
        self._kept: list[Any] = []

    def reduce(self, system: System, initial: Sequence[State]) -> System:
        """The system with the same verdicts from these initial states."""
        roles = {v.name: v.role for v in system.variables}
        parts = [self._part(t) for t in system.threads] + [self._part(system.rules)]
        judges = (*system.checks, *system.witnesses)
        if self.passes.fold:
            parts, judges = self._fold(parts, judges, initial)
        if self.passes.erase:
            parts = self._erase(parts, judges)
        if self.passes.merge:
            parts = self._merge(parts, judges, roles)
        threads = tuple(p.thread for p in parts if p.thread is not None)
        count = len(system.checks)
        return replace(
            system, threads=threads, rules=parts[-1].rules, checks=judges[:count],
            witnesses=judges[count:],
        )  # fmt: skip

    # -- memory ----------------------------------------------------------------------------------------

    def _part(self, source: Any) -> Part:
        key = id(source)
        if key not in self._parts:
            self._kept.append(source)
            made = Part(source) if isinstance(source, Thread) else Part(None, source)
            self._parts[key] = made
        return self._parts[key]

    def _once(self, key: Any, make: Callable[[], V]) -> V:
        if key not in self._memo:
            self._memo[key] = make()
        return self._memo[key]  # type: ignore[no-any-return]

    # -- fold --------------------------------------------------------------------------------------------

    def _fold(
        self, parts: list[Part], judges: tuple[StateCheck, ...], initial: Sequence[State]
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
            folded = [self._fold_part(p, known, tables) for p in parts]
            folded = self._propagate(folded, first, agreed)
            lost: set[Cell] = set()
            for part in folded:
                cells, arrays = changes(part, known)
                lost |= cells
                if arrays:
                    lost |= {c for c in known if c.var in arrays}
            if not lost:
                break
            known = {c: v for c, v in known.items() if c not in lost}
        folder = Folder(known, tables)
        return folded, tuple(folder.judge(j) for j in judges)

    def _fold_part(self, part: Part, known: Known, tables: Tables) -> Part:
        mine = frozenset((c, known[c]) for c in part.cells if c in known)
        arrays = frozenset((v, tables[v]) for v in part.computed if v in tables)
        key = ("fold", part, mine, arrays)
        return self._once(key, lambda: fold_part(part, dict(mine), dict(arrays)))

    def _propagate(
        self, parts: list[Part], first: State, agreed: frozenset[Cell]
    ) -> list[Part]:
        writers: dict[Cell, set[int]] = {}
        shared: set[str] = set()
        for k, part in enumerate(parts):
            for place, _ in part.written:
                writers.setdefault(place, set()).add(k)
                if constant_index(place) is None:
                    shared.add(place.var)
        done = []
        for k, part in enumerate(parts):
            if part.thread is None:
                done.append(part)
                continue
            own = frozenset(
                (c, first[c]) for c, who in writers.items()
                if who == {k} and c.var not in shared and c in agreed
                and isinstance(c.sort, Bool | Int)
            )  # fmt: skip
            thread = part.thread
            key = ("propagate", part, own)
            made = self._once(key, lambda t=thread, o=own: Part(propagate(t, dict(o))))  # type: ignore[misc]
            done.append(made)
        return done

    # -- erase, merge ----------------------------------------------------------------------------------------

    def _erase(self, parts: list[Part], judges: Iterable[StateCheck]) -> list[Part]:
        flows = [self._flow(p) for p in parts]
        live = live_regions(flows, (self.regions.of(c) for c in judged_cells(judges)))
        done = []
        for part, flow in zip(parts, flows, strict=True):
            mine = frozenset(live & flow.feeds.keys())
            key = ("erase", part, mine)
            made = self._once(key, lambda p=part, m=mine: erase_part(p, m, self.regions))  # type: ignore[misc]
            done.append(made)
        return done

    def _flow(self, part: Part) -> Flow:
        return self._once(("flow", part), lambda: flow_of(part, self.regions))

    def _merge(
        self, parts: list[Part], judges: Iterable[StateCheck], roles: dict[str, Role]
    ) -> list[Part]:
        reads = [self._once(("reads", p), lambda p=p: self.regions.reads(p)) for p in parts]  # type: ignore[misc]
        writes = [self._once(("writes", p), lambda p=p: self.regions.writes(p)) for p in parts]  # type: ignore[misc]
        judged = frozenset(self.regions.of(c) for c in judged_cells(judges))
        done = []
        for k, part in enumerate(parts):
            thread = part.thread
            if thread is None:
                done.append(part)
                continue
            others = [n for n in range(len(parts)) if n != k]
            changed = frozenset().union(*(writes[n] for n in others))
            seen = judged.union(changed, *(reads[n] for n in others))
            stable = reads[k] - changed
            hidden = writes[k] - seen
            key = ("merge", part, stable, hidden)
            done.append(self._once(key, lambda t=thread, s=stable, h=hidden: Part(  # type: ignore[misc]
                reset_dead(merge_thread(t, Locality(self.regions, s, h, roles))))))  # fmt: skip
        return done


def _tables(known: Known, first: State) -> Tables:
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

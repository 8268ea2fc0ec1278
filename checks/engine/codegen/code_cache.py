# SPDX-License-Identifier: GPL-2.0-only
"""What keeps generated text, so that it is made once for all systems that have it."""

from __future__ import annotations

from collections.abc import Callable

from model.lang import expr as ex
from model.lang.expr import Cell, Local
from model.lang.ir import Kind, Op, Rule, State, StateCheck, Thread

from .layout import Layout
from .python_code import Code, Judge, RulesCode, ThreadCode

Live = Callable[[Thread], list[frozenset[Local]]]


def _content(thread: Thread) -> object:
    """What of a thread decides a search: operations, and where they lead; not their places in the
    source, nor the memory order of their accesses."""
    edges = tuple((e.source, e.target, _bare(e.op)) for e in thread.edges)
    return thread.entry, thread.end, thread.locals, edges


def _bare(op: Op) -> object:
    """What of an operation decides a search."""
    return op.kind is Kind.CHOICE, op.guard, op.updates, op.checks


class CodeCache:
    """Keeps the generated text of one world's threads, so that casts share it, and architectures
    on which a thread is the same.

    `live` gives the locals alive at each location, where dead ones are reset: locals that are
    never alive together then share bits.
    """

    def __init__(self, layout: Layout, live: Live | None = None) -> None:
        self.layout = layout
        self._live = live
        self._threads: dict[tuple[int, int], ThreadCode] = {}
        self._threads_by_content: dict[tuple[int, object], ThreadCode] = {}
        self._rules: dict[int, RulesCode] = {}
        self._rules_by_content: dict[object, RulesCode] = {}
        self._judges: dict[StateCheck, Judge] = {}
        self._watch: dict[tuple[int, tuple[StateCheck, ...]], list[int]] = {}
        self._packed: dict[tuple[int, int], int] = {}
        self._kept: list[object] = []

    def thread(self, number: int, thread: Thread) -> ThreadCode:
        """The text of a thread in a seat."""
        key = (number, id(thread))
        if key not in self._threads:
            self._kept.append(thread)
            same = number, _content(thread)
            if same not in self._threads_by_content:
                live = self._live(thread) if self._live is not None else None
                seat = self.layout.seat(number, thread, live)
                self._threads_by_content[same] = ThreadCode(self.layout, seat, thread)
            self._threads[key] = self._threads_by_content[same]
        return self._threads[key]

    def rules(self, rules: tuple[Rule, ...]) -> RulesCode:
        """The text of all rules."""
        if id(rules) not in self._rules:
            self._kept.append(rules)
            same = tuple((rule.hardware, _bare(rule.op)) for rule in rules)
            if same not in self._rules_by_content:
                self._rules_by_content[same] = RulesCode(self.layout, rules)
            self._rules[id(rules)] = self._rules_by_content[same]
        return self._rules[id(rules)]

    def judges(self, checks: tuple[StateCheck, ...]) -> list[Judge]:
        """The text of conditions about states."""
        for check in checks:
            if check not in self._judges:
                self._judges[check] = Judge(self.layout, check)
        return [self._judges[check] for check in checks]

    def watch(self, code: Code, judges: tuple[StateCheck, ...]) -> list[int]:
        """For each operation, the judges whose truth it may change, a bit for each by number."""
        key = (id(code), judges)
        if key not in self._watch:
            self._watch[key] = _watched(code, judges)
        return self._watch[key]

    def packed(self, used: Code | tuple[StateCheck, ...], initial: State) -> int:
        """The bits of the cells that text or checks use, as they are in an initial state."""
        key = id(used), id(initial)
        if key not in self._packed:
            self._kept += (used, initial)
            self._packed[key] = self.layout.pack(initial, cells_used(used, initial))
        return self._packed[key]


def cells_used(used: Code | tuple[StateCheck, ...], initial: State) -> set[Cell]:
    """The cells of a state, with constant indices, that text or checks use."""
    if isinstance(used, Code):
        cells = set(used.cells)
    else:
        cells = {c for check in used for c in ex.leaves(check.cond) if isinstance(c, Cell)}
    fixed = {c for c in cells if all(isinstance(i, ex.Const) for i in c.index)}
    arrays = {c.var for c in cells - fixed}
    return fixed | {c for c in initial if isinstance(c, Cell) and c.var in arrays}


def _watched(code: Code, judges: tuple[StateCheck, ...]) -> list[int]:
    about: dict[str, int] = {}
    for k, judge in enumerate(judges):
        for name in {leaf.var for leaf in ex.leaves(judge.cond) if isinstance(leaf, Cell)}:
            about[name] = about.get(name, 0) | 1 << k
    found = []
    for op in code.ops:
        which = 0
        for update in op.updates:
            if isinstance(update.place, Cell):
                which |= about.get(update.place.var, 0)
        found.append(which)
    return found

# SPDX-License-Identifier: GPL-2.0-only
"""The Python text of a thread: one function per location; of rules: one function for all.

Each function appends the successors of a packed state `s` to `out`, marks the edges that fired
in `fired`, and reports failed checks to `fail`.  The text depends on the layout only, so that it
serves every initial state, and every cast in which the thread reduces to the same graph.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import Any

from model.lang.expr import Cell, Expr
from model.lang.ir import Check, Op, Rule, StateCheck, Thread

from .layout import Layout, Seat, Slot
from .pytext import Text, conjuncts

Out = Callable[[int], None]
Successors = Callable[[int, Out], None]
Fail = Callable[[int, Check], None]


class Code:
    """Operations of one thread or of rules, compiled as they are first needed.

    `fired` has a mark for each operation, in order; `fail` is told of a failed check in a state.
    """

    def __init__(self, ops: tuple[Op, ...]) -> None:
        self.ops = ops
        self.fired = bytearray(len(ops))
        self.names: dict[str, Any] = {"fired": self.fired, "fail": None}

    @functools.cached_property
    def cells(self) -> frozenset[Cell]:
        """The cells that the operations read or write."""
        found = {c for op in self.ops for c in op.reads() if isinstance(c, Cell)}
        found |= {u.place for op in self.ops for u in op.updates if isinstance(u.place, Cell)}
        return frozenset(found)

    def report_to(self, fail: Fail) -> None:
        """Start afresh: nothing has fired, and failed checks go to `fail`."""
        ops = self.ops
        self.fired[:] = bytes(len(ops))
        self.names["fail"] = lambda s, n, k: fail(s, ops[n].checks[k])

    def run(self, text: Text, lines: list[str], name: str) -> None:
        """Compile definitions into `names`."""
        constants = [f"{key} = {values}" for key, values in text.constants.items()]
        source = "\n".join([*constants, *lines, ""])
        exec(compile(source, f"<{name}>", "exec"), self.names)


class ThreadCode(Code):
    """The successor function of each location of a thread."""

    def __init__(self, layout: Layout, seat: Seat, thread: Thread) -> None:
        super().__init__(tuple(e.op for e in thread.edges))
        self.seat, self.thread = seat, thread
        self._text = Text(layout, seat)
        self._leaving: dict[int, list[int]] = {}
        for n, edge in enumerate(thread.edges):
            self._leaving.setdefault(edge.source, []).append(n)
        self.at: list[Successors | None] = [
            self._later(at) if at in self._leaving else None for at in range(thread.locations)
        ]

    def _later(self, at: int) -> Successors:
        def first_time(s: int, out: Out) -> None:
            made = self.at[at] = self._make(at)
            made(s, out)

        return first_time

    def _make(self, at: int) -> Successors:
        items = []
        for n in self._leaving[at]:
            edge = self.thread.edges[n]
            move = [] if edge.target == at else [(self.seat.pc, edge.target)]
            items.append((conjuncts(edge.op.guard), _action(self._text, edge.op, n, move)))
        lines = [f"def at{at}(s, out):", *_indent(_decide(self._text, items))]
        self.run(self._text, lines, self.thread.routine)
        made: Successors = self.names[f"at{at}"]
        return made


class RulesCode(Code):
    """One successor function for all rules."""

    def __init__(self, layout: Layout, rules: tuple[Rule, ...]) -> None:
        super().__init__(tuple(r.op for r in rules))
        text = Text(layout)
        items = [
            (conjuncts(rule.op.guard), _action(text, rule.op, n, []))
            for n, rule in enumerate(rules)
        ]
        lines = ["def rules(s, out):", *_indent(_decide(text, items)), "    return"]
        self.run(text, lines, "rules")
        self.all: Successors = self.names["rules"]


def judges_code(layout: Layout, judges: Iterable[StateCheck]) -> list[Callable[[int], Any]]:
    """A function for each condition, true or false of a packed state."""
    text = Text(layout)
    lines: list[str] = []
    count = 0
    for judge in judges:
        lines += [f"def judge{count}(s):", f"    return {text.test(judge.cond)}"]
        count += 1
    code = Code(())
    code.run(text, lines, "judges")
    return [code.names[f"judge{n}"] for n in range(count)]


def _indent(lines: Iterable[str]) -> list[str]:
    return ["    " + line for line in lines]


def _action(text: Text, op: Op, number: int, move: list[tuple[Slot, int]]) -> list[str]:
    """Lines for one operation whose guard holds: judge the checks, give the successor."""
    lines: list[str] = []
    for k, check in enumerate(op.checks):
        lines.append(f"if not {text.test(check.cond)}:")
        lines.append(f"    fail(s, {number}, {k})")
        if check.invariant.startswith("model:"):
            lines.append("    return")
    return [*lines, f"fired[{number}] = 1", f"out({text.successor(op.updates, move)})"]


def _decide(text: Text, items: list[tuple[tuple[Expr, ...], list[str]]]) -> list[str]:
    """Nested ifs over guards that share conditions: the commonest condition is tested first."""
    lines: list[str] = []
    rest = list(items)
    while rest:
        counts: dict[Expr, int] = {}
        for conditions, _ in rest:
            for cond in conditions:
                counts[cond] = counts.get(cond, 0) + 1
        best = max(counts, key=lambda c: counts[c], default=None)
        if best is None:
            for _, action in rest:
                lines += action
            break
        with_best = [(tuple(c for c in cs if c is not best), a) for cs, a in rest if best in cs]
        rest = [(cs, a) for cs, a in rest if best not in cs]
        lines.append(f"if {text.test(best)}:")
        lines += _indent(_decide(text, with_best))
    return lines

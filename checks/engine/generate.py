# SPDX-License-Identifier: GPL-2.0-only
"""The Python text of a thread: one function per location; of rules: one function for all.

Each function appends the successors of a packed state `s` to `out`, marks the edges that fired
in `fired`, and reports failed checks to `fail`.  The text depends on the layout only, so that it
serves every initial state, and every cast in which the thread reduces to the same graph.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from model.lang import expr as ex
from model.lang.expr import Expr
from model.lang.ir import Check, Op, Rule, StateCheck, Thread

from .layout import Layout, Seat, Slot
from .pytext import Text, conjuncts

Out = Callable[[int], None]
Successors = Callable[[int, Out], None]
Fail = Callable[[int, Check], None]


@dataclass
class Code:
    """Compiled operations of one thread or of rules.

    `fired` has a mark for each, in order; `fail` is told of a failed check in a state.
    """

    ops: tuple[Op, ...]
    at: list[Successors | None]
    text: str
    fired: bytearray
    names: dict[str, Any] = field(repr=False)

    def report_to(self, fail: Fail) -> None:
        """Start afresh: nothing has fired, and failed checks go to `fail`."""
        ops = self.ops
        self.fired[:] = bytes(len(ops))
        self.names["fail"] = lambda s, n, k: fail(s, ops[n].checks[k])


def thread_code(layout: Layout, seat: Seat, thread: Thread) -> Code:
    """Text and functions of a thread; `at` is indexed by location, None where nothing leaves."""
    text = Text(layout, seat)
    lines: list[str] = []
    leaving: dict[int, list[int]] = {}
    for n, edge in enumerate(thread.edges):
        leaving.setdefault(edge.source, []).append(n)
    for source in sorted(leaving):
        lines.append(f"def at{source}(s, out):")
        for n in leaving[source]:
            edge = thread.edges[n]
            move = [] if edge.target == source else [(seat.pc, edge.target)]
            lines += _indent(_action(text, edge.op, n, move))
    code = _compile(text, lines, tuple(e.op for e in thread.edges), thread.routine)
    code.at = [code.names.get(f"at{n}") for n in range(thread.locations)]
    return code


def rules_code(layout: Layout, rules: tuple[Rule, ...]) -> Code:
    """Text of rules: a single function."""
    text = Text(layout)
    items = [
        (conjuncts(rule.op.guard), _action(text, rule.op, n, [], guarded=False))
        for n, rule in enumerate(rules)
    ]
    lines = ["def rules(s, out):", *_indent(_decide(text, items)), "    return"]
    code = _compile(text, lines, tuple(r.op for r in rules), "rules")
    code.at = [code.names["rules"]]
    return code


def judges_code(layout: Layout, judges: Iterable[StateCheck]) -> list[Callable[[int], Any]]:
    """A function for each condition, true or false of a packed state."""
    text = Text(layout)
    lines: list[str] = []
    count = 0
    for judge in judges:
        lines += [f"def judge{count}(s):", f"    return {text.test(judge.cond)}"]
        count += 1
    names = _compile(text, lines, (), "judges").names
    return [names[f"judge{n}"] for n in range(count)]


def _compile(text: Text, lines: list[str], ops: tuple[Op, ...], name: str) -> Code:
    constants = [f"{key} = {values}" for key, values in text.constants.items()]
    source = "\n".join([*constants, *lines, ""])
    fired = bytearray(len(ops))
    names: dict[str, Any] = {"fired": fired, "fail": None}
    exec(compile(source, f"<{name}>", "exec"), names)
    return Code(ops, [], source, fired, names)


def _indent(lines: Iterable[str]) -> list[str]:
    return ["    " + line for line in lines]


def _action(
    text: Text, op: Op, number: int, move: list[tuple[Slot, int]], *, guarded: bool = True
) -> list[str]:
    """Lines for one operation: test the guard, judge the checks, give the successor."""
    lines: list[str] = []
    for k, check in enumerate(op.checks):
        lines.append(f"if not {text.test(check.cond)}:")
        lines.append(f"    fail(s, {number}, {k})")
        if check.invariant.startswith("model:"):
            lines.append("    return")
    lines += [f"fired[{number}] = 1", f"out({text.successor(op.updates, move)})"]
    if guarded and op.guard is not ex.TRUE:
        return [f"if {text.test(op.guard)}:", *_indent(lines)]
    return lines


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

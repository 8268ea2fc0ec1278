# SPDX-License-Identifier: GPL-2.0-only
"""A system with its initial state as text, which a test can hold.

The text is that of `model.lang.textform.text`, with a line ``initial CELL VALUE`` for each cell
that does not hold the least value of its sort.
"""

from __future__ import annotations

from dataclasses import replace
from textwrap import dedent, indent

from model.lang import expr as ex
from model.lang.expr import Cell, Local
from model.lang.ir import Op, State, System, Thread
from model.lang.textform.text import read, write

from .world import FREEABLE, LOCKED, elements, holder, in_use, least

_INITIAL = "initial "


def case_text(system: System, initial: State) -> str:
    """The text of a system, without variables and locals that it does not use."""
    system = _trimmed(system)
    lines = [
        f"{_INITIAL}{ex.show(place)} {initial[place]}"
        for variable in system.variables
        for place in elements(variable)
        if initial[place] != least(place.sort)
    ]
    return "\n".join([write(system).rstrip(), *lines, ""])


def read_case(text: str) -> tuple[System, State]:
    """The system and the initial state of a text."""
    lines = dedent(text).strip().splitlines()
    system = read("\n".join(line for line in lines if not line.startswith(_INITIAL)))
    places = {ex.show(c): c for v in system.variables for c in elements(v)}
    initial: State = {place: least(place.sort) for place in places.values()}
    for line in lines:
        if line.startswith(_INITIAL):
            name, value = line.removeprefix(_INITIAL).rsplit(" ", 1)
            initial[places[name]] = int(value)
    return system, initial


def as_test(name: str, why: str, text: str) -> str:
    """A test to paste into `test_cases`."""
    body = indent(text, " " * 8)
    return f'def test_{name}() -> None:\n    """{why}."""\n    agrees("""\n{body}    """)\n'


def _trimmed(system: System) -> System:
    cells: set[Cell] = set().union(*(op.cells for op in system.ops()))
    for judge in (*system.checks, *system.finals):
        cells |= _cells(judge.cond)
    for place in [c for c in cells if c.var in LOCKED]:
        cells |= _cells(holder(place))
    for place in [c for c in cells if c.var in FREEABLE]:
        cells |= _cells(in_use(place))
    used = {c.var for c in cells}
    variables = tuple(v for v in system.variables if v.name in used)
    return replace(system, variables=variables, threads=tuple(map(_plain, system.threads)))


def _cells(e: ex.Expr) -> set[Cell]:
    return {leaf for leaf in ex.leaves(e) if isinstance(leaf, Cell)}


def _plain(thread: Thread) -> Thread:
    used = frozenset().union(*(_locals(e.op) for e in thread.edges))
    return replace(thread, locals=tuple(v for v in thread.locals if v in used))


def _locals(op: Op) -> frozenset[Local]:
    places = op.reads.union(u.place for u in op.updates)
    return frozenset(p for p in places if isinstance(p, Local))

# SPDX-License-Identifier: GPL-2.0-only
"""The C text of systems, for `runtime`: a function for each location, and tables of them.

What belongs to one thread, to the rules or to the checks is a `Unit`, which stands by itself: it
is written and compiled once for all systems that it is part of.  What is left for a system is a
table of its units.
"""

from __future__ import annotations

import bisect
import hashlib
import itertools
import weakref
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from model.lang.expr import conjuncts
from model.lang.ir import Op, StateCheck

from .codegen.c_text import MARK, CText, Definitions
from .codegen.layout import Layout, Slot
from .codegen.python_code import Code, ThreadCode
from .codegen.text import decided, laid_out
from .prepared import Prepared
from .search import DEADLOCK

LARGE = 20_000
"""Characters from which a unit is a C file of its own."""


@dataclass(frozen=True)
class Unit:
    """Definitions whose names begin with one that is made from their content, so that units never
    clash; those outside use `table`, an array of functions of the type `kind`.

    Invariants are numbered in it by their position in `invariants`.
    """

    kind: str
    table: str
    text: str
    invariants: tuple[str, ...]

    @classmethod
    def of(
        cls, kind: str, lines: Iterable[str], functions: Iterable[str], invariants: Iterable[str]
    ) -> Unit:
        """The unit of some lines and of a table of their functions; names begin with `MARK`."""
        table = f"SHARED const {kind} {MARK}table[] = {{{', '.join(functions)}}};"
        text = "\n".join([*lines, table])
        name = f"u{hashlib.sha256(text.encode()).hexdigest()[:12]}_"
        return cls(kind, f"{name}table", text.replace(MARK, name), tuple(invariants))


class _Writer:
    """Makes a unit of operations."""

    def __init__(self) -> None:
        self.definitions = Definitions()
        self._lines: list[str] = []
        self._invariants: dict[str, int] = {}

    def function(
        self, number: int, text: CText, ops: Mapping[int, Op],
        moves: Mapping[int, list[tuple[Slot, int]]],
    ) -> str:  # fmt: skip
        """The name of a function that carries out what may be done of operations by number."""
        name = f"{MARK}at{number}"
        actions = [self._action(text, op, n, moves.get(n, [])) for n, op in ops.items()]
        guards = [conjuncts(op.guard) for op in ops.values()]
        body = laid_out(decided(guards), actions, text.blocks)
        self._lines += [
            f"static void {name}(const W *s, W *t, struct explorer *x)",
            "{",
            *body,
            "}",
        ]
        return name

    def unit(self, places: Sequence[str]) -> Unit:
        """The unit of what was written, with the functions at each place."""
        return Unit.of("steps", [*self.definitions.lines, *self._lines], places, self._invariants)

    def _action(self, text: CText, op: Op, number: int, move: list[tuple[Slot, int]]) -> list[str]:
        lines = []
        for check in op.checks:
            invariant = self._invariants.setdefault(check.invariant, len(self._invariants))
            judged = self.definitions.check(text.test(check.cond), invariant, check.halts)
            lines.append(f"if ({judged}) break;" if check.halts else f"{judged};")
        made, words = text.successor(op.updates, move)
        lines += [*made, f"done(x, {number}, {words});"]
        if not any(check.halts for check in op.checks):
            return lines
        return ["do {", *lines, "} while (0);"]  # what else can happen here still does


_of_code: weakref.WeakKeyDictionary[Code, Unit] = weakref.WeakKeyDictionary()
_of_checks: weakref.WeakKeyDictionary[Layout, dict[tuple[StateCheck, ...], Unit]]
_of_checks = weakref.WeakKeyDictionary()


def _operations(code: Code) -> Unit:
    """The unit of a thread, with a function for each location, or of rules, with one."""
    unit = _of_code.get(code)
    if unit is None:
        writer = _Writer()
        seat = code.seat if isinstance(code, ThreadCode) else None
        text = CText(writer.definitions, code.layout, seat)
        if isinstance(code, ThreadCode):
            places = [_place(writer, text, code, at) for at in range(code.thread.locations)]
        else:
            places = [writer.function(0, text, dict(enumerate(code.ops)), {})]
        unit = _of_code[code] = writer.unit(places)
    return unit


def _place(writer: _Writer, text: CText, code: ThreadCode, at: int) -> str:
    leaving = code.leaving(at)
    if not leaving:
        return "NULL"
    moves = {n: code.move(e) for n, e in leaving.items()}
    return writer.function(at, text, {n: e.op for n, e in leaving.items()}, moves)


def _conditions(layout: Layout, checks: tuple[StateCheck, ...]) -> Unit:
    """The unit of checks: the condition of each, and then that all of them hold."""
    known = _of_checks.setdefault(layout, {})
    if checks not in known:
        definitions = Definitions()
        text = CText(definitions, layout)
        tests = [text.test(c.cond) for c in checks]
        functions = [definitions.function(t) for t in (*tests, text.join("and", tests))]
        names = [c.invariant for c in checks]
        known[checks] = Unit.of("condition", definitions.lines, functions, names)
    return known[checks]


class Source:
    """The C files of several systems."""

    def __init__(self) -> None:
        self.invariants = {DEADLOCK: 0}
        self._units: dict[str, Unit] = {}
        self._arrays: dict[str, str] = {}
        self._systems: list[str] = []
        self._layouts: list[Layout] = []

    def add(self, explorer: Prepared) -> int:
        """Add the system of an explorer; gives its number."""
        system, layout, number = explorer.system, explorer.layout, len(self._systems)
        self._layouts.append(layout)
        threads = [
            f"{{{c.seat.pc.offset}, {c.seat.pc.width}, {c.thread.end}, {self._text(c, w)}}}"
            for c, w in zip(explorer.codes, explorer.watch, strict=True)
        ]
        rules = self._text(explorer.rules, [()]) if explorer.rules else "{0}"
        flags = [str(int(not r.hardware)) for r in system.rules]
        software = self._array("unsigned char", flags) if flags else "NULL"
        judges = [self._judges(layout, c) for c in (system.checks, system.finals)]
        table = self._array("struct thread", threads)
        self._systems.append(
            f"{{{len(threads)}, {software}, {table}, {rules}, {', '.join(judges)}}}"
        )
        return number

    @property
    def words(self) -> int:
        """64-bit words of a state, so far."""
        return max(1, *(-(-layout.width // 64) for layout in self._layouts))

    def files(self) -> list[str]:
        """The text of each file: what is large, the tables with what is small, the explorer; one
        for all if nothing is large."""
        large = [u for u in self._units.values() if len(u.text) >= LARGE]
        tables = [
            *(f"extern SHARED const {u.kind} {u.table}[];" for u in large),
            *(u.text for u in self._units.values() if u not in large),
            *(f"static const {a.replace('@', name, 1)};" for a, name in self._arrays.items()),
            f"SHARED const unsigned invariants = {len(self.invariants)};",
            "SHARED const struct system systems[] = {",
            *(f"\t{s}," for s in self._systems),
            "};",
        ]
        explorer = [
            f"#define WORDS {self.words}",
            *_leaves(self.words, self._layouts),
            '#include "explore.c"',
        ]
        if not large:
            return [_file([*tables, *explorer])]
        return [*(_file([u.text]) for u in large), _file(tables), _file(explorer)]

    def _text(self, code: Code, watch: Sequence[tuple[int, ...]]) -> str:
        unit = self._used(_operations(code))
        masks = [f"{sum(1 << k for k in group if k < 64)}u" for group in watch]
        numbers = self._numbers(unit)
        return f"{{{len(code.ops)}, {unit.table}, {self._array('W', masks)}, {numbers}}}"

    def _judges(self, layout: Layout, checks: tuple[StateCheck, ...]) -> str:
        if not checks:
            return "{0}"
        unit = self._used(_conditions(layout, checks))
        return f"{{{len(checks)}, {unit.table}, {self._numbers(unit)}}}"

    def _used(self, unit: Unit) -> Unit:
        """The unit, whose text is there once; others of that text may be about other invariants."""
        self._units.setdefault(unit.table, unit)
        return unit

    def _numbers(self, unit: Unit) -> str:
        """The name of an array of what its invariants are here, by their numbers there."""
        found = [self.invariants.setdefault(i, len(self.invariants)) for i in unit.invariants]
        return self._array("unsigned", map(str, found))

    def _array(self, kind: str, items: Iterable[str]) -> str:
        """The name of an array, which is there once."""
        text = f"{kind} @[] = {{{', '.join(items) or '0'}}}"
        return self._arrays.setdefault(text, f"a{len(self._arrays)}")


def _file(lines: Iterable[str]) -> str:
    return "\n".join(['#include "fields.h"', *lines, ""])


def _leaves(words: int, layouts: Iterable[Layout]) -> list[str]:
    """Where the words of a state are cut: at each half, and at each program counter."""
    ends = {0, *range(0, 64 * words + 1, 32)}
    for layout in layouts:
        ends |= {slot.offset + slot.width for slot in layout.counters}
    cuts = sorted(ends)
    leaves = [(low // 64, low % 64, high - low) for low, high in itertools.pairwise(cuts)]
    first = [bisect.bisect_left(cuts, 64 * n) for n in range(words + 1)]
    return [
        f"#define LEAVES {len(leaves)}",
        f"#define KEY_WORDS {-(-len(leaves) // 2) + 1}",  # 32 bits for each, and gaps
        "static const struct leaf leaf_at[] = {",
        *(f"\t{{{word}, {bit}, {width}}}," for word, bit, width in leaves),
        "};",
        f"static const unsigned first_leaf[] = {{{', '.join(map(str, first))}}};",
    ]

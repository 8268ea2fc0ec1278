# SPDX-License-Identifier: GPL-2.0-only
"""The C text of systems, for `runtime`: a function for each location, and tables of them."""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Iterable, Mapping, Sequence

from model.lang.ir import Op, StateCheck

from .ctext import CText, Definitions
from .generate import RulesCode, ThreadCode
from .layout import Layout, Slot
from .reference import DEADLOCK, Explorer
from .text import conjuncts, decided, laid_out


class Source:
    """One C file for several systems; threads that are the same are there once."""

    def __init__(self) -> None:
        self.invariants = {DEADLOCK: 0}
        self._definitions = Definitions()
        self._lines: list[str] = []
        self._systems: list[str] = []
        self._names: dict[int, str] = {}
        self._tables: dict[tuple[str, str], str] = {}
        self._kept: list[object] = []
        self._layouts: list[Layout] = []

    def add(self, explorer: Explorer) -> int:
        """Add the system of an explorer; gives its number."""
        number = len(self._systems)
        system, layout = explorer.system, explorer.layout
        self._layouts.append(layout)
        threads = [self._thread(c, w) for c, w in zip(explorer.codes, explorer.watch, strict=True)]
        rule = self._rules(explorer.rules) if explorer.rules else "NULL"
        rules = len(explorer.rules.ops) if explorer.rules else 0
        checks = self._judges(layout, system.checks)
        text = CText(self._definitions, layout)
        tests = [text.test(c.cond) for c in system.checks]
        every = self._definitions.function(text.join("and", tests)) if tests else "NULL"
        finals = self._judges(layout, system.finals)
        software = int(any(not r.hardware for r in system.rules))
        table = ", ".join(f"&{name}" for name in threads)
        self._lines += [
            f"static const struct thread *const threads{number}[] = {{{table or 'NULL'}}};",
            f"static const struct judge checks{number}[] = {{{_entries(checks)}}};",
            f"static const struct judge finals{number}[] = {{{_entries(finals)}}};",
        ]
        self._systems.append(
            f"{{{len(threads)}, {rules}, {len(checks)}, {len(finals)}, {software}, "
            f"threads{number}, {rule}, checks{number}, finals{number}, {every}}}"
        )
        return number

    @property
    def words(self) -> int:
        """64-bit words of a state, so far."""
        return max(1, *(-(-layout.width // 64) for layout in self._layouts))

    def text(self) -> str:
        """The text of the file."""
        return "\n".join([
            f"#define WORDS {self.words}",
            *_leaves(self.words, self._layouts),
            f"#define INVARIANTS {len(self.invariants)}",
            *self._definitions.lines,
            *self._lines,
            "static const struct system systems[] = {",
            *(f"\t{s}," for s in self._systems),
            "};",
            "",
        ])  # fmt: skip

    def _once(self, thing: object, letter: str) -> tuple[str, bool]:
        """A name for something, and whether it is new."""
        name = self._names.get(id(thing))
        if name is not None:
            return name, False
        self._kept.append(thing)
        name = self._names[id(thing)] = f"{letter}{len(self._names)}"
        return name, True

    def _thread(self, code: ThreadCode, watch: Sequence[tuple[int, ...]]) -> str:
        masks = ", ".join(f"{sum(1 << k for k in group if k < 64)}u" for group in watch)
        name, new = self._once(code, "t")
        if not new:
            return self._watched(name, masks)
        text = CText(self._definitions, code.layout, code.seat)
        places = []
        for at in range(code.thread.locations):
            leaving = code.leaving(at)
            if not leaving:
                places.append("NULL")
                continue
            moves = {n: code.move(e) for n, e in leaving.items()}
            self._function(f"{name}_{at}", text, {n: e.op for n, e in leaving.items()}, moves)
            places.append(f"{name}_{at}")
        pc, end = code.seat.pc, code.thread.end
        self._lines += [
            f"static const steps {name}_at[] = {{{', '.join(places)}}};",
            f"#define {name} {pc.offset}, {pc.width}, {end}, {len(code.thread.edges)}, {name}_at",
        ]
        return self._watched(name, masks)

    def _watched(self, name: str, masks: str) -> str:
        """The table of a thread in systems that judge the same checks at the same places."""
        key = (name, masks)
        if key not in self._tables:
            made = self._tables[key] = f"{name}w{len(self._tables)}"
            self._lines += [
                f"static const W {made}_watch[] = {{{masks}}};",
                f"static const struct thread {made} = {{{name}, {made}_watch}};",
            ]
        return self._tables[key]

    def _rules(self, code: RulesCode) -> str:
        name, new = self._once(code, "r")
        if new:
            text = CText(self._definitions, code.layout)
            self._function(name, text, dict(enumerate(code.ops)), {})
        return name

    def _judges(self, layout: Layout, checks: Iterable[StateCheck]) -> list[str]:
        text = CText(self._definitions, layout)
        return [
            f"{{{self._invariant(check.invariant)}, "
            f"{self._definitions.function(text.test(check.cond))}}}"
            for check in checks
        ]

    def _invariant(self, name: str) -> int:
        return self.invariants.setdefault(name, len(self.invariants))

    def _function(
        self, name: str, text: CText, ops: Mapping[int, Op],
        moves: Mapping[int, list[tuple[Slot, int]]],
    ) -> None:  # fmt: skip
        actions = [self._action(text, op, n, moves.get(n, [])) for n, op in ops.items()]
        guards = [conjuncts(op.guard) for op in ops.values()]
        body = laid_out(decided(guards), actions, text.blocks)
        self._lines += [
            f"static void {name}(const W *s, W *t, struct explorer *x)",
            "{",
            *body,
            "}",
        ]

    def _action(self, text: CText, op: Op, number: int, move: list[tuple[Slot, int]]) -> list[str]:
        lines = []
        for check in op.checks:
            invariant = self._invariant(check.invariant)
            judged = self._definitions.check(text.test(check.cond), invariant, check.halts)
            lines.append(f"if ({judged}) break;" if check.halts else f"{judged};")
        made, words = text.successor(op.updates, move)
        lines += [*made, f"done(x, {number}, {words});"]
        if not any(check.halts for check in op.checks):
            return lines
        return ["do {", *lines, "} while (0);"]  # what else can happen here still does


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


def _entries(items: Sequence[str]) -> str:
    return ", ".join(items) or "{0, NULL}"

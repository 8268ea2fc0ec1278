# SPDX-License-Identifier: GPL-2.0-only
"""Any system as Promela, so that SPIN can count its states again and give its verdict.

One process in one loop; each edge and each rule is an option, carried out at once (`d_step`).
Variables hold codes.  What fails is an assertion of a name made from the invariant's (`assertion`),
so that SPIN says what is violated; a deadlock is one as well, for SPIN would not see it where
hardware still moves, and a run that has returned is none.

    spin -o1 -o2 -o3 -a X.pml
    gcc -O2 -DNOREDUCE -DSAFETY -DNOBOUNDCHECK -DVECTORSZ=8192 -o pan pan.c
    ./pan -E -c0 -m1000000

(fields of None are read here and there, and what is read is not used) finds as many states as
`--engine reference` does.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Mapping

from model.lang import expr as ex
from model.lang.expr import Cell, Const, Expr, Local
from model.lang.ir import Op, State, System, Update, Variable
from model.lang.sorts import Sort

from ..search import DEADLOCK
from .layout import Layout, Slot, extent, first
from .text import Place, Text, TooWideError

_SHORT = 60
"""A longer expression is worked out once."""


def promela(system: System, initial: State) -> str:
    """The Promela text of a system that begins in this state.

    TooWideError if a variable has more than 32 bits: SPIN has no such type.
    """
    return "\n".join(_Writer(system, initial).lines()) + "\n"


class _Writer:
    def __init__(self, system: System, initial: State) -> None:
        self._system, self._initial = system, initial
        self._variables = {v.name: v for v in system.variables}
        self._tables: dict[tuple[int, ...], str] = {}
        self._most = self._shared = 0

    def lines(self) -> list[str]:
        """The text: variables, then the process."""
        system = self._system
        options = [*self._steps(), *self._judges()]
        used = sorted({c.var for op in system.ops() for c in op.cells} | self._judged())
        lines = [f"/* {system.name}: {len(system.threads)} threads, {len(system.rules)} rules */"]
        for name in used:
            lines.append(self._declared(self._variables[name]))
        for n, thread in enumerate(system.threads):
            lines.append(f"short pc{n} = {thread.entry};")
            lines += [f"{_type(v.sort)} {_own(n, v)};" for v in thread.locals]
        lines += [f"hidden int {name}[{len(v)}] = {{{', '.join(map(str, v))}}};"
                  for v, name in self._tables.items()]  # fmt: skip
        lines += [f"hidden byte {assertion(name)};" for name in invariants_of(system)]
        lines += [f"hidden int n{k};" for k in range(self._most)]
        lines += [f"hidden int h{k};" for k in range(self._shared)]
        return [*lines, "", "active proctype system() {", "do", *options, "od", "}"]

    def _judged(self) -> set[str]:
        judges = (*self._system.checks, *self._system.finals)
        return {c.var for j in judges for c in ex.leaves(j.cond) if isinstance(c, Cell)}

    def _declared(self, var: Variable) -> str:
        codes = []
        for index in itertools.product(*(range(extent(d)) for d in var.dims)):
            at = tuple(
                ex.const(n + first(d), d) for n, d in zip(index, var.dims, strict=True)
            )  # fmt: skip
            value = self._initial.get(ex.cell(var.name, at, var.sort), var.sort.lowest)
            codes.append(_signed(value - var.sort.lowest))
        if not var.dims:
            return f"{_type(var.sort)} {_word(var.name)} = {codes[0]};"
        listed = ", ".join(map(str, codes))
        return f"{_type(var.sort)} {_word(var.name)}[{len(codes)}] = {{{listed}}};"

    # -- steps ---------------------------------------------------------------------------------

    def _steps(self) -> Iterator[str]:
        for n, thread in enumerate(self._system.threads):
            text = self._text(n)
            for edge in thread.edges:
                guard = f"pc{n} == {edge.source} && {text.test(edge.op.guard)}"
                move = [] if edge.target == edge.source else [f"pc{n} = {edge.target}"]
                yield self._option(n, guard, edge.op, move)
        text = self._text(0)
        for rule in self._system.rules:
            yield self._option(0, text.test(rule.op.guard), rule.op, [])

    def _text(self, thread: int) -> _PromelaText:
        return _PromelaText(self._variables, self._tables, thread)

    def _option(self, thread: int, guard: str, op: Op, move: list[str]) -> str:
        text = _SharingText(self._variables, self._tables, thread)
        checks = [(text.test(c.cond), c) for c in op.checks]
        places, values = [], []
        for update in op.updates:
            if not _of_none(update):
                places.append(text.named(update.place))
                values.append(_code(text, update.value, update.place.sort))
        self._most = max(self._most, len(values))
        self._shared = max(self._shared, len(text.shared))
        read = [f"n{k} = {value}" for k, value in enumerate(values)]
        # places with a computed index are found before anything is written, as the values are
        write = [f"{place} = n{k}" for k, place in enumerate(places)]
        body = [*read, *sorted(write, key=lambda w: "[" not in w), *move]
        for cond, check in reversed(checks):
            fails = f":: else -> assert({assertion(check.invariant)}) fi"
            if check.halts:
                body = [f"if :: {cond} -> {'; '.join(body) or 'skip'} {fails}"]
            else:
                body = [f"if :: {cond} {fails}", *body]
        return f":: d_step {{ ({guard}) -> {'; '.join([*text.shared, *body]) or 'skip'} }}"

    def _judges(self) -> Iterator[str]:
        """Options that are there only where something is wrong, or where everything is over."""
        system = self._system
        text = self._text(0)
        for check in system.checks:
            yield _fails(f"!({text.test(check.cond)})", check.invariant)
        # as in the reference explorer: what changes something keeps on, unless hardware does it
        moves = [_progress(text, r.op) for r in system.rules if not r.hardware]
        idle = [f"!({' || '.join(moves)})"] if moves else []
        ended = [f"pc{n} == {t.end}" for n, t in enumerate(system.threads)]
        for final in system.finals:
            over = [*ended, *idle, f"!({text.test(final.cond)})"]
            yield _fails(" && ".join(over), final.invariant)
        if system.threads:
            yield _fails(" && ".join([f"!({' && '.join(ended)})", *self._stuck(), *idle]), DEADLOCK)

    def _stuck(self) -> Iterator[str]:
        """For each thread, that it cannot go on."""
        for n, thread in enumerate(self._system.threads):
            text = self._text(n)
            moves = [f"(pc{n} == {e.source} && {text.test(e.op.guard)})" for e in thread.edges]
            if moves:
                yield f"!({' || '.join(moves)})"


def invariants_of(system: System) -> list[str]:
    """The invariants that are asserted of a system, each once."""
    at_steps = [c.invariant for op in system.ops() for c in op.checks]
    of_states = [c.invariant for c in (*system.checks, *system.finals)]
    return list(dict.fromkeys([*at_steps, *of_states, DEADLOCK]))


def assertion(invariant: str) -> str:
    """The name that is asserted where an invariant fails."""
    return "holds_" + re.sub(r"\W", "_", invariant)


def _fails(where: str, invariant: str) -> str:
    return f":: d_step {{ ({where}) -> assert({assertion(invariant)}) }}"


class _PromelaText(Text):
    """Writes Promela; variables have names, and no bits."""

    def __init__(
        self, variables: Mapping[str, Variable], tables: dict[tuple[int, ...], str], thread: int
    ) -> None:
        super().__init__(Layout((), frozenset()))
        self._known, self._tables, self._thread = variables, tables, thread

    def value(self, e: Expr) -> str:
        if isinstance(e, Const):
            return str(_signed(e.value))
        return super().value(e)

    def once(self, text: str) -> str:
        return text

    def truth(self, value: bool) -> str:
        return "true" if value else "false"

    def number(self, test: str) -> str:
        return f"({test} -> 1 : 0)"

    def choose(self, test: str, yes: str, no: str) -> str:
        return f"({test} -> {yes} : {no})"

    def join(self, name: str, tests: Iterable[str]) -> str:
        return "(" + {"and": " && ", "or": " || "}[name].join(tests) + ")"

    def inverse(self, test: str) -> str:
        return f"(!({test}))"

    def within(self, value: str, low: int, high: int) -> str:
        return f"(({low} <= {value} && {value} <= {high}) -> {value} : {low})"

    def one_bit(self, code: str) -> str:
        return f"(1 << {code})"

    def constant(self, values: tuple[int, ...]) -> str:
        return self._tables.setdefault(values, f"k{len(self._tables)}")

    def fixed_place(self, e: Expr) -> Place | None:  # noqa: ARG002
        return None

    def load(self, place: Local | Cell) -> str:
        low = place.sort.lowest
        name = self.named(place)
        return f"({name} + {low})" if low > 0 else f"({name} - {-low})" if low else name

    def named(self, place: Local | Cell) -> str:
        """The variable, or element of an array, that has the code of a place."""
        if isinstance(place, Local):
            return _own(self._thread, place)
        dims = self._known[place.var].dims
        if not dims:
            return _word(place.var)
        if all(isinstance(i, Const) for i in place.index):
            at = 0
            for index, dim in zip(place.index, dims, strict=True):
                assert isinstance(index, Const)
                at = at * extent(dim) + index.value - first(dim)
            return f"{_word(place.var)}[{max(at, 0)}]"  # a field of None is named, but never used
        text = ""
        for index, dim in zip(place.index, dims, strict=True):
            here = f"({self.value(index)} - {first(dim)})"
            text = f"({text} * {extent(dim)} + {here})" if text else here
        return f"{_word(place.var)}[{text}]"

    def fixed(self, offset: int, slot: Slot) -> str:
        raise NotImplementedError

    moving = holds = is_code = fixed  # type: ignore[assignment]


class _SharingText(_PromelaText):
    """Writes what is carried out: `shared` are assignments of long expressions to variables that
    are no part of the state, in their order."""

    def __init__(
        self, variables: Mapping[str, Variable], tables: dict[tuple[int, ...], str], thread: int
    ) -> None:
        super().__init__(variables, tables, thread)
        self.shared: list[str] = []

    def once(self, text: str) -> str:
        if len(text) <= _SHORT:
            return text
        name = f"h{len(self.shared)}"
        self.shared.append(f"{name} = {text}")
        return name


def _progress(text: _PromelaText, op: Op) -> str:
    """True if a rule can fire and change something."""
    changed = [
        f"{text.named(u.place)} != {_code(text, u.value, u.place.sort)}"
        for u in op.updates if not _of_none(u)
    ]  # fmt: skip
    return f"({text.test(op.guard)} && ({' || '.join(changed) or 'false'}))"


def _code(text: _PromelaText, value: Expr, sort: Sort) -> str:
    if isinstance(value, Const):
        return str(_signed(value.value - sort.lowest))
    written = text.value(value)
    low = sort.lowest
    return f"({written} - {low})" if low > 0 else f"({written} + {-low})" if low else written


def _signed(code: int) -> int:
    """A code as an int of SPIN, which has a sign."""
    return code - (1 << 32) if code >= 1 << 31 else code


def _of_none(update: Update) -> bool:
    """Whether it writes to a field of None: no step that is carried out does."""
    place = update.place
    return isinstance(place, Cell) and any(
        isinstance(i, Const) and i.value < first(i.sort) for i in place.index
    )


def _type(sort: Sort) -> str:
    if sort.bits > 32:
        raise TooWideError(f"a variable has {sort.bits} bits; SPIN has at most 32")
    return "byte" if sort.bits <= 8 else "short" if sort.bits <= 15 else "int"


def _word(name: str) -> str:
    return "v_" + re.sub(r"\W", "_", name)


def _own(thread: int, place: Local) -> str:
    return f"t{thread}_{re.sub(r'[^0-9A-Za-z]', '_', place.name)}"

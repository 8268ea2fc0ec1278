# SPDX-License-Identifier: GPL-2.0-only
"""The text form of a system: for people to read, for a cache to key, for another tool to make.

``read(write(s)) == s``, sites, calls and numbers included, and `Edge.parts`, which ``==`` does not
compare.  The same system always gives the same text.

One line is one thing: a sort, a variable, a site, a thread, a local, an edge, a rule, an
invariant.  Its first word says which; the rest are words, and forms in parentheses whose first
word says what they are.  An edge is all of its operation on one line:

    edge 4 5 rmw (if (eq SpinLock.owner[ptl] None)) (set SpinLock.owner[ptl] T0) (number 7) ...

What is missing has its default: no guard is a guard that is true.  A site is declared before it
is first named, as a place and the number of the site that called it, so that long chains are
written once.  ``(parts n)`` says that the next n edges, indented, are those that a pass merged.
How expressions look is in `notation`.  Indentation, empty lines and lines that begin with ``;``
mean nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import replace
from enum import StrEnum
from typing import TypeVar

from .. import expr as ex
from ..errors import near
from ..expr import Cell, Local
from ..ir import (
    Access,
    Call,
    Check,
    Edge,
    Kind,
    Op,
    Rule,
    Site,
    StateCheck,
    Storage,
    System,
    Thread,
    Update,
    Variable,
)
from ..sorts import Sort
from ..traits import Trait, traits_of
from .notation import Reader, Scope, SortNames, SortTable, Writer
from .words import Form, Line, Word, quoted

T = TypeVar("T", bound=StrEnum)


def write(system: System) -> str:
    """The system as text."""
    return _SystemWriter(system).text()


def read(text: str, file: str = "system") -> System:
    """The system of a text; ModelError with ``file:line`` where it cannot be read."""
    return _SystemReader(text, file).system()


# -- writing -----------------------------------------------------------------------------------


class _SystemWriter:
    def __init__(self, system: System) -> None:
        self._system = system
        self._sorts = SortNames()
        self._sites: dict[Site, int] = {}
        self._lines: list[str] = []
        self._shared = {v.name: (v.dims, v.sort) for v in system.variables}
        self._in(())

    def _in(self, own: Iterable[Local]) -> None:
        """From here on, expressions are over these locals."""
        scope = Scope(self._shared, {v.name: v.sort for v in own})
        self._writer = Writer(self._sorts, scope)

    def text(self) -> str:
        system = self._system
        for var in system.variables:
            self._variable(var)
        for thread in system.threads:
            self._thread(thread)
        self._in(())
        for rule in system.rules:
            site = self._site(rule.site)
            hardware = " (hardware)" if rule.hardware else ""
            self._lines.append(f"rule {quoted(rule.name)} {self._op(rule.op)}{hardware}{site}")
        for word, judges in (("check", system.checks), ("final", system.finals)):
            for judge in judges:
                cond = self._writer.expr(judge.cond)
                self._lines.append(f"{word} {quoted(judge.invariant)} {cond}")
        head = f"system {quoted(system.name)}"
        return "\n".join([head, *self._sorts.lines, *self._lines, ""])

    def _variable(self, var: Variable) -> None:
        dims = " ".join(self._sorts.name(d) for d in var.dims)
        doc = f" {json.dumps(var.doc)}" if var.doc else ""
        self._lines.append(
            f"var {quoted(var.name)} ({dims}) {self._sorts.name(var.sort)} {var.storage}{doc}"
        )

    def _thread(self, thread: Thread) -> None:
        self._in(thread.locals)
        self._lines.append(
            f"thread {quoted(thread.name)} {quoted(thread.routine)} "
            f"{thread.entry} {thread.end} {thread.locations}"
        )
        for var in thread.locals:
            self._lines.append(f"  local {quoted(var.name)} {self._sorts.name(var.sort)}")
        for edge in thread.edges:
            self._edge(edge, "  ")

    def _edge(self, edge: Edge, indent: str) -> None:
        text = f"{indent}edge {edge.source} {edge.target} {self._op(edge.op)}"
        if edge.number != -1:
            text += f" (number {edge.number})"
        if edge.choice:
            text += f" (choice {quoted(edge.choice)})"
        text += self._call(edge.call) + self._site(edge.site)
        if edge.parts:
            text += f" (parts {len(edge.parts)})"
        self._lines.append(text)
        for part in edge.parts:
            self._edge(part, indent + "  ")

    def _op(self, op: Op) -> str:
        expr = self._writer.expr
        parts = [str(op.kind)]
        if op.guard is not ex.TRUE:
            parts.append(f"(if {expr(op.guard)})")
        parts += [f"(set {expr(u.place)} {expr(u.value, u.place.sort)})" for u in op.updates]
        for check in op.checks:
            steady = " steady" if check.steady else ""
            parts.append(f"(check {quoted(check.invariant)} {expr(check.cond)}{steady})")
        if op.access is not None:
            a = op.access
            used = "" if a.used else " unused"
            orders = f"{quoted(a.order)} {quoted(a.otherwise)}"
            parts.append(f"(access {expr(a.place)} {orders}{used})")
        if op.note:
            parts.append(f"(note {json.dumps(op.note)})")
        return " ".join(parts)

    def _call(self, call: Call | None) -> str:
        if call is None:
            return ""
        parts = [quoted(call.name)]
        parts += [f"(arg {quoted(n)} {self._writer.expr(e)})" for n, e in call.args]
        if call.traits:
            parts.append(f"(traits {' '.join(map(quoted, sorted(call.traits)))})")
        return f" (call {' '.join(parts)})"

    def _site(self, site: Site | None) -> str:
        return "" if site is None else f" (site {self._number(site)})"

    def _number(self, site: Site) -> int:
        """The number of a site, which is declared now if it is new."""
        if site not in self._sites:
            outer = "" if site.outer is None else f" (outer {self._number(site.outer)})"
            cite = f" (cite {json.dumps(site.cite)})" if site.cite else ""
            inside = " (primitive)" if site.primitive else ""
            number = self._sites[site] = len(self._sites)
            self._lines.append(
                f"  site {number} {quoted(site.file)} {site.line} {site.col} "
                f"{quoted(site.function)}{cite}{inside}{self._call(site.call)}{outer}"
            )
        return self._sites[site]


# -- reading --------------------------------------------------------------------------------------


class _SystemReader:
    def __init__(self, text: str, file: str) -> None:
        self._lines = [
            Line(line, f"{file}:{number}")
            for number, line in enumerate(text.splitlines(), 1)
            if line.strip() and not line.lstrip().startswith(";")
        ]
        self._file = file
        self._at = 0
        self._sorts = SortTable()
        self._variables: list[Variable] = []
        self._shared: dict[str, tuple[tuple[Sort, ...], Sort]] = {}
        self._locals: dict[str, Sort] = {}
        self._sites: dict[int, Site] = {}
        self._threads: list[Thread] = []
        self._rules: list[Rule] = []
        self._judges: dict[str, list[StateCheck]] = {"check": [], "final": []}

    def system(self) -> System:
        line, word, rest = self._next() or (Line("", f"{self._file}:1"), "", [])
        if word != "system" or len(rest) != 1:
            line.fail("a text begins with 'system' and its name")
        kinds: dict[str, Callable[[Line, list[Form]], None]] = {
            "sort": self._sorts.define, "var": self._variable, "thread": self._thread,
            "site": self._site, "rule": self._rule,
        }  # fmt: skip
        while found := self._next():
            line, word, forms = found
            if word in self._judges:
                self._judge(line, word, forms)
            elif word in kinds:
                kinds[word](line, forms)
            else:
                line.fail(f"'{word}' may not stand here", near(word, [*kinds, *self._judges]))
        return System(
            Line("", "").word(rest[0]), tuple(self._variables), tuple(self._threads),
            tuple(self._rules), tuple(self._judges["check"]), tuple(self._judges["final"]),
        )  # fmt: skip

    def _next(self) -> tuple[Line, str, list[Form]] | None:
        if self._at == len(self._lines):
            return None
        line = self._lines[self._at]
        self._at += 1
        forms = line.forms()
        return line, line.word(forms[0]), forms[1:]

    def _back(self) -> None:
        self._at -= 1

    def _reader(self, line: Line) -> Reader:
        return Reader(self._sorts, Scope(self._shared, self._locals), line)

    # -- lines ------------------------------------------------------------------------------------

    def _variable(self, line: Line, forms: list[Form]) -> None:
        _need(line, forms, 4, "a variable is a name, dimensions, a sort and a storage")
        dims = tuple(self._sorts.sort(line, line.word(f)) for f in line.group(forms[1]))
        sort = self._sorts.sort(line, line.word(forms[2]))
        doc = line.word(forms[4]) if len(forms) > 4 else ""
        name, storage = line.word(forms[0]), _member(line, Storage, forms[3])
        self._variables.append(Variable(name, dims, sort, storage, doc))
        self._shared[name] = dims, sort

    def _thread(self, line: Line, forms: list[Form]) -> None:
        _need(line, forms, 5, "a thread is a name, a routine, entry, end and locations")
        name, routine = line.word(forms[0]), line.word(forms[1])
        entry, end, locations = (line.number(f) for f in forms[2:5])
        own: list[Local] = []
        edges: list[Edge] = []
        self._locals = {}
        while found := self._next():
            inner, word, rest = found
            if word == "local":
                _need(inner, rest, 2, "a local is a name and a sort")
                sort = self._sorts.sort(inner, inner.word(rest[1]))
                own.append(ex.local(inner.word(rest[0]), sort))
                self._locals[own[-1].name] = sort
            elif word == "edge":
                edges.append(self._edge(inner, rest))
                if not {edges[-1].source, edges[-1].target} <= set(range(locations)):
                    inner.fail(f"the thread has locations 0..{locations - 1}")
            elif word == "site":
                self._site(inner, rest)
            else:
                self._back()
                break
        self._locals = {}
        self._threads.append(Thread(name, routine, tuple(own), tuple(edges), entry, end, locations))

    def _edge(self, line: Line, forms: list[Form]) -> Edge:
        _need(line, forms, 3, "an edge is a source, a target and an operation")
        edge = Edge(line.number(forms[0]), line.number(forms[1]), Op(Kind.LET))
        op, rest = self._op(line, forms[2:])
        parts = 0
        for word, items in rest:
            if word == "number":
                edge = replace(edge, number=line.number(_one(line, items)))
            elif word == "choice":
                edge = replace(edge, choice=line.word(_one(line, items)))
            elif word == "call":
                edge = replace(edge, call=self._call(line, items))
            elif word == "site":
                edge = replace(edge, site=self._known_site(line, items))
            elif word == "parts":
                parts = line.number(_one(line, items))
            else:
                line.fail(f"an edge has no '{word}'",
                          near(word, ["number", "choice", "call", "site", "parts"]))  # fmt: skip
        return replace(edge, op=op, parts=tuple(self._part(line) for _ in range(parts)))

    def _part(self, line: Line) -> Edge:
        """One of the edges that follow a merged one; sites may be declared in between."""
        while found := self._next():
            inner, word, rest = found
            if word == "edge":
                return self._edge(inner, rest)
            if word != "site":
                break
            self._site(inner, rest)
        return line.fail("not all parts of this edge follow")

    def _op(self, line: Line, forms: list[Form]) -> tuple[Op, list[tuple[str, list[Form]]]]:
        """An operation, and the forms on its line that are not part of one."""
        op = Op(_member(line, Kind, forms[0]))
        expr = self._reader(line).expr
        rest: list[tuple[str, list[Form]]] = []
        for form in forms[1:]:
            group = line.group(form)
            word, items = line.word(_first(line, group)), group[1:]
            if word == "if":
                op = replace(op, guard=expr(_one(line, items)))
            elif word == "set":
                _need(line, items, 2, "'set' takes a place and a value")
                place = expr(items[0])
                if not isinstance(place, Cell | Local):
                    line.fail("only a cell or a local can be set")
                update = Update(place, expr(items[1], place.sort))
                op = replace(op, updates=(*op.updates, update))
            elif word == "check":
                _need(line, items, 2, "'check' takes an invariant and a condition")
                steady = _flag(line, items[2:], "steady")
                check = Check(line.word(items[0]), expr(items[1]), steady)
                op = replace(op, checks=(*op.checks, check))
            elif word == "access":
                op = replace(op, access=self._access(line, items))
            elif word == "note":
                op = replace(op, note=line.word(_one(line, items)))
            else:
                rest.append((word, items))
        return op, rest

    def _access(self, line: Line, items: list[Form]) -> Access:
        _need(line, items, 3, "'access' takes a place and two orders")
        place = self._reader(line).expr(items[0])
        if not isinstance(place, Cell):
            line.fail("an access is to a cell")
        unused = _flag(line, items[3:], "unused")
        return Access(place, line.word(items[1]), line.word(items[2]), not unused)

    def _call(self, line: Line, items: list[Form]) -> Call:
        args, traits = [], frozenset[Trait]()
        for form in items[1:]:
            group = line.group(form)
            word = line.word(_first(line, group))
            if word == "arg" and len(group) == 3:
                args.append((line.word(group[1]), self._reader(line).expr(group[2])))
            elif word == "traits":
                traits = traits_of(map(line.word, group[1:]), line.where)
            else:
                line.fail("a call has '(arg NAME VALUE)' and '(traits ...)'")
        return Call(line.word(_first(line, items)), tuple(args), traits)

    def _site(self, line: Line, forms: list[Form]) -> None:
        _need(line, forms, 5, "a site is a number, a file, a line, a column and a function")
        file, at, col = line.word(forms[1]), line.number(forms[2]), line.number(forms[3])
        site = Site(file, at, col, line.word(forms[4]))
        for form in forms[5:]:
            group = line.group(form)
            word, items = line.word(_first(line, group)), group[1:]
            if word == "cite":
                site = replace(site, cite=line.word(_one(line, items)))
            elif word == "primitive":
                site = replace(site, primitive=True)
            elif word == "call":
                site = replace(site, call=self._call(line, items))
            elif word == "outer":
                site = replace(site, outer=self._known_site(line, items))
            else:
                line.fail(f"a site has no '{word}'",
                          near(word, ["cite", "primitive", "call", "outer"]))  # fmt: skip
        self._sites[line.number(forms[0])] = site

    def _known_site(self, line: Line, items: list[Form]) -> Site:
        number = line.number(_one(line, items))
        if number not in self._sites:
            line.fail(f"site {number} is not declared")
        return self._sites[number]

    def _rule(self, line: Line, forms: list[Form]) -> None:
        _need(line, forms, 2, "a rule is a name and an operation")
        op, rest = self._op(line, forms[1:])
        rule = Rule(line.word(forms[0]), op)
        for word, items in rest:
            if word == "hardware":
                rule = replace(rule, hardware=True)
            elif word == "site":
                rule = replace(rule, site=self._known_site(line, items))
            else:
                line.fail(f"a rule has no '{word}'", near(word, ["hardware", "site"]))
        self._rules.append(rule)

    def _judge(self, line: Line, word: str, forms: list[Form]) -> None:
        _need(line, forms, 2, f"'{word}' takes an invariant and a condition")
        judge = StateCheck(line.word(forms[0]), self._reader(line).expr(forms[1]))
        self._judges[word].append(judge)


def _need(line: Line, forms: list[Form], count: int, what: str) -> None:
    if len(forms) < count:
        line.fail(what)


def _first(line: Line, forms: list[Form]) -> Form:
    if not forms:
        line.fail("'()' says nothing")
    return forms[0]


def _one(line: Line, forms: list[Form]) -> Form:
    if len(forms) != 1:
        line.fail(f"one thing was expected here, not {len(forms)}")
    return forms[0]


def _flag(line: Line, forms: list[Form], name: str) -> bool:
    if forms and (len(forms) > 1 or forms[0] != Word(name)):
        line.fail(f"only '{name}' may stand here")
    return bool(forms)


def _member(line: Line, kind: type[T], form: Form) -> T:
    name = line.word(form)
    for member in kind:
        if member.value == name:
            return member
    return line.fail(f"'{name}' is no {kind.__name__.lower()}", near(name, [m.value for m in kind]))

# SPDX-License-Identifier: GPL-2.0-only
"""Edges: what the expressions of a routine put into a thread's graph.

Each call of a step, and each bare read of a field, becomes one edge; its value is then in a
local that the same edge sets.  `routine` adds statements and the way control takes.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field, replace
from typing import Any

from .. import expr as ex
from .. import runtime
from ..declare import ModelFunction
from ..expr import Cell, Expr, Local
from ..ir import Access, Call, Check, Edge, Kind, Op, Site, Storage, Update
from ..sorts import Sort, join, same_kind
from . import values as va
from .body import NULL, RANGE, UNMODELLED, run_pure
from .calls import Evaluator
from .source import Context
from .steps import step_of
from .values import ArrayField, Column, Value


@dataclass
class Graph:
    """The graph under construction, shared by all functions inlined into a thread."""

    edges: list[Edge] = field(default_factory=list)
    locals: dict[str, Local] = field(default_factory=dict)
    locations: int = 0
    owners: dict[str, list[ModelFunction[..., Any]]] = field(default_factory=dict)

    def location(self) -> int:
        self.locations += 1
        return self.locations - 1

    def local(self, fn: ModelFunction[..., Any], name: str, sort: Sort) -> Local:
        """The local of a function with that name and sort; another sort gets a name of its own, and
        so does another function that is called alike."""
        same = self.owners.setdefault(fn.name, [])
        if fn not in same:
            same.append(fn)
        number = same.index(fn) + 1
        owner = f"{fn.name}'{number}" if number > 1 else fn.name
        name = f"{owner}.{name}"
        unique, n = name, 1
        while unique in self.locals and self.locals[unique].sort != sort:
            n += 1
            unique = f"{name}'{n}"
        return self.locals.setdefault(unique, ex.local(unique, sort))


class Edges(Evaluator):
    """Expressions of one function that is inlined into a thread's graph.

    `here` is the location reached so far, None where control cannot get.
    """

    def __init__(
        self, ctx: Context, fn: ModelFunction[..., Any], graph: Graph, here: int, outer: Site | None
    ) -> None:
        super().__init__(ctx, fn)
        self.graph, self.outer = graph, outer
        self.here: int | None = here
        self.effects = 0
        self.pending: list[Check] = []

    def inline(self, fn: ModelFunction[..., Any], args: list[Value], node: ast.Call) -> Value:
        """A call of a routine or primitive: its graph becomes part of this one."""
        raise NotImplementedError

    # -- edges -------------------------------------------------------------------------------------

    def site(self, node: ast.AST, call: Call | None = None) -> Site:
        return Site(
            self.file, getattr(node, "lineno", 0), getattr(node, "col_offset", 0), self.fn.name,
            self.fn.citation, self.fn.kind == "primitive", call, self.outer,
        )  # fmt: skip

    def emit(
        self, op: Op, node: ast.AST, *, target: int | None = None, call: Call | None = None,
        choice: str = "",
    ) -> None:  # fmt: skip
        """An edge from here; `here` moves to its target."""
        assert self.here is not None
        if self.pending:
            op = replace(op, checks=(*self.pending, *op.checks))
            self.pending = []
        at = self.graph.location() if target is None else target
        number = len(self.graph.edges)
        self.graph.edges.append(Edge(self.here, at, op, self.site(node), call, choice, number))
        self.here = at

    def let(
        self, pairs: list[tuple[Local, Expr]], node: ast.AST, *, target: int | None = None
    ) -> None:
        """Assign locals, all at once."""
        updates = tuple(Update(place, value) for place, value in pairs if place is not value)
        if updates or self.pending or target is not None:
            self.emit(Op(Kind.LET, updates=updates), node, target=target)

    def jump(self, target: int, node: ast.AST) -> None:
        if self.here is not None:
            self.emit(Op(Kind.LET), node, target=target)
        self.here = None

    def require(self, cond: Expr, invariant: str) -> None:
        name = {"range": RANGE, "null": NULL}.get(invariant, invariant)
        full = ex.implies(self.path, cond)
        if full is not ex.TRUE:
            self.pending.append(Check(name, full))

    def temporary(self, sort: Sort, node: ast.AST, part: tuple[int, ...] = ()) -> Local:
        """The local for a value, or for a part of one, at a place of the text."""
        at = f"{getattr(node, 'lineno', 0)}.{getattr(node, 'col_offset', 0)}"
        if any(part):
            at = ".".join([at, *map(str, part)])
        return self.graph.local(self.fn, f"@{at}", sort)

    # -- accesses and calls ------------------------------------------------------------------------

    def effect(self, node: ast.AST) -> None:
        """Count what one statement does to shared state: more than one thing is refused."""
        self.effects += 1
        self.not_in_a_search(node)
        if self.path is not ex.TRUE:
            self.refuse(
                node, f"'{ast.unparse(node)}' is a step that may not be carried out",
                why="a step inside an expression is one that a trace cannot show",
                instead="write an `if` statement",
            )  # fmt: skip
        if self.effects > 1:
            self.refuse(
                node, f"'{ast.unparse(node)}' is the second step of one statement",
                why="one statement, one step, one line in a trace",
                instead="assign the first to a variable",
            )  # fmt: skip

    def read(self, place: Cell, node: ast.AST) -> Expr:
        if self.ctx.storage()[place.var] is Storage.GHOST:
            self.refuse(
                node, f"'{ast.unparse(node)}' reads the ghost {place.var}",
                why="it is kept for invariants only", instead="use a field of memory",
            )  # fmt: skip
        self.effect(node)
        into = self.temporary(place.sort, node)
        op = Op(Kind.LOAD, updates=(Update(into, place),), access=Access(place))
        self.emit(op, node, call=Call("read", (("", place),), self.fn.foreign))
        return into

    def call_pure(self, fn: ModelFunction[..., Any], args: list[Value], node: ast.Call) -> Value:
        if fn.kind == "effect":
            self.refuse(node, f"{fn.name} is part of a step", instead="call it from a @step")
        with self.calling(fn, node):
            body = run_pure(self.ctx, fn, args, fields=False)
        self.pending += [c.with_cond(ex.implies(self.path, c.cond)) for c in body.checks]
        return body.result

    def call_model(self, fn: ModelFunction[..., Any], args: list[Value], node: ast.Call) -> Value:
        self.effect(node)
        if fn.kind == "step":
            return self.call_step(fn, args, node)
        return self.inline(fn, args, node)

    def call_step(self, fn: ModelFunction[..., Any], args: list[Value], node: ast.Call) -> Value:
        with self.calling(fn, node):
            done = step_of(self.ctx, fn, args)
        result: Value = done.result
        updates = list(done.op.updates)
        if isinstance(result, tuple):
            result = tuple(self.hold(v, node, updates, (i,)) for i, v in enumerate(result))
        else:
            result = self.hold(result, node, updates, ())
        if self.pending and done.op.guard is not ex.TRUE and self.fn.foreign:
            self.emit(Op(Kind.LET), node)  # what fails on the way to a wait does not wait
        self.emit(replace(done.op, updates=tuple(updates)), node, call=done.call)
        return result

    def hold(
        self, value: Value, node: ast.AST, updates: list[Update], part: tuple[int, ...]
    ) -> Value:
        """A result of a step in a temporary, set by the step itself; the parts of a tuple, and the
        object whose field it is, each in one."""
        if isinstance(value, tuple):
            return tuple(self.hold(v, node, updates, (*part, i)) for i, v in enumerate(value))
        if isinstance(value, ArrayField | Column):
            return replace(value, owner=self.hold(value.owner, node, updates, part))
        if isinstance(value, frozenset) and not va.is_static(value):
            self.refuse(
                node, "a set in a tuple is the value of a step", why="it has no type there",
                instead="return the set alone, or make its members a record",
            )  # fmt: skip
        if not isinstance(value, Expr) or isinstance(value, ex.Const):
            return value
        into = self.temporary(value.sort, node, part)
        updates.append(Update(into, value))
        return into

    def special(self, fn: Any, args: list[Value], node: ast.Call) -> Value:
        if fn is runtime.check:
            cond = ex.implies(self.path, self.truth(args[0], node))
            self.emit(Op(Kind.ASSERT, checks=(Check(str(args[1]), cond),)), node)
            return None
        if fn is runtime.unmodelled:
            self.effect(node)
            stop = Check(UNMODELLED, ex.FALSE)
            self.emit(Op(Kind.UNMODELLED, checks=(stop,), note=str(args[0])), node)
            self.here = None
            return None
        if fn is runtime.choose:
            return self.pick_freely(args[0], node)
        if fn is runtime.wait_until:
            self.refuse(node, "wait_until in a routine", why="waiting is part of a step",
                        instead="write a @step that waits")  # fmt: skip
        return NotImplemented

    def pick_freely(self, options: Value, node: ast.Call) -> Value:
        if not isinstance(options, tuple | range | frozenset) or not len(options):
            self.refuse(node, "choose() needs a constant sequence",
                        why="each choice is an edge of the graph",
                        instead="choose among constants, and test afterwards")  # fmt: skip
        if len(options) == 1:
            return next(iter(options))
        self.effect(node)
        lifted = [self.lift(o, node) for o in options]
        sort: Sort = lifted[0].sort
        for one in lifted[1:]:
            if not same_kind(sort, one.sort):
                self.refuse(node, "choose() among values of several sorts",
                            why="a value has one sort")  # fmt: skip
            sort = join(sort, one.sort)
        into, start, after = self.temporary(sort, node), self.here, self.graph.location()
        for value, option in zip(lifted, options, strict=True):
            self.here = start
            op = Op(Kind.CHOICE, updates=(Update(into, value),))
            call = Call("choose", (("", value),))
            self.emit(op, node, target=after, call=call, choice=_choice_name(option))
        return into


def _choice_name(option: Any) -> str:
    return str(getattr(option, "name", option))

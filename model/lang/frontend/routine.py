# SPDX-License-Identifier: GPL-2.0-only
"""Routines: from a Python function to the control-flow graph of one thread.

Calls of routines and primitives are inlined.  Assignments and branches on locals become edges
of their own, which a later pass merges; `edges` says what becomes of calls and accesses.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Any

from .. import expr as ex
from .. import runtime
from ..declare import ModelFunction
from ..errors import ModelError
from ..expr import Expr, Local
from ..ir import Access, Call, Kind, Op, Site, Thread, Update
from ..objects import Kobject
from ..sorts import NOTHING, Int, Sort, join
from . import values as va
from .body import Body
from .edges import Edges, Graph
from .evaluate import PLACES
from .source import Context, assigned_names, parameters
from .steps import call_of, compile_step
from .unbound import stored_names, unbound_read
from .values import ArrayField, Value

PLAIN_INT = Int(-32, 31)
"""The range of an int local that has no annotation: errno values and page counts."""


class Routine(Edges):
    """One function inlined into a thread's graph, statement by statement."""

    def __init__(
        self, ctx: Context, fn: ModelFunction[..., Any], graph: Graph, here: int, outer: Site | None
    ) -> None:
        super().__init__(ctx, fn, graph, here, outer)
        unbound = unbound_read(self.tree)
        if unbound is not None:
            self.refuse(
                unbound, f"'{unbound.id}' may have no value here",
                why="not every way to this line has given it one, and Python would raise an error",
                instead="give it a value on every way",
            )  # fmt: skip
        self.counts = assigned_names(self.tree)
        self.declared: dict[str, Sort] = {}
        self.owned: dict[str, Local] = {}
        self.loops: list[tuple[int, int]] = []
        self.exit = graph.location()
        self.results: list[tuple[int, Value, ast.AST]] = []

    def inline(self, fn: ModelFunction[..., Any], args: list[Value], node: ast.Call) -> Value:
        site = self.site(node, call_of(self.ctx, fn, args))
        assert self.here is not None
        if self.pending:
            self.emit(Op(Kind.LET), node)
        inner = Routine(self.ctx, fn, self.graph, self.here, site)
        with self.calling(fn, node):
            result = inner.run(args)
        self.here = inner.here
        return result

    # -- statements --------------------------------------------------------------------------------

    def run(self, args: list[Value]) -> Value:
        """Inline the whole function; its value, with `here` after the return."""
        hints = self.hints()
        params = parameters(self.tree)
        for param in params:
            self.declare(param.arg, hints.get(param.arg), param)
        pairs = [(p.arg, value) for p, value in zip(params, args, strict=True)]
        self.bind_names(pairs, self.tree)
        self.block(self.tree.body)
        if self.here is not None:
            self.results.append((self.here, None, self.tree))
        return self.finish()

    def finish(self) -> Value:
        """Join the returns: one constant result stays constant, others go into a local."""
        values = [value for _, value, _ in self.results]
        if not values:
            self.here = None
            return None
        widths = {len(v) if isinstance(v, tuple) else 0 for v in values}
        if len(widths) > 1:
            self.refuse(
                self.tree, f"{self.fn.name} returns tuples of different lengths",
                why="which one is only known to a run", instead="return tuples of one length",
            )  # fmt: skip
        (width,) = widths
        parts = [[v[i] for v in values] for i in range(width)] if width else [values]
        joined = [self.join_results(column, i) for i, column in enumerate(parts)]
        for at, value, node in self.results:
            self.here = at
            items = value if width else (value,)
            pairs = [
                (place, self.into(place, item, node))
                for place, item in zip(joined, items, strict=True)
                if isinstance(place, Local)
            ]
            self.let(pairs, node, target=self.exit)
        self.here = self.exit
        return tuple(joined) if width else joined[0]

    def join_results(self, column: list[Value], part: int) -> Value:
        if all(va.is_static(v) for v in column) and all(va.alike(v, column[0]) for v in column):
            return column[0]
        sort: Sort | None = self.return_sort(part)
        if sort is None:
            lifted = [self.lift(v, self.tree) for v in column]
            sort = lifted[0].sort
            for one in lifted[1:]:
                sort = join(sort, one.sort)
            sort = PLAIN_INT if isinstance(sort, Int) else sort
        return self.graph.local(self.fn, f"return{part or ''}", sort)

    def return_sort(self, part: int) -> Sort | None:
        hint = self.hints().get("return")
        args = getattr(hint, "__args__", None)
        if getattr(hint, "__origin__", None) is tuple and args:
            hint = args[part]
        return None if hint in (None, int, type(None)) else self.sort_of(hint, self.tree)

    def hints(self) -> Mapping[str, Any]:
        return self.ctx.hints(self.fn)

    def sort_of(self, hint: Any, node: ast.AST) -> Sort:
        try:
            return PLAIN_INT if hint is int else self.world.sort(hint)
        except TypeError as error:
            self.refuse(
                node, "this type is not finite", why=str(error),
                instead="use bool, int, an enum, an object, a record or a frozenset",
            )  # fmt: skip

    def block(self, body: list[ast.stmt]) -> None:
        for node in body:
            if self.here is None:
                return
            self.effects = 0
            self.statement(node)
            if self.pending and self.here is not None:
                self.emit(Op(Kind.LET), node)
            self.pending = []

    def statement(self, node: ast.stmt) -> None:
        method = getattr(self, f"do_{type(node).__name__}", None)
        if method is None:
            self.refuse(
                node, f"'{ast.unparse(node).splitlines()[0]}' is not in the modelling language",
                why="a routine is assignments, calls, if, while, for, break, continue, return",
                instead="use those",
            )  # fmt: skip
        method(node)

    def do_Pass(self, node: ast.Pass) -> None:
        pass

    def do_Expr(self, node: ast.Expr) -> None:
        if not isinstance(node.value, ast.Constant):
            self.eval(node.value)

    def do_Assign(self, node: ast.Assign) -> None:
        if len(node.targets) != 1:
            self.refuse(node, "a chained assignment", instead="write two")
        self.assign(node.targets[0], self.eval(node.value), node)

    def do_AnnAssign(self, node: ast.AnnAssign) -> None:
        if not isinstance(node.target, ast.Name):
            self.refuse(node, "an annotation of something that is no local",
                        instead="leave the annotation out")  # fmt: skip
        hint = self.plainly(node.annotation, lambda: self.ctx.annotation(self.fn, node.annotation))
        self.declare(node.target.id, hint, node)
        if node.value is not None:
            self.assign(node.target, self.eval(node.value), node)

    def do_AugAssign(self, node: ast.AugAssign) -> None:
        if not isinstance(node.target, ast.Name):
            self.refuse(
                node, f"'{ast.unparse(node)}' reads and writes memory",
                why="whether that is atomic must be said", instead="call a @step that does it",
            )  # fmt: skip
        loaded = ast.copy_location(ast.Name(node.target.id, ast.Load()), node.target)
        value = self.eval(ast.copy_location(ast.BinOp(loaded, node.op, node.value), node))
        self.assign(node.target, value, node)

    def declare(self, name: str, hint: Any, node: ast.AST) -> None:
        """Note the sort of a local from its annotation, if that is of the modelling language."""
        if hint is not None:
            try:
                self.declared[name] = self.sort_of(hint, node)
            except ModelError:
                if name in stored_names(self.tree):
                    raise

    def assign(self, target: ast.AST, value: Value, node: ast.AST) -> None:
        if self.here is None:
            return  # the call that gives the value never returns
        if isinstance(target, ast.Name):
            self.bind_names([(target.id, value)], node)
        elif isinstance(target, ast.Tuple) and isinstance(value, tuple):
            if not all(isinstance(part, ast.Name) for part in target.elts):
                self.refuse(node, "a tuple may only be assigned to names",
                            instead="assign the parts one by one")  # fmt: skip
            names = [part.id for part in target.elts if isinstance(part, ast.Name)]
            self.bind_names(list(zip(names, value, strict=True)), node)
        elif isinstance(target, ast.Attribute | ast.Subscript):
            self.store(target, value, node)
        else:
            self.refuse(node, f"'{ast.unparse(target)}' cannot be assigned", instead=PLACES)

    def bind_names(self, pairs: list[tuple[str, Value]], node: ast.AST) -> None:
        """Assign names at once: what is constant for good stays so, the rest is in the state."""
        places: list[tuple[Local, Expr]] = []
        for name, value in pairs:
            if va.is_static(value) and self.counts[name] == 1:
                self.names[name] = value
            else:
                place = self.place_for(name, value, node)
                places.append((place, self.into(place, value, node)))
        self.let(places, node)
        for name, value in pairs:
            if not va.is_static(value) or self.counts[name] > 1:
                self.names[name] = self.place_for(name, value, node)

    def place_for(self, name: str, value: Value, node: ast.AST) -> Local:
        """The local that a name of this function is, typed by annotation or first value."""
        place = self.owned.get(name)
        if place is None:
            sort = self.declared.get(name)
            if sort is None:
                sort = self.lift(value, node).sort
                if sort is NOTHING:
                    self.refuse(
                        node, f"'{name}' is None at first and is assigned again",
                        why="what else it may be has to be known here",
                        instead=f"annotate it, as in `{name}: Folio | None = None`",
                    )  # fmt: skip
                sort = PLAIN_INT if isinstance(sort, Int) and not sort.names else sort
            place = self.owned[name] = self.graph.local(self.fn, name, sort)
        return place

    def into(self, place: Local, value: Value, node: ast.AST) -> Expr:
        return self.fit(self.lift(value, node, place.sort), place.sort, node)

    def store(self, target: ast.Attribute | ast.Subscript, value: Value, node: ast.AST) -> None:
        """A bare store to a field: a step."""
        body = Body(self.ctx, self.fn, None, fields=False)
        body.names = self.names
        if isinstance(target, ast.Subscript):
            base = body.eval(target.value)
            if not isinstance(base, ArrayField):
                self.refuse(target, f"'{ast.unparse(target)}' cannot be assigned", instead=PLACES)
            place = self.array_cell(base, body.eval(target.slice), target)
        else:
            place = body.place_of(target)
        self.effect(node)
        if body.writes or body.guard is not ex.TRUE:
            self.refuse(
                target, f"'{ast.unparse(target)}' waits or writes on the way to where it is",
                why="a store is one step", instead="do that in a @step before",
            )  # fmt: skip
        self.pending += body.checks
        new = self.fit(self.lift(value, node, place.sort), place.sort, node)
        call = Call("write", (("", place), ("", new)), self.fn.foreign)
        self.emit(Op(Kind.STORE, updates=(Update(place, new),), access=Access(place)), node,
                  call=call)  # fmt: skip

    # -- control flow ------------------------------------------------------------------------------

    def test(self, node: ast.expr, *, negated: bool = False) -> tuple[int | None, int | None]:
        """Branch on a condition: the locations where it holds and where it does not.

        The ways are called yes and no by the condition as it is written, or by each part of one
        that is joined by `and` or `or`; that is the negation of `node` if it is `negated`.
        """
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            yes, no = self.test(node.operand, negated=not negated)
            return no, yes
        if isinstance(node, ast.BoolOp):
            return self.test_many(node)
        self.effects = 0
        cond = self.condition(node)
        start = self.here
        if start is None:
            return None, None
        if isinstance(cond, ex.Const):
            if self.pending:
                self.emit(Op(Kind.LET), node)
                start = self.here
            return (start, None) if cond.value else (None, start)
        ends = []
        pending, self.pending = self.pending, []
        names = ("no", "yes") if negated else ("yes", "no")
        for name, side in zip(names, (cond, ex.not_(cond)), strict=True):
            self.here, self.pending = start, list(pending)
            self.emit(Op(Kind.ASSUME, guard=side), node, choice=name)
            ends.append(self.here)
        return ends[0], ends[1]

    def test_many(self, node: ast.BoolOp) -> tuple[int | None, int | None]:
        stop_on_true = isinstance(node.op, ast.Or)
        stopped: list[int] = []
        for item in node.values:
            yes, no = self.test(item)
            stop, go = (yes, no) if stop_on_true else (no, yes)
            if stop is not None:
                stopped.append(stop)
            self.here = go
            if go is None:
                break
        went = self.here
        meet = self.meet(stopped, node)
        return (meet, went) if stop_on_true else (went, meet)

    def meet(self, ends: list[int], node: ast.AST) -> int | None:
        """One location for several ends."""
        if len(ends) <= 1:
            return ends[0] if ends else None
        target = self.graph.location()
        for end in ends:
            self.here = end
            self.jump(target, node)
        return target

    def do_If(self, node: ast.If) -> None:
        yes, no = self.test(node.test)
        ends: list[int] = []
        before = dict(self.names)
        sides: list[dict[str, Value]] = []
        for start, body in ((yes, node.body), (no, node.orelse)):
            self.here, self.names = start, dict(before)
            if start is not None:
                self.block(body)
            if self.here is not None:
                ends.append(self.here)
                sides.append(self.names)
        self.names = before
        for side in sides:
            self.names.update({k: v for k, v in side.items() if k not in before})
        self.here = self.meet(ends, node)

    def do_While(self, node: ast.While) -> None:
        if node.orelse:
            self.refuse(node, "while ... else", instead="use a flag")
        top, after = self.graph.location(), self.graph.location()
        self.jump(top, node)
        self.here = top
        yes, no = self.test(node.test)
        if no is not None:
            self.here = no
            self.jump(after, node)
        self.loops.append((top, after))
        self.here = yes
        self.block(node.body)
        self.jump(top, node)
        self.loops.pop()
        reached = any(e.target == after for e in self.graph.edges)
        self.here = after if reached else None

    def do_For(self, node: ast.For) -> None:
        if node.orelse:
            self.refuse(node, "for ... else", instead="use a flag")
        after = self.graph.location()
        items = self.eval(node.iter)
        if not va.is_static(items) or not hasattr(items, "__iter__"):
            self.refuse(
                node, f"'{ast.unparse(node.iter)}' is not constant",
                why="a `for` is unrolled when the model is compiled",
                instead="use range(CONSTANT), a tuple of objects, or a `while`",
            )  # fmt: skip
        for item in items:
            following = self.graph.location()
            self.loops.append((following, after))
            self.assign_target(node.target, item)
            self.block(node.body)
            self.jump(following, node)
            self.loops.pop()
            reached = any(e.target == following for e in self.graph.edges)
            self.here = following if reached else None
        self.jump(after, node)
        reached = any(e.target == after for e in self.graph.edges)
        self.here = after if reached else None

    def do_Break(self, node: ast.Break) -> None:
        self.jump(self.loops[-1][1], node)

    def do_Continue(self, node: ast.Continue) -> None:
        self.jump(self.loops[-1][0], node)

    def do_Return(self, node: ast.Return) -> None:
        value = self.eval(node.value) if node.value else None
        if self.here is None:
            return
        if self.pending:
            self.emit(Op(Kind.LET), node)
        self.results.append((self.here, value, node))
        self.here = None


class _Compiling(runtime.Observer):
    """Answers `current()` while a thread is compiled."""

    def __init__(self, thread: Kobject) -> None:
        self._thread = thread

    def current(self) -> Kobject:
        return self._thread


def compile_thread(
    ctx: Context, thread: Kobject, fn: ModelFunction[..., Any], args: list[Value]
) -> Thread:
    """The graph of one call, from entry to return, on behalf of `thread`."""
    fn = ctx.resolve(fn)
    graph = Graph()
    entry = graph.location()
    with runtime.observed(_Compiling(thread)):
        routine = Routine(ctx, fn, graph, entry, None)
        with ctx.entered(fn):
            result = routine.run(args)
        if routine.here is None:
            raise ModelError(
                f"{fn.name} never returns", where=routine.where(routine.tree),
                why="a thread is one call, from entry to return", instead="leave the loop",
            )  # fmt: skip
        if ctx.epilogue is not None:
            done = compile_step(ctx, ctx.epilogue, [result])
            routine.emit(done.op, routine.tree, call=done.call)
    return Thread(
        thread.name, fn.name, tuple(graph.locals.values()), tuple(graph.edges), entry,
        routine.here, graph.locations,
    )  # fmt: skip

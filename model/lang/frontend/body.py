# SPDX-License-Identifier: GPL-2.0-only
"""Bodies of steps, rules and pure functions: straight-line code, run symbolically as one action.

Branches are predicated: a statement under `if c` assigns ``c ? new : old``.  The outcome is a
guard (what the step waits for), what it writes, what it returns, and the checks on the way.
"""

from __future__ import annotations

import ast
from typing import Any

from .. import expr as ex
from .. import runtime
from ..declare import ModelFunction
from ..expr import Cell, Expr
from ..ir import Check, Update
from ..sorts import Sort
from . import values as va
from .calls import Evaluator
from .evaluate import PLACES
from .source import Context, parameters
from .unbound import stored_names
from .values import ArrayField, Value

RANGE, NULL, UNMODELLED = "model:range", "model:null", "model:unmodelled"
"""Checks that the front end adds: a value is in its range, a pointer is not NULL, control has
not reached what the model leaves out."""

UNBOUND = "model:a name without a value"
"""The same: a name is used only where the run has given it a value."""


class Body(Evaluator):
    """One symbolic run of a body.  Pure functions called from it share its effects."""

    def __init__(
        self, ctx: Context, fn: ModelFunction[..., Any], args: list[Value] | None, *,
        fields: bool = True,
    ) -> None:  # fmt: skip
        """`args` are in the order of the parameters; None where the caller sets `names`."""
        super().__init__(ctx, fn)
        self.fields = fields  # whether mutable fields may be read at all
        self.guard: Expr = ex.TRUE
        self.checks: list[Check] = []
        self.writes: dict[Cell, Expr] = {}
        self.seen: dict[Cell, None] = {}  # cells read from memory
        self.bound: dict[str, Expr] = {}  # where a name that was assigned to has a value
        self.result: Value = None
        self.foreign = fn.foreign  # whether a part of it is none of `model`
        self.whole: ast.AST | None = None  # what the statement at hand is, or gives a name to
        self.done: Expr = ex.FALSE
        if args is not None:
            self._start(args)

    def _start(self, args: list[Value]) -> None:
        for param, value in zip(parameters(self.tree), args, strict=True):
            self.names[param.arg] = value

    def run(self) -> Body:
        self.block(self.tree.body)
        return self

    def updates(self) -> tuple[Update, ...]:
        return tuple(Update(place, value) for place, value in self.writes.items())

    # -- effects -----------------------------------------------------------------------------------

    def live(self) -> Expr:
        """The condition under which the statement at hand is carried out."""
        return self.path if self.done is ex.FALSE else ex.and_(self.path, ex.not_(self.done))

    def require(self, cond: Expr, invariant: str) -> None:
        if cond is ex.TRUE:
            return
        name = {"range": RANGE, "null": NULL}.get(invariant, invariant)
        full = ex.implies(self.live(), cond)
        if full is not ex.TRUE and full not in ex.conjuncts(self.guard):
            self.checks.append(Check(name, full))

    def eval_Name(self, node: ast.Name) -> Value:
        """The value of a name; it is an error of the model if the run has given it none."""
        self.require(self.bound.get(node.id, ex.TRUE), UNBOUND)
        if node.id not in self.names and node.id in stored_names(self.tree):
            self.refuse(
                node, f"'{node.id}' has no value yet",
                why="it is assigned further down, so that Python takes it for a local everywhere",
                instead="give one of the two another name",
            )  # fmt: skip
        return super().eval_Name(node)

    def read(self, place: Cell, node: ast.AST) -> Expr:
        if not self.fields:
            self.refuse(
                node, f"'{ast.unparse(node)}' reads {place.var} inside a pure function",
                why="each access to memory is a step of the routine that makes it",
                instead="read it in a @step, or pass the value in",
            )  # fmt: skip
        written = self.writes.get(place)
        if written is not None:
            return written
        self.seen[place] = None
        return self.read_quietly(place)

    def write(self, place: Cell, value: Expr, node: ast.AST) -> None:
        if self.fn.kind == "pure":
            self.refuse(node, f"{self.fn.name} writes {place.var}", why="it is @pure",
                        instead="make it an @effect, and call it from a @step")  # fmt: skip
        old = self.writes.get(place)
        before = self.read_quietly(place) if old is None else old
        for other, held in list(self.writes.items()):
            if other.var == place.var and other is not place:
                aliased = ex.and_(self.live(), _same_place(other, place))
                self.writes[other] = ex.ite(aliased, value, held)
        self.writes[place] = ex.ite(self.live(), value, before)

    def read_quietly(self, place: Cell) -> Expr:
        """The value before a write, which is no access of its own."""
        value: Expr = place
        for other, new in self.writes.items():
            if other.var == place.var:
                value = ex.ite(_same_place(other, place), new, value)
        return value

    # -- statements --------------------------------------------------------------------------------

    def block(self, body: list[ast.stmt]) -> None:
        for node in body:
            if self.live() is ex.FALSE:
                return
            self.statement(node)

    def statement(self, node: ast.stmt) -> None:
        self.whole = getattr(node, "value", None) if not isinstance(node, ast.AugAssign) else None
        if isinstance(node, ast.Pass):
            return
        if isinstance(node, ast.Expr):
            if not isinstance(node.value, ast.Constant):
                self.eval(node.value)
        elif isinstance(node, ast.Assign) and len(node.targets) == 1:
            self.assign(node.targets[0], self.eval(node.value), node)
        elif isinstance(node, ast.AnnAssign) and node.value is not None:
            self.assign(node.target, self.eval(node.value), node)
        elif isinstance(node, ast.AugAssign):
            loaded = ast.copy_location(ast.BinOp(_as_load(node.target), node.op, node.value), node)
            self.assign(node.target, self.eval(loaded), node)
        elif isinstance(node, ast.If):
            self.branch(node)
        elif isinstance(node, ast.For) and not node.orelse:
            self.loop(node)
        elif isinstance(node, ast.Return):
            self.give(node)
        else:
            self.refuse(
                node, f"'{ast.unparse(node).splitlines()[0]}' in a step",
                why="a step is one action: no loop that waits, no exception",
                instead="use assignments, if, `for` over a constant, return, wait_until(...)",
            )  # fmt: skip

    def assign(self, target: ast.AST, value: Value, node: ast.AST) -> None:
        if isinstance(target, ast.Name):
            live, name = self.live(), target.id
            bound = self.bound.get(name, ex.TRUE if name in self.names else ex.FALSE)
            if live is not ex.TRUE and name in self.names:
                value = self.choice(live, value, self.names[name], node)
            self.names[name] = value
            self.bound[name] = ex.or_(bound, live)
        elif isinstance(target, ast.Tuple) and isinstance(value, tuple):
            for part, item in zip(target.elts, value, strict=True):
                self.assign(part, item, node)
        elif isinstance(target, ast.Attribute):
            self.store_field(target, value, node)
        elif isinstance(target, ast.Subscript):
            base = self.eval(target.value)
            if not isinstance(base, ArrayField):
                self.refuse(target, f"'{ast.unparse(target)}' cannot be assigned", instead=PLACES)
            place = self.array_cell(base, self.eval(target.slice), target)
            self.write(place, self.coerce(value, place.sort, node), node)
        else:
            self.refuse(target, f"'{ast.unparse(target)}' cannot be assigned", instead=PLACES)

    def store_field(self, target: ast.Attribute, value: Value, node: ast.AST) -> None:
        place = self.place_of(target)
        self.write(place, self.coerce(value, place.sort, node), node)

    def place_of(self, target: ast.Attribute) -> Cell:
        owner = self.expression(target.value)
        cls = getattr(owner.sort, "cls", "")
        spec = va.field_of(self.world, cls, target.attr) if cls else None
        if not cls:
            self.refuse(
                target, f"'{ast.unparse(target)}' cannot be assigned",
                why=f"{va.sort_name(owner.sort)} has no fields that can be stored to",
                instead="use replace(...) for a record",
            )  # fmt: skip
        if spec is None:
            self.unknown(target, cls, target.attr, list(self.world.kind(cls).fields))
        if spec.const or spec.keys() is not None:
            self.refuse(
                target, f"'{ast.unparse(target)}' cannot be assigned",
                why="the field is constant" if spec.const else "it is an array",
                instead="declare it without const=True" if spec.const else "assign to an element",
            )  # fmt: skip
        if getattr(owner.sort, "nullable", False):
            self.require(ex.not_(ex.eq(owner, ex.const(0, owner.sort))), "null")
        return ex.cell(f"{cls}.{target.attr}", (owner,), self.world.field_sort(spec))

    def coerce(self, value: Value, sort: Sort, node: ast.AST) -> Expr:
        return self.fit(self.lift(value, node, sort), sort, node)

    def branch(self, node: ast.If) -> None:
        cond = self.condition(node.test)
        outer = self.path
        self.path = ex.and_(outer, cond)
        if self.path is not ex.FALSE:
            self.block(node.body)
        self.path = ex.and_(outer, ex.not_(cond))
        if self.path is not ex.FALSE:
            self.block(node.orelse)
        self.path = outer

    def loop(self, node: ast.For) -> None:
        outer = self.path
        for inside, item in self.iterate(self.eval(node.iter), node.iter):
            self.path = ex.and_(outer, inside)
            self.assign_target(node.target, item)
            self.block(node.body)
        self.path = outer

    def give(self, node: ast.Return) -> None:
        value = self.typed(self.eval(node.value) if node.value else None, node)
        live = self.live()
        if self.done is ex.FALSE:
            self.result = value
        else:
            self.result = self.choice(live, value, self.result, node)
        self.done = ex.or_(self.done, live)

    def typed(self, value: Value, node: ast.AST) -> Value:
        """A set that is returned, as one of the declared type."""
        if not isinstance(value, frozenset) or va.is_static(value):
            return value
        hint = self.ctx.hints(self.fn).get("return")
        if hint is None:
            self.refuse(node, "a set without a type", instead="annotate what the function returns")
        return self.lift(value, node, self.world.sort(hint))

    # -- calls -------------------------------------------------------------------------------------

    def special(self, fn: Any, args: list[Value], node: ast.Call) -> Value:
        if fn is runtime.wait_until:
            self.not_in_a_search(node)
            own = [c for c in self.checks if not c.invariant.startswith("model:")]
            if self.writes or own:
                self.refuse(
                    node, f"wait_until after a {'write' if self.writes else 'check'}",
                    why="a step that waits changes nothing and fails nowhere", instead="wait first",
                )  # fmt: skip
            cond = ex.implies(self.live(), self.truth(args[0], node))
            if self.foreign:  # what fails on the way to the wait does not wait
                cond = ex.or_(cond, *(ex.not_(c.cond) for c in self.checks))
            self.guard = ex.and_(self.guard, cond)
            if self.guard is ex.FALSE:
                self.done = ex.TRUE
            return None
        if fn is runtime.check:
            self.require(self.truth(args[0], node), str(args[1]))
            return None
        if fn in (runtime.choose, runtime.unmodelled):
            self.refuse(node, f"{fn.__name__} inside a step", why="it is a step of its own",
                        instead="call it from the routine")  # fmt: skip
        return NotImplemented

    def call_pure(self, fn: ModelFunction[..., Any], args: list[Value], node: ast.Call) -> Value:
        if fn.kind == "effect" and self.fn.kind == "pure":
            self.refuse(node, f"{self.fn.name} calls {fn.name}, which is an @effect",
                        why="it is @pure itself", instead="make it an @effect, too")  # fmt: skip
        if fn.kind == "effect" and node is not self.whole:
            self.refuse(
                node, f"{fn.name} is called inside an expression",
                why="it is part of what the step does, and might be done twice, or not at all",
                instead="write a statement of its own, or assign its value to a name",
            )  # fmt: skip
        inner = Body(self.ctx, fn, args, fields=self.fields)
        inner.path = self.live()
        inner.writes, inner.seen, inner.checks = self.writes, self.seen, self.checks
        with self.calling(fn, node):
            inner.run()
        if inner.guard is not ex.TRUE:
            self.not_in_a_search(node)
        self.guard = ex.and_(self.guard, inner.guard)
        self.foreign |= inner.foreign
        return inner.result

    def call_model(self, fn: ModelFunction[..., Any], args: list[Value], node: ast.Call) -> Value:
        self.refuse(
            node, f"{fn.name} is called inside a step", why=f"it is a {fn.kind} of its own",
            instead="call both from the routine, or make the inner one @pure",
        )  # fmt: skip


def _same_place(one: Cell, two: Cell) -> Expr:
    return ex.and_(*(ex.eq(a, b) for a, b in zip(one.index, two.index, strict=True)))


def _as_load(target: ast.expr) -> ast.expr:
    copy = ast.parse(ast.unparse(target), mode="eval").body
    for node in ast.walk(copy):
        ast.copy_location(node, target)
    return copy


def run_pure(ctx: Context, fn: ModelFunction[..., Any], args: list[Value], *, fields: bool) -> Body:
    """A pure function outside of any step: an invariant, or local computation of a routine.

    ModelError if it waits: nobody would.
    """
    body = Body(ctx, fn, args, fields=fields).run()
    if body.guard is not ex.TRUE:
        body.refuse(body.tree, f"{fn.name} waits", why="it is not called from a step",
                    instead="wait in a @step")  # fmt: skip
    return body

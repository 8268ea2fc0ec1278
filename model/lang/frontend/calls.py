# SPDX-License-Identifier: GPL-2.0-only
"""Evaluating calls, record construction and comprehensions."""

from __future__ import annotations

import ast
import builtins
import dataclasses
import enum
import types
from collections.abc import Iterator
from typing import Any, NoReturn

from .. import expr as ex
from .. import runtime
from ..declare import ModelFunction
from ..errors import ModelError, near
from ..expr import Const, Expr
from ..sorts import BOOL, Bool, Int, Rec, Set, Sort, join
from . import values as va
from .operators import Operators, plain
from .source import Context
from .values import Value

_BUILTINS = frozenset(map(id, vars(builtins).values()))

_COMPILED = (len, range, zip, enumerate, reversed, tuple, frozenset, bool, sum, all, any)


class _Constants(runtime.Observer):
    """Lets a @static function read what is constant, and nothing else; what it calls is what a
    variant swaps and a mutant edits, too."""

    def __init__(self, outer: runtime.Observer, function: str, ctx: Context) -> None:
        self._outer, self._function, self._ctx = outer, function, ctx

    def current(self) -> Any:
        return self._outer.current()

    def before_step(self, name: str) -> None:
        raise ModelError(
            f"{self._function} uses {name}",
            why="it is @static, which is run when the model is compiled, and that may change later",
            instead="use it in a @step, or declare the field with const=True",
        )

    def called(self, fn: ModelFunction[..., Any]) -> ModelFunction[..., Any]:
        return self._ctx.edited(self._ctx.resolve(fn))


class Evaluator(Operators):
    """Expressions of every kind; what a model's step or routine does is left to subclasses."""

    def eval_Call(self, node: ast.Call) -> Value:
        if any(isinstance(a, ast.Starred) for a in node.args) or any(
            k.arg is None for k in node.keywords
        ):
            self.refuse(node, "star arguments", why="a step shows each argument",
                        instead="write the arguments out")  # fmt: skip
        fn = self.eval(node.func)
        if fn in (all, any, sum, frozenset, tuple) and len(node.args) == 1:
            inner = node.args[0]
            if isinstance(inner, ast.GeneratorExp):
                if node.keywords:
                    self.unnamed(node)
                return self.comprehend(fn, inner)
        if isinstance(fn, ModelFunction):
            return self.call_function(self.ctx.resolve(fn), node)
        args = [self.eval(a) for a in node.args]
        named = {k.arg or "": self.eval(k.value) for k in node.keywords}
        if fn is dataclasses.replace and len(args) == 1:
            return self.replaced(args, named, node)
        if isinstance(fn, type) and dataclasses.is_dataclass(fn):
            if args:
                self.refuse(node, f"'{ast.unparse(node)}': fields without their names",
                            instead="name each, as in PteVal(write=True)")  # fmt: skip
            return self.construct(fn, named, node)
        known = [*args, *named.values()]
        if id(fn) in _BUILTINS and all(map(va.is_static, known)):
            return self.plainly(node, lambda: fn(*args, **named))
        if named:
            self.unnamed(node)
        if fn is runtime.current:
            return self.current(node)
        if fn is len and isinstance(args[0], tuple | range):
            return len(args[0])
        if fn is frozenset and args and isinstance(args[0], frozenset | tuple):
            return frozenset(args[0])
        if fn in (min, max) and not all(va.is_static(a) for a in args):
            return self.extreme(fn is min, args, node)
        if fn in _COMPILED:
            self.refuse(
                node, f"'{ast.unparse(node)}': an argument is not constant",
                why=f"{fn.__name__} is computed when the model is compiled",
                instead="use constants, or loop over range(CONSTANT) and test inside",
            )  # fmt: skip
        if isinstance(fn, type) and issubclass(fn, enum.Enum):
            return self.plainly(node, lambda: fn(*args))
        owner = getattr(fn, "__self__", None)
        if getattr(type(owner), "static_methods", False) and all(map(va.is_static, args)):
            return fn(*args, **named)
        special = self.special(fn, args, node)
        if special is not NotImplemented:
            return special
        self.refuse(
            node, f"'{ast.unparse(node.func)}' is not a function of the model",
            why="the front end knows only decorated functions",
            instead="decorate it with @pure, @step, @static or @kernel",
        )  # fmt: skip

    def unnamed(self, node: ast.Call) -> NoReturn:
        """Refuse an argument by name where none is known."""
        self.refuse(
            node, f"'{ast.unparse(node)}': an argument by name",
            why="what it asks for is not known here", instead="do without it",
        )  # fmt: skip

    def special(self, fn: Any, args: list[Value], node: ast.Call) -> Value:
        """Functions of `runtime` that only some contexts know; NotImplemented otherwise."""
        return NotImplemented

    def current(self, node: ast.AST) -> Value:
        return runtime.current()

    def call_function(self, fn: ModelFunction[..., Any], node: ast.Call) -> Value:
        args = self.bind(fn, node)
        if fn.kind == "static":
            if not all(va.is_static(a) for a in args):
                self.refuse(
                    node, f"'{ast.unparse(node)}': an argument is not constant",
                    why=f"{fn.name} is @static", instead="make it @pure",
                )  # fmt: skip
            with runtime.observed(_Constants(runtime.observer(), fn.name, self.ctx)):
                return self.plainly(node, lambda: self.ctx.edited(fn).fn(*args))
        if fn.kind in ("pure", "effect"):
            return self.call_pure(fn, args, node)
        return self.call_model(fn, args, node)

    def call_pure(self, fn: ModelFunction[..., Any], args: list[Value], node: ast.Call) -> Value:
        raise NotImplementedError

    def bind(self, fn: ModelFunction[..., Any], node: ast.Call) -> list[Value]:
        """The arguments in the order of the parameters, defaults filled in."""
        params = self.ctx.tree(fn)[1].args
        in_order = [a.arg for a in params.args]
        names = [*in_order, *(a.arg for a in params.kwonlyargs)]
        given: dict[str, Value] = {}
        if len(node.args) > len(in_order):
            by_name = " without a name" if params.kwonlyargs else ""
            self.refuse(
                node, f"{fn.name} takes {len(in_order)} arguments{by_name}, not {len(node.args)}",
                instead="write one for each parameter",
            )  # fmt: skip
        for name, item in zip(names, node.args, strict=False):
            given[name] = self.eval(item)
        for key in node.keywords:
            assert key.arg is not None
            if key.arg not in names:
                self.refuse(
                    node, f"{fn.name} has no parameter '{key.arg}'", instead=near(key.arg, names)
                )
            if key.arg in given:
                self.refuse(node, f"{fn.name} is given '{key.arg}' twice", instead="give it once")
            given[key.arg] = self.eval(key.value)
        plain = fn.fn
        assert isinstance(plain, types.FunctionType)
        defaults = plain.__defaults__ or ()
        if defaults:
            for name, value in zip(in_order[-len(defaults) :], defaults, strict=True):
                given.setdefault(name, value)
        given = {**(plain.__kwdefaults__ or {}), **given}
        missing = [n for n in names if n not in given]
        if missing:
            self.refuse(node, f"{fn.name} misses the argument '{missing[0]}'",
                        instead="give it, or give the parameter a default")  # fmt: skip
        return [given[n] for n in names]

    def replaced(self, args: list[Value], named: dict[str, Value], node: ast.Call) -> Value:
        base = args[0]
        if va.is_static(base) and all(va.is_static(v) for v in named.values()):
            return dataclasses.replace(base, **named)
        rec = self.lift(base, node)
        if not isinstance(rec.sort, Rec):
            self.refuse(node, "replace() works on records", instead="assign to the variable")
        fields = dict(rec.sort.fields)
        for name, value in named.items():
            if name not in fields:
                self.unknown(node, rec.sort.name, name, list(fields))
            rec = ex.put(rec, name, self.fit(self.lift(value, node, fields[name]), fields[name],
                                             node))  # fmt: skip
        return rec

    def construct(self, cls: type, named: dict[str, Value], node: ast.Call) -> Value:
        fields = {f.name: f for f in dataclasses.fields(cls)}
        for name in named:
            if name not in fields:
                self.unknown(node, cls.__name__, name, list(fields))
        for name, spec in fields.items():
            if name not in named:
                if spec.default is dataclasses.MISSING:
                    self.refuse(node, f"{cls.__name__} misses the field '{name}'",
                                instead="give it, or declare a default")  # fmt: skip
                named[name] = spec.default
        if all(va.is_static(v) for v in named.values()):
            return cls(**named)
        sort = self.world.sort(cls)
        assert isinstance(sort, Rec)
        parts = [self.fit(self.lift(named[n], node, s), s, node) for n, s in sort.fields]
        return ex.record(sort, tuple(parts))

    def not_in_a_search(self, node: ast.AST) -> None:
        """Refuse a step, or a wait, which Python would not come to where it knows already."""
        if self.stopping:
            self.refuse(
                node, f"'{ast.unparse(node)}' inside any() or all()",
                why="they stop as soon as they know, and here each part is evaluated",
                instead="write a loop",
            )  # fmt: skip

    def extreme(self, least: bool, args: list[Value], node: ast.AST) -> Value:
        best = self.lift(args[0], node)
        if len(args) < 2 or not all(isinstance(self.lift(a, node).sort, Int) for a in args):
            self.refuse(node, f"'{ast.unparse(node)}' is not of two ints or more",
                        instead="compare them one by one")  # fmt: skip
        for item in args[1:]:
            other = self.lift(item, node)
            best = ex.ite(ex.lt(other, best) if least else ex.lt(best, other), other, best)
        return best

    def comprehend(self, fn: Any, node: ast.GeneratorExp) -> Value:
        self.stopping += fn in (all, any)
        items = list(self.generate(node.generators, node.elt, ex.TRUE))
        self.stopping -= fn in (all, any)
        if fn is tuple:
            if any(not isinstance(c, Const) for c, _ in items):
                self.refuse(node, "a tuple whose length is not constant",
                            instead="make a frozenset")  # fmt: skip
            return tuple(v for c, v in items if c is ex.TRUE)
        if fn is all:
            return plain(ex.and_(*(ex.implies(c, self.truth(v, node)) for c, v in items)))
        if fn is any:
            return plain(ex.or_(*(ex.and_(c, self.truth(v, node)) for c, v in items)))
        if fn is sum:
            total: Expr = ex.number(0)
            for cond, value in items:
                number = self.lift(int(value) if isinstance(value, bool) else value, node)
                if number.sort == BOOL:
                    number = ex.ite(number, ex.number(1), ex.number(0))
                total = ex.add(total, ex.ite(cond, number, ex.number(0)))
            return total.value if isinstance(total, Const) else total
        if all(isinstance(c, Const) and va.is_static(v) for c, v in items):
            return frozenset(v for c, v in items if c is ex.TRUE)
        return self.filtered(items, node)

    def filtered(self, items: list[tuple[Expr, Value]], node: ast.AST) -> Value:
        sorts = [self.lift(v, node).sort for _, v in items]
        sort: Sort = sorts[0]
        for other in sorts[1:]:
            sort = join(sort, other)
        group_sort = Set(sort)
        group: Expr = ex.const(0, group_sort)
        by_condition: dict[Expr, Expr] = {}
        for cond, value in items:
            one = ex.single(self.lift(value, node, sort), group_sort)
            by_condition[cond] = ex.union(by_condition.get(cond, ex.const(0, group_sort)), one)
        for cond, part in by_condition.items():
            group = ex.union(group, ex.ite(cond, part, ex.const(0, group_sort)))
        return group

    def generate(
        self, clauses: list[ast.comprehension], elt: ast.AST, cond: Expr
    ) -> Iterator[tuple[Expr, Value]]:
        """Every instance of a comprehension: when it takes part, and its value."""
        if not clauses:
            yield cond, self.eval(elt)
            return
        first, rest = clauses[0], clauses[1:]
        outer_path, outer_names = self.path, self.names
        for inside, item in self.iterate(self.eval(first.iter), first.iter):
            self.names = dict(outer_names)
            self.assign_target(first.target, item)
            self.path = ex.and_(outer_path, cond, inside)
            keep = ex.and_(cond, inside)
            for test in first.ifs:
                keep = ex.and_(keep, self.condition(test))
                self.path = ex.and_(outer_path, keep)
            if keep is not ex.FALSE:
                yield from self.generate(rest, elt, keep)
        self.path, self.names = outer_path, outer_names

    def assign_target(self, target: ast.AST, value: Value) -> None:
        if isinstance(target, ast.Name):
            self.names[target.id] = value
        elif isinstance(target, ast.Tuple) and isinstance(value, tuple):
            for part, item in zip(target.elts, value, strict=True):
                self.assign_target(part, item)
        else:
            self.refuse(target, f"'{ast.unparse(target)}' cannot be a loop variable",
                        instead="use a name, or a tuple of names")  # fmt: skip

    def iterate(self, value: Value, node: ast.AST) -> Iterator[tuple[Expr, Value]]:
        """The items of a constant sequence, or the possible members of a set, with conditions."""
        if isinstance(value, Expr) and isinstance(value.sort, Set):
            elem = value.sort.elem
            for code in elem.codes():
                one = ex.const(code + elem.lowest, elem)
                inside = ex.has(value, one)
                if inside is not ex.FALSE:
                    yield inside, self.decoded(one)
            return
        if va.is_static(value) and hasattr(value, "__iter__"):
            for item in value:
                yield ex.TRUE, item
            return
        self.refuse(
            node, f"'{ast.unparse(node)}' cannot be looped over",
            why="a loop runs over a constant sequence or the members of a set",
            instead="loop over range(CONSTANT) or over objects, and test inside",
        )  # fmt: skip

    def decoded(self, one: Const) -> Value:
        """A constant as the Python value that it stands for."""
        if isinstance(one.sort, Bool):
            return bool(one.value)
        if isinstance(one.sort, Int):
            return one.value
        return self.world.decode(one.value, self.world.hint(one.sort))

# SPDX-License-Identifier: GPL-2.0-only
"""Evaluating Python expressions partially: names, fields, indices.

`operators` adds operators, `calls` calls and comprehensions; `body` and `routine` say what an
access means.
"""

from __future__ import annotations

import ast
import types
from collections.abc import Callable
from typing import Any, NoReturn

from .. import expr as ex
from ..declare import ModelFunction
from ..errors import near
from ..expr import Const, Expr
from ..objects import Array, Kobject
from ..sorts import BOOL, NOTHING, Int, Rec, Ref, Set, Sort, fits, same_kind
from . import values as va
from .located import Located
from .source import Context
from .values import ArrayField, Column, Value

_BUILTINS = {
    "all": all, "any": any, "len": len, "range": range, "zip": zip, "enumerate": enumerate,
    "reversed": reversed, "tuple": tuple, "frozenset": frozenset, "min": min, "max": max,
    "bool": bool, "True": True, "False": False, "None": None, "sum": sum,
}  # fmt: skip

PLACES = "assign to a name, a field or an element of an array"
"""What may stand on the left of an assignment."""


_UNKNOWN = object()


_iterators: dict[type, bool] = {}

_methods: dict[tuple[type, type[ast.AST]], Callable[[Any, ast.AST], Value] | None] = {}


def _is_iterator(value: Value) -> bool:
    kind = type(value)
    if kind not in _iterators:
        _iterators[kind] = hasattr(kind, "__next__")
    return _iterators[kind]


class Expressions(Located):
    """Evaluates expressions of one function; subclasses say what a field access or a call does.

    `names` holds the values of parameters and locals.  `path` is the condition under which the
    expression at hand is evaluated at all.
    """

    def __init__(self, ctx: Context, fn: ModelFunction[..., Any]) -> None:
        super().__init__(ctx, fn)
        self.world = ctx.world
        self.names: dict[str, Value] = {}
        self.path: Expr = ex.TRUE
        self.stopping = 0  # any() and all() around, which stop as soon as they know

    # -- what subclasses decide --------------------------------------------------------------------

    def read(self, place: ex.Cell, node: ast.AST) -> Expr:
        """The value of a mutable field."""
        raise NotImplementedError

    def call_model(self, fn: ModelFunction[..., Any], args: list[Value], node: ast.Call) -> Value:
        """A call of a step, routine or primitive."""
        raise NotImplementedError

    def require(self, cond: Expr, invariant: str) -> None:
        """`cond` must hold whenever this place is reached."""
        raise NotImplementedError

    # -- expressions -------------------------------------------------------------------------------

    def eval(self, node: ast.AST) -> Value:
        key = type(self), type(node)
        if key not in _methods:
            _methods[key] = getattr(key[0], f"eval_{key[1].__name__}", None)
        method = _methods[key]
        if method is None:
            self.refuse(
                node, f"'{ast.unparse(node)}' is not in the modelling language",
                why=f"a {type(node).__name__} has no finite meaning",
                instead="use calls, fields, comparisons, and/or/not, + and -, or a @pure function",
            )  # fmt: skip
        return method(self, node)

    def expression(self, node: ast.AST, like: Sort | None = None) -> Expr:
        """The value as an `Expr`."""
        return self.lift(self.eval(node), node, like)

    def lift(self, value: Value, node: ast.AST, like: Sort | None = None) -> Expr:
        if isinstance(value, frozenset) and isinstance(like, Set):
            members = (self.lift(v, node, like.elem) for v in value if not va.is_static(v))
            static = (v for v in value if va.is_static(v))
            value = frozenset((*(self.fit(v, like.elem, node) for v in members), *static))
        try:
            return va.lift(self.world, value, like)
        except (va.NotLiftable, TypeError, ValueError) as error:
            self.refuse(
                node, f"{value!r} cannot be stored or compared here", why=str(error),
                instead="use a bool, an int, an enum member, an object, a record or a frozenset",
            )  # fmt: skip

    def truth(self, value: Value, node: ast.AST) -> Expr:
        if isinstance(value, ArrayField | Column):
            self.refuse(node, f"'{ast.unparse(node)}' is not a condition",
                        instead="compare an element of it")  # fmt: skip
        if not isinstance(value, Expr):
            return ex.boolean(bool(value))
        if value.sort == BOOL:
            return value
        if isinstance(value.sort, Ref | Int):
            return ex.not_(ex.eq(value, ex.const(0, value.sort)))
        if isinstance(value.sort, Set):
            return ex.not_(ex.is_empty(value))
        self.refuse(node, f"'{ast.unparse(node)}' is not a condition", instead="compare it")

    def eval_Constant(self, node: ast.Constant) -> Value:
        if isinstance(node.value, bool | int | str) or node.value is None:
            return node.value
        self.refuse(node, f"the constant {node.value!r}", why="only bool, int, str and None are",
                    instead="use an int, or an enum")  # fmt: skip

    def eval_Name(self, node: ast.Name) -> Value:
        name = node.id
        value = self.names[name] if name in self.names else self.outside(name)
        if value is not _UNKNOWN:
            if _is_iterator(value):
                self.refuse(node, f"'{name}' is an iterator", why="a second use finds it used up",
                            instead="write it where it is used")  # fmt: skip
            return value
        known = [n for n in (*self.names, *self.scope()) if not n.startswith("_")]
        self.refuse(
            node, f"the name '{name}' is not known", why=f"{self.fn.name} does not define it",
            instead=near(name, known),
        )  # fmt: skip

    def outside(self, name: str) -> Any:
        """The meaning of a name that is no parameter and no local."""
        fn = self.fn.fn
        assert isinstance(fn, types.FunctionType)
        if name in fn.__code__.co_freevars:
            return self.scope()[name]
        return fn.__globals__.get(name, _BUILTINS.get(name, _UNKNOWN))

    def scope(self) -> dict[str, Any]:
        """What a name may mean besides parameters and locals."""
        fn = self.fn.fn
        assert isinstance(fn, types.FunctionType)
        cells = zip(fn.__code__.co_freevars, fn.__closure__ or (), strict=True)
        closure = {n: c.cell_contents for n, c in cells}
        return {**_BUILTINS, **fn.__globals__, **closure}

    def eval_Tuple(self, node: ast.Tuple) -> Value:
        return tuple(self.eval(e) for e in node.elts)

    def eval_Set(self, node: ast.Set) -> Value:
        return frozenset(self.eval(e) for e in node.elts)

    def eval_Attribute(self, node: ast.Attribute) -> Value:
        return self.attribute(self.eval(node.value), node.attr, node)

    def attribute(self, base: Value, name: str, node: ast.AST) -> Value:
        if isinstance(base, Kobject):
            return self.field(self.lift(base, node), type(base).__name__, name, node)
        if isinstance(base, Expr):
            if isinstance(base.sort, Ref) and base.sort.cls:
                if base.sort.nullable:
                    self.require(ex.not_(ex.eq(base, ex.const(0, base.sort))), "null")
                return self.field(base, base.sort.cls, name, node)
            if isinstance(base.sort, Rec):
                if name not in dict(base.sort.fields):
                    self.unknown(node, base.sort.name, name, [n for n, _ in base.sort.fields])
                return ex.get(base, name)
            self.refuse(
                node, f"'{ast.unparse(node)}': a {va.sort_name(base.sort)} has no fields",
                instead="only objects and records have fields",
            )  # fmt: skip
        if base is None:
            self.refuse(node, f"'{ast.unparse(node)}' reads a field of None",
                        instead="test for None first")  # fmt: skip
        if isinstance(base, ArrayField | Column):
            self.refuse(node, f"'{ast.unparse(node)}' needs an index first",
                        instead="write field[...]")  # fmt: skip
        if not hasattr(base, name):
            self.unknown(node, getattr(base, "__name__", type(base).__name__), name, dir(base))
        return getattr(base, name)

    def unknown(self, node: ast.AST, owner: str, name: str, known: list[str]) -> NoReturn:
        names = [n for n in known if not n.startswith("_")]
        self.refuse(node, f"{owner} has no field '{name}'", instead=near(name, names))

    def field(self, owner: Expr, cls: str, name: str, node: ast.AST) -> Value:
        spec = va.field_of(self.world, cls, name)
        if spec is None:
            if name == "name" and isinstance(owner, Const):
                return self.world.decode(owner.value, self.world.kind(cls)).name
            self.unknown(node, cls, name, list(self.world.kind(cls).fields))
        if spec.const:
            return self.constant(node, lambda: va.read_const(self.world, spec, owner, cls))
        if spec.keys() is not None:
            return ArrayField(owner, spec)
        place = ex.cell(f"{cls}.{name}", (owner,), self.world.field_sort(spec))
        return self.read(place, node)

    def array_cell(self, base: ArrayField, index: Value, node: ast.AST) -> ex.Cell:
        owner_sort = base.owner.sort
        assert isinstance(owner_sort, Ref)
        key_sort = self.world.sort(base.spec.keys())
        key = self.fit(self.lift(index, node, key_sort), key_sort, node)
        sort = self.world.field_sort(base.spec)
        return ex.cell(f"{owner_sort.cls}.{base.spec.name}", (base.owner, key), sort)

    def eval_Subscript(self, node: ast.Subscript) -> Value:
        base, index = self.eval(node.value), self.eval(node.slice)
        if isinstance(base, Array):
            self.refuse(node, "an array cannot be indexed by itself",
                        instead="write object.field[...]")  # fmt: skip
        if isinstance(base, ArrayField):
            return self.read(self.array_cell(base, index, node), node)
        if isinstance(base, Column):
            return self.column(base, index, node)
        if isinstance(base, tuple | dict) and va.is_static(index):
            try:
                return base[index]
            except (IndexError, KeyError):
                self.refuse(node, f"'{ast.unparse(node)}': {index!r} is out of range",
                            why=f"there are {len(base)}")  # fmt: skip
        if isinstance(base, tuple) and isinstance(index, Expr) and isinstance(index.sort, Int):
            return self.pick(base, index, node)
        self.refuse(
            node, f"'{ast.unparse(node)}' cannot be indexed",
            instead="index a tuple, or a field declared as Array[...]",
        )  # fmt: skip

    def pick(self, row: tuple[Value, ...], index: Expr, node: ast.AST) -> Value:
        assert isinstance(index.sort, Int)
        lo, hi = index.sort.lo, index.sort.hi
        if lo < 0 or hi >= len(row):
            ok = ex.not_(ex.lt(index, ex.number(0)))
            self.require(ex.and_(ok, ex.lt(index, ex.number(len(row)))), "range")
        held = [row[i] if 0 <= i < len(row) else va.UNREACHED for i in range(lo, hi + 1)]
        if all(va.is_static(v) for v in held):
            return self.constant(node, lambda: va.table(self.world, held, (index,)))
        self.refuse(node, f"'{ast.unparse(node)}' picks among values that are not constant",
                    instead="choose with `if`")  # fmt: skip

    def column(self, base: Column, index: Value, node: ast.AST) -> Value:
        at = self.lift(index, node)
        if not isinstance(at.sort, Int):
            self.refuse(node, f"'{ast.unparse(node)}': the index is not an int",
                        instead="index a tuple with an int")  # fmt: skip
        width = len(base.rows[0])
        if any(len(row) != width for row in base.rows):
            self.refuse(node, f"'{ast.unparse(node)}' picks from a tuple whose length is not known",
                        why="they differ from object to object")  # fmt: skip
        if isinstance(at, Const):
            if not 0 <= at.value < width:
                self.refuse(node, f"'{ast.unparse(node)}': {at.value} is out of range",
                            why=f"there are {width}")  # fmt: skip
            column = [va.UNREACHED, *(r[at.value] for r in base.rows)]
            return self.constant(node, lambda: va.table(self.world, column, (base.owner,)))
        if at.sort.lo < 0 or at.sort.hi >= width:
            ok = ex.not_(ex.lt(at, ex.number(0)))
            self.require(ex.and_(ok, ex.lt(at, ex.number(width))), "range")
        codes = range(at.sort.lo, at.sort.hi + 1)
        held: list[Any] = [va.UNREACHED] * len(codes)
        for row in base.rows:
            held += [row[i] if 0 <= i < width else va.UNREACHED for i in codes]
        return self.constant(node, lambda: va.table(self.world, held, (base.owner, at)))

    def constant(self, node: ast.AST, look_up: Callable[[], Value]) -> Value:
        """The constant that is looked up among several, which have to be of one sort."""
        try:
            return look_up()
        except va.NotLiftable as error:
            self.refuse(node, f"'{ast.unparse(node)}' has no one sort", why=str(error),
                        instead="choose with `if`")  # fmt: skip

    # -- fitting a value into a sort ---------------------------------------------------------------

    def fit(self, value: Expr, sort: Sort, node: ast.AST) -> Expr:
        """The value as one of `sort`; what may be out of range is checked when it happens."""
        if fits(value.sort, sort):
            return value
        if not same_kind(value.sort, sort):
            self.refuse(
                node, f"'{ast.unparse(node)}' is {va.sort_name(value.sort)}, "
                f"not {va.sort_name(sort)}", why="every value that is stored has the declared sort",
                instead="change the declaration, or the value",
            )  # fmt: skip
        if value.sort is NOTHING:
            self.refuse(
                node, f"'{ast.unparse(node)}' gives None to what is {va.sort_name(sort)}",
                why="it may not be None by its declaration, or by its first value",
                instead=f"declare it as `{va.sort_name(sort)} | None`",
            )  # fmt: skip
        if isinstance(sort, Ref):
            self.require(ex.not_(ex.eq(value, ex.const(0, value.sort))), "null")
            return value
        assert isinstance(sort, Int)
        if isinstance(value, Const):
            self.refuse(node, f"{value.value} is not in {sort.lo}..{sort.hi}",
                        instead="give it a wider range where it is declared")  # fmt: skip
        low = ex.not_(ex.lt(value, ex.number(sort.lo)))
        high = ex.not_(ex.lt(ex.number(sort.hi), value))
        self.require(ex.and_(low, high), "range")
        return ex.narrow(value, sort)

# SPDX-License-Identifier: GPL-2.0-only
"""Evaluating Python expressions partially: names, fields, indices, operators.

`calls` adds calls and comprehensions; `body` and `routine` say what an access means.
"""

from __future__ import annotations

import ast
import enum
import types
from collections.abc import Callable
from typing import Any, NoReturn

from .. import expr as ex
from ..declare import ModelFunction
from ..errors import near
from ..expr import Const, Expr
from ..objects import Array, Kobject
from ..sorts import BOOL, Bool, Enum, Int, Rec, Ref, Set, Sort, fits, join, same_kind
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
        method = getattr(self, f"eval_{type(node).__name__}", None)
        if method is None:
            self.refuse(
                node, f"'{ast.unparse(node)}' is not in the modelling language",
                why=f"a {type(node).__name__} has no finite meaning",
                instead="use calls, fields, comparisons, and/or/not, + and -, or a @pure function",
            )  # fmt: skip
        return method(node)

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

    def condition(self, node: ast.AST) -> Expr:
        """The truth of an expression: a bool, a reference that is not None, an int not 0."""
        if isinstance(node, ast.BoolOp):
            return self.all_or_any(node, self.condition)
        return self.truth(self.eval(node), node)

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
        scope = self.names if node.id in self.names else self.scope()
        if name in scope:
            if hasattr(type(scope[name]), "__next__"):
                self.refuse(node, f"'{name}' is an iterator", why="a second use finds it used up",
                            instead="write it where it is used")  # fmt: skip
            return scope[name]
        known = [n for n in (*self.names, *self.scope()) if not n.startswith("_")]
        self.refuse(
            node, f"the name '{name}' is not known", why=f"{self.fn.name} does not define it",
            instead=near(name, known),
        )  # fmt: skip

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
                return self.world.decode(owner.value, va.class_of(self.world, cls)).name
            self.unknown(node, cls, name, list(va.class_of(self.world, cls).fields))
        if spec.const:
            return va.read_const(self.world, spec, owner, cls)
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
        held = [row[i] if 0 <= i < len(row) else None for i in range(lo, hi + 1)]
        if all(va.is_static(v) for v in held):
            return va.table(self.world, held, (index,))
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
            return va.table(self.world, [None, *(r[at.value] for r in base.rows)], (base.owner,))
        if at.sort.lo < 0 or at.sort.hi >= width:
            ok = ex.not_(ex.lt(at, ex.number(0)))
            self.require(ex.and_(ok, ex.lt(at, ex.number(width))), "range")
        codes = range(at.sort.lo, at.sort.hi + 1)
        held: list[Any] = [None] * len(codes)
        for row in base.rows:
            held += [row[i] if 0 <= i < width else None for i in codes]
        return va.table(self.world, held, (base.owner, at))

    # -- operators ---------------------------------------------------------------------------------

    def eval_UnaryOp(self, node: ast.UnaryOp) -> Value:
        if isinstance(node.op, ast.Not):
            return plain(ex.not_(self.condition(node.operand)))
        value = self.eval(node.operand)
        if isinstance(node.op, ast.USub) and isinstance(value, int):
            return -value
        self.refuse(node, f"'{ast.unparse(node)}': only `not` and minus of a constant",
                    instead="write 0 - x")  # fmt: skip

    def eval_BinOp(self, node: ast.BinOp) -> Value:
        left, right = self.eval(node.left), self.eval(node.right)
        if va.is_static(left) and va.is_static(right):
            static: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
                ast.Add: lambda a, b: a + b, ast.Sub: lambda a, b: a - b,
                ast.Mult: lambda a, b: a * b, ast.BitOr: lambda a, b: a | b,
                ast.BitAnd: lambda a, b: a & b, ast.FloorDiv: lambda a, b: a // b,
                ast.Mod: lambda a, b: a % b,
            }  # fmt: skip
            if type(node.op) in static:
                return self.plainly(node, lambda: static[type(node.op)](left, right))
        like = next((v.sort for v in (left, right) if isinstance(v, Expr)), None)
        a, b = self.lift(left, node, like), self.lift(right, node, like)
        numbers: dict[type[ast.operator], Callable[[Expr, Expr], Expr]] = {
            ast.Add: ex.add, ast.Sub: ex.sub,
        }  # fmt: skip
        sets: dict[type[ast.operator], Callable[[Expr, Expr], Expr]] = {
            ast.BitOr: ex.union, ast.BitAnd: ex.inter, ast.Sub: ex.diff,
        }  # fmt: skip
        if isinstance(a.sort, Int) and isinstance(b.sort, Int) and type(node.op) in numbers:
            return numbers[type(node.op)](a, b)
        if isinstance(a.sort, Set) and a.sort == b.sort and type(node.op) in sets:
            return sets[type(node.op)](a, b)
        self.refuse(
            node, f"'{ast.unparse(node)}' has no meaning for {va.sort_name(a.sort)}",
            instead="+ and - work on ints, | & and - on sets",
        )  # fmt: skip

    def eval_BoolOp(self, node: ast.BoolOp) -> Value:
        return plain(self.all_or_any(node, self.flag))

    def flag(self, node: ast.AST) -> Expr:
        """An operand of `and` or `or` whose value is used, which Python gives as it is."""
        value = self.eval(node)
        if not isinstance(value, bool) and not (isinstance(value, Expr) and value.sort == BOOL):
            self.refuse(
                node, f"'{ast.unparse(node)}' is no bool, and may be the value of `and` or `or`",
                why="Python gives the operand itself, not whether it is true",
                instead="compare it, or write `x if condition else y`",
            )  # fmt: skip
        return self.truth(value, node)

    def all_or_any(self, node: ast.BoolOp, part: Callable[[ast.AST], Expr]) -> Expr:
        """`and` or `or` of what `part` makes of each operand, evaluated as far as it matters."""
        outer = self.path
        stop = isinstance(node.op, ast.Or)
        parts: list[Expr] = []
        try:
            for item in node.values:
                cond = part(item)
                parts.append(cond)
                if isinstance(cond, Const) and bool(cond.value) == stop:
                    break
                self.path = ex.and_(self.path, ex.not_(cond) if stop else cond)
        finally:
            self.path = outer
        return ex.or_(*parts) if stop else ex.and_(*parts)

    def eval_IfExp(self, node: ast.IfExp) -> Value:
        cond = self.condition(node.test)
        if isinstance(cond, Const):
            return self.eval(node.body if cond.value else node.orelse)
        outer = self.path
        try:
            self.path = ex.and_(outer, cond)
            then = self.eval(node.body)
            self.path = ex.and_(outer, ex.not_(cond))
            other = self.eval(node.orelse)
        finally:
            self.path = outer
        return self.choice(cond, then, other, node)

    def choice(self, cond: Expr, then: Value, other: Value, node: ast.AST) -> Value:
        """`then` if `cond` else `other`, tuples element by element."""
        if isinstance(then, tuple) and isinstance(other, tuple) and len(then) == len(other):
            return tuple(self.choice(cond, a, b, node) for a, b in zip(then, other, strict=True))
        if then is other or (va.is_static(then) and va.is_static(other) and then == other):
            return then
        like = self.joint(then, other, node)
        return ex.ite(cond, self.lift(then, node, like), self.lift(other, node, like))

    def joint(self, one: Value, two: Value, node: ast.AST) -> Sort | None:
        sorts = []
        for value in (one, two):
            if isinstance(value, frozenset):
                continue
            sorts.append(self.lift(value, node).sort)
        if len(sorts) < 2:
            return sorts[0] if sorts else None
        if not same_kind(sorts[0], sorts[1]):
            names = " and ".join(va.sort_name(s) for s in sorts)
            self.refuse(node, f"'{ast.unparse(node)}' may be {names}", why="a value has one sort",
                        instead="use two variables")  # fmt: skip
        return join(sorts[0], sorts[1])

    def eval_Compare(self, node: ast.Compare) -> Value:
        left, parts, outer = self.eval(node.left), [], self.path
        try:
            for op, item in zip(node.ops, node.comparators, strict=True):
                right = self.eval(item)
                parts.append(self.compare(op, left, right, node))
                left, self.path = right, ex.and_(outer, *parts)  # the next one only if these hold
        finally:
            self.path = outer
        return plain(ex.and_(*parts))

    def compare(self, op: ast.cmpop, left: Value, right: Value, node: ast.AST) -> Expr:
        if isinstance(op, ast.Is | ast.IsNot) and not (_is_one(left) or _is_one(right)):
            self.refuse(
                node, f"'{ast.unparse(node)}' asks whether two values are one object",
                why="of a number, a record or a set there may be several",
                instead="compare with ==",
            )  # fmt: skip
        if isinstance(op, ast.In | ast.NotIn):
            inside = self.member(left, right, node)
            return ex.not_(inside) if isinstance(op, ast.NotIn) else inside
        if va.is_static(left) and va.is_static(right):
            return ex.boolean(_static_compare(op, left, right))
        like = next((v.sort for v in (left, right) if isinstance(v, Expr)), None)
        a, b = self.lift(left, node, like), self.lift(right, node, like)
        if not same_kind(a.sort, b.sort):
            self.refuse(
                node, f"'{ast.unparse(node)}' compares {va.sort_name(a.sort)} with "
                f"{va.sort_name(b.sort)}", why="they are never equal",
                instead="compare values of one sort",
            )  # fmt: skip
        if isinstance(op, ast.Eq | ast.Is):
            return ex.eq(a, b)
        if isinstance(op, ast.NotEq | ast.IsNot):
            return ex.not_(ex.eq(a, b))
        if isinstance(a.sort, Int):
            if isinstance(op, ast.Lt):
                return ex.lt(a, b)
            if isinstance(op, ast.Gt):
                return ex.lt(b, a)
            return ex.not_(ex.lt(b, a) if isinstance(op, ast.LtE) else ex.lt(a, b))
        if isinstance(a.sort, Set) and isinstance(op, ast.LtE):
            return ex.is_empty(ex.diff(a, b))
        self.refuse(node, f"'{ast.unparse(node)}': only ints have an order",
                    instead="compare with == or `in`")  # fmt: skip

    def member(self, left: Value, group: Value, node: ast.AST) -> Expr:
        if isinstance(group, Expr) and isinstance(group.sort, Set):
            elem = self.lift(left, node, group.sort.elem)
            return ex.has(group, self.fit(elem, group.sort.elem, node))
        if isinstance(group, tuple | frozenset | range):
            return ex.or_(*(self.compare(ast.Eq(), left, item, node) for item in group))
        self.refuse(node, f"'{ast.unparse(node)}': `in` needs a set or a tuple",
                    instead="compare with ==")  # fmt: skip

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


def _is_one(value: Value) -> bool:
    """True of what there is only one of: None, bools, members of enums, objects."""
    if isinstance(value, Expr):
        return isinstance(value.sort, Bool | Enum | Ref)
    return value is None or isinstance(value, bool | enum.Enum | Kobject | ModelFunction)


def plain(e: Expr) -> Value:
    """A boolean constant as a Python bool, so that it stays static."""
    return bool(e.value) if isinstance(e, Const) else e


def _static_compare(op: ast.cmpop, left: Any, right: Any) -> bool:
    table: dict[type[ast.cmpop], Callable[[Any, Any], bool]] = {
        ast.Eq: lambda a, b: a == b, ast.NotEq: lambda a, b: a != b,
        ast.Is: lambda a, b: a is b, ast.IsNot: lambda a, b: a is not b,
        ast.Lt: lambda a, b: a < b, ast.LtE: lambda a, b: a <= b,
        ast.Gt: lambda a, b: a > b, ast.GtE: lambda a, b: a >= b,
    }  # fmt: skip
    return bool(table[type(op)](left, right))

# SPDX-License-Identifier: GPL-2.0-only
"""Evaluating operators partially: arithmetic, sets, comparisons, and what is evaluated only if
something else is true."""

from __future__ import annotations

import ast
import enum
import operator
from collections.abc import Callable, Mapping
from typing import Any

from .. import expr as ex
from ..declare import ModelFunction
from ..expr import Const, Expr
from ..objects import Kobject
from ..sorts import BOOL, Bool, Enum, Int, Ref, Set, Sort, join, same_kind
from . import values as va
from .evaluate import Expressions
from .values import Value


class Operators(Expressions):
    """Evaluates what operators make of values."""

    def condition(self, node: ast.AST) -> Expr:
        """The truth of an expression: a bool, a reference that is not None, an int not 0."""
        if isinstance(node, ast.BoolOp):
            return self.all_or_any(node, self.condition)
        return self.truth(self.eval(node), node)

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
            known = _ARITHMETIC.get(type(node.op))
            if known is not None:
                return self.plainly(node, lambda: known(left, right))
        like = next((v.sort for v in (left, right) if isinstance(v, Expr)), None)
        a, b = self.lift(left, node, like), self.lift(right, node, like)
        if isinstance(a.sort, Int) and isinstance(b.sort, Int) and type(node.op) in _NUMBERS:
            return _NUMBERS[type(node.op)](a, b)
        if isinstance(a.sort, Set) and a.sort == b.sort and type(node.op) in _SETS:
            return _SETS[type(node.op)](a, b)
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
        if then is other or (va.is_static(then) and va.is_static(other) and va.alike(then, other)):
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
            return ex.boolean(_COMPARISONS[type(op)](left, right))
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


def _is_one(value: Value) -> bool:
    """True of what there is only one of: None, bools, members of enums, objects."""
    if isinstance(value, Expr):
        return isinstance(value.sort, Bool | Enum | Ref)
    return value is None or isinstance(value, bool | enum.Enum | Kobject | ModelFunction)


def plain(e: Expr) -> Value:
    """A boolean constant as a Python bool, so that it stays static."""
    return bool(e.value) if isinstance(e, Const) else e


_COMPARISONS: Mapping[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Eq: operator.eq, ast.NotEq: operator.ne, ast.Is: operator.is_, ast.IsNot: operator.is_not,
    ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt, ast.GtE: operator.ge,
}  # fmt: skip
"""Comparisons of what is known."""

_ARITHMETIC: Mapping[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.BitOr: operator.or_,
    ast.BitAnd: operator.and_, ast.FloorDiv: operator.floordiv, ast.Mod: operator.mod,
}  # fmt: skip
"""Arithmetic of what is known."""

_NUMBERS: Mapping[type[ast.operator], Callable[[Expr, Expr], Expr]] = {
    ast.Add: ex.add, ast.Sub: ex.sub,
}  # fmt: skip

_SETS: Mapping[type[ast.operator], Callable[[Expr, Expr], Expr]] = {
    ast.BitOr: ex.union, ast.BitAnd: ex.inter, ast.Sub: ex.diff,
}  # fmt: skip

# SPDX-License-Identifier: GPL-2.0-only
"""The checks of a function, and the function without each of them.

A check is a condition, or a part of one that `and` or `or` joins: of an `if`, a `while` or a
conditional expression, or one that is returned or kept.  Without it, what it stands for is done
whatever is found: the function does not give up, an action that is guarded is carried out, a loop
goes on, what is asked about is so.  Where neither way is the one without the check, there are two.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from model.lang.edits import Change, edit, places
from model.lang.frontend.source import Edit


@dataclass(frozen=True)
class CheckEdit:
    """A check, what to say of the function without it, and that function."""

    node: ast.expr
    name: str
    without: Edit

    @property
    def text(self) -> str:
        return ast.unparse(self.node)


def checks_of(tree: ast.FunctionDef) -> Iterator[CheckEdit]:
    """Every check, in the order of the text."""
    for _, statement in places(tree):
        if isinstance(statement, ast.If):
            if statement.orelse:
                ways: tuple[bool, ...] = (False, True)
            else:
                ways = (not _gives_up(statement.body[-1]),)
            yield from _of(tree, statement.test, *ways)
        elif isinstance(statement, ast.While):
            yield from _of(tree, statement.test, True)
        elif isinstance(statement, ast.Return | ast.Assign) and statement.value is not None:
            value = statement.value
            if isinstance(value, ast.Compare | ast.BoolOp):
                ways = (True,) if isinstance(statement, ast.Return) else (False, True)
                yield from _of(tree, value, *ways)
        for part in ast.iter_child_nodes(statement):
            if isinstance(part, ast.expr):
                for node in ast.walk(part):
                    if isinstance(node, ast.IfExp):
                        yield from _of(tree, node.test, False, True)


def _gives_up(last: ast.stmt) -> bool:
    if isinstance(last, ast.Expr) and isinstance(last.value, ast.Call):
        return ast.unparse(last.value.func) == "unmodelled"
    return isinstance(last, ast.Break | ast.Return | ast.Continue)


def _of(tree: ast.FunctionDef, cond: ast.expr, *ways: bool) -> Iterator[CheckEdit]:
    """Each part of a condition left out; and all of it, which is then always so, or never."""
    if isinstance(cond, ast.Constant):
        return
    if isinstance(cond, ast.BoolOp):
        for part in cond.values:
            yield _check(tree, part, f"no check {ast.unparse(part)}", _leave_out(_at(tree, part)))
        if isinstance(cond.op, ast.Or) or len(ways) > 1:
            return  # it fails where one of the parts does
    for way in ways:
        said = f": {'always' if way else 'never'} so" if len(ways) > 1 else ""
        yield _check(
            tree, cond, f"no check {ast.unparse(cond)}{said}", _decide(_at(tree, cond), way)
        )


def _check(tree: ast.FunctionDef, node: ast.expr, name: str, change: Change) -> CheckEdit:
    return CheckEdit(node, name, edit(tree.name, change)[1])


def _at(tree: ast.FunctionDef, node: ast.AST) -> int:
    """The place of a node, which is the same in a copy of the tree."""
    return next(n for n, other in enumerate(ast.walk(tree)) if other is node)


def _node(tree: ast.FunctionDef, at: int) -> ast.AST:
    return list(ast.walk(tree))[at]


def _leave_out(at: int) -> Change:
    """Leave out one part of a condition."""

    def change(tree: ast.FunctionDef) -> None:
        part = _node(tree, at)
        for node in ast.walk(tree):
            if isinstance(node, ast.BoolOp) and part in node.values:
                node.values = [v for v in node.values if v is not part]

    return change


def _decide(at: int, value: bool) -> Change:
    """Let a condition be so, or not, whatever is found: of an `if`, what is never done goes."""

    def change(tree: ast.FunctionDef) -> None:
        cond = _node(tree, at)
        assert isinstance(cond, ast.expr)
        decided = ast.copy_location(ast.Constant(value), cond)
        for block, statement in places(tree):
            if isinstance(statement, ast.If) and statement.test is cond:
                done = statement.body if value else statement.orelse
                here = block.index(statement)
                block[here : here + 1] = done or [ast.copy_location(ast.Pass(), statement)]
                return
        for node in ast.walk(tree):
            for name, field in ast.iter_fields(node):
                if field is cond:
                    setattr(node, name, decided)

    return change

# SPDX-License-Identifier: GPL-2.0-only
"""Reads of a local that some way there has given no value, where Python would raise an error.

A routine's locals are state with a first value, so such a read would find that one.  (In a step a
condition is kept for each name instead, see `body`.)
"""

from __future__ import annotations

import ast
import functools
from collections.abc import Sequence

Bound = frozenset[str] | None
"""The names that have a value wherever one comes from; None where nobody gets."""


@functools.cache
def unbound_read(tree: ast.FunctionDef) -> ast.Name | None:
    """The first read of a local that may have no value there; None if there is none."""
    args = tree.args
    params = {a.arg for a in (*args.posonlyargs, *args.args, *args.kwonlyargs)}
    reads = _Reads()
    reads.block(tree.body, frozenset(params))
    locals_ = frozenset().union(*map(stored_names, tree.body))
    return next((n for n in reads.unbound if n.id in locals_), None)


class _Reads:
    """A walk along the ways through a function."""

    def __init__(self) -> None:
        self.unbound: list[ast.Name] = []
        """Reads of names that not every way has bound, in order; a global's are among them."""
        self.loops: list[list[Bound]] = []
        """For each loop around, innermost last, what is bound where it is left by `break`."""

    def block(self, body: Sequence[ast.stmt], bound: Bound) -> Bound:
        """The names bound behind some statements."""
        for statement in body:
            bound = self.statement(statement, bound)
        return bound

    def statement(self, node: ast.stmt, bound: Bound) -> Bound:
        """The names bound behind one."""
        if bound is None:
            return None
        match node:
            case ast.If():
                self.read(node.test, bound)
                return _either([self.block(node.body, bound), self.block(node.orelse, bound)])
            case ast.While():
                self.read(node.test, bound)
                never = isinstance(node.test, ast.Constant) and bool(node.test.value)
                return self.loop(node.body, bound, [] if never else [bound])
            case ast.For():
                self.read(node.iter, bound)
                return self.loop(node.body, bound | stored_names(node.target), [bound])
            case ast.Break():
                self.loops[-1].append(bound)
                return None
            case ast.Continue():
                return None
            case ast.AugAssign():
                self.read(node.value, bound)
                for name in _names(node.target):
                    self.note(name, bound)
                return bound | stored_names(node.target)
            case ast.Return() | ast.Raise():
                self.read(node, bound)
                return None
        self.read(node, bound)
        bare = isinstance(node, ast.AnnAssign) and node.value is None
        return bound if bare else bound | stored_names(node)

    def loop(self, body: Sequence[ast.stmt], start: Bound, ends: list[Bound]) -> Bound:
        """The names bound behind a loop, which ends in these ways or by a `break`.  Its first round
        stands for all: later ones find no fewer names."""
        self.loops.append(ends)
        self.block(body, start)
        return _either(self.loops.pop())

    def read(self, node: ast.AST, bound: frozenset[str]) -> None:
        """Note the reads in an expression, or in a statement of expressions."""
        if isinstance(node, ast.GeneratorExp | ast.ListComp | ast.SetComp | ast.DictComp):
            for clause in node.generators:
                self.read(clause.iter, bound)
                bound |= stored_names(clause.target)
                for test in clause.ifs:
                    self.read(test, bound)
            for part in (node.key, node.value) if isinstance(node, ast.DictComp) else (node.elt,):
                self.read(part, bound)
        elif isinstance(node, ast.Name):
            if not _is_store(node):
                self.note(node, bound)
        else:
            for child in ast.iter_child_nodes(node):
                self.read(child, bound)

    def note(self, name: ast.Name, bound: frozenset[str]) -> None:
        if name.id not in bound:
            self.unbound.append(name)


def _either(ways: Sequence[Bound]) -> Bound:
    """The names bound where several ways meet."""
    some = [way for way in ways if way is not None]
    return frozenset.intersection(*some) if some else None


def _names(node: ast.AST) -> list[ast.Name]:
    return [n for n in ast.walk(node) if isinstance(n, ast.Name)]


def _is_store(name: ast.Name) -> bool:
    return isinstance(name.ctx, ast.Store)


@functools.cache
def stored_names(node: ast.AST) -> frozenset[str]:
    """The names that a part of a function binds; those of comprehensions are their own."""
    if isinstance(node, ast.GeneratorExp | ast.ListComp | ast.SetComp | ast.DictComp):
        return frozenset()
    if isinstance(node, ast.Name) and _is_store(node):
        return frozenset([node.id])
    return frozenset().union(*map(stored_names, ast.iter_child_nodes(node)))

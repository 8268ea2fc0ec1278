# SPDX-License-Identifier: GPL-2.0-only
"""Loop variables: in an unrolled `for`, each stands for a constant, so it means nothing elsewhere.

Behind the loop Python would give the value at which it was left, which only a run knows.
"""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator
from typing import NamedTuple


class Misuse(NamedTuple):
    """A loop variable that is no constant there: the place, and what happens to it."""

    node: ast.AST
    what: str


_Scoped = ast.GeneratorExp | ast.ListComp | ast.SetComp | ast.DictComp


@functools.cache
def misused(tree: ast.FunctionDef) -> Misuse | None:
    """The first use of a loop variable outside of its loop, or change of one; None if none is."""
    args = tree.args
    params = {a.arg for a in (*args.posonlyargs, *args.args, *args.kwonlyargs)}
    loops = [node for node in ast.walk(tree) if isinstance(node, ast.For)]
    targets = {name.id for loop in loops for name in _names(loop.target)}
    return next(_misuses(tree, targets, params, frozenset()), None) if targets else None


def _misuses(
    node: ast.AST, targets: set[str], params: set[str], inside: frozenset[str]
) -> Iterator[Misuse]:
    """The misuses in a part; `inside` are the variables of the loops and comprehensions around."""
    if isinstance(node, ast.Name) and node.id in targets:
        if isinstance(node.ctx, ast.Store):
            yield Misuse(node, f"'{node.id}' is a loop variable and is assigned, too")
        elif node.id not in inside:
            yield Misuse(node, f"the loop variable '{node.id}' is used outside of its loop")
        return
    if isinstance(node, ast.For):
        for name in _names(node.target):
            if name.id in inside or name.id in params:
                yield Misuse(name, f"the loop variable '{name.id}' is another variable, too")
        yield from _misuses(node.iter, targets, params, inside)
        inside = inside.union(name.id for name in _names(node.target))
        for statement in (*node.body, *node.orelse):
            yield from _misuses(statement, targets, params, inside)
        return
    if isinstance(node, _Scoped):
        for clause in node.generators:  # what it iterates over does not know its own names yet
            yield from _misuses(clause.iter, targets, params, inside)
            own = {name.id for name in _names(clause.target)}
            targets, inside = targets - own, inside | own
            for test in clause.ifs:
                yield from _misuses(test, targets, params, inside)
        for part in (node.key, node.value) if isinstance(node, ast.DictComp) else (node.elt,):
            yield from _misuses(part, targets, params, inside)
        return
    for child in ast.iter_child_nodes(node):
        yield from _misuses(child, targets, params, inside)


def _names(target: ast.AST) -> list[ast.Name]:
    return [n for n in ast.walk(target) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)]

# SPDX-License-Identifier: GPL-2.0-only
"""Ends of functions: one that returns a value on some way has to return one on every way."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator, Sequence


@functools.cache
def ends_without_value(tree: ast.FunctionDef) -> bool:
    """True if a function may come to its end without a return, and elsewhere returns a value."""
    gives = any(node.value is not None for node in _returns(tree.body))
    return gives and not _always_returns(tree.body)


def _returns(statements: Sequence[ast.stmt]) -> Iterator[ast.Return]:
    return (node for s in statements for node in ast.walk(s) if isinstance(node, ast.Return))


def _always_returns(statements: Sequence[ast.stmt]) -> bool:
    """True if nothing behind these statements is reached; a loop may be left at once."""
    return any(
        isinstance(s, ast.Return | ast.Raise)
        or (isinstance(s, ast.If) and _always_returns(s.body) and _always_returns(s.orelse))
        or (isinstance(s, ast.While) and _is_endless(s))
        for s in statements
    )


def _is_endless(loop: ast.While) -> bool:
    test = loop.test
    leaves = any(isinstance(node, ast.Break) for s in loop.body for node in ast.walk(s))
    return isinstance(test, ast.Constant) and bool(test.value) and not leaves

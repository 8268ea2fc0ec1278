# SPDX-License-Identifier: GPL-2.0-only
"""Errors that name the place in a model's text, and the calls that led there."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

from ..declare import ModelFunction
from ..errors import ModelError
from .loops import misused
from .returns import ends_without_value
from .source import Context


class Located:
    """Something that is made of the text of one function."""

    def __init__(self, ctx: Context, fn: ModelFunction[..., Any]) -> None:
        self.ctx, self.fn = ctx, fn
        self.file, self.tree = ctx.tree(fn)
        args = self.tree.args
        if args.posonlyargs or args.vararg or args.kwarg:
            self.refuse(self.tree, f"{fn.name} has parameters of an unusual kind",
                        why="a step shows each argument", instead="write plain ones")  # fmt: skip
        if hasattr(fn.fn, "__wrapped__"):
            self.refuse(
                self.tree, f"{fn.name} is wrapped by another decorator",
                why="only its own text would be compiled, not what is done around it",
                instead="leave the decorator out, and call what it does",
            )  # fmt: skip
        misuse = misused(self.tree)
        if misuse is not None:
            self.refuse(
                misuse.node, misuse.what,
                why="a `for` is unrolled, and its variable is a constant in each round",
                instead="give what is used behind the loop a name of its own",
            )  # fmt: skip
        if ends_without_value(self.tree):
            self.refuse(
                self.tree, f"{fn.name} may come to its end without a return",
                why="it returns a value elsewhere, and Python would give None there",
                instead="end it with a return",
            )  # fmt: skip

    def where(self, node: ast.AST) -> str:
        return f"{self.file}:{getattr(node, 'lineno', 0)}:{getattr(node, 'col_offset', 0)}"

    def refuse(self, node: ast.AST, what: str, why: str = "", instead: str = "") -> NoReturn:
        raise ModelError(what, where=self.where(node), why=why, instead=instead)

    @contextmanager
    def calling(self, fn: ModelFunction[..., Any], node: ast.AST) -> Iterator[None]:
        """Evaluate for a call of a function: errors say who called it."""
        if fn in self.ctx.active:
            self.refuse(node, f"{fn.name} calls itself", why="recursion has no finite graph",
                        instead="write a loop")  # fmt: skip
        try:
            with self.ctx.entered(fn):
                yield
        except ModelError as error:
            raise error.called(self.fn.name, self.where(node)) from error

    def plainly(self, node: ast.AST, call: Callable[[], Any]) -> Any:
        """Run plain Python on constants; an exception is the model's fault."""
        try:
            return call()
        except ModelError as error:
            raise error.at(self.where(node)) from error
        except Exception as error:
            self.refuse(
                node, f"'{ast.unparse(node)}' fails", why=f"{type(error).__name__}: {error}"
            )

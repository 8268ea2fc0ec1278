# SPDX-License-Identifier: GPL-2.0-only
"""The text of a modelled function: its syntax tree, its file, and edits of it."""

from __future__ import annotations

import ast
import copy
import functools
import inspect
import textwrap
import typing
from collections.abc import Callable, Iterator, Mapping, Set
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Generic, TypeVar

from ..declare import ModelFunction, Text
from ..errors import ModelError, shown_path
from ..ir import Storage
from ..objects import World
from ..recent import Recent


@functools.cache
def _parsed(fn: Callable[..., Any]) -> Text:
    try:
        file = shown_path(inspect.getsourcefile(fn) or "?")
        lines, start = inspect.getsourcelines(fn)
    except (OSError, TypeError) as error:
        raise ModelError(
            f"the source of {fn.__name__} cannot be read", why=str(error),
            instead="put the model in a file",
        ) from error  # fmt: skip
    tree = ast.parse(textwrap.dedent("".join(lines)))
    ast.increment_lineno(tree, start - 1)
    node = tree.body[0]
    if not isinstance(node, ast.FunctionDef):
        raise ModelError(
            "not a plain function", where=f"{file}:{node.lineno}:{node.col_offset}",
            why="only `def` functions are compiled", instead="write `def name(...):`",
        )  # fmt: skip
    return file, node


Edit = Callable[[ast.FunctionDef], ast.FunctionDef]
"""A change of a function: a changed copy of its tree, line numbers kept."""


def text_of(fn: ModelFunction[..., Any]) -> Text:
    """File and syntax tree of a function, as it stands in its file or as edits have made it."""
    return fn.text or _parsed(fn.fn)


def edited(fn: ModelFunction[..., Any], edit: Edit | None, version: str) -> ModelFunction[..., Any]:
    """A function of its own, with what the decorator of another one declared and, after an edit,
    another text; `version` says what its text is then."""
    made = copy.copy(fn)
    made.of = fn.of or fn
    if edit is not None:
        file, node = text_of(fn)
        made.text = file, whole(edit(node))
        made.fn, made.version = _plain(fn, made.text), version
        if fn.kind == "step":
            made.traits = fn.traits | made.foreign
    return made


Changes = tuple[
    Mapping[ModelFunction[..., Any], ModelFunction[..., Any]], Mapping[str, Edit]
]  # fmt: skip
"""Functions that are swapped, and edits by the name of the function."""


T = TypeVar("T")

STEPS = 4000
"""Calls of steps that are kept for each world and architecture."""


class Kept(Generic[T]):
    """Results of compilation, for whoever would have the same compiled again.

    One depends on what its key says, and on the swaps and edits of the functions that its
    compilation asked for, and on no others: what a variant does not touch is compiled once for all.
    The keys that were asked for last are kept, so many as `most`.
    """

    def __init__(self, most: int) -> None:
        self._known: Recent[list[tuple[frozenset[ModelFunction[..., Any]], Changes, T]]]
        self._known = Recent(most)

    def get(self, key: object, ctx: Context, make: Callable[[], T]) -> T:
        """The result for a key in a context, which in either case has been asked for the same."""
        known = self._known.get(key, list)
        for asked, changes, result in known:
            if ctx.changes(asked) == changes:
                ctx.asked |= asked
                return result
        before, ctx.asked = ctx.asked, set()
        try:
            made = make()
        finally:
            asked = frozenset(ctx.asked)
            ctx.asked |= before
        known.append((asked, ctx.changes(asked), made))
        return made


@dataclass
class Context:
    """What a compilation depends on besides the text.

    `memory_model` picks the memory orders; a step that has one is refused where nobody chose.
    `epilogue` is a step that ends every thread; `swap` replaces functions by others wherever they
    are called (how a variant changes one function of a patch); `edits` are a mutant's changes.
    `steps` are those that were compiled in this world for this architecture.
    `asked` are the functions whose swap or text was asked for: no other swap and no other edit has
    a part in what was compiled.  `active` are the functions that are being compiled, each called by
    the one before it.
    """

    world: World
    memory_model: str = ""
    epilogue: ModelFunction[..., Any] | None = None
    swap: Mapping[ModelFunction[..., Any], ModelFunction[..., Any]] = field(default_factory=dict)
    edits: Mapping[str, Edit] = field(default_factory=dict)
    steps: Kept[Any] = field(default_factory=partial(Kept, STEPS))
    asked: set[ModelFunction[..., Any]] = field(default_factory=set)
    active: list[ModelFunction[..., Any]] = field(default_factory=list)
    _storage: dict[str, Storage] = field(default_factory=dict)

    def resolve(self, fn: ModelFunction[..., Any]) -> ModelFunction[..., Any]:
        self.asked.add(fn)
        return self.swap.get(fn, fn)

    def changes(self, functions: Set[ModelFunction[..., Any]]) -> Changes:
        """The swaps and edits of these functions."""
        names = {fn.name for fn in functions}
        return (
            {fn: new for fn, new in self.swap.items() if fn in functions},
            {name: edit for name, edit in self.edits.items() if name in names},
        )

    @contextmanager
    def entered(self, fn: ModelFunction[..., Any]) -> Iterator[None]:
        """The function that is compiled for a call of another."""
        self.active.append(fn)
        try:
            yield
        finally:
            self.active.pop()

    def storage(self) -> Mapping[str, Storage]:
        """What each state variable stands for."""
        if not self._storage:
            self._storage.update({v.name: v.storage for v in self.world.variables()})
        return self._storage

    def hints(self, fn: ModelFunction[..., Any]) -> Mapping[str, Any]:
        """The annotations of a function, resolved."""
        return _hints(fn.fn)

    def annotation(self, fn: ModelFunction[..., Any], node: ast.expr) -> Any:
        """The type that an annotation inside a function means."""
        return eval(compile(ast.Expression(node), "<annotation>", "eval"), _globals(fn))

    def tree(self, fn: ModelFunction[..., Any]) -> tuple[str, ast.FunctionDef]:
        """File and syntax tree of a function, edited where a mutant says so."""
        self.asked.add(fn)
        file, node = text_of(fn)
        edit = self.edits.get(fn.name)
        return file, edit(node) if edit else node

    def edited(self, fn: ModelFunction[..., Any]) -> ModelFunction[..., Any]:
        """A function that runs while compiling, edited where a mutant says so."""
        self.asked.add(fn)
        return self.python(fn) if fn.name in self.edits else fn

    def python(self, fn: ModelFunction[..., Any]) -> ModelFunction[..., Any]:
        """A function as plain Python, edited where a mutant says so."""
        return ModelFunction(fn.kind, _plain(fn, self.tree(fn)))


def _plain(fn: ModelFunction[..., Any], text: Text) -> Callable[..., Any]:
    """A Python function of a text, among the names of another function."""
    bare = whole(text[1])
    bare.decorator_list = []
    module = ast.fix_missing_locations(ast.Module([bare], []))
    scope: dict[str, Any] = {}
    around = inspect.getclosurevars(fn.fn).nonlocals
    names = {**_globals(fn), **around} if around else _globals(fn)
    exec(compile(module, fn.fn.__code__.co_filename, "exec"), names, scope)
    made: Callable[..., Any] = scope[fn.fn.__name__]
    return made


def whole(tree: ast.FunctionDef) -> ast.FunctionDef:
    """A copy of a tree that Python takes: no `and` and no `or` of which an edit has left one
    part."""
    made: ast.FunctionDef = _OneLeft().visit(copy.deepcopy(tree))
    return made


class _OneLeft(ast.NodeTransformer):
    """`and` and `or` of which an edit has left one part are that part, which Python insists on."""

    def visit_BoolOp(self, node: ast.BoolOp) -> ast.expr:
        self.generic_visit(node)
        return node.values[0] if len(node.values) == 1 else node


def _globals(fn: ModelFunction[..., Any]) -> dict[str, Any]:
    found: dict[str, Any] = getattr(fn.fn, "__globals__", {})
    return found


@functools.cache
def _hints(fn: Callable[..., Any]) -> Mapping[str, Any]:
    try:
        return typing.get_type_hints(fn, include_extras=True)
    except Exception as error:  # whatever evaluating it raises
        file, node = _parsed(fn)
        raise ModelError(
            f"an annotation of {fn.__name__} is not known", why=str(error),
            where=f"{file}:{node.lineno}:{node.col_offset}",
            instead="import the type where the function is defined",
        ) from error  # fmt: skip


def parameters(tree: ast.FunctionDef) -> tuple[ast.arg, ...]:
    """The parameters of a function, in the order of the arguments that a call is given."""
    return (*tree.args.args, *tree.args.kwonlyargs)


@functools.cache
def assigned_names(node: ast.FunctionDef) -> Mapping[str, int]:
    """The count of values that each name is given: a parameter gets one at the call.  Inside a loop
    counts twice, since it may happen again."""
    counts = dict.fromkeys([p.arg for p in parameters(node)], 1)

    def walk(item: ast.AST, weight: int) -> None:
        if isinstance(item, ast.Name) and isinstance(item.ctx, ast.Store):
            counts[item.id] = counts.get(item.id, 0) + weight
        if isinstance(item, ast.AnnAssign) and item.value is None:
            return
        deeper = 2 if isinstance(item, ast.While | ast.For) else weight
        for child in ast.iter_child_nodes(item):
            walk(child, 1 if isinstance(item, ast.For) and child is item.target else deeper)

    walk(node, 1)
    return counts

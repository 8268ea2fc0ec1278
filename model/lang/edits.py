# SPDX-License-Identifier: GPL-2.0-only
"""Edits of a routine's text, as small parts that mutants and edited versions are made of.

Each gives the name of a function and what is done to its syntax tree.  A statement is found by
the call that it makes; one that is all that an `if` guards moves and goes together with that
`if`.  Line numbers stay, so that a trace still names the line of the model.  A target that is not
there, or that is there more than once when no `nth` says which, is a ModelError.
"""

from __future__ import annotations

import ast
import copy
import functools
from collections.abc import Callable, Iterator

from model.lang.errors import ModelError
from model.lang.frontend.source import Edit

FunctionEdit = tuple[str, Edit]
"""The name of a function, and what is done to it."""

Change = Callable[[ast.FunctionDef], None]
"""Changes a copy of the tree in place."""


def edit(in_: str, change: Change) -> FunctionEdit:
    """One and the same copy for the same tree: the front end asks for it several times."""

    @functools.cache
    def changing(node: ast.FunctionDef) -> ast.FunctionDef:
        changed = copy.deepcopy(node)
        change(changed)
        return ast.fix_missing_locations(changed)

    return in_, changing


def together(edits: tuple[FunctionEdit, ...]) -> tuple[FunctionEdit, ...]:
    """Several edits of one function as one, in their order."""
    by_name: dict[str, list[Edit]] = {}
    for name, edit in edits:
        by_name.setdefault(name, []).append(edit)
    return tuple((name, _in_turn(tuple(several))) for name, several in by_name.items())


def _in_turn(several: tuple[Edit, ...]) -> Edit:
    def edit(node: ast.FunctionDef) -> ast.FunctionDef:
        for one in several:
            node = one(node)
        return node

    return edit


# -- finding ---------------------------------------------------------------------------------------


_Place = tuple[list[ast.stmt], ast.stmt]
"""A statement and the block that it is in."""


def _blocks(node: ast.AST) -> Iterator[list[ast.stmt]]:
    for name in ("body", "orelse"):
        block = getattr(node, name, None)
        if isinstance(block, list) and block:
            yield block


def places(node: ast.AST) -> Iterator[_Place]:
    """Every statement of a function, in the order of the text."""
    for block in _blocks(node):
        for statement in block:
            yield block, statement
            yield from places(statement)


def expressions(statement: ast.stmt) -> Iterator[ast.AST]:
    """The expressions of a statement itself, not those of the blocks in it."""
    for _, value in ast.iter_fields(statement):
        for part in value if isinstance(value, list) else [value]:
            if isinstance(part, ast.AST) and not isinstance(part, ast.stmt):
                yield from ast.walk(part)


def _is_call(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Call) and ast.unparse(node.func) == name


def _calls(statement: ast.stmt, name: str) -> bool:
    return any(_is_call(part, name) for part in expressions(statement))


def _missing(tree: ast.FunctionDef, what: str, why: str = "") -> ModelError:
    nodes = (node for node in ast.walk(tree) if isinstance(node, ast.Call))
    calls = dict.fromkeys(ast.unparse(node.func) for node in nodes)
    return ModelError(
        f"{tree.name}, line {tree.lineno}: no {what}", why=why,
        instead=f"name a call that the function makes: {', '.join(calls)}",
    )  # fmt: skip


def _one(tree: ast.FunctionDef, found: list[_Place], what: str, nth: int) -> _Place:
    """The `nth` of what was found, from 1; 0 stands for the only one."""
    if not found or nth > len(found):
        raise _missing(tree, what, f"{len(found)} found" if found else "")
    if nth == 0 and len(found) > 1:
        lines = ", ".join(str(s.lineno) for _, s in found)
        raise ModelError(
            f"{tree.name}: {what} is there more than once, on lines {lines}",
            instead="say which with nth=1, 2, ...",
        )  # fmt: skip
    return found[max(nth - 1, 0)]


def _statement(tree: ast.FunctionDef, call: str, nth: int = 0) -> _Place:
    """The statement that makes a call."""
    found = [p for p in places(tree) if _calls(p[1], call)]
    return _one(tree, found, f"call of {call}", nth)


def _guarded(tree: ast.FunctionDef, call: str, nth: int = 0) -> _Place:
    """The same, or the `if` around it that guards nothing else."""
    block, statement = _statement(tree, call, nth)
    for outer, holder in places(tree):
        if isinstance(holder, ast.If) and holder.body is block and block == [statement]:
            return (outer, holder) if not holder.orelse else (block, statement)
    return block, statement


def siblings(tree: ast.FunctionDef, call: str, nth: int, later: str, later_nth: int) -> bool:
    """Whether a call comes before another one in the same block, each with the `if` that guards
    nothing else, so that it may be moved after that one.  What runs once, for `break` to leave it,
    counts as part of the block that it is in."""
    block, one = _guarded(tree, call, nth)
    other_block, two = _guarded(tree, later, later_nth)
    if block is not other_block and isinstance(block[-1], ast.Break):
        one = next((s for s in other_block if isinstance(s, ast.While) and s.body is block), one)
    return one in other_block and one is not two and other_block.index(one) < other_block.index(two)


def _branch(tree: ast.FunctionDef, test: str, nth: int) -> tuple[list[ast.stmt], ast.If]:
    """The `if` whose condition makes a call, or reads like `test`."""
    found = [
        (block, s)
        for block, s in places(tree)
        if isinstance(s, ast.If) and (_calls(s, test) or ast.unparse(s.test) == test)
    ]
    block, statement = _one(tree, [*found], f"`if` on {test}", nth)
    assert isinstance(statement, ast.If)
    return block, statement


def _remove(block: list[ast.stmt], statement: ast.stmt) -> None:
    at = block.index(statement)
    block[at : at + 1] = []
    if not block:
        block.append(ast.copy_location(ast.Pass(), statement))


def _expression(tree: ast.FunctionDef, call: str, nth: int) -> tuple[ast.stmt, ast.Call]:
    _, statement = _statement(tree, call, nth)
    found = [p for p in expressions(statement) if _is_call(p, call)]
    first = found[0]
    assert isinstance(first, ast.Call)
    return statement, first


class _Swap(ast.NodeTransformer):
    def __init__(self, old: ast.expr, new: ast.expr) -> None:
        self._old, self._new = old, new

    def visit(self, node: ast.AST) -> ast.AST:
        return self._new if node is self._old else super().generic_visit(node)


def _located(new: ast.expr, at: ast.AST) -> ast.expr:
    for part in ast.walk(new):
        ast.copy_location(part, at)
    return new


def _parsed(text: str, at: ast.stmt) -> list[ast.stmt]:
    """New statements on the line of an old one, in columns of their own: temporaries are named
    by their place."""
    made = ast.parse(text).body
    for statement in made:
        for part in ast.walk(statement):
            if isinstance(part, ast.stmt | ast.expr):
                part.lineno = part.end_lineno = at.lineno
                part.col_offset += 100
                part.end_col_offset = part.col_offset
    return made


# -- steps removed ---------------------------------------------------------------------------------


def drop(call: str, *, in_: str, nth: int = 0) -> FunctionEdit:
    """Leave out a call whose result is not used."""

    def change(tree: ast.FunctionDef) -> None:
        block, statement = _statement(tree, call, nth)
        if not isinstance(statement, ast.Expr):
            raise ModelError(
                f"{tree.name}, line {statement.lineno}: the result of {call} is used",
                instead="give the answer with answer(...), or ignore it with ignore(...)",
            )  # fmt: skip
        _remove(block, statement)

    return edit(in_, change)


def drop_assignment(call: str, *, in_: str, nth: int = 0) -> FunctionEdit:
    """Leave out an assignment of what a call gives: the variable keeps its value."""

    def change(tree: ast.FunctionDef) -> None:
        block, statement = _statement(tree, call, nth)
        if not isinstance(statement, ast.Assign):
            raise _missing(tree, f"assignment of {call}")
        _remove(block, statement)

    return edit(in_, change)


def drop_branch(test: str, *, in_: str, nth: int = 0) -> FunctionEdit:
    """Leave out an `if`, by a call in its condition or by the text of that: it is never taken."""

    def change(tree: ast.FunctionDef) -> None:
        block, statement = _branch(tree, test, nth)
        at = block.index(statement)
        block[at : at + 1] = statement.orelse or [ast.copy_location(ast.Pass(), statement)]

    return edit(in_, change)


def drop_condition(part: str, *, in_: str, nth: int = 0) -> FunctionEdit:
    """Leave one part out of a condition joined by `and` or `or`, by a call in it or its text."""

    def change(tree: ast.FunctionDef) -> None:
        found = [
            (node, value)
            for _, s in places(tree)
            for node in expressions(s)
            if isinstance(node, ast.BoolOp)
            for value in node.values
            if ast.unparse(value) == part or any(_is_call(p, part) for p in ast.walk(value))
        ]
        if not found or (len(found) > 1 and nth == 0) or nth > len(found):
            raise _missing(tree, f"part {part} of a condition", f"{len(found)} found")
        node, value = found[max(nth - 1, 0)]
        node.values.remove(value)

    return edit(in_, change)


# -- steps moved -----------------------------------------------------------------------------------


def _move(call: str, anchor: str, in_: str, nth: int, anchor_nth: int, after: int) -> FunctionEdit:
    def change(tree: ast.FunctionDef) -> None:
        block, moved = _guarded(tree, call, nth)
        to, beside = _guarded(tree, anchor, anchor_nth)
        if moved is beside:
            raise _missing(tree, f"call of {anchor} apart from {call}")
        _remove(block, moved)
        to.insert(to.index(beside) + after, moved)

    return edit(in_, change)


def move_after(
    call: str, anchor: str, *, in_: str, nth: int = 0, anchor_nth: int = 0
) -> FunctionEdit:
    """Make a call right after another one."""
    return _move(call, anchor, in_, nth, anchor_nth, 1)


def move_before(
    call: str, anchor: str, *, in_: str, nth: int = 0, anchor_nth: int = 0
) -> FunctionEdit:
    """Make a call right before another one."""
    return _move(call, anchor, in_, nth, anchor_nth, 0)


def move_branch_before(test: str, anchor: str, *, in_: str, nth: int = 0) -> FunctionEdit:
    """Take an `if` right before a call."""

    def change(tree: ast.FunctionDef) -> None:
        block, moved = _branch(tree, test, nth)
        to, beside = _guarded(tree, anchor)
        _remove(block, moved)
        to.insert(to.index(beside), moved)

    return edit(in_, change)


# -- steps changed ---------------------------------------------------------------------------------


def replace_call(call: str, by: str, *, in_: str, nth: int = 0) -> FunctionEdit:
    """Call another function with the same arguments."""

    def change(tree: ast.FunctionDef) -> None:
        _, found = _expression(tree, call, nth)
        found.func = _located(ast.parse(by, mode="eval").body, found.func)

    return edit(in_, change)


def replace_argument(call: str, position: int, by: str, *, in_: str, nth: int = 0) -> FunctionEdit:
    """Pass something else as the argument at a position, from 0."""

    def change(tree: ast.FunctionDef) -> None:
        _, found = _expression(tree, call, nth)
        if position >= len(found.args):
            raise _missing(tree, f"argument {position} of {call}")
        old = found.args[position]
        found.args[position] = _located(ast.parse(by, mode="eval").body, old)

    return edit(in_, change)


def drop_keyword(call: str, keyword: str, *, in_: str, nth: int = 0) -> FunctionEdit:
    """Leave out a named argument, so that it has its default."""

    def change(tree: ast.FunctionDef) -> None:
        _, found = _expression(tree, call, nth)
        kept = [k for k in found.keywords if k.arg != keyword]
        if len(kept) == len(found.keywords):
            raise _missing(tree, f"argument {keyword} of {call}")
        found.keywords = kept

    return edit(in_, change)


def replace_keyword(call: str, keyword: str, by: str, *, in_: str, nth: int = 0) -> FunctionEdit:
    """Pass something else as a named argument."""

    def change(tree: ast.FunctionDef) -> None:
        _, found = _expression(tree, call, nth)
        same = [k for k in found.keywords if k.arg == keyword]
        if not same:
            raise _missing(tree, f"argument {keyword} of {call}")
        same[0].value = _located(ast.parse(by, mode="eval").body, same[0].value)

    return edit(in_, change)


def answer(call: str, value: str, *, in_: str, nth: int = 0) -> FunctionEdit:
    """Put an expression in the place of a call."""

    def change(tree: ast.FunctionDef) -> None:
        statement, found = _expression(tree, call, nth)
        _Swap(found, _located(ast.parse(value, mode="eval").body, found)).visit(statement)

    return edit(in_, change)


def ignore(call: str, *, in_: str, nth: int = 0) -> FunctionEdit:
    """Make a call and drop what it gives."""

    def change(tree: ast.FunctionDef) -> None:
        block, statement = _statement(tree, call, nth)
        if not isinstance(statement, ast.Assign):
            raise _missing(tree, f"assignment of {call}")
        block[block.index(statement)] = ast.copy_location(ast.Expr(statement.value), statement)

    return edit(in_, change)


def insert_after(anchor: str, text: str, *, in_: str, nth: int = 0) -> FunctionEdit:
    """Add statements after a call, on its line."""

    def change(tree: ast.FunctionDef) -> None:
        block, statement = _guarded(tree, anchor, nth)
        at = block.index(statement) + 1
        block[at:at] = _parsed(text, statement)

    return edit(in_, change)

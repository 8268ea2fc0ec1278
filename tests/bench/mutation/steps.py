# SPDX-License-Identifier: GPL-2.0-only
"""Every step of a version and of its neighbours removed, moved and weakened.

Besides what `necessity` does without: each call, branch and assignment is left out, each check
always finds something, each part of a condition goes, each step comes after the next one, and
arguments are weakened.
"""

from __future__ import annotations

import ast
import copy
import functools
import inspect
import re
import types
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from checks.mutate.steps import StepMutant, steps_in
from model.cast.cast_set import CastSet
from model.cast.casts import Cast, world_of
from model.lang.declare import ModelFunction
from model.lang.edits import expressions, places
from model.lang.errors import shown_path
from model.lang.frontend.source import Context
from model.patches.family import Variant

Function = ModelFunction[..., object]
Line = tuple[str, int]

DRAWS = "model.cast.neighbours"
"""Routines that choose a page and call the neighbour proper."""

WEAKER = {
    "spin_lock_nested": "spin_lock",
    "folio_trylock": "folio_lock",
    "anon_vma_trylock_write": "anon_vma_lock_write",
}


@dataclass(frozen=True)
class Mutation:
    """A mutant of one step: `target` is whose it is, `lines` are those of the text that is
    changed, and `around` those of its function."""

    step: StepMutant
    target: str
    lines: frozenset[Line] = field(repr=False)
    around: frozenset[Line] = field(repr=False)

    @property
    def name(self) -> str:
        return f"{self.target}: {self.step.name}"


def mutations(variant: Variant, casts: CastSet, seen: set[Function]) -> list[Mutation]:
    """All mutants of a version, then those of each neighbour, but for functions that were `seen`; a
    function that several of them call is the first's."""
    kernel = variant.neighbours_from
    alone = next(c for c in casts.default(kernel) if not c.others)
    found: list[Mutation] = []
    routine = variant.call(alone, world_of(alone))[0]
    for fn in _functions(routine, variant, own=True):
        if fn not in seen:
            seen.add(fn)
            found += _of_function(fn, variant, alone, casts.subjects[0].name)
    for neighbour in casts.beside:
        if neighbour.again is not None or not neighbour.exists_in(kernel):
            continue
        cast = casts.cast((neighbour,), pages=1)
        called = neighbour.routine(kernel)
        for fn in _functions(called, variant, own=False) if called is not None else ():
            if fn not in seen:
                seen.add(fn)
                found += _of_function(fn, variant, cast, neighbour.name)
    return found


def _functions(routine: Function, variant: Variant, *, own: bool) -> list[Function]:
    """Functions of several steps that a routine calls, of the patch or of the kernel around it."""
    every = [f for group in variant.called_by([routine]).values() for f in group]
    chosen = [
        f for f in every
        if f.kind in ("routine", "primitive")
        and f.fn.__module__.startswith("model.patches" if own else "model.kernel")
        and f.fn.__module__ != DRAWS
    ]  # fmt: skip
    return sorted(chosen, key=lambda f: (f.fn.__module__, f.fn.__code__.co_firstlineno))


def _of_function(fn: Function, variant: Variant, cast: Cast, target: str) -> list[Mutation]:
    tree = Context(world_of(cast).world, swap=variant.swap).tree(fn)[1]
    file = shown_path(inspect.getsourcefile(fn.fn) or "?")
    around = _lines(file, tree)
    before = {_text(tree)}
    names: Counter[str] = Counter()
    found = []
    for step in [*steps_in(fn, tree, variant), *_changed(fn, tree)]:
        after = tree
        for name, edit in step.edits:
            assert name == fn.name
            after = edit(after)
        text = _text(after)
        if text not in before:
            before.add(text)
            names[step.name] += 1
            if names[step.name] > 1:  # the same, done to something else on that line
                step = replace(step, name=f"{step.name} ({names[step.name]})")
            found.append(Mutation(step, target, _lines(file, _at(tree, step.line)), around))
    return found


def _text(tree: ast.FunctionDef) -> str:
    """The text of a function, whatever is left of what was taken out."""
    return re.sub(r"\n *pass(?=\n|$)", "", ast.unparse(tree))


def _at(tree: ast.FunctionDef, line: int) -> ast.AST:
    """The smallest statement on a line, without the blocks in it."""
    found = [s for _, s in places(tree) if s.lineno <= line <= (s.end_lineno or s.lineno)]
    return found[-1] if found else tree


def _lines(file: str, node: ast.AST) -> frozenset[Line]:
    if isinstance(node, ast.If | ast.While):
        node = node.test
    start = getattr(node, "lineno", 0)
    return frozenset((file, n) for n in range(start, (getattr(node, "end_lineno", 0) or start) + 1))


# -- changes by place ------------------------------------------------------------------------------

Change = Callable[[list[ast.stmt], ast.stmt], None]
"""Changes a copy in place, given the block and the statement in it."""


def _changed(fn: Function, tree: ast.FunctionDef) -> Iterator[StepMutant]:
    for number, (block, statement) in enumerate(places(tree)):
        for name, change in _changes(fn, block, statement):
            yield StepMutant(
                f"{name}, {fn.name} line {statement.lineno}".replace("/", "|"), "step", fn.name,
                inspect.getsourcefile(fn.fn) or "?", statement.lineno,
                ast.unparse(statement).partition("\n")[0], ((fn.name, _edit(number, change)),),
            )  # fmt: skip


def _edit(number: int, change: Change) -> Callable[[ast.FunctionDef], ast.FunctionDef]:
    @functools.cache
    def edit(node: ast.FunctionDef) -> ast.FunctionDef:
        changed = copy.deepcopy(node)
        block, statement = list(places(changed))[number]
        change(block, statement)
        return ast.fix_missing_locations(changed)

    return edit


def _changes(
    fn: Function, block: list[ast.stmt], statement: ast.stmt
) -> Iterator[tuple[str, Change]]:
    text = ast.unparse(statement).partition("\n")[0]
    if isinstance(statement, ast.Expr | ast.Assign | ast.AnnAssign) and not _is_none(statement):
        if isinstance(statement, ast.Expr) or not _calls(fn, statement):
            yield f"no {text}", _without
        if _calls(fn, statement):
            following = block[block.index(statement) + 1 :]
            if following and _calls(fn, following[0]):
                after = ast.unparse(following[0]).partition("\n")[0]
                yield f"{text} after {after}", _later
        yield from _weaker(statement)
    if isinstance(statement, ast.If):
        yield f"never {text}", _never
        yield f"always {text}", _always
        test = statement.test
        for n, part in enumerate(test.values if isinstance(test, ast.BoolOp) else ()):
            yield f"no part {ast.unparse(part)}", functools.partial(_no_part, n)
        yield from _weaker(statement)


def _is_none(statement: ast.Expr | ast.Assign | ast.AnnAssign) -> bool:
    """True if it is no step: a docstring, a declaration, the end of what is modelled."""
    value = statement.value
    if isinstance(value, ast.Call):
        return ast.unparse(value.func) == "unmodelled"
    return value is None or (isinstance(statement, ast.Expr) and isinstance(value, ast.Constant))


def _calls(fn: Function, statement: ast.stmt) -> bool:
    """True if it does something, other than to work out a value."""
    plain = fn.fn
    assert isinstance(plain, types.FunctionType)
    names = {n.func.id for n in ast.walk(statement)
             if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)}  # fmt: skip
    found = [plain.__globals__.get(name) for name in names]
    return any(
        isinstance(f, ModelFunction) and f.kind in ("routine", "primitive", "step") for f in found
    )


def _without(block: list[ast.stmt], statement: ast.stmt) -> None:
    block[block.index(statement)] = ast.copy_location(ast.Pass(), statement)


def _later(block: list[ast.stmt], statement: ast.stmt) -> None:
    at = block.index(statement)
    block[at : at + 2] = [block[at + 1], statement]


def _never(block: list[ast.stmt], statement: ast.stmt) -> None:
    assert isinstance(statement, ast.If)
    at = block.index(statement)
    block[at : at + 1] = statement.orelse or [ast.copy_location(ast.Pass(), statement)]


def _always(block: list[ast.stmt], statement: ast.stmt) -> None:
    assert isinstance(statement, ast.If)
    at = block.index(statement)
    leaves = isinstance(statement.body[-1], ast.Return | ast.Break | ast.Continue)
    block[at : len(block) if leaves else at + 1] = statement.body


def _no_part(n: int, _block: list[ast.stmt], statement: ast.stmt) -> None:
    assert isinstance(statement, ast.If)
    assert isinstance(statement.test, ast.BoolOp)
    del statement.test.values[n]


def _weaker(statement: ast.stmt) -> Iterator[tuple[str, Change]]:
    """Arguments that say yes or no the other way round, named ones left out, and calls that
    promise less."""
    parts = list(expressions(statement))
    for n, part in enumerate(parts):
        if not isinstance(part, ast.Call):
            continue
        called = ast.unparse(part)
        for k, arg in enumerate(part.args):
            if isinstance(arg, ast.Constant) and isinstance(arg.value, bool):
                yield f"{not arg.value} for argument {k + 1} of {called}", _part(n, _flip(k))
        for k, keyword in enumerate(part.keywords):
            yield f"no {keyword.arg} in {called}", _part(n, _no_keyword(k))
        name = ast.unparse(part.func)
        if name in WEAKER and isinstance(statement, ast.Expr):
            yield f"{WEAKER[name]} for {called}", _part(n, _other(WEAKER[name]))


def _part(n: int, change: Callable[[ast.Call], None]) -> Change:
    def here(_block: list[ast.stmt], statement: ast.stmt) -> None:
        part = list(expressions(statement))[n]
        assert isinstance(part, ast.Call)
        change(part)

    return here


def _flip(k: int) -> Callable[[ast.Call], None]:
    def change(call: ast.Call) -> None:
        old = call.args[k]
        assert isinstance(old, ast.Constant)
        call.args[k] = ast.copy_location(ast.Constant(not old.value), old)

    return change


def _no_keyword(k: int) -> Callable[[ast.Call], None]:
    def change(call: ast.Call) -> None:
        del call.keywords[k]

    return change


def _other(name: str) -> Callable[[ast.Call], None]:
    def change(call: ast.Call) -> None:
        call.func = ast.copy_location(ast.Name(name, ast.Load()), call.func)

    return change

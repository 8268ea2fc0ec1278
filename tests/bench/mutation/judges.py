# SPDX-License-Identifier: GPL-2.0-only
"""Every invariant negated, its exceptions dropped and widened.

A mutant of an invariant is killed where it no longer finds a planted bug that breaks the invariant,
or where it is violated by a version in which the invariant holds.
"""

from __future__ import annotations

import ast
import copy
import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from unittest import mock

from checks.mutate.played import cast_of, role
from checks.play.play import Play
from checks.stage import stage
from checks.stage.stage import Role
from invariants import REGISTRY
from invariants.registry import Invariant
from model.cast.casts import world_of
from model.lang.errors import ModelError
from model.lang.frontend.source import Context, Edit
from tests.families import MOVE

from .playing import Fate, Player

STATES = 50_000

Change = Callable[[ast.AST], ast.AST]


@dataclass(frozen=True)
class Judged:
    """An invariant with one change."""

    invariant: Invariant
    what: str
    edit: Edit

    @property
    def name(self) -> str:
        return f"{self.invariant.name}: {self.what}"

    def fate(self, plays: Sequence[Play]) -> Fate:
        """The fate of a mutation beside the planted bugs, and in plays without one."""
        assert self.invariant.fn is not None
        edits = {self.invariant.fn.name: self.edit}
        with mock.patch.object(stage, "Context", functools.partial(Context, edits=edits)):
            try:
                return self._missed() or self._alarm(plays)
            except ModelError as error:
                return Fate("refused", str(error))

    def _missed(self) -> Fate | None:
        """True if a planted bug is not found any more."""
        player = Player((self.invariant,), STATES)
        for mutant in MOVE.mutants:
            if self.invariant.name in mutant.breaks:
                play = Play(cast_of(MOVE, mutant), role(MOVE, mutant), mutant.archs[0])
                if self.invariant.name not in player.play(play).fails:
                    return Fate("killed", f"does not find '{mutant.name}'", play.cast.name)
        return None

    def _alarm(self, plays: Sequence[Play]) -> Fate:
        """The first false alarm: where the planted bugs show, without them, and in the plays."""
        player = Player((self.invariant,), STATES)
        every = [*self._without(), *plays]
        for n, (play, seen) in enumerate(player.each(every), 1):
            if self.invariant.name in seen.fails:
                by = f"false alarm in {play.role.variant.name}"
                return Fate("killed", by, play.cast.name, n)
        return Fate("survives", f"{len(every)} casts", played=len(every))

    def _without(self) -> list[Play]:
        """The casts of its planted bugs, for the versions without them that do not break it."""
        found: dict[tuple[str, str], Play] = {}
        for mutant in MOVE.mutants:
            if self.invariant.name in mutant.breaks:
                one = Role(MOVE.variant(mutant.variant), source=MOVE.name)
                play = Play(cast_of(MOVE, mutant), one, mutant.archs[0])
                found[play.role.variant.name, play.name] = play
        return list(found.values())


def judge_mutations() -> list[Judged]:
    """All mutants of the invariants that are expressions, in the order of the registry."""
    found = []
    for invariant in REGISTRY.values():
        if invariant.fn is None:
            continue
        tree = Context(world_of(MOVE.casts.cast(pages=1)).world).tree(invariant.fn)[1]
        before = {ast.unparse(tree)}
        for what, edit in _changes(tree):
            text = ast.unparse(edit(tree))
            if text not in before:
                before.add(text)
                found.append(Judged(invariant, what, edit))
    return found


def _changes(tree: ast.FunctionDef) -> Iterator[tuple[str, Edit]]:
    for number, node in enumerate(ast.walk(tree)):
        if isinstance(node, ast.Return) and node.value is not None:
            yield "negated", _edit(number, _negated)
        if isinstance(node, ast.BoolOp):
            word = "exception" if isinstance(node.op, ast.Or) else "condition"
            for k, part in enumerate(node.values):
                text = _short(part)
                yield f"no {word} {text}", _edit(number, functools.partial(_dropped, k))
            yield f"always {_short(node)}", _edit(number, functools.partial(_constant, True))
        if isinstance(node, ast.Compare) and type(node.ops[0]) in _NEAR:
            yield f"near miss of {_short(node)}", _edit(number, _near)
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("all", "any"):
            other = "any" if ast.unparse(node.func) == "all" else "all"
            yield f"{other} for {_short(node)}", _edit(number, functools.partial(_call, other))
        if isinstance(node, ast.comprehension):
            for k, part in enumerate(node.ifs):
                yield f"whatever {_short(part)}", _edit(number, functools.partial(_no_if, k))


def _short(node: ast.AST) -> str:
    text = " ".join(ast.unparse(node).split())
    return (text if len(text) <= 70 else text[:67] + "...").replace("|", "or")


def _edit(number: int, change: Change) -> Edit:
    @functools.cache
    def edit(node: ast.FunctionDef) -> ast.FunctionDef:
        changed = copy.deepcopy(node)
        old = list(ast.walk(changed))[number]
        new = change(old)
        if new is not old:
            _Swap(old, ast.copy_location(new, old)).visit(changed)
        return ast.fix_missing_locations(changed)

    return edit


class _Swap(ast.NodeTransformer):
    def __init__(self, old: ast.AST, new: ast.AST) -> None:
        self._old, self._new = old, new

    def visit(self, node: ast.AST) -> ast.AST:
        return self._new if node is self._old else super().generic_visit(node)


def _negated(node: ast.AST) -> ast.AST:
    assert isinstance(node, ast.Return)
    assert node.value is not None
    node.value = ast.copy_location(ast.UnaryOp(ast.Not(), node.value), node.value)
    return node


def _dropped(k: int, node: ast.AST) -> ast.AST:
    assert isinstance(node, ast.BoolOp)
    del node.values[k]
    return node


def _constant(value: bool, _node: ast.AST) -> ast.AST:
    return ast.Constant(value)


_NEAR: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt,
}  # fmt: skip


def _near(node: ast.AST) -> ast.AST:
    assert isinstance(node, ast.Compare)
    node.ops[0] = _NEAR[type(node.ops[0])]()
    return node


def _call(other: str, node: ast.AST) -> ast.AST:
    assert isinstance(node, ast.Call)
    node.func = ast.copy_location(ast.Name(other, ast.Load()), node.func)
    return node


def _no_if(k: int, node: ast.AST) -> ast.AST:
    assert isinstance(node, ast.comprehension)
    del node.ifs[k]
    return node

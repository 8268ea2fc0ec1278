# SPDX-License-Identifier: GPL-2.0-only
"""The steps of a routine that may be needed for something, and the routine without each of them.

Locks, unlocks, flushes, barriers, references and checks are found in the text of the routine and
of the functions of the patch that it calls; kernel primitives stay as they are.  What a call does
is what the steps that it leads to are declared to do.
"""

from __future__ import annotations

import ast
import inspect
import types
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from checks.stage.stage import Role
from model.cast.casts import Cast, world_of
from model.lang import edits
from model.lang.declare import ModelFunction
from model.lang.edits import FunctionEdit, together
from model.lang.frontend.source import Context, Edit
from model.lang.traits import FLUSHES, TAKES, Trait
from model.patches.family import Variant

from .conditions import checks_of

Function = ModelFunction[..., object]

KINDS = ("lock", "unlock", "flush", "barrier", "reference", "check")

_REFERENCE = frozenset({Trait.REF, Trait.ANON_REF, Trait.TRYGET})
_RELEASES = {
    "spin_lock": "spin_unlock", "spin_lock_nested": "spin_unlock",
    "double_pt_lock": "double_pt_unlock",
}  # fmt: skip
"""Locks that are released in the function that takes them, and what releases them there."""

_WITHOUT_FLUSH = {"ptep_clear_flush": ("ptep_get_and_clear", "mm")}
"""What does the same without a flush, and its first argument."""


@dataclass(frozen=True)
class StepMutant:
    """A routine with one step removed, moved or weakened.

    `name` says what was done to which step; `text` is the step as it is written on that line.
    """

    name: str
    kind: str
    function: str
    file: str
    line: int
    text: str
    edits: tuple[tuple[str, Edit], ...]

    def of(self, role: Role) -> Role:
        """The variant as it is played without the step."""
        return replace(role, edits=self.edits, mutant=self.name)


def steps_of_all(variant: Variant, casts: Iterable[Cast]) -> list[StepMutant]:
    """Every mutation of one step of a variant, those of the subjects of some casts in turn."""
    first: dict[str, Cast] = {}
    for cast in casts:
        first.setdefault(cast.subject.name, cast)
    steps = (step for cast in first.values() for step in steps_of(variant, cast))
    return list({step.name: step for step in steps}.values())


def steps_of(variant: Variant, cast: Cast) -> list[StepMutant]:
    """Every mutation of one step of what the subject of a cast calls, in the order of the
    functions' text."""
    setup = world_of(cast)
    ctx = Context(setup.world)
    found: list[StepMutant] = []
    routine, _ = variant.call(cast, setup)
    functions = variant.called_by([routine])
    variant = replace(variant, swap=variant.swap_in(routine), edited={})
    mine = {f.name: f for group in functions.values() for f in group if is_of_patch(f, variant)}
    for fn in sorted(mine.values(), key=lambda f: (_file(f), _line(f))):
        found += steps_in(fn, ctx.tree(fn)[1], variant)
    return found


def is_of_patch(fn: Function, variant: Variant) -> bool:
    """True of a function of the patch, false of those of the kernel around it."""
    return fn in variant.about or not fn.fn.__module__.startswith(
        ("model.kernel", "model.hw", "model.lang")
    )


def _file(fn: Function) -> str:
    return inspect.getfile(fn.fn)


def _line(fn: Function) -> int:
    return fn.fn.__code__.co_firstlineno


def steps_in(fn: Function, tree: ast.FunctionDef, variant: Variant) -> Iterator[StepMutant]:
    calls = list(_calls(tree, fn, variant))
    for call in calls:
        for name, change in _without_call(call, calls, tree):
            yield _step(fn, call.kind, call.node, call.text, name, change)
    for check in checks_of(tree):
        change = [(fn.name, check.without)]
        yield _step(fn, "check", check.node, check.text, check.name, change)


def _step(
    fn: Function, kind: str, node: ast.AST, text: str, name: str, change: Iterable[FunctionEdit]
) -> StepMutant:
    line = getattr(node, "lineno", 0)
    full = f"{name}, {fn.name} line {line}".replace("/", "|")
    return StepMutant(full, kind, fn.name, _file(fn), line, text, together(tuple(change)))


# -- calls ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Call:
    """A call in a function: what it does, the how-manieth of its name it is, and the statement
    that it is in."""

    kind: str
    name: str
    nth: int
    node: ast.Call
    statement: ast.stmt
    in_: str

    @property
    def text(self) -> str:
        return ast.unparse(self.node)

    @property
    def args(self) -> list[str]:
        return [ast.unparse(a) for a in self.node.args]


def _calls(tree: ast.FunctionDef, fn: Function, variant: Variant) -> Iterator[_Call]:
    """The calls that do something of a kind, in the order of the text."""
    counts: dict[str, int] = {}
    plain = fn.fn
    assert isinstance(plain, types.FunctionType)
    for _, statement in edits.places(tree):
        names = []
        for node in edits.expressions(statement):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
                continue
            names.append(node.func.id)
            target = plain.__globals__.get(node.func.id)
            if not isinstance(target, ModelFunction):
                continue
            nth = counts.get(node.func.id, 0) + 1
            kind = _kind(variant.swap.get(target, target), variant)
            if kind:
                yield _Call(kind, node.func.id, nth, node, statement, fn.name)
        for name in dict.fromkeys(names):
            counts[name] = counts.get(name, 0) + 1


def _kind(fn: Function, variant: Variant) -> str:
    """What a call of a function is, or "" for none of the kinds: it does one thing only."""
    if (
        fn.kind == "routine"
        and is_of_patch(fn, variant)
        and fn.name not in _RELEASES.keys() | set(_RELEASES.values())
    ):
        return ""
    traits: set[Trait] = set()
    barrier = False
    for group in variant.called_by([fn]).values():
        for one in group:
            traits |= one.traits
            barrier = barrier or bool(one.barrier)
    if traits & FLUSHES:
        return "flush"
    takes, lets = bool(traits & TAKES), Trait.RELEASE in traits
    if takes != lets:
        return "lock" if takes else "unlock"
    if not takes and traits & _REFERENCE:
        return "reference"
    return "barrier" if barrier and not traits else ""


def _without_call(
    call: _Call, calls: list[_Call], tree: ast.FunctionDef
) -> Iterator[tuple[str, list[FunctionEdit]]]:
    """The ways to do without a call, each with what to say of it."""
    alone = isinstance(call.statement, ast.Expr)
    if call.kind == "lock":
        releases = _releases(call, calls)
        if alone:
            change = [edits.drop(call.name, nth=call.nth, in_=call.in_)]
        else:
            change = [edits.answer(call.name, "True", nth=call.nth, in_=call.in_)]
        # the last first: what comes before it keeps its number
        change += [edits.drop(r.name, nth=r.nth, in_=r.in_) for r in reversed(releases)]
        yield f"no {call.text}", change
        return
    if call.name in _WITHOUT_FLUSH:
        other, first = _WITHOUT_FLUSH[call.name]
        yield (
            f"{other} for {call.name}",
            [
                edits.replace_argument(call.name, 0, first, nth=call.nth, in_=call.in_),
                edits.replace_call(call.name, other, nth=call.nth, in_=call.in_),
            ],
        )
        return
    if not alone:
        return  # what it gives is used: there is no routine without it
    yield f"no {call.text}", [edits.drop(call.name, nth=call.nth, in_=call.in_)]
    for after in _later_unlocks(call, calls, tree):
        yield (
            f"{call.name} after {after.text}",
            [
                edits.move_after(
                    call.name, after.name, nth=call.nth, anchor_nth=after.nth, in_=call.in_
                )
            ],
        )
    if call.kind == "flush" and len(call.args) == 3:
        shorter = f"{call.args[2]} - PAGE_SIZE"
        yield (
            f"{call.name} one page short",
            [edits.replace_argument(call.name, 2, shorter, nth=call.nth, in_=call.in_)],
        )


def _releases(lock: _Call, calls: list[_Call]) -> list[_Call]:
    """The unlocks in this function that end what a lock begins: up to the next lock of the same."""
    name = _RELEASES.get(lock.name)
    found: list[_Call] = []
    for call in calls[calls.index(lock) + 1 :]:
        if call.args != lock.args:
            continue
        if call.name == lock.name:
            break
        if call.name == name:
            found.append(call)
    return found


def _later_unlocks(call: _Call, calls: list[_Call], tree: ast.FunctionDef) -> Iterator[_Call]:
    """The unlocks that come after a call in its block; of an unlock, the next one."""
    for other in calls[calls.index(call) + 1 :]:
        if other.kind == "unlock" and isinstance(other.statement, ast.Expr):
            if edits.siblings(tree, call.name, call.nth, other.name, other.nth):
                yield other
            if call.kind == "unlock":
                return

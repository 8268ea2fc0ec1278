# SPDX-License-Identifier: GPL-2.0-only
"""The part of a condition that fails in a state, and the objects that it is about.

An invariant is a function of the modelling language, and so plain Python too.  It is run on the
objects of a world that stands in the state, and followed into the part that makes it false: the
first conjunct that fails, each of the alternatives, the first objects for which `all(...)` fails.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from model.lang.declare import ModelFunction
from model.lang.frontend.source import text_of

Names = dict[str, Any]


@dataclass(frozen=True)
class Part:
    """A part of a condition that is no combination of others, and the names in it."""

    node: ast.expr
    names: Names

    def value(self) -> Any:
        """Its value, with the objects as they are now."""
        return _value(self.node, self.names)


@dataclass(frozen=True)
class Binding:
    """Reasons of a condition's value: the parts that give it, and what its names stand for."""

    names: Names
    parts: tuple[Part, ...]


def failing(fn: ModelFunction[..., Any], args: Mapping[str, Any]) -> Binding:
    """The binding by which a condition is false for these arguments.

    ValueError if it is true: the objects are in another state than they were said to be.
    """
    names, result = _entered(fn, dict(args))
    if _value(result, names):
        raise ValueError(f"{fn.name} holds")
    return _because(result, names, truth=False)


def _entered(fn: ModelFunction[..., Any], args: Names) -> tuple[Names, ast.expr]:
    """The names of a function once all but its last statement is done, and what it returns."""
    tree = text_of(fn)[1]
    names = {**fn.fn.__globals__, **args}
    *before, last = tree.body
    assert isinstance(last, ast.Return)
    assert last.value is not None
    exec(compile(ast.Module(list(before), []), "", "exec"), names)
    return names, last.value


def _value(node: ast.expr, names: Names) -> Any:
    return eval(compile(ast.Expression(node), "", "eval"), names)


def _because(node: ast.expr, names: Names, *, truth: bool) -> Binding:
    """The binding by which an expression that is true, or false, is so."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        return _because(node.operand, names, truth=not truth)
    if isinstance(node, ast.BoolOp):
        parts = node.values
        if isinstance(node.op, ast.Or) == truth:  # one is enough, and those after it rest on it
            parts = [next(v for v in node.values if bool(_value(v, names)) == truth)]
        return _merged(names, [_because(v, names, truth=truth) for v in parts])
    if isinstance(node, ast.IfExp):
        way = node.body if _value(node.test, names) else node.orelse
        chosen = _because(way, names, truth=truth)
        return Binding(chosen.names, (Part(node.test, names), *chosen.parts))
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        return _of_call(node, node.func.id, names, truth=truth)
    return Binding(names, (Part(node, names),))


def _of_call(node: ast.Call, called: str, names: Names, *, truth: bool) -> Binding:
    if called in ("all", "any") and (called == "any") == truth:
        (over,) = node.args
        if isinstance(over, ast.GeneratorExp):
            for inner in _instances(over.generators, names):
                if bool(_value(over.elt, inner)) == truth:
                    return _because(over.elt, inner, truth=truth)
    fn = names.get(called)
    if isinstance(fn, ModelFunction) and fn.kind == "pure":
        params = [a.arg for a in text_of(fn)[1].args.args]
        given = {p: _value(a, names) for p, a in zip(params, node.args, strict=True)}
        inner, result = _entered(fn, given)
        return _merged(names, [_because(result, inner, truth=truth)])
    return Binding(names, (Part(node, names),))


def _merged(names: Names, found: Sequence[Binding]) -> Binding:
    """Bindings as one: an outer name stands for what it stood for."""
    together: Names = {}
    for binding in reversed(found):
        together.update(binding.names)
    return Binding({**together, **names}, tuple(p for b in found for p in b.parts))


def _instances(generators: Sequence[ast.comprehension], names: Names) -> Iterator[Names]:
    if not generators:
        yield names
        return
    first, *rest = generators
    for item in _value(first.iter, names):
        inner = {**names, **_assigned(first.target, item)}
        if all(_value(test, inner) for test in first.ifs):
            yield from _instances(rest, inner)


def _assigned(target: ast.expr, item: Any) -> Names:
    if isinstance(target, ast.Tuple):
        found: Names = {}
        for part, value in zip(target.elts, item, strict=True):
            found.update(_assigned(part, value))
        return found
    assert isinstance(target, ast.Name)
    return {target.id: item}

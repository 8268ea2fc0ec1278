# SPDX-License-Identifier: GPL-2.0-only
"""Functions that are run while a model is compiled, and those that they call."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Any

import pytest

from model.lang import Kobject, World, kfield, pure, static, step
from model.lang import expr as ex
from model.lang.declare import ModelFunction
from model.lang.frontend.source import Context, Edit
from model.lang.frontend.steps import compile_step

Function = ModelFunction[..., Any]


class Box(Kobject):
    n: int = kfield(0, hi=9)


@pure
def one() -> int:
    return 1


@pure
def two() -> int:
    return 2


@static
def sum_of_both() -> int:
    return one() + 3


@step(order="plain")
def store(box: Box) -> None:
    box.n = sum_of_both()


def says_four(node: ast.FunctionDef) -> ast.FunctionDef:
    body = ast.parse("return 4").body
    return ast.fix_missing_locations(ast.FunctionDef(node.name, node.args, body, [], lineno=1))


@pytest.mark.parametrize(
    ("swap", "edits", "stored"),
    [({}, {}, 4), ({one: two}, {}, 5), ({one: two, two: one}, {}, 5), ({}, {"one": says_four}, 7)],
)
def test_what_it_calls_is_swapped_and_edited(
    swap: Mapping[Function, Function], edits: Mapping[str, Edit], stored: int
) -> None:
    """And asked for: what was compiled with another swap of it is not taken for this."""
    ctx = Context(World(), "x86", swap=swap, edits=edits)
    (update,) = compile_step(ctx, store, [ctx.world.new(Box, "b")]).op.updates
    assert ex.show(update.value) == str(stored)
    assert one in ctx.asked

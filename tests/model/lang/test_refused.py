# SPDX-License-Identifier: GPL-2.0-only
"""What the front end refuses: where, what, why, and what to write instead, in one line."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from model.lang import World, compose, kernel, step, unmodelled
from model.lang.compose import Invocation
from model.lang.declare import ModelFunction
from model.lang.errors import ModelError, shown_path
from model.lang.frontend.source import Context
from model.lang.frontend.steps import compile_step
from model.lang.ir import Kind
from model.lang.traits import Trait

from . import refused, refused_steps
from .refused import CASES, Box, Case

assert refused_steps.CASES is CASES  # importing it adds the steps


def compiled(world: World, fn: ModelFunction[..., Any]) -> None:
    """Compile a routine, a step or a rule of one box."""
    ctx, box = Context(world), world.all(Box)[0]
    if fn.kind == "routine":
        compose.threads(ctx, [Invocation(box, fn, (box,))])
    elif Trait.RULE in fn.traits:
        compose.rules(ctx, [fn])
    else:
        compile_step(ctx, fn, [box])


def marked(fn: ModelFunction[..., Any]) -> str:
    """``file:line:col`` of the mark in a function, or in what it calls."""
    at = fn.fn
    lines, start = inspect.getsourcelines(at)
    if not any("# here: " in line for line in lines):
        at = refused.reads_memory.fn
        lines, start = inspect.getsourcelines(at)
    file = shown_path(inspect.getsourcefile(at) or "?")
    for number, line in enumerate(lines, start):
        code, mark, text = line.rstrip().partition("# here: ")
        if mark:
            return f"{file}:{number}:{max(code.find(text), 0)}"
    raise AssertionError(f"{fn.name} has no mark")


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.function.name)
def test_refusal(case: Case) -> None:
    assert isinstance(case.function, ModelFunction)
    with pytest.raises(ModelError) as error:
        compiled(refused.world(), case.function)
    assert str(error.value) == f"{marked(case.function)}: {case.message}"


# -- what a function in `refused` cannot show -----------------------------------------------------


def message(fn: ModelFunction[..., Any]) -> str:
    with pytest.raises(ModelError) as error:
        compiled(refused.world(), fn)
    return str(error.value)


def test_an_array_by_itself() -> None:
    row = refused.world().all(Box)[0].row

    @step(order="plain")
    def reads(b: Box) -> bool:  # noqa: ARG001
        return row[0]

    said = message(reads)
    assert said.endswith("an array cannot be indexed by itself; write object.field[...]")
    assert said.startswith("tests/model/lang/test_refused.py:")


def test_source_that_cannot_be_read() -> None:
    names: dict[str, Any] = {"Box": Box}
    exec("def typed_in(b: Box) -> None:\n    pass\n", names)
    said = message(kernel("mm/x.c:x", "1.0")(names["typed_in"]))
    assert "the source of typed_in cannot be read: " in said
    assert said.endswith("; put the model in a file")


def test_an_annotation_that_is_not_known() -> None:
    @kernel("mm/x.c:x", "1.0")
    def misspells(b: Bocks) -> None:  # type: ignore[name-defined]  # noqa: F821
        pass

    said = message(misspells)
    assert "an annotation of misspells is not known: name 'Bocks' is not defined" in said
    assert said.endswith("; import the type where the function is defined")


@kernel("mm/x.c:x", "1.0")
def hopeless(b: Box) -> bool:
    refused.take(b)
    unmodelled("nobody knows")
    return True


@kernel("mm/x.c:x", "1.0")
def assigns_it(b: Box) -> None:
    if b.flag:
        x = hopeless(b)
        if x:
            refused.take(b)


@kernel("mm/x.c:x", "1.0")
def returns_it(b: Box) -> bool:
    if b.flag:
        return hopeless(b)
    return False


@kernel("mm/x.c:x", "1.0")
def asks_it(b: Box) -> None:
    if b.flag and hopeless(b):
        refused.take(b)


@pytest.mark.parametrize("use", [assigns_it, returns_it, asks_it], ids=lambda f: f.name)
def test_a_value_that_is_never_returned_is_no_crash(use: ModelFunction[..., Any]) -> None:
    """A call that never comes back ends what follows it, wherever its value goes."""
    ctx = Context(refused.world())
    box = ctx.world.all(Box)[0]
    (thread,) = compose.threads(ctx, [Invocation(box, use, (box,))])
    kinds = [e.op.kind for e in thread.edges]
    assert Kind.UNMODELLED in kinds
    assert kinds.count(Kind.RMW) == 1, "the step before it, and nothing after it"


@kernel("mm/x.c:x", "1.0")
def stores_by_itself(b: Box) -> None:
    if b.n == 0:
        b.n = 2
        b.row[1] = True
        b.next = b


def test_a_bare_store_is_a_step() -> None:
    """Of a field, an element and a reference, with the access that the ordering pass asks for."""
    ctx = Context(refused.world())
    box = ctx.world.all(Box)[0]
    (thread,) = compose.threads(ctx, [Invocation(box, stores_by_itself, (box,))])
    stores = [e.op for e in thread.edges if e.op.kind is Kind.STORE]
    shown = ["Box.n[first]", "Box.row[first,1]", "Box.next[first]"]
    assert [str(op.access and op.access.place) for op in stores] == shown
    assert [str(op.updates[0].value) for op in stores] == ["2", "true", "first"]


def test_misspelt_names_list_the_near_ones() -> None:
    with pytest.raises(ModelError, match="Box has no field 'lable'; did you mean label"):
        refused.world().new(Box, "third", lable=3)


def test_constants_are_constant_in_plain_python_too() -> None:
    box = refused.world().all(Box)[0]
    with pytest.raises(ModelError, match=r"Box.label is constant: .*; declare it without const"):
        box.label = 3

# SPDX-License-Identifier: GPL-2.0-only
"""What the front end refuses: where, what, why, and what to write instead, in one line."""

from __future__ import annotations

import functools
import inspect
from typing import Any

import pytest

from model.lang import World, compose, kernel, pure, static, step, unmodelled, wait_until
from model.lang.compose import Invocation
from model.lang.declare import ModelFunction
from model.lang.errors import ModelError, shown_path
from model.lang.frontend.source import Context
from model.lang.frontend.steps import compile_step
from model.lang.ir import Kind
from model.lang.traits import Trait

from . import refused, refused_calls, refused_steps
from .refused import CASES, Box, Case

assert refused_calls.CASES is refused_steps.CASES is CASES  # importing them adds theirs


def compiled(world: World, fn: ModelFunction[..., Any]) -> None:
    """Compile a routine, a step or a rule of one box."""
    ctx, box = Context(world, "x86"), world.all(Box)[0]
    if fn.kind == "routine":
        compose.threads(ctx, [Invocation(box, fn, (box,))])
    elif Trait.RULE in fn.traits:
        compose.rules(ctx, [fn])
    else:
        compile_step(ctx, fn, [box])


def marked(fn: ModelFunction[..., Any]) -> str:
    """``file:line:col`` of the mark in a function."""
    at = fn.fn
    lines, start = inspect.getsourcelines(at)
    file = shown_path(inspect.getsourcefile(at) or "?")
    for number, line in enumerate(lines, start):
        code, mark, text = line.rstrip().replace("# calls: ", "# here: ").partition("# here: ")
        if mark:
            return f"{file}:{number}:{max(code.find(text), 0)}"
    raise AssertionError(f"{fn.name} has no mark")


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.function.name)
def test_refusal(case: Case) -> None:
    assert isinstance(case.function, ModelFunction)
    with pytest.raises(ModelError) as error:
        compiled(refused.world(), case.function)
    called = "# calls: " in inspect.getsource(case.function.fn)
    where = marked(refused.reads_memory if called else case.function)
    by = f"; called by {case.function.name} at {marked(case.function)}" if called else ""
    assert str(error.value) == f"{where}: {case.message}{by}"


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


def test_a_function_that_is_no_python() -> None:
    cached = kernel("mm/x.c:x", "1.0")(functools.lru_cache(refused.read_n.fn))
    with pytest.raises(ModelError, match="the source of read_n cannot be read"):
        compiled(refused.world(), cached)


def test_an_annotation_that_is_not_known() -> None:
    @kernel("mm/x.c:x", "1.0")
    def misspells(b: Bocks) -> None:  # type: ignore[name-defined]  # noqa: F821
        pass

    said = message(misspells)
    assert "an annotation of misspells is not known: name 'Bocks' is not defined" in said
    assert said.endswith("; import the type where the function is defined")


def test_an_annotation_of_a_local_that_is_not_known() -> None:
    """A misspelt one would be passed over in silence, and the local have any sort."""

    @kernel("mm/x.c:x", "1.0")
    def misspells(b: Box) -> None:
        n: Bocks = refused.read_n(b)  # type: ignore[name-defined]  # noqa: F821
        refused.take(n)

    assert "'Bocks' fails: NameError: name 'Bocks' is not defined" in message(misspells)


# -- calls of calls --------------------------------------------------------------------------------


@kernel("mm/x.c:outer", "1.0")
def outer(b: Box) -> None:
    refused.pure_read(b)


def test_the_calls_that_lead_to_an_error() -> None:
    """The place is in what is called; whose text is to be mended is among those that call."""
    here = inspect.getsourcelines(outer.fn)[1] + 2
    said = message(outer)
    assert said.startswith(marked(refused.reads_memory))
    assert said.endswith(f"; called by pure_read at {marked(refused.pure_read)}, by outer at "
                         f"tests/model/lang/test_refused.py:{here}:4")  # fmt: skip


def another(name: str) -> ModelFunction[..., Any]:
    @kernel("mm/x.c:x", "1.0")
    def takes(b: Box) -> None:
        refused.take(b)

    takes.name = name
    return takes


inner = another("wraps")


@kernel("mm/x.c:x", "2.0")
def wraps(b: Box) -> None:
    inner(b)
    inner(b)


def test_a_function_that_calls_another_of_its_name() -> None:
    """Recursion is of functions, not of names: a version may call the one that it replaces."""
    ctx = Context(refused.world(), "x86")
    box = ctx.world.all(Box)[0]
    (thread,) = compose.threads(ctx, [Invocation(box, wraps, (box,))])
    assert [e.op.kind for e in thread.edges].count(Kind.RMW) == 2


@pure
def pure_recursion(n: int) -> int:
    return pure_recursion(n) + 1


@kernel("mm/x.c:x", "1.0")
def recurses_by_another(b: Box) -> None:
    recurses_in_turn(b)


@kernel("mm/x.c:x", "1.0")
def recurses_in_turn(b: Box) -> None:
    recurses_by_another(b)


@kernel("mm/x.c:x", "1.0")
def recurses_purely(b: Box) -> None:
    n = pure_recursion(1)
    if n:
        refused.take(b)


@pytest.mark.parametrize("fn", [recurses_by_another, recurses_purely], ids=lambda f: f.name)
def test_recursion(fn: ModelFunction[..., Any]) -> None:
    assert " calls itself: recursion has no finite graph; write a loop; called by " in message(fn)
    good = another("good")  # what was refused leaves nothing behind
    ctx = Context(refused.world(), "x86")
    box = ctx.world.all(Box)[0]
    for one in (fn, good):
        if one is fn:
            with pytest.raises(ModelError):
                compose.threads(ctx, [Invocation(box, one, (box,))])
        else:
            compose.threads(ctx, [Invocation(box, one, (box,))])
    assert not ctx.active


@static
def table_of(names: tuple[str, ...]) -> str:
    return names[3]


@kernel("mm/x.c:x", "1.0")
def fails_when_compiled(b: Box) -> None:
    if table_of(("a", "b")) == "a":
        refused.take(b)


@kernel("mm/x.c:x", "1.0")
def divides_by_nothing(b: Box) -> None:
    if 3 // 0 == 1:
        refused.take(b)


def test_what_fails_while_it_is_compiled() -> None:
    said = message(fails_when_compiled)
    assert said.startswith("tests/model/lang/test_refused.py:")
    assert "'table_of(('a', 'b'))' fails: IndexError: tuple index out of range" in said
    assert "'3 // 0' fails: ZeroDivisionError" in message(divides_by_nothing)


# -- what never comes back -------------------------------------------------------------------------


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
    ctx = Context(refused.world(), "x86")
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
    ctx = Context(refused.world(), "x86")
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


@pure
def waits_in_vain(n: int) -> int:
    wait_until(n == 2)
    return n


@kernel("mm/x.c:x", "1.0")
def asks_a_pure_that_waits(b: Box) -> None:
    n = refused.read_n(b)
    m = waits_in_vain(n)  # noqa: F841


@kernel("mm/x.c:x", "1.0")
def stores_where_a_pure_waits(b: Box) -> None:
    n = refused.read_n(b)
    b.row[waits_in_vain(n)] = True


@pytest.mark.parametrize(
    ("fn", "said"),
    [
        (asks_a_pure_that_waits, "waits_in_vain waits"),
        (stores_where_a_pure_waits, "waits or writes on the way to where it is"),
    ],
    ids=lambda x: getattr(x, "name", ""),
)
def test_a_wait_outside_of_a_step(fn: ModelFunction[..., Any], said: str) -> None:
    """Nobody would wait."""
    with pytest.raises(ModelError, match=said):
        compiled(refused.world(), fn)

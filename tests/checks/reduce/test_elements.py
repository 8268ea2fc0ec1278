# SPDX-License-Identifier: GPL-2.0-only
"""Which elements a computed index may name, and what that is worth to merging."""

from __future__ import annotations

import pytest

from checks.engine.codegen.code_cache import CodeCache
from checks.engine.codegen.layout import Layout
from checks.engine.reference import Explorer
from checks.engine.search import Limits, Search
from checks.reduce.elements import Elements, held, written_by
from checks.reduce.liveness import live_locals
from checks.reduce.reducer import Group, Reducer
from checks.reduce.usage import Part
from model.lang import expr as ex
from model.lang.expr import Cell, Expr
from model.lang.ir import Call, Check, Edge, Kind, Op, Storage, System, Thread, Update, Variable
from model.lang.sorts import BOOL, Int, Ref

BOX = Ref("Box", ("B1", "B2", "B3"), nullable=True)
NONE, B1, B2, B3 = (ex.const(n, BOX) for n in range(4))
PICKED = ex.local("picked", BOX)
WHICH = ex.local("which", Int(0, 2))
HEAD = ex.cell("Head.box", (), BOX)
FULL = Variable("Box.full", (Ref("Box", BOX.objects),), BOOL, Storage.MEMORY)
VARIABLES = (FULL, Variable("Head.box", (), BOX, Storage.MEMORY))


def full(index: Expr) -> Cell:
    return ex.cell("Box.full", (index,), BOOL)


def thread(name: str, *ops: Op) -> Thread:
    edges = tuple(Edge(n, n + 1, op, call=Call("step"), number=n) for n, op in enumerate(ops))
    return Thread(name, name, (PICKED, WHICH), edges, 0, len(ops), len(ops) + 1)


def gives(place: Expr, value: Expr) -> Op:
    assert isinstance(place, ex.Cell | ex.Local)
    return Op(Kind.RMW, updates=(Update(place, value),))


def regions(numbers: set[int]) -> set[tuple[str, tuple[int, ...]]]:
    return {("Box.full", (n,)) for n in numbers}


def test_a_local_is_what_it_is_given_anywhere() -> None:
    picks = Part(thread("picks", gives(PICKED, B1), gives(PICKED, B3)), 0)
    assert set(Elements(picks, {}).of(full(PICKED))) == regions({1, 3})


def test_through_a_table_and_a_choice() -> None:
    looked_up = ex.table((2, 3, 1), (WHICH,), BOX)
    chosen = ex.ite(full(B1), looked_up, PICKED)
    picks = Part(thread("picks", gives(WHICH, ex.number(1)), gives(PICKED, chosen)), 0)
    assert set(Elements(picks, {}).of(full(PICKED))) == regions({2, 3}), "which is 0 or 1"


def test_what_nothing_is_known_of_may_be_any() -> None:
    reads = Part(thread("reads", gives(PICKED, HEAD)), 0)
    assert set(Elements(reads, {}).of(full(PICKED))) == regions({1, 2, 3})


def test_a_pointer_is_what_it_was_and_what_is_written_to_it() -> None:
    reads, writes = Part(thread("reads", gives(PICKED, HEAD)), 0), Part(
        thread("writes", gives(HEAD, B2)), 1
    )  # fmt: skip
    pointers = held([written_by(reads), written_by(writes)], [{HEAD: 0}, {HEAD: 1}])
    assert pointers[HEAD] == {0, 1, 2}
    assert set(Elements(reads, pointers).of(full(PICKED))) == regions({1, 2})


SEEN = Check("not full", ex.not_(full(B2)))


def searched(index: Expr) -> tuple[Search, int]:
    """One thread fills a box for a while, `HEAD` says which; another looks into the second."""
    fills = thread(
        "fills", gives(PICKED, index), gives(full(PICKED), ex.TRUE), gives(full(PICKED), ex.FALSE)
    )
    looks = thread("looks", Op(Kind.ASSERT, checks=(SEEN,)))
    threads = (fills, looks)
    initial: dict[Expr, int] = {HEAD: 1, **{full(b): 0 for b in (B1, B2, B3)}}
    family = Group([[t] for t in threads], (), (), (), [initial])
    reduced = Reducer(VARIABLES).reduce(family)
    layout = Layout(VARIABLES, reduced.regions.whole, 2)
    system = reduced.of(System("two", VARIABLES, threads))
    search = Explorer(system, CodeCache(layout, live_locals)).run(initial, Limits())
    return search, system.threads[0].locations


OTHER = ex.ite(full(B3), B3, B1)
SAME = ex.ite(full(B3), B3, B2)


@pytest.mark.parametrize(
    ("index", "locations", "fails"), [(OTHER, 2, set()), (SAME, 3, {"not full"})]
)
def test_steps_that_mean_other_elements_are_merged(
    index: Expr, locations: int, fails: set[str]
) -> None:
    search, found = searched(index)
    assert (found, set(search.violations)) == (locations, fails)

# SPDX-License-Identifier: GPL-2.0-only
"""Which fields of records nobody ever sets, and what that makes of a branch on one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from checks.memory_order.ordering import Reader
from checks.play.cache import Verdicts
from checks.play.play import Play
from checks.reduce.unset import unset_fields, without
from checks.target.target import by_name
from model.hw.objects import Pte
from model.lang import expr as ex
from model.lang.expr import Cell, Expr, Local
from model.lang.ir import Edge, Kind, Op, Thread, Update
from model.lang.sorts import BOOL, Int, Rec

NUMBER = Int(0, 3)
ENTRY = Rec("Entry", (("frame", NUMBER), ("none", BOOL), ("write", BOOL)))
PAIR = Rec("Pair", (("entry", ENTRY), ("open", BOOL)))
PTE = ex.cell("pte", (), ENTRY)
OLD, T = ex.local("f.old", ENTRY), ex.local("f.t", BOOL)
ONE = ex.number(1)
NONE, WRITE, OPEN = (ENTRY, "none"), (ENTRY, "write"), (PAIR, "open")


def entry(none: Expr, write: Expr) -> Expr:
    return ex.record(ENTRY, (ex.get(OLD, "frame"), none, write))


def storing(value: Expr, place: Cell | Local = PTE) -> Op:
    return Op(Kind.STORE, updates=(Update(place, value),))


CLEAR = entry(ex.FALSE, ex.FALSE)
KEEP = entry(ex.get(OLD, "none"), ex.FALSE)


@pytest.mark.parametrize(
    ("ops", "first", "unset"),
    [
        ([storing(CLEAR)], 0, {NONE, WRITE}),
        ([storing(KEEP)], 0, {NONE, WRITE}),  # copies what nobody has
        ([storing(ex.put(OLD, "none", ex.TRUE))], 0, {WRITE}),
        ([storing(ex.put(OLD, "none", T))], 0, {WRITE}),  # nobody knows
        ([storing(entry(ex.get(OLD, "write"), ex.FALSE))], 0, {WRITE}),  # another field of it
        ([storing(ex.ite(T, CLEAR, ex.put(OLD, "write", ex.TRUE)))], 0, {NONE}),
        ([storing(ex.const(0b100, ENTRY), OLD)], 0, {WRITE}),  # the lower of the two is `none`
        ([storing(CLEAR)], 0b1000, {NONE}),  # it begins so
        ([storing(ex.table((0, 0b100), (ex.local("f.n", Int(0, 1)),), ENTRY))], 0, set()),
    ],
)
def test_which_fields_nobody_sets(ops: list[Op], first: int, unset: set[tuple[Rec, str]]) -> None:
    assert unset_fields(ops, [{PTE: first}]) == unset


def test_a_record_in_a_record() -> None:
    place = ex.cell("pair", (), PAIR)
    shut = ex.record(PAIR, (OLD, ex.FALSE))
    assert unset_fields([storing(shut, place)], [{place: 0}]) == {NONE, WRITE, OPEN}
    (shift, _), inner = PAIR.field("entry"), ENTRY.field("none")[0]
    assert unset_fields([], [{place: 1 << shift + inner}]) == {WRITE, OPEN}


def test_a_branch_on_one_is_none() -> None:
    asks = Op(Kind.ASSUME, ex.and_(ex.get(OLD, "none"), T))
    tells = storing(ex.not_(ex.get(PTE, "none")), T)
    thread = Thread("cpu0", "f", (OLD, T), (Edge(0, 1, asks), Edge(1, 2, tells)), 0, 2, 3)
    first, second = without(thread, frozenset({NONE})).edges
    assert first.op.guard is ex.FALSE
    assert second.op.updates == (Update(T, ex.TRUE),)
    assert without(thread, frozenset({WRITE})).edges == thread.edges


def test_every_state_that_a_scenario_may_begin_in_counts() -> None:
    """The answer is kept for all scenarios of the same routines."""
    subject = by_name("uffd_move_batching", "per_page")
    casts, role = subject.family.casts, subject.selected.role
    name = "move+gup_fast/1p/ptl=different/init=all_at_src"
    cast = casts.named(name, role.variant.neighbours_from)
    assert cast is not None

    def clears(initial: tuple[object, ...]) -> bool:
        mine = replace(casts, initial=initial)  # type: ignore[arg-type]
        reader = Reader(Verdicts(use=False), mine)
        (answer,) = reader.answers([Play(cast, role, "arm64")])
        return any(p.first.call == "ptep_get_and_clear" for p in answer.pairs)

    def hinted(setup: object) -> None:
        for pte in setup.world.all(Pte):  # type: ignore[attr-defined]
            pte.val = replace(pte.val, protnone=True)

    assert not clears(casts.initial)
    assert clears((*casts.initial, replace(casts.initial[0], name="hinted", set_up=hinted)))

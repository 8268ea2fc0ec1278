# SPDX-License-Identifier: GPL-2.0-only
"""Facts that a guard tells of a cell that others write last for the instant of its step."""

from __future__ import annotations

import pytest

from model.lang import expr as ex
from model.lang.ir import Check, Kind, Op, Rule, StateCheck, Update, Variable
from model.lang.sorts import Int, Ref

from .small import Small, agree, look, put, thread, wait

SLOT, NUMBER = Ref("Slot", ("a", "b")), Int(0, 2)
AT, N = ex.cell("Box.at", (), SLOT), ex.cell("Box.n", (), NUMBER)
VARIABLES = (
    Variable("Row.n", (SLOT,), NUMBER),
    Variable("Box.at", (), SLOT),
    Variable("Box.n", (), NUMBER),
)
I = ex.local("f.i", SLOT)  # noqa: E741
A, B = (ex.const(n, SLOT) for n in (1, 2))


def row(at: ex.Expr) -> ex.Cell:
    return ex.cell("Row.n", (at,), NUMBER)


def number(value: int) -> ex.Expr:
    return ex.const(value, NUMBER)


INITIAL: dict[ex.Expr, int] = {row(A): 0, row(B): 0, AT: 1, N: 0}


def test_a_wait_by_a_pointer_tells_nothing_of_the_element_a_step_later() -> None:
    waits = thread("T0", put(I, A), wait(ex.eq(row(I), number(0))),
                   look("still", ex.eq(row(A), number(0))))  # fmt: skip
    writes = thread("T1", put(row(A), number(1)))
    assert agree(Small(VARIABLES, (waits, writes), INITIAL)) == {"still", "no_deadlock"}


def test_conditions_by_a_computed_index_are_judged() -> None:
    """Of a state, and of a step, where everybody else names elements by constants."""
    writes = thread("T0", put(row(A), number(1)), put(AT, B))
    state = StateCheck("what it points to", ex.eq(row(AT), number(0)))
    assert agree(Small(VARIABLES, (writes,), INITIAL, checks=(state,))) == {"what it points to"}
    looks = thread("T1", look("what it points to", ex.eq(row(AT), number(0))))
    assert agree(Small(VARIABLES, (writes, looks), INITIAL)) == {"what it points to"}


def test_a_lock_word_by_a_computed_index_is_judged() -> None:
    """The holder of a field's lock is named by a pointer that only the discipline follows."""
    writes = thread("T0", (put(N, number(1)), frozenset()))
    other = thread("T1", (put(N, number(2)), frozenset()), put(row(A), number(1)))
    small = Small(VARIABLES, (writes, other), INITIAL, locked=frozenset({"Box.n"}), word=row(AT))
    assert small.search().states > 0


def test_an_operation_that_asks_for_two_values_at_once_is_none() -> None:
    both = ex.and_(ex.eq(N, number(1)), ex.eq(N, number(2)))
    never = thread("T0", wait(both), look("never", ex.FALSE))
    system = Small(VARIABLES, (never, thread("T1", put(N, number(1)))), INITIAL)
    assert agree(system) == {"no_deadlock"}


# -- rules -----------------------------------------------------------------------------------------

STUCK = thread("T0", wait(ex.eq(N, number(2))))
MORE = ex.narrow(ex.add(row(A), ex.number(1)), NUMBER)
AROUND = ex.ite(ex.lt(row(A), number(2)), MORE, number(0))


@pytest.mark.parametrize("hardware", [True, False])
def test_a_rule_of_hardware_is_no_progress(hardware: bool) -> None:
    """Somebody waits for ever, while a rule goes on; nobody looks at what it does."""
    rule = Rule("goes on", Op(Kind.PRIMITIVE, updates=(Update(row(A), AROUND),)), hardware)
    found = agree(Small(VARIABLES, (STUCK,), INITIAL, (rule,)))
    assert found == ({"no_deadlock"} if hardware else frozenset())


def test_a_rule_that_changes_nothing_is_no_progress() -> None:
    rule = Rule("stays", Op(Kind.PRIMITIVE, updates=(Update(row(A), row(B)),)))
    assert agree(Small(VARIABLES, (STUCK,), INITIAL, (rule,))) == {"no_deadlock"}


def test_a_rule_that_comes_to_an_end_is_no_progress_then() -> None:
    grows = Op(Kind.PRIMITIVE, ex.lt(row(A), number(2)), (Update(row(A), AROUND),))
    assert agree(Small(VARIABLES, (STUCK,), INITIAL, (Rule("grows", grows),))) == {"no_deadlock"}


def test_a_rule_is_judged() -> None:
    checked = Op(Kind.PRIMITIVE, ex.lt(N, number(1)), (Update(N, number(1)),),
                 (Check("never", ex.eq(row(B), number(1))),))  # fmt: skip
    assert "never" in agree(Small(VARIABLES, (STUCK,), INITIAL, (Rule("checks", checked),)))

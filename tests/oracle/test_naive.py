# SPDX-License-Identifier: GPL-2.0-only
"""The naive explorer on systems whose states can be counted by hand."""

from __future__ import annotations

import ast
from dataclasses import replace
from pathlib import Path

import pytest

from model.lang import expr as ex
from model.lang.expr import Expr
from model.lang.ir import (
    NULL_POINTER,
    Check,
    Edge,
    Kind,
    Op,
    Rule,
    State,
    StateCheck,
    System,
    Thread,
    Update,
    Variable,
)  # fmt: skip
from model.lang.sorts import BOOL, Int, Ref

from . import evaluator, naive
from .evaluator import MeaninglessError
from .naive import DEADLOCK, Naive

COUNT = Int(0, 3)
A, B = (ex.cell(name, (), COUNT) for name in ("a", "b"))
FLAG = ex.cell("flag", (), BOOL)
ROW = [ex.cell("row", (ex.number(n),), COUNT) for n in range(2)]
VARIABLES = (
    Variable("a", (), COUNT), Variable("b", (), COUNT), Variable("flag", (), BOOL),
    Variable("row", (Int(0, 1),), COUNT),
)  # fmt: skip
INITIAL: State = {A: 0, B: 0, FLAG: 0, ROW[0]: 0, ROW[1]: 0}


def put(place: ex.Cell | ex.Local, value: Expr | int) -> Op:
    value = ex.number(value) if isinstance(value, int) else value
    return Op(Kind.STORE, updates=(Update(place, value),))


def wait(cond: Expr) -> Op:
    return Op(Kind.LOAD, cond)


def check(name: str, cond: Expr) -> Op:
    return Op(Kind.ASSERT, checks=(Check(name, cond),))


def line(*ops: Op, own: tuple[ex.Local, ...] = ()) -> Thread:
    """A thread of these operations in a row."""
    edges = tuple(Edge(n, n + 1, op, number=n) for n, op in enumerate(ops))
    return Thread("t", "f", own, edges, 0, len(ops), len(ops) + 1)


def system(
    *threads: Thread, rules: tuple[Rule, ...] = (), checks: tuple[StateCheck, ...] = (),
    finals: tuple[StateCheck, ...] = (),
) -> Naive:  # fmt: skip
    return Naive(System("s", VARIABLES, threads, rules, checks, finals), INITIAL)


def explored(explorer: Naive) -> tuple[int, set[str], set[tuple[int, int]]]:
    found = explorer.explore()
    assert found is not None
    return found.states, set(found.violated), set(found.steps)


def is_(place: Expr, value: int) -> Expr:
    return ex.eq(place, ex.number(value))


def test_two_threads_that_have_nothing_in_common() -> None:
    """Three places each."""
    one, other = line(put(A, 1), put(A, 2)), line(put(B, 1), put(B, 2))
    assert explored(system(one, other)) == (9, set(), {(0, 0), (0, 1), (1, 0), (1, 1)})


def test_the_last_store_wins() -> None:
    """Both write a: start; one of them; both, with either value; finals see both."""
    finals = (StateCheck("one", is_(A, 1)), StateCheck("two", is_(A, 2)))
    found = explored(system(line(put(A, 1)), line(put(A, 2)), finals=finals))
    assert found == (5, {"one", "two"}, {(0, 0), (1, 0)})


def test_a_read_and_a_write_of_two_threads_lose_an_update() -> None:
    own = ex.local("x", COUNT)
    ops = (put(own, A), put(A, ex.narrow(ex.add(own, ex.number(1)), COUNT)))
    both = [line(*ops, own=(own,)) for _ in range(2)]
    finals = (StateCheck("counted", is_(A, 2)),)
    # (0,0): 1; (1,0),(0,1): 2; (1,1): 1; (2,0),(0,2): 2; (2,1),(1,2): with x read before or after
    # the other wrote: 4; (2,2): x of each 0 or 1, not both 1: 3.
    assert explored(system(*both, finals=finals))[:2] == (13, {"counted"})


def test_who_waits_for_ever_is_in_a_deadlock() -> None:
    found = explored(system(line(put(A, 1)), line(wait(is_(B, 1)), put(B, 2))))
    assert found == (2, {DEADLOCK}, {(0, 0)})


def test_who_is_let_go_on_is_not() -> None:
    found = explored(system(line(put(B, 1)), line(wait(is_(B, 1)))))
    assert found == (3, set(), {(0, 0), (1, 0)})


def test_locks_in_two_orders() -> None:
    """Of 25 pairs of places, in the same order 9 are excluded, in which both would hold A.

    In opposite orders 5 are, and (3, 3) is not reached: it lies behind excluded ones alone.
    """

    def take(lock: ex.Cell, who: int) -> Op:
        return Op(Kind.RMW, is_(lock, 0), (Update(lock, ex.number(who)),))

    one = line(take(A, 1), take(B, 1), put(B, 0), put(A, 0))
    other = line(take(B, 2), take(A, 2), put(A, 0), put(B, 0))
    same = line(take(A, 2), take(B, 2), put(B, 0), put(A, 0))
    assert explored(system(one, other))[:2] == (25 - 5 - 1, {DEADLOCK})
    assert explored(system(one, same))[:2] == (25 - 9, set())


def test_a_check_fails_in_the_state_before_the_step() -> None:
    op = Op(Kind.STORE, updates=(Update(A, ex.number(1)),), checks=(Check("c", is_(A, 1)),))
    assert explored(system(line(op))) == (2, {"c"}, {(0, 0)})


@pytest.mark.parametrize("name", [NULL_POINTER, "model:range"])
def test_nothing_comes_after_a_check_that_halts(name: str) -> None:
    """Nor is what stands behind it looked at; who halts is no deadlock."""
    op = Op(Kind.ASSERT, checks=(Check(name, ex.FALSE), Check("behind", ex.FALSE)))
    explorer = system(line(op, put(A, 1)))
    assert explored(explorer) == (1, {name}, set())
    found = explorer.explore()
    assert found is not None
    assert found.halted == {name}


def test_a_check_before_one_that_halts_counts() -> None:
    op = Op(Kind.ASSERT, checks=(Check("before", ex.FALSE), Check("model:x", ex.FALSE)))
    assert explored(system(line(op))) == (1, {"before", "model:x"}, set())


def test_others_go_on_beside_who_halted() -> None:
    halts = line(check("model:x", ex.FALSE))
    found = explored(system(halts, line(put(A, 1))))
    assert found == (2, {"model:x"}, {(1, 0)})


def test_states_are_judged() -> None:
    """Also those that are passed through."""
    checks = (
        StateCheck("never one", ex.not_(is_(A, 1))),
        StateCheck("never 3", ex.not_(is_(A, 3))),
    )
    assert explored(system(line(put(A, 1), put(A, 2)), checks=checks))[1] == {"never one"}


def test_all_updates_are_made_at_once() -> None:
    swap = Op(Kind.RMW, updates=(Update(A, B), Update(B, A)))
    finals = (StateCheck("swapped", ex.and_(is_(A, 0), is_(B, 1))),)
    assert explored(system(line(put(A, 1), swap), finals=finals))[1] == set()


def test_an_index_is_that_of_before_the_step() -> None:
    element = ex.cell("row", (ex.narrow(A, Int(0, 1)),), COUNT)
    op = Op(Kind.RMW, updates=(Update(A, ex.number(1)), Update(element, ex.number(3))))
    finals = (StateCheck("the first", ex.and_(is_(ROW[0], 3), is_(ROW[1], 0))),)
    assert explored(system(line(op), finals=finals))[:2] == (2, set())


def test_a_choice_is_free_and_a_branch_is_not() -> None:
    edges = (
        Edge(0, 1, Op(Kind.CHOICE)), Edge(0, 2, Op(Kind.CHOICE)),
        Edge(1, 3, wait(is_(A, 0))), Edge(1, 4, wait(is_(A, 1))), Edge(2, 4, put(A, 2)),
    )  # fmt: skip
    found = explored(system(Thread("t", "f", (), edges, 0, 4, 5)))
    assert found == (5, {DEADLOCK}, {(0, 0), (0, 1), (0, 2), (0, 4)})


def test_a_loop_is_no_deadlock() -> None:
    edges = (Edge(0, 0, Op(Kind.LET)), Edge(0, 1, wait(is_(A, 1))))
    found = explored(system(Thread("t", "f", (), edges, 0, 1, 2)))
    assert found == (1, set(), {(0, 0)})


class TestRules:
    """Software rules that change something are progress; nothing else that rules do is."""

    WAITS = line(wait(is_(B, 1)))

    def rule(self, guard: Expr, update: Update, *, hardware: bool) -> Rule:
        return Rule("r", Op(Kind.PRIMITIVE, guard, (update,)), hardware)

    def test_hardware_lets_a_thread_go_on(self) -> None:
        """Before it did, nobody could: hardware need not do anything."""
        rule = self.rule(ex.TRUE, Update(B, ex.number(1)), hardware=True)
        assert explored(system(self.WAITS, rules=(rule,))) == (3, {DEADLOCK}, {(1, 0), (0, 0)})

    def test_software_lets_a_thread_go_on(self) -> None:
        rule = self.rule(ex.TRUE, Update(B, ex.number(1)), hardware=False)
        assert explored(system(self.WAITS, rules=(rule,))) == (3, set(), {(1, 0), (0, 0)})

    def test_software_that_changes_nothing_is_no_progress(self) -> None:
        rule = self.rule(ex.TRUE, Update(A, A), hardware=False)
        assert explored(system(self.WAITS, rules=(rule,))) == (1, {DEADLOCK}, {(1, 0)})

    def test_software_does_not_make_hardware_progress(self) -> None:
        """Hardware turns a flag for ever, and software has done all that it can."""
        turns = self.rule(ex.TRUE, Update(FLAG, ex.not_(FLAG)), hardware=True)
        done = self.rule(is_(A, 0), Update(A, ex.number(1)), hardware=False)
        assert explored(system(self.WAITS, rules=(turns, done)))[:2] == (4, {DEADLOCK})

    def test_finals_wait_for_software(self) -> None:
        rule = self.rule(is_(A, 1), Update(A, ex.number(2)), hardware=False)
        finals = (StateCheck("settled", is_(A, 2)),)
        assert explored(system(line(put(A, 1)), rules=(rule,), finals=finals))[:2] == (3, set())

    def test_finals_do_not_wait_for_hardware(self) -> None:
        rule = self.rule(is_(A, 1), Update(A, ex.number(2)), hardware=True)
        finals = (StateCheck("settled", is_(A, 2)),)
        found = explored(system(line(put(A, 1)), rules=(rule,), finals=finals))
        assert found[:2] == (3, {"settled"})

    def test_a_rule_that_halts(self) -> None:
        op = Op(Kind.PRIMITIVE, ex.TRUE, checks=(Check("model:x", ex.FALSE),))
        found = explored(system(self.WAITS, rules=(Rule("r", op, False),)))
        assert found == (1, {"model:x"}, set())


def test_a_system_that_is_too_large_is_given_up() -> None:
    explorer = system(line(put(A, 1), put(A, 2)), line(put(B, 1), put(B, 2)))
    assert explorer.explore(8) is None
    assert explorer.explore(9) is not None


def test_a_value_that_does_not_fit_has_no_meaning() -> None:
    grows = line(put(A, 3), put(A, ex.add(A, ex.number(1))))
    with pytest.raises(MeaninglessError, match="4 is given to what holds 0 to 3"):
        system(grows).explore()


class TestSteps:
    """Steps one after the other, as a trace has them."""

    EXPLORER = system(
        line(put(A, 1), check("c", is_(A, 1))), line(wait(is_(A, 1)), put(A, 2)),
        checks=(StateCheck("small", ex.not_(is_(A, 2))),),
    )  # fmt: skip

    def test_what_fails_on_the_way_and_at_the_end(self) -> None:
        s, failing = self.EXPLORER.start, set[str]()
        for step in ((0, 0), (1, 0), (1, 1)):
            s, failing = self.EXPLORER.after(s, step)
            assert failing == set()
        assert self.EXPLORER.value(s, A) == 2
        assert self.EXPLORER.look(s).failing == {"small", "c"}
        assert self.EXPLORER.after(s, (0, 1))[1] == {"c"}

    @pytest.mark.parametrize("step", [(1, 0), (1, 1), (0, 1)])
    def test_a_step_that_cannot_be_taken(self, step: tuple[int, int]) -> None:
        """A step whose guard fails, or whose thread is somewhere else, is refused."""
        with pytest.raises(MeaninglessError, match="cannot be taken here"):
            self.EXPLORER.after(self.EXPLORER.start, step)

    def test_a_step_that_halts_changes_nothing(self) -> None:
        explorer = system(line(check("model:x", ex.FALSE)))
        assert explorer.after(explorer.start, (0, 0)) == (explorer.start, {"model:x"})


class TestFieldsOfNone:
    """An error, unless it is said that they are there; even then they keep what they hold."""

    WHERE = ex.local("where", Ref("Row", ("r0", "r1"), nullable=True))
    FIELD = ex.cell("field", (WHERE,), COUNT)
    KNOWN = System("s", (Variable("field", (Ref("Row", ("r0", "r1")),), COUNT),))

    def explorer(self, op: Op, *, lenient: bool) -> Naive:
        (rows,) = self.KNOWN.variables[0].dims
        start: State = {ex.cell("field", (ex.const(n, rows),), COUNT): 2 for n in (1, 2)}
        thread = line(op, own=(self.WHERE,))
        return Naive(replace(self.KNOWN, threads=(thread,)), start, lenient=lenient)

    def test_reading_one(self) -> None:
        op = wait(is_(self.FIELD, 0))
        with pytest.raises(MeaninglessError, match="field has no element"):
            self.explorer(op, lenient=False).explore()
        assert explored(self.explorer(op, lenient=True)) == (2, set(), {(0, 0)})

    def test_writing_one(self) -> None:
        with pytest.raises(MeaninglessError, match="field has no element"):
            self.explorer(put(self.FIELD, 0), lenient=False).explore()
        assert explored(self.explorer(put(self.FIELD, 0), lenient=True))[0] == 2
        with pytest.raises(MeaninglessError, match="changes a field of None"):
            self.explorer(put(self.FIELD, 1), lenient=True).explore()


@pytest.mark.parametrize("module", [naive, evaluator])
def test_nothing_of_checks_is_imported(module: object) -> None:
    """Nor the evaluator and simplifier of `model.lang`: nodes and sorts are all that is shared."""
    file = getattr(module, "__file__", None)
    assert file is not None
    imported = {
        f"{node.module}.{name.name}"
        for node in ast.walk(ast.parse(Path(file).read_text()))
        if isinstance(node, ast.ImportFrom) and node.level == 0 and node.module is not None
        for name in node.names
    }
    shared = {name for name in imported if name.startswith(("model.", "checks", "invariants"))}
    nodes = {f"model.lang.expr.{n}" for n in ("Apply", "Cell", "Const", "Expr", "Local")}
    assert {
        name for name in shared if not name.startswith(("model.lang.ir.", "model.lang.sorts."))
    } <= nodes
    assert not any(isinstance(n, ast.Import) and n.names[0].name.startswith(("checks", "model"))
                   for n in ast.walk(ast.parse(Path(file).read_text())))  # fmt: skip

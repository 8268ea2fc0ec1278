# SPDX-License-Identifier: GPL-2.0-only
"""Dead locals are reset, so that another local may have their bits."""

from __future__ import annotations

from checks.engine.codegen.code_cache import CodeCache
from checks.engine.codegen.layout import Layout
from checks.engine.reference import Explorer
from checks.reduce.liveness import live_locals, reset_dead
from model.lang import expr as ex
from model.lang.expr import Expr, Local
from model.lang.ir import Check, Edge, Kind, Op, System, Thread, Update
from model.lang.sorts import Int

DIGIT = Int(0, 7)
A, B, C = (ex.local(name, DIGIT) for name in "abc")
THREE, FIVE = ex.const(3, DIGIT), ex.const(5, DIGIT)


def line(*steps: Op) -> Thread:
    """A thread that carries out operations one after the other."""
    edges = tuple(Edge(n, n + 1, op) for n, op in enumerate(steps))
    return Thread("T0", "routine", (A, B, C), edges, 0, len(steps), len(steps) + 1)


def let(place: Local, value: Expr) -> Op:
    return Op(Kind.LET, updates=(Update(place, value),))


def test_a_local_copied_to_a_dead_one_is_dead() -> None:
    thread = line(let(A, FIVE), Op(Kind.LET), let(B, A), let(C, FIVE))
    assert live_locals(thread) == [frozenset()] * 5
    assert reset_dead(thread).locals == ()


def test_a_local_that_a_check_reads_is_alive_until_then() -> None:
    seen = Op(Kind.ASSERT, checks=(Check("five", ex.eq(A, FIVE)),))
    assert live_locals(line(let(A, FIVE), seen, Op(Kind.LET))) == [
        frozenset(), frozenset({A}), frozenset(), frozenset(),
    ]  # fmt: skip


LAST = Op(Kind.ASSERT, checks=(Check("five", ex.eq(C, FIVE)),))
SHARING = line(let(C, FIVE), let(A, THREE), let(B, A), LAST)
"""`a` is only copied to `b`, which nobody reads, while `c` waits to be checked."""


def test_resetting_does_not_change_what_is_alive() -> None:
    """Else bits that are shared by one reckoning are not free by the other."""
    assert live_locals(reset_dead(SHARING)) == live_locals(SHARING)


def test_locals_that_share_bits_do_not_disturb_each_other() -> None:
    thread = reset_dead(SHARING)
    press = CodeCache(Layout((), frozenset(), 1), live_locals)
    explorer = Explorer(System("line", (), (thread,)), press)
    search = explorer.run({})
    assert search.violations == {}
    assert search.states == 1 + len(SHARING.edges)

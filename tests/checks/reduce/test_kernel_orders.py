# SPDX-License-Identifier: GPL-2.0-only
"""Which accesses the kernel's locks and atomics keep in order, on every memory model."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from model.hw.orders import (
    CMPXCHG,
    DOWN_READ_TRYLOCK,
    DOWN_WRITE_TRYLOCK,
    FOLIO_LOCK,
    FOLIO_TRYLOCK,
    FOLIO_UNLOCK,
    SPIN_LOCK,
    SPIN_TRYLOCK,
    SPIN_UNLOCK,
    TRY_GET,
    UP,
)
from model.lang import expr as ex
from model.lang.ir import Access, Kind, Op, Update
from model.lang.order import MODELS, Ordered

from .litmus import GOT, MISSED, ONE, SB, ZERO, R, W, X, Y, Z, atomic, barrier, load, pairs, store


@pytest.mark.parametrize(
    ("orders", "full"),
    [
        (FOLIO_TRYLOCK, {"x86"}),
        (SPIN_TRYLOCK, {"s390"}),
        (DOWN_READ_TRYLOCK, set()),
        (DOWN_WRITE_TRYLOCK, {"x86", "s390"}),
        (TRY_GET, set()),
        (CMPXCHG, {"x86", "s390"}),
    ],
)
def test_where_one_that_fails_is_a_barrier(orders: Mapping[str, Ordered], full: set[str]) -> None:
    """Whoever looks before it tries is none; an instruction that is executed anyway may be one."""
    for family in MODELS:
        ordered, said = family in full, orders[family]
        tried = [store(X), atomic(Z, said.success, said.failure), MISSED, load(R, Y)]
        assert (pairs(tried, SB, family) == []) == ordered, family
        got = [store(X), atomic(Z, said.success, said.failure), GOT, load(R, Y)]
        assert (pairs(got, SB, family) == []) == (said.success == "full"), family


@pytest.mark.parametrize(
    ("orders", "full"),
    [(FOLIO_UNLOCK, {"x86", "s390"}), (UP, {"x86", "s390"}), (SPIN_UNLOCK, set())],
)
def test_which_unlock_is_a_barrier(orders: Mapping[str, Ordered], full: set[str]) -> None:
    for family in MODELS:
        ops = [store(X), store(Z, order=orders[family].success), load(R, Y)]
        assert (pairs(ops, SB, family) == []) == (family in full), family


@pytest.mark.parametrize(
    ("orders", "kept"),
    [(FOLIO_TRYLOCK, {"x86", "s390", "riscv"}), (DOWN_WRITE_TRYLOCK, {"x86", "s390"})],
)
def test_where_the_look_of_one_that_fails_is_kept(
    orders: Mapping[str, Ordered], kept: set[str]
) -> None:
    """An AMO that is .aq is so whatever it finds; a compare-and-swap that fails is a load, which
    x86 and s390 keep before a later one."""
    for family in MODELS:
        said = orders[family]
        tried = [atomic(Z, said.success, said.failure), MISSED, load(R, Y)]
        found = pairs(tried, [store(Y), barrier("mb"), store(Z)], family)
        assert (found == []) == (family in kept), family


def test_unlock_and_lock_of_another_one() -> None:
    """No barrier on riscv, where queued spinlocks are weaker than tickets; nor is a folio's."""
    for release, acquire in ((SPIN_UNLOCK, SPIN_LOCK), (FOLIO_UNLOCK, FOLIO_LOCK)):
        for family, ordered in (("arm64", True), ("riscv", False)):
            out = store(Z, order=release[family].success)
            into = Op(Kind.RMW, updates=(Update(W, ONE),), guard=ex.eq(W, ZERO),
                      access=Access(W, acquire[family].success))  # fmt: skip
            found = pairs([store(X), out, into, load(R, Y)], SB, family)
            assert (found == []) == ordered, family

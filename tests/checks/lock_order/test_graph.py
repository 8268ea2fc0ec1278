# SPDX-License-Identifier: GPL-2.0-only
"""Cycles of orders: who waits for whom."""

from __future__ import annotations

import pytest

from checks.lock_order.documented import AGAINST, said_of
from checks.lock_order.graph import cycles, tree
from checks.lock_order.observed import Lock, Order, Taken


def order(
    first: str, then: str, modes: tuple[str, str] = ("", ""), *, tried: bool = False
) -> Order:
    """An order of two locks, each written "kind.name" or just as its kind."""
    made = []
    for text, mode in zip((first, then), modes, strict=True):
        kind, _, name = text.partition(".")
        made.append(Taken(Lock(kind, name or kind), mode, "f", "f", 1, "lock", tried=False))
    last = made[1]
    if tried:
        last = Taken(last.lock, last.mode, "f", "f", 1, "trylock", tried=True)
    return Order(made[0], last)


@pytest.mark.parametrize(
    ("orders", "found"),
    [
        ([order("a", "b"), order("b", "c")], []),
        ([order("a", "b"), order("b", "a")], [("a", "b")]),
        ([order("b", "c"), order("c", "a"), order("a", "b")], [("a", "b", "c")]),
        # who only tries does not wait
        ([order("a", "b"), order("b", "a", tried=True)], []),
        # readers do not wait for readers
        ([order("a", "b", ("", "read")), order("b", "a", ("read", ""))], []),
        ([order("a", "b", ("", "write")), order("b", "a", ("read", ""))], [("a", "b")]),
        ([order("a", "b", ("", "read")), order("b", "a", ("write", ""))], [("a", "b")]),
        # however long
        ([order(a, b) for a, b in zip("abcde", "bcdea", strict=True)], [tuple("abcde")]),
        # two of a kind: by the locks
        ([order("p.x", "p.y")], []),
        ([order("p.x", "p.y"), order("p.y", "p.x")], [("p", "p")]),
        # other locks of the same kinds: as lockdep, by the kinds
        ([order("a.x", "b.x"), order("b.y", "a.y")], [("a", "b")]),
    ],
)
def test_cycles(orders: list[Order], found: list[tuple[str, ...]]) -> None:
    assert [c.kinds for c in cycles(orders)] == found


def test_the_tree_leaves_out_what_follows() -> None:
    made = tree([order("a", "b"), order("b", "c"), order("a", "c"), order("c", "d", tried=True)])
    assert made is not None
    assert sorted(made.edges) == [("a", "b"), ("b", "c")]
    assert tree([order("a", "b"), order("b", "a")]) is None


def test_what_is_documented() -> None:
    assert said_of("folio lock", "pte lock") == "mm/rmap.c"
    assert said_of("pte lock", "folio lock") == AGAINST
    assert "reading" in said_of("VMA lock", "folio lock")
    assert said_of("folio lock", "another lock") == ""

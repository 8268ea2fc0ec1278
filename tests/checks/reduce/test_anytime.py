# SPDX-License-Identifier: GPL-2.0-only
"""Eager TLBs find what TLBs that fill and forget at any time find, cast by cast.

The any-time system is the meaning; eager sets and the passes only save states.  Played is every
cast of one page with one neighbour or none, from two states; `python -m tests.oracle --casts N`
draws from all.
"""

from __future__ import annotations

import pytest

from checks.reduce.reducer import Passes

from .playing import NOTHING, STALE, casts, variant, violated

TWO = ("all_at_src", "one_at_dst")


@pytest.mark.slow
@pytest.mark.parametrize(("name", "arch"), [("merged", "x86_64"), ("merged, no flush", "arm64")])
def test_eager_and_anytime_agree(name: str, arch: str) -> None:
    of = variant(name)
    chosen = casts(of, *TWO)
    eager = violated(of, chosen, arch, Passes())
    assert violated(of, chosen, arch, Passes(), anytime=True) == eager
    assert any(found & STALE for found in eager.values()) == name.endswith("no flush")


@pytest.mark.slow
def test_reduced_and_unreduced_agree() -> None:
    of = variant("merged, no flush")
    chosen = casts(of, *TWO)
    assert violated(of, chosen, "x86_64", NOTHING) == violated(of, chosen, "x86_64", Passes())

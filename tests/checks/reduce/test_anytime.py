# SPDX-License-Identifier: GPL-2.0-only
"""Eager TLBs find what TLBs that fill and forget at any time find, cast by cast.

The any-time system is the meaning; eager sets and the passes only save states.  Played is every
second cast of one page with one neighbour or none, from one state; from all draws `python -m
tests.oracle --casts N`.
"""

from __future__ import annotations

import pytest

from checks.reduce.reducer import Passes

from .playing import NOTHING, STALE, casts, variant, violated


@pytest.mark.slow
@pytest.mark.parametrize(("name", "arch"), [("merged", "x86_64"), ("merged, no flush", "arm64")])
def test_eager_and_anytime_agree(name: str, arch: str) -> None:
    of = variant(name)
    chosen = casts(of, "all_at_src")[::2]
    eager = violated(of, chosen, arch, Passes())
    assert violated(of, chosen, arch, Passes(), anytime=True) == eager
    assert any(found & STALE for found in eager.values()) == name.endswith("no flush")


@pytest.mark.slow
def test_reduced_and_unreduced_agree() -> None:
    of = variant("merged, no flush")
    chosen = casts(of, "one_at_dst")[::2]
    assert violated(of, chosen, "x86_64", NOTHING) == violated(of, chosen, "x86_64", Passes())

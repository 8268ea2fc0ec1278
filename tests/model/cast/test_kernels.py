# SPDX-License-Identifier: GPL-2.0-only
"""Kernels: which neighbours one has, by release and by what was backported."""

from __future__ import annotations

import pytest

from model.cast import kernels
from model.cast.casts import Axis
from model.cast.kernels import kernel_named
from model.cast.neighbours import FOLIO_REFERENCED, PT_RECLAIM
from model.lang.errors import ModelError
from tests.families import MOVE

from ...command import run

SCENE = "move+folio_referenced/1p/ptl=different/init=all_at_src"


def test_a_stable_kernel_is_what_it_branched_from() -> None:
    assert not kernel_named("6.12.107").has("6.14")
    assert kernel_named("6.14").has("6.14")
    assert kernel_named("7.3.4").has("6.14")
    assert not PT_RECLAIM.exists_in("6.12.107")
    assert FOLIO_REFERENCED.routine("6.12.107") is FOLIO_REFERENCED.routine("6.18")
    assert FOLIO_REFERENCED.routine("6.19") is FOLIO_REFERENCED.routine("7.3.4")


def test_what_was_backported_it_has(monkeypatch: pytest.MonkeyPatch) -> None:
    commit = FOLIO_REFERENCED.commits["6.19"]
    monkeypatch.setitem(kernels.STABLE, "6.12.200", frozenset({commit}))
    assert FOLIO_REFERENCED.routine("6.12.200") is FOLIO_REFERENCED.routine("6.19")
    assert FOLIO_REFERENCED.routine("6.12.199") is FOLIO_REFERENCED.routine("6.18")


@pytest.mark.parametrize("name", ["", "6", "x", "6.12-rc1", "6.12.1.1", " 6.12"])
def test_what_is_no_kernel_is_refused(name: str) -> None:
    with pytest.raises(ModelError, match="no kernel"):
        kernel_named(name)


@pytest.mark.parametrize(
    ("kernel", "states", "said"),
    [
        ("6.12.107", 197, "kernel 6.12.107 has no pt_reclaim, pt_reclaim_src; neighbours have"),
        ("6.19", 135, "kernel 6.19: neighbours have the text of 7.2"),
        ("7.3.4", 135, "kernel 7.3.4: neighbours have the text of 7.2"),
    ],
)
def test_one_version_beside_several_kernels(kernel: str, states: int, said: str) -> None:
    ran = run("uffd_move_batching", "--variant", f"merged:{kernel}", "--arch", "x86_64",
              "--scenario", SCENE, "--invariant", "tlb")  # fmt: skip
    text = " ".join(ran.stdout.split())
    assert ran.exit_code == 0
    assert f"beside kernel {kernel}; COUNTERFACTUAL: merged is of 6.18" in text
    assert said in text
    assert f"states: x86_64 {states}" in text


@pytest.mark.parametrize("kernel", ["", "x"])
def test_a_version_beside_no_kernel_is_refused(kernel: str) -> None:
    with pytest.raises(ModelError, match="no kernel"):
        MOVE.variant(f"merged:{kernel}")


def test_only_numbers_are_sizes() -> None:
    assert Axis("pages", (1, 2), (1,), "{}p", "page").is_size
    assert not Axis("large", (False, True), (False,), "large={}", "large folio").is_size


def test_its_own_kernel_is_no_counterfactual() -> None:
    assert MOVE.variant("merged:6.18").counterfactual == ""

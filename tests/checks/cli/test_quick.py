# SPDX-License-Identifier: GPL-2.0-only
"""`--quick` says that it is a part of the answer, in words and by its exit status."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.families import EVERY
from tests.model.hw import forked

from ...command import run

EXAMPLE = str(Path(__file__).parents[3] / "docs" / "example_family.py")


def test_holds_so_far() -> None:
    ran = run(EXAMPLE, "--quick")
    assert ran.exit_code == 3
    assert "HOLDS so far" in ran.stdout
    assert not re.search(r"HOLDS(?! so far)", ran.stdout)
    assert "archs     x86_64, arm64, s390\n" in ran.stdout
    told = " ".join(ran.stdout.split())
    assert "QUICK this is a part of the answer; left out: " in told
    assert f"x86_64-invlpgb; memory order; with these: check-invariants {EXAMPLE}" in told


def test_a_violation_is_one() -> None:
    ran = run(
        str(forked.__file__), "--variant", "child_twice", "--quick", "--arch", "x86_64-invlpgb"
    )
    assert ran.exit_code == 1
    assert "archs     x86_64-invlpgb\n" in ran.stdout
    assert "replay    check-invariants" in ran.stdout


def test_for_programs() -> None:
    ran = run(EXAMPLE, "--quick", "--arch", "x86_64", "--format", "json")
    (patch,) = json.loads(ran.stdout)["patches"]
    assert patch["left_out"].startswith("left out: ")
    assert patch["exit"] == 3
    assert {r["group"] for r in patch["results"]}.isdisjoint({"ordering"})


@pytest.mark.parametrize("option", [("--full",), ("--sample", "3"), ("--scenario", "move")])
def test_casts_are_chosen_once(option: tuple[str, ...]) -> None:
    ran = run("uffd_move_batching", "--quick", *option)
    assert (ran.exit_code, ran.stderr.count("\n")) == (2, 1)
    assert f"--quick with {option[0]}" in ran.stderr


@pytest.mark.parametrize("family", EVERY)
def test_each_neighbour_alone(family: str) -> None:
    found = EVERY[family]
    kernel = found.variant(found.after).neighbours_from
    casts = found.casts.quick(kernel)
    here = {n.name for n in found.casts.beside if n.exists_in(kernel)}
    assert {n.name for c in casts for n in c.others} == here
    assert {len(c.others) for c in casts} == {0, 1}
    assert {c.name for c in casts} <= {c.name for c in found.casts.default(kernel)}


def test_a_cache_that_cannot_be_used_is_said_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "in the way").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "in the way"))
    asked = ("uffd_move_batching", "--variant", "v3", "--arch", "x86_64", "--invariant",
             "no_deadlock", "--scenario", "move/1p/ptl=different/init=hole")  # fmt: skip
    ran = run(*asked)
    assert ran.stderr == "check-invariants: nothing is kept for later runs: Not a directory\n"
    assert run(*asked, "--no-cache").stderr == ""

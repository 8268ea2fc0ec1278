# SPDX-License-Identifier: GPL-2.0-only
"""`matrix`: versions of several patches by architecture."""

from __future__ import annotations

import json
from pathlib import Path

from tests.families import MOVE
from tests.model.hw import forked

from ...command import Ran, run

FILE = str(forked.__file__)


EXAMPLE = str(Path(__file__).parents[3] / "docs" / "example_family.py")
ASKED = ("--arch", "x86_64,s390", "--invariant", "no_translation_to_a_free_page")


def versions(ran: Ran) -> list[str]:
    head, *lines = ran.stdout.splitlines()
    assert head.split() == ["patch,", "version,", "subject", "x86_64", "s390"]
    assert max(map(len, lines)) <= 100
    return [line.split()[1] for line in lines if not line.startswith(" ")]


def test_two_families() -> None:
    ran = run("matrix", FILE, EXAMPLE, *ASKED, "--scenario", "unmap/1p/init=mapped")
    assert versions(ran) == ["right", "parent_twice", "child_twice", "one"]
    assert ran.exit_code == 1


def test_every_version_of_a_stored_patch() -> None:
    """A family that has no such scenario has no line."""
    scene = "move/1p/ptl=different/init=all_at_src"
    ran = run("matrix", FILE, "uffd_move_batching", *ASKED, "--scenario", scene)
    assert versions(ran) == [v.name for v in MOVE.variants]
    assert ran.exit_code == 0


def test_what_fails_and_where() -> None:
    ran = run("matrix", FILE, "--arch", "arm64,s390", "--format", "json")
    right, parent, child = json.loads(ran.stdout)["rows"]
    assert right["violated"] == []
    assert right["exit"] == 0
    for row in (parent, child):
        assert row["exit"] == 1
        assert {
            "invariant": "no_translation_to_a_free_page", "cast": "unmap/1p/init=mapped",
            "archs": ["arm64"],
        } in row["violated"]  # fmt: skip
        assert row["verdicts"]["s390"]["VIOLATED"] == 0
    assert ran.exit_code == 1


def test_a_bad_patch_is_one_line() -> None:
    ran = run("matrix", FILE, "no_such_patch")
    assert (ran.exit_code, ran.stdout) == (2, "")
    assert len(ran.stderr.splitlines()) == 1

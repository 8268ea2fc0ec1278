# SPDX-License-Identifier: GPL-2.0-only
"""Several patches at once: one run, one summary."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from checks.target.inputs import each_of
from model.patches import FAMILIES
from tests.model.hw import forked

from ...command import Ran, run

DOCS = Path(__file__).parents[3] / "docs"
FORKED, EXAMPLE, MAIL = (
    str(forked.__file__),
    str(DOCS / "example_family.py"),
    str(DOCS / "sample.mbox"),
)
ASKED = ("--arch", "x86_64,s390", "--invariant", "no_translation_to_a_free_page", "--scenario",
         "unmap/1p/init=mapped")  # fmt: skip


def rows(ran: Ran) -> list[list[str]]:
    head, *lines = ran.stdout.partition("\n\n")[0].splitlines()
    assert head.split() == ["patch,", "version,", "subject", "x86_64", "s390"]
    return [line.split() for line in lines if not line.startswith(" ")]


def test_a_line_for_each_version_and_what_is_not_decided() -> None:
    ran = run(FORKED, EXAMPLE, MAIL, *ASKED)
    assert ran.exit_code == 3
    decided = [row for row in rows(ran) if row[-2:] == ["HOLDS", "1"]]
    assert [row[:2] for row in decided] == [["forked", "right"], ["unmap_one", "one"]]
    assert f"UNKNOWN   {MAIL}" in ran.stdout
    assert "replay" not in ran.stdout


def test_both_sides_of_a_stored_patch() -> None:
    ran = run("all", *ASKED[:2], "--invariant", "no_deadlock", "--scenario",
              "move/1p/ptl=different/init=all_at_src")  # fmt: skip
    assert [row[1:3] for row in rows(ran)][:2] == [["per_page", "(before)"], ["merged", "(after)"]]
    assert ran.exit_code == 0
    assert "rmap_locked_folios is left out: it has none of these scenarios" in ran.stdout


def test_what_fails_is_said_with_its_cast() -> None:
    ran = run(FORKED, EXAMPLE, "--variant", "child_twice", *ASKED)
    assert (ran.exit_code, ran.stdout) == (2, "")  # which the other one has not
    ran = run(FORKED, FORKED, "--variant", "child_twice", *ASKED)
    assert ran.exit_code == 1
    assert "  no_translation_to_a_free_page  unmap/1p/init=mapped (x86_64)\n" in ran.stdout
    assert len(rows(ran)) == 1  # it was given twice


def test_a_part_of_the_answer() -> None:
    ran = run(FORKED, EXAMPLE, "--quick", "--invariant", "tlb")
    assert ran.stdout.splitlines()[0].split()[3:] == ["x86_64", "arm64", "s390"]
    assert "so far" in ran.stdout
    assert ran.exit_code == 3


def test_for_programs() -> None:
    ran = run(str(DOCS), *ASKED, "--format", "json")
    document = json.loads(ran.stdout)
    assert [patch["patch"] for patch in document["patches"]] == ["unmap_one"]
    assert len(document["undecided"]) == 1
    assert ran.exit_code == 3


def test_a_directory(tmp_path: Path) -> None:
    for name in ("b.patch", "a.eml", "c.mbox", "notes.txt", "README"):
        (tmp_path / name).write_text("x")
    (tmp_path / "model.py").write_text("x = 1\nFAMILY = x\n")
    (tmp_path / "helper.py").write_text("raise SystemExit('it is run')\n")
    (tmp_path / "deeper.patch").mkdir()
    names = [Path(each).name for each in each_of([str(tmp_path)])]
    assert names == ["a.eml", "b.patch", "c.mbox", "model.py"]
    assert each_of(["all"]) == list(FAMILIES)


def test_matrix_takes_the_same() -> None:
    ran = run("matrix", str(DOCS), *ASKED)
    assert [row[1] for row in rows(ran)] == ["one"]
    assert ran.exit_code == 3


@pytest.mark.parametrize("several", [("all", "no_such_patch"), ("all", "example:shoot")])
def test_a_bad_one_is_one_line(several: tuple[str, ...]) -> None:
    ran = run(*several)
    assert (ran.exit_code, ran.stdout, ran.stderr.count("\n")) == (2, "", 1)


def test_a_directory_without_any_is_one_line(tmp_path: Path) -> None:
    ran = run(str(tmp_path))
    assert (ran.exit_code, ran.stdout, ran.stderr.count("\n")) == (2, "", 1)
    assert "has no patch in it" in ran.stderr

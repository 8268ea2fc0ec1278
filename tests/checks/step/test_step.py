# SPDX-License-Identifier: GPL-2.0-only
"""`step`: a program on the reference MM, printed after each operation."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path

import pytest

from model.patches import FAMILIES
from tests.command import run, write_program
from tests.families import MOVE


def test_the_machine_form_has_what_the_tables_have(tmp_path: Path) -> None:
    ran = run("step", "--format", "json", str(write_program(tmp_path)))
    assert ran.exit_code == 0
    document = json.loads(ran.stdout)
    steps = document["steps"]
    assert (document["version"], document["arena"], len(steps)) == (1, 16, 10)
    assert [s["errno"] for s in steps if s["op"].startswith("p0 move")] == ["EBUSY", "EAGAIN"]
    assert steps[8]["field"] == 4096
    assert steps[9]["pages"][1]["entry"] == "swap S1 exclusive"


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("p0 mmap 0+2 rw anon\np0 read 1\n"))
    ran = run("step", "-")
    assert ran.exit_code == 0
    assert "p0 1  ZERO young  ZERO  0" in ran.stdout


def test_what_is_refused_is_said_and_unknown(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    path.write_text("arena 12 hugetlb\np0 mmap 0+4 rw file @ 0\np0 register 0+4 missing\n")
    ran = run("step", str(path))
    assert ran.exit_code == 3
    assert "refused: the reference MM has no register of huge pages" in ran.stdout


def test_variants_of_the_move(tmp_path: Path) -> None:
    """6.17 moves a page at a time: a range flush more."""
    path = write_program(tmp_path)
    asked = ("per_page", "merged", f"{MOVE.name}=merged")
    texts = {run("step", str(path), "--variant", v).stdout for v in asked}
    assert len(texts) == 1
    steps = {v: run("step", str(path), "--steps", "--variant", v).stdout for v in asked}
    assert steps["per_page"] != steps["merged"] == steps[f"{MOVE.name}=merged"]


def test_a_version_that_is_not_there_or_in_two_patches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = str(write_program(tmp_path))
    for wrong, said in (("mergd", "did you mean merged"), ("move=v3", "no patch 'move'")):
        ran = run("step", path, "--variant", wrong)
        assert (ran.exit_code, ran.stdout) == (2, "")
        assert said in ran.stderr
    monkeypatch.setitem(FAMILIES, "other", replace(MOVE, name="other"))
    assert f"{MOVE.name}=v3 or other=v3" in run("step", path, "--variant", "v3").stderr
    assert run("step", path, "--variant", "other=v3").exit_code == 0


def test_bad_programs_are_one_line(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("# nothing\n")
    (tmp_path / "binary").write_bytes(bytes(range(256)))
    (tmp_path / "typo").write_text("p0 mmap 0+2 rw anon\np0 raed 1\n")
    with (tmp_path / "huge").open("wb") as huge:
        huge.truncate(2**20 + 1)
    for name in ("empty", "binary", "typo", "huge", "absent", "."):
        ran = run("step", str(tmp_path / name))
        assert ran.exit_code == 2
        assert ran.stdout == ""
        assert ran.stderr.count("\n") == 1
        assert "Traceback" not in ran.stderr

# SPDX-License-Identifier: GPL-2.0-only
"""Exit status 1 is a violation, and nothing else is."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import IO, Any

import pytest

from ...command import run

ROOT = Path(__file__).parents[3]
FULL = Path("/dev/full")
SMALL = ("uffd_move_batching", "--variant", "merged", "--arch", "x86_64", "--scenario",
         "move/1p/ptl=different/init=all_at_src", "--invariant", "no_deadlock")  # fmt: skip


def checks(*args: str, out: IO[str] | int, err: IO[str] | int = subprocess.PIPE,
           path: str = "") -> subprocess.CompletedProcess[str]:  # fmt: skip
    return subprocess.run(
        [sys.executable, "-m", "checks", *args], stdout=out, stderr=err, text=True, cwd=ROOT,
        env={**os.environ, "PYTHONPATH": path}, check=False,
    )  # fmt: skip


@pytest.mark.skipif(not FULL.exists(), reason="there is no /dev/full")
@pytest.mark.parametrize("args", [SMALL, ("list",), ("--help",), ("--version",)], ids=str)
def test_an_answer_that_cannot_be_written(args: tuple[str, ...]) -> None:
    with FULL.open("w") as full:
        ran = checks(*args, out=full)
        assert ran.stderr == "check-invariants: standard output: No space left on device\n"
        assert ran.returncode == 2
        assert checks(*args, out=full, err=full).returncode == 2


@pytest.mark.parametrize("args", [SMALL, ("list",), ("--help",)], ids=str)
def test_an_answer_that_nobody_reads(args: tuple[str, ...]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        ran = checks(*args, out=writer)
    finally:
        os.close(writer)
    assert (ran.returncode, ran.stderr) == (141, "")


def test_what_is_not_expected(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> Any:
        raise RuntimeError("it should not be")

    monkeypatch.setattr("checks.cli.check.answer", fail)
    ran = run(*SMALL)
    assert (ran.exit_code, ran.stdout, ran.stderr.count("\n")) == (2, "", 1)
    assert "RuntimeError: it should not be (test_exit.py:" in ran.stderr
    more = run(*SMALL, "--traceback")
    assert more.exit_code == 2
    assert more.stderr.startswith("Traceback")
    assert more.stderr.splitlines()[-1] == ran.stderr.rstrip()


def test_what_cannot_be_started(tmp_path: Path) -> None:
    (tmp_path / "click.py").write_text("raise ImportError('not here')\n")
    ran = checks("list", out=subprocess.PIPE, path=str(tmp_path))
    assert (ran.returncode, ran.stdout) == (2, "")
    where = tmp_path / "click.py"
    assert ran.stderr == (
        f"check-invariants: it cannot be started: {where}:1: ImportError: not here\n"
    )


def test_an_interrupt_while_it_starts(tmp_path: Path) -> None:
    (tmp_path / "click.py").write_text("raise KeyboardInterrupt\n")
    ran = checks("list", out=subprocess.PIPE, path=str(tmp_path))
    assert (ran.returncode, ran.stdout) == (130, "")
    assert ran.stderr == "check-invariants: interrupted\n"


def test_a_proof_that_fails_is_no_violation(monkeypatch: pytest.MonkeyPatch) -> None:
    """Unless the explorer has one to show."""
    monkeypatch.setattr("checks.examples.theorem._ask_shoot", lambda *_: (None, 0))
    asked = ("prove", "example:shoot", "--variant", "no_local_flush")
    assert run(*asked).exit_code == 3
    monkeypatch.undo()
    assert run(*asked).exit_code == 1

# SPDX-License-Identifier: GPL-2.0-only
"""`--engine symbolic` and `prove` as a user types them: what is found, and every way to stop."""

from __future__ import annotations

import ctypes
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest
import z3

from checks.prove import theorems

from ...command import run

MOVER = ("example:mover", "--param", "pages=1", "--engine", "symbolic")
CAST = ("uffd_move_batching", "--variant", "merged", "--arch", "x86_64", "--engine", "symbolic",
        "--scenario", "move/1p/ptl=different/init=all_at_src")  # fmt: skip


def test_a_path_that_breaks_something_is_shown() -> None:
    ran = run(
        "example:shoot", "--engine", "symbolic", "--variant", "no_ack_wait", "--max-depth", "8"
    )
    assert ran.exit_code == 1
    assert ran.stdout.startswith("VIOLATED  ")
    assert "trace     7 steps (shortest)" in ran.stdout


def test_what_is_not_known_names_the_depth() -> None:
    ran = run(*MOVER, "--max-depth", "6")
    assert ran.exit_code == 3
    text = " ".join(ran.stdout.split())
    assert "(symbolic: no violation up to depth 6; stopped at --max-depth 6)" in text
    assert "symbolic all paths of 6 steps" in text


def test_a_mutant_of_a_patch_is_found() -> None:
    ran = run(*CAST, "--mutant", "no flush", "--invariant", "flushed_before_ptl_is_released")
    assert ran.exit_code == 1
    assert "VIOLATED  flushed_before_ptl_is_released " in ran.stdout


@pytest.mark.slow
def test_json_has_the_depth() -> None:
    ran = run(*CAST, "--invariant", "no_deadlock", "--max-depth", "4", "--format", "json")
    assert ran.exit_code == 3
    (result,) = json.loads(ran.stdout)["patches"][0]["results"]
    assert (result["verdict"], result["depth"]) == ("UNKNOWN", 4)
    done = run(*CAST, "--invariant", "no_deadlock", "--format", "json")
    (result,) = json.loads(done.stdout)["patches"][0]["results"]
    assert result["verdict"] == "HOLDS"
    assert result["depth"] > 4


@pytest.mark.parametrize(
    ("limit", "said"),
    [(("--max-memory", "1M"), "stopped at --max-memory 1M"),
     (("--timeout", "0.01"), "stopped at --timeout")],
)  # fmt: skip
@pytest.mark.parametrize("what", [MOVER, ("example:shoot", "--engine", "symbolic")])
def test_a_limit_is_said(what: tuple[str, ...], limit: tuple[str, str], said: str) -> None:
    ran = run(*what, *limit)
    assert ran.exit_code == 3
    assert ran.stdout.startswith("UNKNOWN")
    assert said in " ".join(ran.stdout.split())


@pytest.fixture
def heeded() -> Iterator[None]:
    """Interrupts are not ignored, as they are where a shell began this behind a `&`."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("heeded")
@pytest.mark.parametrize("what", [MOVER, ("example:shoot", "--engine", "symbolic"), CAST])
@pytest.mark.parametrize("hidden", [False, True])
def test_an_interrupt_inside_z3_is_unknown(
    what: tuple[str, ...], hidden: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: Any) -> None:
        try:
            signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt as error:
            if not hidden:
                raise
            # As ctypes does where one comes while it converts an argument.
            raise ctypes.ArgumentError("argument 1: KeyboardInterrupt: ") from error

    monkeypatch.setattr(z3.Solver, "check", interrupted)
    ran = run(*what, *(("--jobs", "1") if what is CAST else ()))
    assert ran.exit_code == 3
    assert "interrupted" in ran.stdout


@pytest.mark.slow
@pytest.mark.usefixtures("heeded")
def test_a_signal_ends_it_with_what_is_known() -> None:
    words = ["example:mover", "--param", "pages=4", "--engine", "symbolic", "--max-depth", "500"]
    with subprocess.Popen(
        [sys.executable, "-m", "checks", *words], text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as running:  # fmt: skip
        time.sleep(8)
        running.send_signal(signal.SIGINT)
        out, err = running.communicate(timeout=60)
    assert "Traceback" not in err
    assert "interrupted" in out + err
    assert running.returncode in (3, 130)  # 130 if it was loading still


@pytest.mark.parametrize(
    "words",
    [
        ("uffd_move_batching", "--max-depth", "4"),
        (*MOVER, "--max-depth", "0"),
        (*MOVER, "--symmetry"),
        ("prove", "example:mover"),
        ("prove", "uffd_move_batching", "--mutant", "no such mutant"),
        ("prove", "nothing"),
    ],
    ids=" ".join,
)
def test_bad_input_is_one_line(words: tuple[str, ...]) -> None:
    ran = run(*words)
    assert (ran.exit_code, ran.stdout) == (2, "")
    assert len(ran.stderr.splitlines()) == 1


def test_an_example_without_a_core_is_not_told_of_others() -> None:
    """That another one has one is no help: its name is not what was misspelt."""
    assert run("prove", "example:mover").stderr == (
        "check-invariants: example:mover has no core: so there is nothing to prove of it; "
        "`check-invariants example:mover` decides its scenarios\n"
    )


def test_inference_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    flush = [t for t in theorems.THEORIES if t.core.name == "flush"]
    monkeypatch.setattr(theorems, "THEORIES", tuple(flush))
    ran = run("prove", "uffd_move_batching", "--infer")
    assert ran.exit_code == 0
    found = [line for line in ran.stdout.splitlines() if line.startswith("without")]
    assert found == [
        "without    stale_is_owed: found again", "without    owed_under_the_lock: found again",
    ]  # fmt: skip

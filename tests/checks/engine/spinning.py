# SPDX-License-Identifier: GPL-2.0-only
"""Running SPIN."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

CC = "cc"

needs_spin = pytest.mark.skipif(
    shutil.which("spin") is None or shutil.which(CC) is None, reason="SPIN and a C compiler"
)


@dataclass(frozen=True)
class Spun:
    """SPIN's result: states, transitions but for the one to the first state, whether an assertion
    fails, and the names of those that are a name."""

    states: int
    transitions: int
    wrong: bool
    fails: frozenset[str]


def spun(text: str, folder: Path) -> Spun:
    """Have SPIN visit every state of a system."""
    (folder / "x.pml").write_text(text)
    cc = [
        CC,
        "-O0",
        "-w",
        "-DNOREDUCE",
        "-DSAFETY",
        "-DNOBOUNDCHECK",
        "-DVECTORSZ=8192",
        "-o",
        "pan",
        "pan.c",
    ]
    for command in (["spin", "-o1", "-o2", "-o3", "-a", "x.pml"], cc):
        subprocess.run(command, cwd=folder, check=True, capture_output=True)
    done = subprocess.run(
        ["./pan", "-E", "-c0", "-m1000000"], cwd=folder, check=True, capture_output=True, text=True
    )
    states = re.search(r"(\d+) states, stored", done.stdout)
    transitions = re.search(r"(\d+) transitions", done.stdout)
    errors = re.search(r"errors: (\d+)", done.stdout)
    fails = frozenset(re.findall(r"assertion violated (\w+) \(", done.stdout))
    assert states
    assert transitions
    assert errors
    assert "max search depth too small" not in done.stdout
    assert "aborting" not in done.stdout
    return Spun(int(states[1]), int(transitions[1]) - 1, errors[1] != "0", fails)

# SPDX-License-Identifier: GPL-2.0-only
"""Our explorers against SPIN, rumur and TLC, in one run: ``python -m tests.bench [--peers DIR]``.

Times are of the processor: the least of three runs; of one, where SPIN takes longer than `LONG`.
What a checker builds for a system has a column of its own, and counts in what is compared.  SPIN is
given texts that were written by hand (`shoot`, `mover`: the same states, which is looked at), and
our export of `shoot` and of scenarios of up to 10^7 states.  DIR may have shoot.m for rumur and
shoot.tla with shoot.cfg for TLC (whose jar TLA2TOOLS names), for `shoot(3,2,3)`.
"""

from __future__ import annotations

import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from checks.engine.codegen.promela import promela
from checks.engine.native.explorer import Native
from checks.engine.reference import Explorer
from checks.examples.example import built, explorer_of, system_of
from checks.reduce.symmetry import symmetric_classes
from checks.stage.stage import Setting, Stage
from checks.target.selection import chosen_casts
from checks.target.target import by_name
from invariants import REGISTRY
from model.examples.mover import MOVER
from model.lang.ir import State, System

from .mover import mover_pml
from .shoot import shoot_pml

SHOOTS = [(3, 2, 3), (4, 2, 2), (3, 3, 3)]
MOVERS = [1, 2, 3, 4]
RUNS = 3
LONG = 10
"""Seconds of a run of SPIN after which there is no other."""

PROTOCOL = "move+gup_fast+folio_referenced+zap_src"
CASTS = [
    "move+gup_fast+zap_src/3p/ptl=different/init=all_at_src",
    f"{PROTOCOL}/2p/ptl=different/init=all_at_src",
    f"{PROTOCOL}+gup_fast_dst/2p/ptl=different/init=all_at_src",
    f"{PROTOCOL}+gup_fast_dst/3p/ptl=different/init=all_at_src",
]
"""From 10^4 to 10^7 states."""

SPIN = ["spin", "-o1", "-o2", "-o3", "-a", "x.pml"]
CC = ["gcc", "-O2", "-w", "-DNOREDUCE", "-DSAFETY", "-DNOBOUNDCHECK", "-o", "pan", "pan.c"]
PAN = ["./pan", "-E", "-c0", "-m2000000"]


@dataclass(frozen=True)
class Run:
    """What a checker did: states, seconds of the processor, bytes a state, seconds to build."""

    states: int
    seconds: float
    bytes: float
    build: float

    @property
    def all(self) -> float:
        """Seconds with those to build."""
        return self.seconds + self.build

    @property
    def row(self) -> str:
        each = self.seconds / self.states * 1e6
        return (
            f"{self.states:10} {self.seconds:8.2f} {each:8.3f} {self.bytes:8.1f} {self.build:7.1f}"
        )


def children(command: Sequence[str], folder: Path) -> tuple[str, float]:
    """What a command printed, and the seconds of the processor that it took."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return done.stdout, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def ours(explorer: Explorer, initial: State) -> Run:
    seconds = []
    for _ in range(RUNS):
        start = time.process_time()
        found = Native(explorer, initial).run()
        seconds.append(time.process_time() - start)
        assert found.why == "", found.why
    return Run(found.states, min(seconds), found.bytes / found.states, 0.0)


def spin(text: str) -> Run:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "x.pml").write_text(text)
        build = children(SPIN, folder)[1] + children(CC, folder)[1]
        said, seconds = children(PAN, folder)
        for _ in range(RUNS - 1 if seconds < LONG else 0):
            seconds = min(seconds, children(PAN, folder)[1])
    states = re.search(r"(\d+) states, stored", said)
    memory = re.search(r"([\d.]+)\s+actual memory usage for states", said) or re.search(
        r"([\d.]+)\s+total actual memory usage", said
    )
    assert states
    assert "too small" not in said
    count = int(states[1])
    return Run(count, seconds, float(memory[1]) * 2**20 / count if memory else 0.0, build)


def cast(name: str) -> tuple[Explorer, State]:
    subject = by_name("uffd_move_batching", "merged")
    role = subject.selected.role
    casts = subject.family.casts
    (one,) = chosen_casts(casts, role.variant.neighbours_from, name, full=False)
    stage = Stage(Setting.of(one), "x86_64", tuple(REGISTRY.values()))
    return stage.explorer(one, role), stage.initial(one)


def rumur(folder: Path) -> Run:
    with tempfile.TemporaryDirectory() as name:
        made = Path(name)
        build = children(["rumur", "--output", "x.c", str(folder / "shoot.m")], made)[1]
        build += children(
            ["gcc", "-O3", "-march=native", "-w", "-o", "x", "x.c", "-lpthread"], made
        )[1]
        said, seconds = children(["./x"], made)
    return Run(int(re.findall(r"(\d+) states", said)[-1]), seconds, 0.0, build)


def tlc(folder: Path) -> Run:
    jar = os.environ["TLA2TOOLS"]
    with tempfile.TemporaryDirectory() as name:  # TLC writes beside what it reads
        for text in ("shoot.tla", "shoot.cfg"):
            shutil.copy(folder / text, name)
        said, seconds = children(["java", "-cp", jar, "tlc2.TLC", "shoot.tla"], Path(name))
    return Run(int(re.findall(r"(\d+) distinct states", said)[-1]), seconds, 0.0, 0.0)


def show(name: str, make: Callable[[], Run]) -> Run:
    print(f"{name:62} ", end="", flush=True)
    made = make()
    print(made.row, flush=True)
    return made


def compared(name: str, system: System, initial: State, by_hand: str) -> None:
    """Both on one system, SPIN on the text that was written for it."""
    mine = show(f"{name}  native", lambda: ours(explorer_of(system), initial))
    if shutil.which("spin"):
        theirs = show(f"{name}  SPIN, by hand", lambda: spin(by_hand))
        assert theirs.states == mine.states
        print(f"{name}  SPIN by hand takes {theirs.all / mine.all:.1f} times as long")


def main(arguments: list[str]) -> int:
    """Print the table."""
    peers = Path(arguments[1]) if arguments[:1] == ["--peers"] else None
    print("SPIN:", " ".join(SPIN), "&&", " ".join(CC), "&&", " ".join(PAN))
    print(f"{'':62} {'states':>10} {'CPU s':>8} {'us each':>8} {'B each':>8} {'build s':>7}")
    has_spin = shutil.which("spin") is not None
    for pages in MOVERS:
        system, initial = built(MOVER, {"pages": pages})
        compared(f"mover({pages})", system, initial, mover_pml(pages))
    for size in SHOOTS:
        system, initial = system_of(*size)
        name = f"shoot{size}".replace(" ", "")
        compared(name, system, initial, shoot_pml(*size))
        if has_spin:
            show(f"{name}  SPIN, our export", lambda: spin(promela(system, initial)))  # noqa: B023
        classes = symmetric_classes(system, initial)[0]
        show(f"{name}  native, orbits", lambda: ours(explorer_of(system, classes), initial))  # noqa: B023
    if peers is not None and shutil.which("rumur"):
        show("shoot(3,2,3)  rumur", lambda: rumur(peers))
    if peers is not None and "TLA2TOOLS" in os.environ:
        show("shoot(3,2,3)  TLC", lambda: tlc(peers))
    for text in CASTS:
        explorer, initial = cast(text)
        name = text.replace("ptl=different/", "").partition("/init")[0]
        mine = show(f"{name}  native", lambda: ours(explorer, initial))  # noqa: B023
        if has_spin and mine.states < 10**7:
            written = promela(explorer.system, initial)
            theirs = show("  the same  SPIN, our export", lambda: spin(written))  # noqa: B023
            assert theirs.states == mine.states
            print(f"  SPIN takes {theirs.all / mine.all:.1f} times as long")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

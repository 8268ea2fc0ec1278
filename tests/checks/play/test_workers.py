# SPDX-License-Identifier: GPL-2.0-only
"""A process that is killed costs what it was at, and no process outlives the one it works for."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from checks.answer.report import plays_of
from checks.engine.search import Limits
from checks.play.play import Finding, Play
from checks.play.pool import play_all
from checks.play.turns import Player
from checks.play.workers import Died, spread
from invariants import REGISTRY
from model.lang.errors import ModelError

from ...command import run
from .test_cache import question

ROOT = Path(__file__).parents[3]
SCENES = "move+user/1p/ptl=*/init=hole"
TWO = ("uffd_move_batching", "--variant", "v3", "--arch", "x86_64", "--scenario", SCENES,
       "--invariant", "no_deadlock", "--no-cache", "--jobs", "2")  # fmt: skip


@pytest.mark.parametrize("once", [True, False])
def test_every_item_is_answered(once: bool) -> None:
    def where(item: int, seat: int) -> tuple[int, int, int]:
        return item * item, seat, os.getpid()

    with closing(spread(where, range(7), 2, once=once)) as answers:
        found = dict(answers)
    assert {n: a[0] for n, a in found.items() if not isinstance(a, Died)} == {
        n: n * n for n in range(7)
    }
    told = [a for a in found.values() if not isinstance(a, Died)]
    assert {seat for _, seat, _ in told} == {0, 1}
    assert len({pid for _, _, pid in told}) == (7 if once else 2)
    assert os.getpid() not in {pid for _, _, pid in told}


def test_one_that_is_killed_costs_one_answer() -> None:
    def work(item: int, _: int) -> int:
        if item in (1, 2):
            os.kill(os.getpid(), signal.SIGKILL if item == 1 else signal.SIGTERM)
        return item

    with closing(spread(work, range(5), 2)) as answers:
        found = dict(answers)
    assert found == {
        0: 0, 3: 3, 4: 4,
        1: Died("its process was ended by SIGKILL: out of memory?"),
        2: Died("its process was ended by SIGTERM"),
    }  # fmt: skip


def test_an_exception_is_the_callers() -> None:
    def work(item: int, _: int) -> int:
        raise ModelError("no", where="a.py:1:0", why="so" * (item >= 0))

    with closing(spread(work, range(5), 2)) as answers, pytest.raises(ModelError) as caught:
        list(answers)
    assert (str(caught.value), caught.value.what) == ("a.py:1:0: no: so", "no")


def kill(monkeypatch: pytest.MonkeyPatch, marks: Path, fatal: str, times: int) -> None:
    """Let whoever plays a cast with these words in its name be killed, so often."""
    whole = Player._play

    def play(player: Player, which: Play, progress: Callable[[int], None]) -> Finding:
        met = marks / f"{len(list(marks.iterdir()))}"
        if fatal in which.name and int(met.name) < times:
            met.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return whole(player, which, progress)

    monkeypatch.setattr(Player, "_play", play)


def test_a_cast_whose_process_is_killed_is_tried_once_more(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    expected = run(*TWO)
    assert (expected.exit_code, expected.stderr) == (0, "")
    kill(monkeypatch, tmp_path, "ptl=different", 1)
    assert run(*TWO) == expected
    assert len(list(tmp_path.iterdir())) == 1


def test_a_cast_that_kills_is_unknown_and_the_others_are_decided(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    plays = plays_of(question((SCENES,)))
    kill(monkeypatch, tmp_path, "ptl=different", 2)
    found = play_all(plays, tuple(REGISTRY.values()), Limits(), jobs=2)
    assert [o.found.why for o in found] == ["its process was ended by SIGKILL: out of memory?", ""]
    assert len(list(tmp_path.iterdir())) == 2
    for mark in tmp_path.iterdir():
        mark.unlink()
    ran = run(*TWO)
    assert (ran.exit_code, ran.stderr) == (3, "")
    assert "ended by SIGKILL" in ran.stdout


def children(of: int) -> list[int]:
    """Processes whose parent, or whose parent's parent was, this one."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it ended
        if int(fields[1]) == of and fields[0] != "Z":
            found.append(int(path.parent.name))
    return found


def within(seconds: float) -> Iterator[None]:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        yield
        time.sleep(0.05)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="it is looked up in /proc")
@pytest.mark.parametrize("ended_by", [signal.SIGTERM, signal.SIGKILL])
def test_no_process_outlives_the_command(ended_by: signal.Signals) -> None:
    command = [sys.executable, "-m", "checks", "uffd_move_batching", "--variant", "merged",
               "--arch", "x86_64", "--no-cache", "--jobs", "2"]  # fmt: skip
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL) as main:
        try:
            workers = next(c for _ in within(60) if len(c := children(main.pid)) == 2)
            time.sleep(0.5)  # they are at work
        finally:
            main.send_signal(ended_by)
        assert main.wait(10) == -ended_by
    for _ in within(20):
        if not any(Path(f"/proc/{pid}").exists() for pid in workers):
            return
    for pid in workers:
        os.kill(pid, signal.SIGKILL)
    raise AssertionError("they work on for nobody")

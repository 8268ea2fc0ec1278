# SPDX-License-Identifier: GPL-2.0-only
"""The answer is the same whoever decides, and nothing is lost where an executor loses it."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from checks.answer.report import plays_of
from checks.engine.engines import Engine
from checks.engine.search import Limits
from checks.play.findings import packed, unpacked
from checks.play.play import Play, Theatre
from checks.play.turns import MOST, Player, turns_of
from checks.target.target import Target, as_mutant, by_name, found_again, own_model
from checks.target.tasks import OtherToolError, Task, decide, task_of
from invariants import REGISTRY
from model.cast.casts import Cast
from tests.model.hw import forked

from ...command import Ran, run, write_late_flush
from . import factories
from .test_cache import question
from .test_workers import ROOT

FACTORIES = "tests.checks.play.factories"
SCENES = "move+user/1p/ptl=*/init=hole"
ASKED = ("uffd_move_batching", "--variant", "v3", "--arch", "x86_64", "--scenario", SCENES,
         "--invariant", "no_deadlock", "--no-cache")  # fmt: skip
OWN = (str(forked.__file__), "--arch", "x86_64,s390", "--variant", "child_twice")


def play_of(target: Target, cast: Cast) -> Play:
    return Play(cast, target.selected.role, "x86_64")


def by(jobs: str, *asked: str) -> Ran:
    return run(*(asked or ASKED), "--jobs", jobs)


@pytest.mark.parametrize("asked", [ASKED, OWN], ids=["stored", "own"])
def test_the_answer_is_the_same(asked: tuple[str, ...]) -> None:
    alone = by("1", *asked)
    assert alone.stderr == ""
    assert alone.exit_code == (1 if asked is OWN else 0)
    assert by("2", *asked) == alone
    assert by("concurrent.futures:ProcessPoolExecutor", *asked) == alone
    assert by("concurrent.futures:ThreadPoolExecutor", *asked) == alone


@pytest.mark.parametrize(
    ("factory", "why"),
    [("of_another_tool", "OtherToolError: the text"), ("dying", "BrokenProcess")],
)
def test_what_an_executor_loses_is_decided_here(factory: str, why: str) -> None:
    ran = by(f"{FACTORIES}:{factory}", *OWN)
    count = re.match(r"check-invariants: (\d+) tasks", ran.stderr)
    assert count is not None
    assert int(count[1]) > 1
    assert ran.stderr.startswith(f"check-invariants: {count[1]} tasks are decided here: {why}")
    assert ran.stderr.count("\n") == 1
    assert ran.stdout == by("1", *OWN).stdout


@pytest.mark.parametrize(
    ("jobs", "said"),
    [
        ("-1", "neither a number"),
        ("dusk", "did you mean dask"),
        ("no.such.module:executor", "gives no executor: ModuleNotFoundError"),
        (f"{FACTORIES}:no_such_factory", "gives no executor: AttributeError"),
        (f"{FACTORIES}:failing", "gives no executor: OSError: nobody answers\n"),
        (f"{FACTORIES}:nothing", "a object has no submit()"),
    ],
)
def test_an_executor_that_is_none_is_one_line(jobs: str, said: str) -> None:
    ran = by(jobs, *OWN)
    assert (ran.exit_code, ran.stdout, ran.stderr.count("\n")) == (2, "", 1)
    assert said in ran.stderr


def test_a_model_that_is_refused_is_one_line(tmp_path: Path) -> None:
    """Said by the process that looked at it."""
    path = write_late_flush(tmp_path)
    path.write_text(path.read_text().replace("double_pt_unlock(dst_ptl", "nobody(dst_ptl", 1))
    asked = (str(path), "--arch", "x86_64", "--invariant", "tlb", "--scenario",
             "move/1p/ptl=different/init=all_at_src")  # fmt: skip
    ran = by("concurrent.futures:ProcessPoolExecutor", *asked)
    assert (ran.exit_code, ran.stdout, ran.stderr.count("\n")) == (2, "", 1)
    assert ran == by("1", *asked)


def test_a_time_that_is_over() -> None:
    ran = run(*OWN, "--timeout", "1e-9", "--jobs", "concurrent.futures:ProcessPoolExecutor")
    assert ran.exit_code == 3
    assert "stopped at --timeout" in ran.stdout


def test_a_task_is_small_plain_data() -> None:
    factories.sizes.clear()
    assert by(f"{FACTORIES}:counted").exit_code == 0
    assert len(factories.sizes) == 2
    assert max(sent for sent, _ in factories.sizes) <= 1000
    assert max(back for _, back in factories.sizes) <= 2000


def test_the_largest_task() -> None:
    """The question about every initial state with every neighbour."""
    asked = by_name("uffd_move_batching")
    casts = asked.family.casts.default("6.18")
    plays = [play_of(asked, cast) for cast in casts]
    turns = turns_of(plays, ())
    write = task_of(asked, tuple(REGISTRY.values()), Limits(), Engine.AUTO)
    assert max(len(turn.asked) for turn in turns) == MOST
    assert max(len(turn.plays) for turn in turns) > 200
    assert max(len(write(turn)) for turn in turns) <= 3000


def test_a_task_says_all() -> None:
    """Decided from its text, a turn has the same findings, which come back as they were."""
    asked = question((SCENES,))
    chosen = tuple(REGISTRY.values())
    turn, _ = turns_of(plays_of(asked), ())
    data = task_of(asked.target, chosen, Limits(), Engine.AUTO)(turn)
    assert Task.read(data).written() == data
    found = Player(Theatre(chosen), Limits()).decide(turn)
    assert unpacked(decide(data)) == found
    assert unpacked(packed(found)) == found


def test_another_tool_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = question((SCENES,))
    turn, _ = turns_of(plays_of(asked), ())
    data = task_of(asked.target, (), Limits(), Engine.AUTO)(turn)
    monkeypatch.setattr("checks.target.tasks.sources.digest", lambda: "another text")
    with pytest.raises(OtherToolError):
        decide(data)


def test_a_users_file_that_changed_is_refused(tmp_path: Path) -> None:
    """In itself, or in what it imports; the last also where this process has the old one."""
    (tmp_path / "beside_it.py").write_text("AT = 0\n")
    path = tmp_path / "my_forked.py"
    path.write_text(Path(str(forked.__file__)).read_text() + "\nimport beside_it\n")
    asked = own_model(str(path))
    plays = [play_of(asked, cast) for cast in asked.family.casts.default("7.3.4")[:1]]
    (turn,) = turns_of(plays, ())
    data = task_of(asked, (), Limits(), Engine.AUTO)(turn)
    assert len(unpacked(decide(data))) == 1
    path.write_text(path.read_text() + "\n# changed\n")
    with pytest.raises(OtherToolError, match="or a file beside it"):
        decide(task_of(asked, tuple(REGISTRY.values()), Limits(), Engine.AUTO)(turn))


@pytest.mark.parametrize(
    "target",
    [
        by_name("uffd_move_batching"), by_name("uffd_move_batching", "merged:6.12.107"),
        as_mutant(by_name("uffd_move_batching"), "no flush"), own_model(str(forked.__file__)),
    ],
    ids=lambda t: t.origin.patch.rpartition("/")[2],
)  # fmt: skip
def test_a_target_is_found_again(target: Target) -> None:
    again = found_again(target.origin)
    assert again.origin == target.origin
    assert [s.label for s in again.sides] == [s.label for s in target.sides]
    assert [s.role.mutant for s in again.sides] == [s.role.mutant for s in target.sides]
    assert [s.role.variant.name for s in again.sides] == [
        s.role.variant.name for s in target.sides
    ]  # fmt: skip


@pytest.mark.skipif(
    importlib.util.find_spec("distributed") is None,
    reason="Dask is not installed: pip install '.[dask]'",
)
def test_a_worker_of_dask_is_killed() -> None:
    """The other one does what it was at: nothing is lost, and the answer is the same."""
    ran = subprocess.run(
        [sys.executable, "-m", "checks", *OWN, "--jobs", f"{FACTORIES}:with_a_death"],
        capture_output=True, text=True, check=False, cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    alone = by("1", *OWN)
    assert "a worker was killed at work\n" in ran.stderr
    assert "decided here" not in ran.stderr
    assert (ran.returncode, ran.stdout) == (alone.exit_code, alone.stdout)

# SPDX-License-Identifier: GPL-2.0-only
"""Nothing is decided twice, and nothing is believed that may not hold any more."""

from __future__ import annotations

from pathlib import Path

import pytest

from checks import verdicts
from checks.engine.reference import Limits
from checks.pool import play_all
from checks.report import Question, answer
from checks.scenario import Stage
from checks.subject import by_name
from checks.verdicts import Verdicts
from invariants import REGISTRY

from ..command import run, write_late_flush

SCENE = "move+zap_dst/1p/ptl=different/init=all_at_src"
BROKEN = ("uffd_move_batching", "--variant", "folio_lock_only_old_walk", "--arch", "x86_64",
          "--scenario", "move+folio_referenced/1p/ptl=different/init=all_at_src")  # fmt: skip


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "check-invariants" / "verdicts.sqlite"


def question(scenarios: str = SCENE, **options: object) -> Question:
    chosen = tuple(REGISTRY.values())
    return Question(by_name("uffd_move_batching", "v3"), ("x86_64",), chosen, scenarios, **options)  # type: ignore[arg-type]


class DecidedAgainError(BaseException):
    """Not what the tool takes for a fault of its own."""


def refuse(*_: object) -> None:
    raise DecidedAgainError


def test_the_second_time_is_not_decided(monkeypatch: pytest.MonkeyPatch) -> None:
    first = run(*BROKEN)
    assert first.exit_code == 1
    monkeypatch.setattr(Stage, "search", refuse)
    monkeypatch.setattr("checks.report.find_trace", refuse)
    assert run(*BROKEN) == first
    with pytest.raises(DecidedAgainError):
        run(*BROKEN, "--no-cache", "--jobs", "1")


def test_another_text_of_the_tool_is_decided_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    answer(question())
    monkeypatch.setattr(verdicts, "_tool", lambda: "another")
    monkeypatch.setattr(Stage, "search", refuse)
    with pytest.raises(DecidedAgainError):
        answer(question(jobs=1))


@pytest.mark.parametrize(
    "other", [{"scenarios": SCENE.replace("1p", "2p")}, {"limits": Limits(7)}], ids=str
)
def test_another_question_is_decided(
    other: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    answer(question())
    asked = {"jobs": 1, **other}
    subject, chosen = by_name("uffd_move_batching", "v3"), tuple(REGISTRY.values())
    monkeypatch.setattr(Stage, "search", refuse)
    fresh = Question(subject, ("x86_64",), chosen, **{"scenarios": SCENE, **asked})  # type: ignore[arg-type]
    with pytest.raises(DecidedAgainError):
        answer(fresh)


def test_what_was_cut_short_is_not_kept() -> None:
    limits = Limits(until=0.0)
    (column,) = answer(question(limits=limits, jobs=1)).columns
    assert {c.verdict.value for c in column.cells if c.invariant.kind != "engine"} == {"UNKNOWN"}
    plays = [o.play for o in column.outcomes]
    assert Verdicts().findings(plays, tuple(REGISTRY.values()), limits) == {}


def test_a_users_own_file_is_not_kept(tmp_path: Path, cache: Path) -> None:
    path = write_late_flush(tmp_path)
    run(str(path), "--arch", "x86_64", "--scenario", SCENE)
    assert not cache.exists()


def test_a_damaged_database_is_made_again(cache: Path) -> None:
    cache.parent.mkdir()
    cache.write_bytes(b"no database" * 1000)
    expected = answer(question()).columns[0].cells
    assert answer(question()).columns[0].cells == expected
    assert cache.read_bytes().startswith(b"SQLite format 3")


def test_a_place_that_cannot_be_used(cache: Path) -> None:
    cache.parent.write_text("in the way")
    store = Verdicts()
    plays = [o.play for o in answer(question()).columns[0].outcomes]
    assert store.findings(plays, (), Limits()) == {}
    assert store.why
    assert len(play_all(plays, tuple(REGISTRY.values()), Limits(), verdicts=store)) == len(plays)


def test_what_the_cache_was_good_for() -> None:
    asked = (*BROKEN, "--stats")
    assert "\n0 of 1 casts were decided before\n" in run(*asked).stderr
    assert "\n1 of 1 casts were decided before\n" in run(*asked).stderr
    assert "\nno cache: not asked for\n" in run(*asked, "--no-cache").stderr

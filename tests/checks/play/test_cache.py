# SPDX-License-Identifier: GPL-2.0-only
"""Nothing is decided twice, and nothing is believed that may not hold any more."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from checks.answer.report import Question, answer
from checks.engine import engines
from checks.engine.engines import Engine
from checks.engine.search import Limits
from checks.play import cache as verdicts
from checks.play import sources
from checks.play.cache import Verdicts
from checks.play.pool import play_all
from checks.target.target import by_name
from invariants import REGISTRY

from ...command import run, write_late_flush

SCENE = "move+zap_dst/1p/ptl=different/init=all_at_src"
BROKEN = ("uffd_move_batching", "--variant", "folio_lock_only_old_walk", "--arch", "x86_64",
          "--scenario", "move+folio_referenced/1p/ptl=different/init=all_at_src")  # fmt: skip


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "check-invariants" / "verdicts.sqlite"


def question(scenarios: tuple[str, ...] = (SCENE,), **options: object) -> Question:
    chosen = tuple(REGISTRY.values())
    return Question(by_name("uffd_move_batching", "v3"), ("x86_64",), chosen, scenarios, **options)  # type: ignore[arg-type]


class DecidedAgainError(BaseException):
    """Not what the tool takes for a fault of its own."""


def refuse(*_: object) -> None:
    raise DecidedAgainError


def test_the_second_time_is_not_decided(monkeypatch: pytest.MonkeyPatch) -> None:
    first = run(*BROKEN)
    assert first.exit_code == 1
    monkeypatch.setattr(engines, "search", refuse)
    monkeypatch.setattr("checks.answer.report.find_trace", refuse)
    assert run(*BROKEN) == first
    with pytest.raises(DecidedAgainError):
        run(*BROKEN, "--no-cache", "--jobs", "1")


def decided_again() -> bool:
    try:
        answer(question(jobs=1))
    except DecidedAgainError:
        return True
    return False


@pytest.mark.parametrize(
    ("what", "other"),
    [
        ("checks.play.sources.digest", lambda: "another text"),
        ("checks.play.cache.identity", lambda: "another native engine"),
        ("checks.play.cache.sys.version", "another Python"),
    ],
    ids=("text", "native engine", "Python"),
)
def test_what_another_tool_found(what: str, other: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another tool's row is not believed, and it stays: two checkouts use one directory."""
    answer(question())
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr(what, other)
        with monkeypatch.context() as unable:
            unable.setattr(engines, "search", refuse)
            assert decided_again()
        answer(question())
    monkeypatch.setattr(engines, "search", refuse)
    assert not decided_again()


def test_what_another_engine_found(monkeypatch: pytest.MonkeyPatch) -> None:
    answer(question())
    monkeypatch.setattr(engines, "search", refuse)
    with pytest.raises(DecidedAgainError):
        answer(question(engine=Engine.REFERENCE, jobs=1))


def rows(cache: Path) -> set[str]:
    with closing(sqlite3.connect(cache)) as database:
        return {key for (key,) in database.execute("SELECT key FROM kept")}


def test_what_nobody_asks_for_is_removed(monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    started = verdicts._today()
    answer(question())
    old = rows(cache)
    for days in (60, 120):  # the first is asked for in between, and outlives its own time
        monkeypatch.setattr("checks.play.cache._today", lambda days=days: started + days)
        answer(question())
        answer(question(limits=Limits(10_000 + days)))  # what is written has the rest looked at
        assert rows(cache) > old
    monkeypatch.setattr("checks.play.cache._today", lambda: started + 1000)
    answer(question(limits=Limits(20_000)))
    assert rows(cache)
    assert not rows(cache) & old


def test_the_oldest_make_room(monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    started = verdicts._today()
    answer(question())
    old = rows(cache)
    with closing(sqlite3.connect(cache)) as database:
        (size,) = database.execute("SELECT SUM(LENGTH(key) + LENGTH(value)) FROM kept").fetchone()
    monkeypatch.setattr("checks.play.cache.MOST_BYTES", int(size * 1.5))
    monkeypatch.setattr("checks.play.cache._today", lambda: started + 1)
    answer(question(limits=Limits(20_000)))
    assert len(rows(cache)) == len(old)
    assert not rows(cache) & old


def test_nothing_is_kept_once_a_file_was_changed(
    monkeypatch: pytest.MonkeyPatch, cache: Path
) -> None:
    """Neither what is found, nor is anything believed: which text ran is not known."""
    answer(question())
    kept = rows(cache)
    monkeypatch.setattr(sources, "STARTED", sources.STARTED[1:])
    changed = answer(question(limits=Limits(20_000)))
    assert changed.uncached == "the text of the tool was changed while it ran"
    assert rows(cache) == kept
    monkeypatch.setattr(engines, "search", refuse)
    assert decided_again()


def test_a_file_that_is_changed_is_noticed(tmp_path: Path) -> None:
    for package in sources.PACKAGES:
        (tmp_path / package / "deep").mkdir(parents=True)
        (tmp_path / package / "deep" / "a.py").write_text("x = 1\n")
    found = [sources.noted(tmp_path)]
    path = tmp_path / "model" / "deep" / "a.py"
    path.write_text("x = 12\n")
    found.append(sources.noted(tmp_path))
    path.write_text("x = 13\n")
    os.utime(path, ns=(1, 1))
    found.append(sources.noted(tmp_path))
    (tmp_path / "model" / "b.h").touch()
    found.append(sources.noted(tmp_path))
    (tmp_path / "model" / "notes.txt").touch()
    assert len(set(found)) == 4
    assert sources.noted(tmp_path) == found[-1]
    assert sources.noted() == sources.STARTED


@pytest.mark.parametrize(
    "other", [{"scenarios": (SCENE.replace("1p", "2p"),)}, {"limits": Limits(7)}], ids=str
)
def test_another_question_is_decided(
    other: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    answer(question())
    asked = {"jobs": 1, **other}
    subject, chosen = by_name("uffd_move_batching", "v3"), tuple(REGISTRY.values())
    monkeypatch.setattr(engines, "search", refuse)
    fresh = Question(subject, ("x86_64",), chosen, **{"scenarios": (SCENE,), **asked})  # type: ignore[arg-type]
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

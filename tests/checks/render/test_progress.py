# SPDX-License-Identifier: GPL-2.0-only
"""Progress without a terminal: a line now and then, and what is found when it is found."""

from __future__ import annotations

import pytest

from checks.answer.report import plays_of
from checks.render.progress import Watcher
from tests.checks.play.test_cache import question

ALONE = (
    "check-invariants uffd_move_batching --variant v3 --arch x86_64 --invariant no_deadlock "
    "--scenario move+zap_dst/1p/ptl=different/init=all_at_src"
)


class Clock:
    now = 100.0


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr("checks.render.progress.time.monotonic", lambda: made.now)
    return made


def test_a_line_every_30_seconds(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    (play,) = plays_of(question())
    with Watcher() as watch:
        for done in range(100):
            clock.now += 1
            watch(done, 1000, done * 10)
            if done == 40:
                watch.violated(play, "no_deadlock")
                watch.violated(play, "no_deadlock")
    assert capsys.readouterr().err.splitlines() == [
        "check-invariants: 29 of 1000 casts, 290 states, 0 violations so far, 30 s",
        f"check-invariants: v3: no_deadlock is VIOLATED, so far; alone: {ALONE}",
        "check-invariants: 59 of 1000 casts, 590 states, 1 violation so far, 60 s",
        "check-invariants: 89 of 1000 casts, 890 states, 1 violation so far, 90 s",
    ]


def test_what_is_answered_at_once_is_not_noted(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    (play,) = plays_of(question())
    with Watcher() as watch:
        watch.violated(play, "no_deadlock")
        clock.now += 11
        watch(1, 8, 1)
        assert capsys.readouterr().err == ""
        watch(8, 9, 1)
        assert capsys.readouterr().err.endswith(f"alone: {ALONE}\n")
        watch.violated(play, "no_lost_rmap_update")
        watch(9, 9, 1)
    assert capsys.readouterr().err == ""

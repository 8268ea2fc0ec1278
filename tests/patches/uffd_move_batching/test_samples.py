# SPDX-License-Identifier: GPL-2.0-only
"""Casts of several neighbours, which the default set has not: what Linux shipped is clean in them,
and a planted bug is not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from checks.answer.report import Question, Sample, answer
from checks.engine.search import Limits
from checks.play.play import Outcome, Play, Theatre
from checks.stage.stage import Role
from checks.target.target import Target, as_mutant, by_name
from invariants import REGISTRY
from tests.families import MOVE

CASTS = MOVE.casts


def sampled(subject: Target, arch: str, limit: int) -> list[Outcome]:
    """The outcomes of the selected side in six casts."""
    question = Question(
        replace(subject, sides=(subject.selected,)), (arch,), tuple(REGISTRY.values()),
        limits=Limits(limit), jobs=1, cache=False, sample=Sample(6, seed=1),
    )  # fmt: skip
    (column,) = answer(question).columns
    return list(column.outcomes)


OF_LINUX = {
    "per_page": frozenset[str](),
    "merged": frozenset({"reports_what_it_did"}),
    "folio_lock_only": frozenset({"reports_what_it_did"}),
}
"""Violations in Linux: 50944692052b keeps the error of a try after a later one succeeds."""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("version", "arch"),
    [("per_page", "arm64"), ("merged", "x86_64"), ("folio_lock_only", "x86_64-invlpgb")],
)
def test_what_linux_shipped_is_clean(version: str, arch: str) -> None:
    """Nothing is violated in casts that the default set is too small for."""
    outcomes = sampled(by_name("uffd_move_batching", version), arch, 100_000)
    assert sum(not o.found.why for o in outcomes) >= 4
    violated = {name for o in outcomes for name in o.found.violated}
    assert violated <= OF_LINUX[version]
    assert all(not o.found.broken for o in outcomes)


@pytest.mark.slow
def test_a_planted_bug_shows_in_the_same_casts() -> None:
    subject = as_mutant(by_name("uffd_move_batching", "merged"), "no flush")
    outcomes = sampled(subject, "x86_64", 20_000)
    assert any("flushed_before_ptl_is_released" in o.found.violated for o in outcomes)


@pytest.mark.slow
def test_four_neighbours_that_all_gather() -> None:
    """Gathers of an mm are counted up to as many as a sample has neighbours."""
    cast = CASTS.named("move+uffd_wp+zap_src+free_src+free_dst/1p/ptl=same/init=read_only", "6.17")
    assert cast is not None
    play = Play(cast, Role(MOVE.variant("per_page")), "x86_64")
    found = Theatre(()).play(play, Limits(200_000))
    assert (found.why, found.broken) == ("", ())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("others", "ptl"),
    [("free_src+user+migrate", "different"), ("pt_reclaim+pt_reclaim+reclaim", "same")],
    ids=["given up", "again"],
)
def test_what_no_sample_had_drawn(others: str, ptl: str) -> None:
    """A page that MADV_FREE has been at is migrated; a call looks again at what it has done with:
    alarms once, and nothing is wrong."""
    cast = CASTS.named(f"move+{others}/1p/ptl={ptl}/init=all_at_src", "6.17")
    assert cast is not None
    play = Play(cast, Role(MOVE.variant("per_page")), "x86_64")
    asked = ("a_page_thrown_away_is_clean", "nothing_removed_is_used_after_return")
    found = Theatre(tuple(REGISTRY[name] for name in asked)).play(play, Limits(1_000_000))
    assert (found.why, found.broken) == ("", ())
    assert not found.violated

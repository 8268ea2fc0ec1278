# SPDX-License-Identifier: GPL-2.0-only
"""Samples: drawn the same way each time, said what of, and clean for what Linux shipped."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace

import pytest

from checks.answer.report import Question, Sample, answer
from checks.engine.search import Limits
from checks.play.play import Outcome, Play, Theatre
from checks.stage.stage import Role
from checks.target.target import Target, as_mutant, by_name
from invariants import REGISTRY
from model.patches.uffd_move_batching import FAMILY

from ...command import run

CASTS = FAMILY.casts
FEW = ("uffd_move_batching", "--variant", "merged", "--arch", "x86_64", "--max-states", "50")


def test_a_seed_draws_the_same_casts() -> None:
    drawn = CASTS.sample("6.18", 7, 1)
    assert [c.name for c in drawn[::3]] == [
        "move+lazy_user+folio_referenced+zap_src/1p/ptl=same/init=pinned",
        "move+user+migrate+pt_reclaim_src/2p/ptl=same/init=swapped_out",
        "move+gup_fast_dst+numa_hint+free_src+move_again/1p/ptl=same/init=last_large",
    ]
    assert drawn == CASTS.sample("6.18", 7, 1)
    assert drawn != CASTS.sample("6.18", 7, 2)


def test_what_is_drawn() -> None:
    drawn = CASTS.sample("6.18", 301, 5)
    assert Counter((len(c.others), c.axes["pages"]) for c in drawn) == {
        (3, 1): 101, (3, 2): 100, (4, 1): 100
    }  # fmt: skip
    assert len({c.name for c in drawn}) == 301
    assert all(CASTS.named(c.name, "6.18") == c for c in drawn[::30])
    assert {n.name for c in drawn for n in c.others} == {n.name for n in CASTS.neighbours}
    assert {c.initial.name for c in drawn} == {i.name for i in CASTS.initial}
    assert {c.few for c in drawn} == {True, False}


def test_all_that_there_is() -> None:
    every = CASTS.sample("6.12", 10**6, 1)
    assert len(every) == len({c.name for c in every}) == CASTS.sampled_from("6.12")
    assert not {"pt_reclaim", "pt_reclaim_src"} & {n.name for c in every for n in c.others}


def test_it_says_what_it_is_a_sample_of() -> None:
    ran = run(*FEW, "--sample", "4", "--seed", "3")
    assert ran.exit_code == 3
    said = " ".join(ran.stdout.split())
    assert (
        f"casts: 4 of {CASTS.sampled_from('6.18')}, drawn with seed 3 (sample: 2 of 3 neighbours "
        "at 1 page, 1 of 3 neighbours at 2 pages, 1 of 4 neighbours at 1 page; all neighbours"
    ) in said
    assert "UNKNOWN for its size, stopped at --max-states 50, is a part of the casts" in said


def test_the_sample_in_json() -> None:
    ran = run(*FEW, "--sample", "2", "--invariant", "no_deadlock", "--format", "json")
    (patch,) = json.loads(ran.stdout)["patches"]
    assert patch["sample"] == {"casts": 2, "seed": 1}
    assert patch["results"][0]["scenarios"] == 2


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["uffd_move_batching", "--sample", "3", "--full"], "--sample with --full"),
        (["uffd_move_batching", "--sample", "3", "--scenario", "move/*"], "with --scenario"),
        (["uffd_move_batching", "--seed", "3"], "--seed is for --sample"),
        (["uffd_move_batching", "--sample", "0"], "--sample"),
        (["example:shoot", "--sample", "3"], "is for patches"),
    ],
)
def test_what_is_no_sample(options: list[str], said: str) -> None:
    ran = run(*options)
    assert (ran.exit_code, ran.stdout) == (2, "")
    assert said in ran.stderr
    assert ran.stderr.count("\n") == 1


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
    play = Play(cast, Role(FAMILY.variant("per_page")), "x86_64")
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
    play = Play(cast, Role(FAMILY.variant("per_page")), "x86_64")
    asked = ("a_page_thrown_away_is_clean", "nothing_removed_is_used_after_return")
    found = Theatre(tuple(REGISTRY[name] for name in asked)).play(play, Limits(1_000_000))
    assert (found.why, found.broken) == ("", ())
    assert not found.violated

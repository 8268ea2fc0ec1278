# SPDX-License-Identifier: GPL-2.0-only
"""Samples: drawn the same way each time, said what of, and clean for what Linux shipped."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from tests.families import MOVE

from ...command import run

CASTS = MOVE.casts
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

# SPDX-License-Identifier: GPL-2.0-only
"""The row of the table that says whether sequential consistency is enough."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from checks.memory_order.ordering import Answer, Place, Reader, Undecided, Version
from checks.play.cache import Verdicts
from checks.play.cells import Verdict
from checks.play.play import Play
from checks.target.selection import chosen_casts
from checks.target.target import by_name
from invariants import find

from ...command import run

PATCH = "uffd_move_batching"
ROW = "sequential_consistency_is_enough"
INIT = "2p/ptl=different/init=all_at_src"
(INVARIANT,) = find(ROW)
CASTS = by_name(PATCH).family.casts


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


def plays(*neighbours: str, arch: str = "x86_64") -> list[Play]:
    """The merged form beside each of these."""
    subject = by_name(PATCH, "merged")
    role = subject.selected.role
    kernel = role.variant.neighbours_from
    casts = [
        chosen_casts(subject.family.casts, kernel, f"move+{n}/{INIT}", full=False)[0]
        for n in neighbours
    ]
    return [Play(cast, role, arch) for cast in casts]


def cell(asked: list[Play], until: float = float("inf")) -> tuple[Verdict, tuple[Answer, ...]]:
    """The verdict, and what was looked at."""
    made, answers = Reader(Verdicts(use=False), CASTS).cell(INVARIANT, asked, until)
    assert made.casts == len(answers)
    return made.verdict, answers


def test_a_pair_is_listed_once_with_how_many_worlds_show_it() -> None:
    """Whatever a glob fits: what a cast begins with makes no line of its own."""
    asked = ("ordering", PATCH, "--variant", "merged", "--arch", "x86_64")
    done = run(*asked, "--scenario", "move+uffd_copy/*")
    assert done.exit_code == 3
    lines = done.stdout.splitlines()
    pairs = sum(line.startswith("  then  ") for line in lines)
    assert pairs > 1
    copy, *places = (line for line in lines if "@" in line)
    assert copy.startswith(f"{'move+uffd_copy@x86_64':<52} UNKNOWN, {pairs} pairs")
    assert copy.endswith(", 2 of 2 worlds")
    assert places == ["               in      move+uffd_copy@x86_64, 2 of 2 worlds"] * pairs
    held = run(*asked, "--scenario", "move+zap_???/*").stdout.splitlines()
    assert [line for line in held if "@" in line] == [
        f"{f'move+zap_{side}@x86_64':<52} HOLDS" for side in ("src", "dst")
    ]


def test_a_set_of_routines_is_read_once() -> None:
    asked = plays("gup_fast")
    again = chosen_casts(
        by_name(PATCH).family.casts, "6.18", "move+gup_fast/2p/ptl=different/*", full=False
    )
    more = [Play(c, asked[0].role, "x86_64") for c in again]
    assert len(more) > 1
    verdict, answers = cell([*asked, *more])
    assert verdict is Verdict.HOLDS
    assert len(answers) == 1


def test_more_routines_are_asked_about_only_while_nothing_is_found() -> None:
    verdict, answers = cell(plays("user+gup_fast", "user", "gup_fast"))
    assert verdict is Verdict.HOLDS
    assert [len(a.play.cast.others) for a in answers] == [1, 1, 2]
    verdict, answers = cell(plays("uffd_copy+gup_fast", "uffd_copy", "gup_fast"))
    assert verdict is Verdict.UNKNOWN
    assert [len(a.play.cast.others) for a in answers] == [1, 1]


def test_time_is_kept() -> None:
    assert cell(plays("gup_fast"), until=0.0) == (Verdict.UNKNOWN, ())


def test_an_interrupt_is_not_a_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Reader, "_answer", stop)
    assert cell(plays("gup_fast")) == (Verdict.UNKNOWN, ())


def test_the_table_and_what_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = (PATCH, "--variant", "merged", "--arch", "x86_64,arm64", "--scenario",
             f"move+gup_fast/{INIT}")  # fmt: skip
    first = run(*asked)
    assert first.exit_code == 3
    assert f"  {ROW}      UNKNOWN arm64; HOLDS x86_64\n" in first.stdout
    assert "then move_present_ptes 119  folio_maybe_dma_pinned" in first.stdout.replace(
        "\n    ", " "
    )
    assert (
        "  all pairs: check-invariants ordering uffd_move_batching --variant merged" in first.stdout
    )
    assert max(map(len, first.stdout.splitlines())) <= 100

    def refuse(*_: object) -> None:
        raise AssertionError("it was read again")

    monkeypatch.setattr(Reader, "_answer", refuse)
    assert run(*asked) == first
    again = run(*asked, "--no-cache", "--invariant", ROW)
    assert again.exit_code == 2
    assert "it was read again" in again.stderr


def test_what_is_chosen() -> None:
    asked = (PATCH, "--variant", "merged", "--scenario", f"move+gup_fast/{INIT}", "--arch", "arm64")
    without = run(*asked, "--invariant", "no_deadlock")
    assert without.exit_code == 0
    assert f"  {ROW}" not in without.stdout
    alone = run(*asked, "--invariant", "ordering")
    assert alone.exit_code == 3
    assert "states:" not in alone.stdout
    assert "branch" not in alone.stdout
    assert run(*asked[:-1], "x86_64", "--invariant", ROW).exit_code == 0


GUP = ("--scenario", "move+gup_fast/1p/ptl=different/init=all_at_src", "--arch", "arm64")


def test_the_pin_that_only_the_batch_may_miss() -> None:
    """ptep_clear_flush is a barrier for an accessible entry, and beside GUP-fast alone every
    entry is; ptep_get_and_clear is none.  Where somebody else makes entries that are not, the pair
    is there in both versions, and is not the same one."""
    clear = "ptep_get_and_clear, Pte.val\n"
    alone = run("ordering", PATCH, "--variant", "per_page", *GUP).stdout
    assert clear not in alone
    after = run("ordering", PATCH, "--variant", "merged", *GUP).stdout
    assert f"{'move+gup_fast@arm64':<52} UNKNOWN, 2 pairs, 1 in per_page too\n" in after
    assert clear in after

    beside = ("--scenario", "move+gup_fast+numa_hint/2p/ptl=different/init=all_at_src", *GUP[2:])
    before = run("ordering", PATCH, "--variant", "per_page", *beside).stdout
    pinned = "  then    move_present_pte 58  folio_maybe_dma_pinned, Folio.refcount\n"
    pair = before.partition(clear)[2].partition(pinned)[2].partition("\n\n")[0] + "\n"
    assert "               unless  move_present_pte 57  broadcast_flush\n" in pair
    assert " too " not in before
    after = run("ordering", PATCH, "--variant", "merged", *beside).stdout
    known, _, new = after.partition(
        "  first   move_present_ptes 118  ptep_get_and_clear, Pte.val\n"
    )
    assert "               too     in per_page\n" in known
    assert new
    assert "unless" not in new
    assert "too" not in new


def test_a_mutant_is_compared_with_what_it_was_made_from() -> None:
    """Without the flush of ptep_clear_flush no barrier is left, and the pair is another one."""
    asked = (PATCH, "--variant", "per_page", "--mutant", "no flush before a copy", *GUP,
             "--invariant", ROW)  # fmt: skip
    document = json.loads(run(*asked, "--format", "json").stdout)
    columns = {r["side"]: r["pairs"] for r in document["patches"][0]["results"]}
    assert {p["too"] for p in columns["variant"]} == {None}
    marks = {(p["first"]["call"], p["second"]["call"]): p["too"] for p in columns["mutant"]}
    assert marks["folio_get", "split_folio"] is True
    assert marks["ptep_get_and_clear", "folio_maybe_dma_pinned"] is False
    table = " ".join(run(*asked).stdout.split())
    assert "may be taken in the other order (1 of them in the version before too), in" in table


def undecided(function: str, *unless: Place, line: int = 5) -> Undecided:
    """A pair of a clear and a look."""
    first, second = Place(function, line, "clear", "Pte.val"), Place("g", 1, "look", "F.count")
    return Undecided("move", first, second, first, second, unless)


def test_which_pair_is_the_same() -> None:
    (play,) = plays("gup_fast")
    flush = Place("f", 6, "flush", "")

    def too(
        mine: Undecided, theirs: Undecided, mine_has: str = "f g", theirs_have: str = "f g"
    ) -> bool:
        before = Answer(play, (mine,), frozenset(mine_has.split()))
        return before.has_too(theirs, Answer(play, (theirs,), frozenset(theirs_have.split())))

    assert too(undecided("f"), undecided("f", line=9))
    assert too(undecided("f"), undecided("f2"), theirs_have="f2 g")
    assert not too(undecided("f"), undecided("f2"), theirs_have="f f2 g")
    assert not too(undecided("f"), replace(undecided("f"), routine="zap"))
    assert not too(undecided("f"), replace(undecided("f"), second=Place("g", 1, "look", "F.map")))
    assert too(undecided("f"), undecided("f", flush))
    assert too(undecided("f", flush), undecided("f", replace(flush, line=8)))
    assert not too(undecided("f", flush), undecided("f"))


def test_pairs_of_the_same_places_are_one() -> None:
    """A loop that is written out, or a function that is called twice."""
    flush, lock = Place("f", 6, "flush", ""), Place("f", 7, "spin_lock", "")
    assert undecided("f", flush, lock).also(undecided("f", lock)).unless == (lock,)
    assert undecided("f", flush).also(undecided("f")).unless == ()


def test_a_kernel_without_a_neighbour_is_not_compared() -> None:
    (play,) = plays("gup_fast")
    subject = by_name(PATCH, "merged")
    before = Version.before(subject)
    assert before is not None
    assert before.role.variant.name == "per_page"
    assert before.play(play) is not None
    none = Version(replace(subject.family.casts, neighbours=()), before.role)
    assert none.play(play) is None
    answers = list(Reader(Verdicts(use=False), CASTS).answers(plays("gup_fast", arch="arm64")))
    (compared,) = Reader(Verdicts(use=False), CASTS).compared(answers, none)
    assert {p.too for p in compared.pairs} == {None}
    assert Version.before(by_name(PATCH, "per_page")) is None


def test_the_other_forms() -> None:
    asked = (PATCH, "--variant", "merged", "--scenario", f"move+numa_hint/{INIT}", "--arch",
             "arm64", "--invariant", ROW)  # fmt: skip
    document = json.loads(run(*asked, "--format", "json").stdout)
    (result,) = document["patches"][0]["results"]
    assert (document["exit"], result["verdict"], result["scenarios"]) == (3, "UNKNOWN", 1)
    (pair,) = result["pairs"]
    assert pair["routine"] == "numa_some_page"
    assert set(pair["first"]) == {"function", "line", "call", "field"}
    assert {"call": "broadcast_flush", "function": "change_pte", "line": 57, "field": ""} in pair[
        "unless"
    ]
    assert pair["too"] is True
    commit = run(*asked, "--format", "commit").stdout
    assert "Memory ordering is not decided on arm64: 1 pair of accesses" in commit
    assert max(map(len, commit.splitlines())) <= 75

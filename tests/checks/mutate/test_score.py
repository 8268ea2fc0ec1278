# SPDX-License-Identifier: GPL-2.0-only
"""The mutation score counts what it says: what is killed, what survives, what does not run."""

from __future__ import annotations

import fnmatch
import functools

import pytest

from checks.mutate.played import role as role_of
from checks.stage.stage import Role
from invariants import REGISTRY
from tests.bench.mutation.__main__ import KINDS, Earlier, Score, in_children, main, read_table
from tests.bench.mutation.judges import Judged, judge_mutations
from tests.bench.mutation.playing import (
    Fate,
    Player,
    casts_for,
    caught_by,
    in_turn,
    plays_of,
)  # fmt: skip
from tests.bench.mutation.steps import Function, Mutation, mutations
from tests.families import MOVE

EXCLUSIVE = "move+write_fault/1p/ptl=different/init=once_shared"
MERGED = Role(MOVE.variant("merged"), source=MOVE.name)


@functools.cache
def versions() -> tuple[list[Mutation], list[Mutation]]:
    """The mutations of two versions, made one after the other."""
    seen: set[Function] = set()
    other = MOVE.variant("folio_lock_only")
    return mutations(MERGED.variant, MOVE.casts, seen), mutations(other, MOVE.casts, seen)


@functools.cache
def steps() -> dict[str, Mutation]:
    every, _ = versions()
    found = {m.name: m for m in every}
    assert len(found) == len(every)
    return found


@functools.cache
def judges() -> dict[str, Judged]:
    every = judge_mutations()
    found = {j.name: j for j in every}
    assert len(found) == len(every)
    return found


def test_every_routine_is_mutated() -> None:
    functions = {m.step.function for m in steps().values()}
    assert functions >= {
        "move_pages", "move_present_ptes", "double_pt_lock", "zap_pte", "zap_table",
        "shrink_folio_list", "try_to_unmap_one", "gup_fast_pte_range", "wp_page_copy",
        "mfill_atomic_install_pte", "ptep_clear_flush", "change_pte", "madvise_free_pte",
    }  # fmt: skip
    kinds = {"no ", "never ", "always "}
    assert kinds == {k for k in kinds for name in steps() if name.partition(": ")[2].startswith(k)}


def test_a_version_does_not_repeat_its_neighbours() -> None:
    first, again = versions()
    assert {m.target for m in first} > {"move", "zap_src", "pt_reclaim", "migrate"}
    assert {m.target for m in again} == {"move", "folio_referenced"}
    assert "double_pt_lock" not in {m.step.function for m in again}


def test_the_smallest_casts_come_first() -> None:
    casts = casts_for(MOVE.casts, "6.18")
    assert casts[0].name == "move/1p/ptl=different/init=all_at_src"
    counts = [len(c.others) for c in casts]
    assert counts == sorted(counts)
    assert set(counts) == {0, 1, 2, 3}


@pytest.mark.parametrize("quick", [True, False])
def test_casts_that_catch_mutants_of_the_table_come_early(quick: bool) -> None:
    casts = [p.cast for p in in_turn(plays_of(MERGED, MOVE.casts, "x86_64", quick=quick))]
    names = [c.name for c in casts]
    assert len(set(names)) == len(names)
    alone = sum(not c.others for c in casts)
    caught = {m.cast for m in MOVE.mutants}
    assert set(names[: alone + len(caught) + 2 * len(MOVE.casts.neighbours)]) >= caught


@pytest.mark.parametrize("name", ["move/2p/ptl=different/init=pinned", EXCLUSIVE])
def test_searched_as_it_is_or_reduced_is_the_same(name: str) -> None:
    player = Player(tuple(REGISTRY.values()), 1000)
    (pins,) = (m for m in MOVE.mutants if m.name == "no pin check")
    for role in (MERGED, role_of(MOVE, pins)):
        (play,) = (p for p in plays_of(role, MOVE.casts, "x86_64") if p.cast.name == name)
        as_it_is, reduced = player._as_it_is(play), player._reduced(play)
        assert as_it_is is not None
        assert as_it_is.states > reduced.states
        assert (as_it_is.fails, as_it_is.stuck) == (reduced.fails, reduced.stuck)
        assert (as_it_is.ends, as_it_is.words) == (reduced.ends, reduced.words)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "how", "by"),
    [
        ("move: no spin_unlock(ptl2), double_pt_unlock", "killed", "everything_is_released"),
        ("move: spin_unlock after spin_unlock(ptl2), double_pt_unlock", "survives", ""),
        ("zap_src: no folio_put(folio), madvise_dontneed", "unreached", ""),
        ("move: always if folio_maybe_dma_pinned(src_folio):, move_present_ptes", "killed",
         "move_pages never succeeds"),
        ("move: no check not pte_present(orig_src_pte), check_ptes_for_batched_move", "killed",
         "model:present"),
    ],
)  # fmt: skip
def test_what_becomes_of_a_step(name: str, how: str, by: str) -> None:
    """In casts without neighbours, where no neighbour's step runs."""
    (found,) = (m for n, m in steps().items() if n.partition(" line ")[0] == name)
    plays = [p for p in plays_of(MERGED, MOVE.casts, "x86_64") if not p.cast.others]
    alone = [*[p for p in plays if p.cast.axes["pages"] == 1][:3],
             *(p for p in plays if p.cast.name == "move/2p/ptl=different/init=hole")]  # fmt: skip
    fate = Player(tuple(REGISTRY.values()), 1000).fate(found, alone, 4)
    assert (fate.how, by in fate.by) == (how, True)


def test_every_invariant_is_mutated_in_every_way() -> None:
    expressions = {i.name for i in REGISTRY.values() if i.fn is not None}
    assert {j.invariant.name for j in judges().values() if j.what == "negated"} == expressions


@pytest.mark.parametrize(
    ("name", "how", "by"),
    [
        ("an_exclusive_page_is_mapped_once: negated", "killed", "does not find 'reuse"),
        ("an_exclusive_page_is_mapped_once: near miss of folio.mapcount <= 1", "killed", "alarm"),
    ],
)
def test_what_becomes_of_an_invariant(name: str, how: str, by: str) -> None:
    plays = [p for p in plays_of(MERGED, MOVE.casts, "x86_64") if p.cast.name == EXCLUSIVE]
    fate = judges()[name].fate(plays)
    assert (fate.how, by in fate.by) == (how, True), fate


def test_an_invariant_that_nothing_tells_from_another() -> None:
    """Beside the casts of its planted bugs there is none to play."""
    name = "map_counts_balance: no condition pte.val.kind == PteKind.PRESENT"
    fate = judges()[name].fate([])
    assert (fate.how, fate.played > 0) == ("survives", True)


def test_counting() -> None:
    score = Score(("x86_64", "arm64"))
    score.note("g", "a", [Fate("killed", "x"), Fate("survives", "60 of 60 casts")])
    score.note("g", "b", [Fate("refused", "y"), Fate("killed", "x")])
    lines = list(score.lines())
    assert "score x86_64: 1 of 1 that run, 100.0 %" in lines
    assert "score arm64: 1 of 2 that run, 50.0 %" in lines
    assert lines[-1].endswith(": 1")


def test_an_earlier_run_is_read_from_what_was_printed(capsys: pytest.CaptureFixture[str]) -> None:
    score = Score(("x86_64", "arm64"))
    score.note("g", "a: b, in c", [Fate("killed", "survives", "move"), Fate("refused", "y")])
    score.note("g", "half", [Fate("killed", "x", "move+user"), Fate("survives", "60 of 60 casts")])
    score.note("g", "unreached", [Fate("unreached"), Fate("unreached")])
    score.note("g", "ended", [])
    printed = "\n".join([capsys.readouterr().out, *score.lines()])
    earlier = Earlier.read(printed)
    assert earlier.survivors == {"half", "unreached", "ended"}
    assert earlier.killers == {"a: b, in c": ("move",), "half": ("move+user",)}


def test_casts_of_mutants_of_the_same_function_are_known() -> None:
    assert "move+move_back/2p/ptl=different/init=other_anon_vma" in caught_by("double_pt_lock")
    assert caught_by("no_such_function") == []


def test_what_no_process_answered_is_not_killed() -> None:
    def killed() -> list[Fate]:
        raise SystemExit(9)

    assert list(in_children([killed], 1, float("inf"))) == [(0, [])]
    score = Score(("x86_64",))
    score.note("g", "a", [])
    assert any(line.startswith("score x86_64: 0 of 1") for line in score.lines())


def test_each_line_of_the_table_is_of_a_mutant() -> None:
    names = [f"merged/{n}" for n in steps()] + list(judges())
    names += [f"folio_lock_only/{m.name}" for m in versions()[1]]
    for kind, glob, reason in read_table():
        assert kind in KINDS
        assert reason
        assert fnmatch.filter(names, glob), glob


def test_a_name_that_no_mutant_has_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--of", "invariants", "--only", "no_such_name"])
    assert ended.value.code == 2
    assert "no mutant's name fits 'no_such_name'" in capsys.readouterr().err

# SPDX-License-Identifier: GPL-2.0-only
"""Plays that most likely decide come first, and processes go on with what they have begun."""

from __future__ import annotations

from checks.answer.report import Question, plays_of
from checks.play.turns import LATE, Errand, Turn, following, turns_of
from checks.target.selection import one_of_each_kind, rank_of
from checks.target.target import by_name
from invariants import REGISTRY
from model.hw.arch import Remote
from model.hw.archs import ARCHS, DEFAULT

TARGET = by_name("uffd_move_batching")
PLAYS = plays_of(Question(TARGET, DEFAULT, tuple(REGISTRY.values())))
TURNS = turns_of(PLAYS, (), rank_of(TARGET))


def test_every_play_has_its_turn() -> None:
    asked = [id(play) for turn in TURNS for play in turn.chosen]
    assert sorted(asked) == sorted(map(id, PLAYS))
    few = turns_of(PLAYS, range(1, len(PLAYS)))
    assert [turn.chosen for turn in few] == [[PLAYS[0]]]
    assert len(few[0].plays) > 1  # what it is reduced with is the same


def test_a_turn_is_of_one_side_and_architecture() -> None:
    for turn in TURNS:
        assert len({(p.arch, p.role) for p in turn.plays}) == 1
    assert max(len(turn.asked) for turn in TURNS) < len(PLAYS) / 15


def test_the_selected_side_and_small_casts_come_first() -> None:
    assert [t.rank for t in TURNS] == sorted(t.rank for t in TURNS)
    early = [t for t in TURNS if t.rank < LATE]
    assert {t.plays[0].role for t in early} == {TARGET.selected.role}
    assert all(len(p.cast.others) <= 1 for t in early for p in t.plays)
    for turn in {t.group: t for t in reversed(early)}.values():  # the first of what is reduced
        first = turn.plays[turn.asked[0]].cast
        assert first.initial.name == "all_at_src"
        assert len(first.others) == min(len(p.cast.others) for p in turn.plays)
    late = [len(t.plays) for t in TURNS if t.rank == LATE]
    assert late[0] > 50  # the largest by the time that it takes: pairs take longer
    assert late[-1] < late[0] / 2


def test_neighbours_that_the_family_names_come_before_others() -> None:
    rank, casts = rank_of(TARGET), TARGET.family.casts.quick("6.18")
    ranks = {
        p.cast.name.partition("/")[0]: rank(p) for p in PLAYS
        if p.role is TARGET.selected.role and p.cast.name in {c.name for c in casts}
    }  # fmt: skip
    assert ranks["move"] == ranks["move+zap_dst"] == ranks["move+reclaim"] == 0
    named = " ".join(mutant.cast for mutant in TARGET.family.mutants)
    assert {n for n, late in ranks.items() if late} == {"move+move_again", "move+pt_reclaim_src"}
    assert "move_again" not in named


def test_what_a_process_goes_on_with() -> None:
    groups = [(PLAYS[n],) for n in range(5)]
    one, two, three = (Turn(n, LATE, groups[n], ()) for n in (1, 2, 3))
    again, errand = Turn(1, LATE, groups[4], ()), Errand(lambda: None)
    left = [two, three, again]
    assert following(one, left, []) == 2
    assert following(None, left, [two]) == 1
    assert following(None, left, [one, two, three]) == 2  # what is reduced with others
    assert following(None, left, [*left, one]) == 0
    assert following(one, [errand, *left], []) == 0  # which is of an earlier rank
    rest = Turn(1, LATE, groups[4], (0,))
    assert following(None, [rest, one], [again]) == 1
    assert following(None, [rest], [again]) == 0


def test_one_architecture_of_each_kind() -> None:
    few = one_of_each_kind(DEFAULT)
    assert few == ("x86_64", "arm64", "s390")
    assert {ARCHS[name].remote for name in few} == {ARCHS[name].remote for name in DEFAULT}
    assert {ARCHS[name].remote for name in few} == set(Remote)

# SPDX-License-Identifier: GPL-2.0-only
"""Edited versions: their edits are theirs alone, and never pass in silence."""

from __future__ import annotations

from dataclasses import replace

import pytest

from checks.engine.search import Limits
from checks.mutate.steps import steps_of
from checks.play.play import Play, Theatre
from checks.stage.stage import Role, Stage
from checks.target.target import as_mutant, by_name, one_version
from model.cast.casts import Cast, invocations, world_of
from model.cast.neighbours import ZAP
from model.kernel.anon import zap
from model.lang.edits import (
    FunctionEdit,
    drop,
    insert_after,
    move_after,
    replace_argument,
)
from model.lang.errors import ModelError
from model.lang.ir import Thread
from model.lang.traits import Trait
from model.patches.edited import edited
from model.patches.family import Variant, texts
from model.patches.uffd_move_batching import FAMILY

MERGED, V2, V3 = (FAMILY.variant(name) for name in ("merged", "v2", "v3"))
MOVE = "move_present_ptes"
LATE = move_after("flush_tlb_range", "double_pt_unlock", in_=MOVE, anchor_nth=3)
SCENE = "move+zap_dst/1p/ptl=different/init=all_at_src"


def of_merged(*edits: FunctionEdit) -> Variant:
    return edited(MERGED, "mine", "merged, edited", *edits)


def scene(name: str = SCENE) -> Cast:
    found = FAMILY.casts.named(name, "6.18")
    assert found is not None
    return found


def threads(variant: Variant, theatre: Theatre, cast: Cast) -> tuple[Thread, ...]:
    stage: Stage = theatre.stage(Play(cast, Role(variant), "x86_64"))
    return stage.raw_threads(cast, Role(variant))


def steps(thread: Thread) -> list[object]:
    return [(edge.op, edge.call) for edge in thread.edges]


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (drop("flush_tlb_range", in_="move_present_pte"),
         "mine edits move_present_pte: merged calls no function of that name; did you mean"),
        (drop("flush_tlb_rnge", in_=MOVE),
         "model/patches/uffd_move_batching/merged.py:92:0: mine: move_present_ptes, line 92: "
         "no call of flush_tlb_rnge; name a call that the function makes: "),
        (drop("double_pt_unlock", in_=MOVE),
         "merged.py:92:0: mine: move_present_ptes: call of double_pt_unlock is there more than "
         "once, on lines "),
        (replace_argument("flush_tlb_range", 2, "src_addr", in_=MOVE),
         "merged.py:92:0: mine: the edits of move_present_ptes change nothing"),
    ],
)  # fmt: skip
def test_an_edit_that_finds_nothing_is_refused_where_it_is_made(
    edit: FunctionEdit, said: str
) -> None:
    with pytest.raises(ModelError) as error:
        of_merged(edit)
    assert said in str(error.value)


def test_an_edited_version_is_what_a_mutant_of_the_same_edits_is() -> None:
    """Beside a neighbour that calls nothing that is edited."""
    theatre = Theatre([])
    target = as_mutant(by_name(FAMILY.name, "merged"), "flush after the PTLs")
    play = Play(scene(), target.selected.role, "x86_64")
    mutant = theatre.stage(play).raw_threads(play.cast, play.role)
    ours = threads(of_merged(LATE), theatre, scene())
    assert [steps(t) for t in ours] == [steps(t) for t in mutant]
    assert steps(ours[0]) != steps(threads(MERGED, theatre, scene())[0])


@pytest.mark.parametrize("first", [True, False])
def test_nobody_else_has_its_edits(first: bool) -> None:
    """Whichever is compiled first: no other version, and no neighbour that calls the same."""
    theatre = Theatre([])
    careless = of_merged(replace_argument("release", 1, "count + 1", in_="folio_put"))
    if first:
        threads(careless, theatre, scene())
    subject, neighbour = threads(MERGED, theatre, scene())
    ours, beside = threads(careless, theatre, scene())
    assert beside is neighbour
    assert steps(ours) != steps(subject)


def test_a_neighbour_that_is_the_same_routine_has_none_of_its_edits() -> None:
    """Zapping is what is decided, and runs beside it."""
    stock = Variant("stock", "as it is", "6.18", {"zap": zap.madvise_dontneed}, "zap.py")
    ours = edited(stock, "late", "flush after", drop("folio_remove_rmap_pte", in_="zap_pte"))
    (routine,) = ours.routines.values()
    assert routine is not zap.madvise_dontneed
    assert zap.zap_pte not in ours.called_by([routine])["zap_pte"]
    assert ours.called_by([zap.madvise_dontneed])["zap_pte"] == [zap.zap_pte]
    assert zap.zap_pte not in ours.swap_in(zap.madvise_dontneed)
    assert ZAP.routine("6.18") is not routine


def test_edits_of_edits_and_beside_functions_that_are_swapped() -> None:
    twice = edited(of_merged(LATE), "twice", "two edits",
                   drop("flush_tlb_range", in_=MOVE))  # fmt: skip
    at_once = edited(MERGED, "once", "both at once", LATE, drop("flush_tlb_range", in_=MOVE))
    theatre = Theatre([])
    assert steps(threads(twice, theatre, scene())[0]) == steps(
        threads(at_once, theatre, scene())[0]
    )
    (one,) = twice.called_by(twice.routines.values())[MOVE]
    assert one.version == "6.18, edited by mine, edited by twice"
    assert V2.edited_names == ["check_ptes_for_batched_move"] != V3.edited_names


def test_what_it_calls_is_what_its_text_says() -> None:
    """The functions of an edit are found, and those that it drops are not."""
    without = of_merged(drop("flush_tlb_range", in_=MOVE))
    assert "flush_tlb_range" in MERGED.called_by(MERGED.routines.values())
    assert "flush_tlb_range" not in without.called_by(without.routines.values())
    routine = [*without.routines.values()]
    assert texts(without, routine)["6.18"] < texts(MERGED, MERGED.routines.values())["6.18"]


def test_its_steps_are_those_of_its_text() -> None:
    cast = scene()
    before = {step.text for step in steps_of(MERGED, cast)}
    after = {step.text for step in steps_of(of_merged(drop("flush_tlb_range", in_=MOVE)), cast)}
    assert before - after == {"flush_tlb_range(src_vma, src_start, src_addr)"}


def test_a_mutant_of_an_edited_version_has_both_edits() -> None:
    target = one_version(by_name(FAMILY.name), of_merged(LATE))
    role = as_mutant(target, "no flush").selected.role
    play = Play(scene(), role, "x86_64")
    (subject, _) = Theatre([]).stage(play).raw_threads(play.cast, role)
    plain, _ = threads(of_merged(LATE, drop("flush_tlb_range", in_=MOVE)), Theatre([]), scene())
    assert steps(subject) == steps(plain)


def test_what_an_edit_adds_is_asked_for_what_it_uses() -> None:
    """A bare access of an edited function of `model` is as foreign as that of a user's file."""
    look = insert_after("folio_put", "x = src_folio.dirty", in_=MOVE)
    thread = threads(of_merged(look), Theatre([]), scene())[0]
    calls = [edge.call for edge in thread.edges if edge.call is not None]
    assert [Trait.FOREIGN in call.traits for call in calls if call.name == "read"] == [True]


def test_a_cast_calls_the_routine_of_the_version_again() -> None:
    cast = scene("move+move_again/1p/ptl=different/init=all_at_src")
    ours, setup = of_merged(LATE), world_of(cast)
    calls = invocations(setup, ours.call(cast, setup), cast, "6.18")
    assert [call.fn for call in calls] == [ours.routines["move"]] * 2
    assert ours.routines["move"] is not MERGED.routines["move"]


def test_verdicts_are_those_of_the_text_written_out() -> None:
    """Edited so that nothing is flushed in time, beside a zap."""
    theatre = Theatre([])
    play = Play(scene(), Role(of_merged(LATE)), "x86_64")
    target = as_mutant(by_name(FAMILY.name, "merged"), "flush after the PTLs")
    mutant = replace(play, role=target.selected.role)
    assert theatre.play(play, Limits()).states == theatre.play(mutant, Limits()).states


def test_what_a_call_is_comes_from_the_edited_text() -> None:
    """A flush that flushes nothing is none that could be needed, and the kernel's own is."""
    idle = of_merged(drop("flush_everywhere", in_="flush_tlb_range"))
    flushes = {name: {step.kind for step in steps_of(v, scene()) if "flush_tlb" in step.text}
               for name, v in (("idle", idle), ("merged", MERGED))}  # fmt: skip
    assert flushes == {"idle": set(), "merged": {"flush"}}

# SPDX-License-Identifier: GPL-2.0-only
"""A HOLDS says something of what is under test: that its premise was reached, and may succeed."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from checks.answer.report import Column, Question, Report
from checks.play.cells import Reach, Verdict, falling_short, verdict
from checks.play.play import Finding, Outcome, Play, UnderTest, unfinished
from checks.render.table import table_lines
from checks.stage.ends import End
from checks.stage.stage import Role, Setting, Stage
from checks.target.target import by_name
from invariants import REGISTRY
from model.cast.casts import Cast
from model.kernel.anon.zap import zap_pte
from model.lang.traits import Trait
from tests.families import MOVE

from ...command import Ran, run

RIGHT = "uffd_move_batching", "--variant", "merged", "--arch", "x86_64", "--jobs", "1"
ALONE = "move/1p/ptl=different/init=all_at_src"
BESIDE = "move+{}/1p/ptl=different/init=all_at_src"
BODY = "    moved = 0\n    src_pmd"


def gives_up(folder: Path, early: str, end: str = "") -> Path:
    """`gives_up.py`: the merged form as `show` prints it, which begins with `early`."""
    text = run("show", "uffd_move_batching", "--variant", "merged", "--format", "python").stdout
    assert text.count(BODY) == 1
    path = folder / "gives_up.py"
    path.write_text(text.replace(BODY, f"{early}{BODY}") + end)
    return path


AT_ONCE = "    return -EAGAIN\n"
WITH_LOCKS = """\
    uffd_move_lock(mm, dst_vma, src_vma)
    src_pte: Pte | None = pte_offset_map(mm.root.pmds[src_start], src_start)
    if src_pte is not None:
        spin_lock(src_pte.table.ptl)
        spin_unlock(src_pte.table.ptl)
        pte_unmap(src_pte)
    uffd_move_unlock(dst_vma, src_vma)
    return -EAGAIN
"""


def results(ran: Ran, side: str = "after") -> dict[str, Any]:
    """The verdict on each invariant about states, by its name."""
    every = json.loads(ran.stdout)["patches"][0]["results"]
    return {r["invariant"]: r for r in every if r["side"] == side and r["group"] != "ordering"}


@pytest.mark.parametrize("early", [AT_ONCE, WITH_LOCKS], ids=["at once", "with locks"])
@pytest.mark.parametrize("neighbour", ["zap_dst", "gup_fast", "reclaim", "move_again"])
def test_a_move_that_gives_up_is_vacuous(tmp_path: Path, early: str, neighbour: str) -> None:
    """Whatever runs beside it reaches many premises, of which it can say nothing."""
    ran = run(str(gives_up(tmp_path, early)), "--arch", "x86_64", "--jobs", "1",
              "--format", "json", "--scenario", BESIDE.format(neighbour))  # fmt: skip
    assert ran.exit_code == 3
    found = results(ran)
    assert {r["verdict"] for r in found.values()} == {"VACUOUS"}
    assert {r["reason"] for r in found.values()} == {"move_pages returns nothing but errors"}
    assert results(ran, "before")["everything_is_released"]["verdict"] == "HOLDS"


def test_a_move_that_does_nothing_and_reports_0_is_vacuous(tmp_path: Path) -> None:
    """No error, and nothing done; the version before it moves pages in the same casts."""
    path = gives_up(tmp_path, AT_ONCE.replace("-EAGAIN", "0"))
    ran = run(str(path), "--arch", "x86_64", "--jobs", "1", "--format", "json", "--scenario",
              BESIDE.format("zap_dst"))  # fmt: skip
    assert ran.exit_code == 3
    found = results(ran)
    assert {r["verdict"] for r in found.values()} == {"VACUOUS"}
    assert {r["reason"] for r in found.values()} == {"move_pages never returns more than 0"}


def test_it_is_said_once(tmp_path: Path) -> None:
    path = gives_up(tmp_path, AT_ONCE)
    ran = run(str(path), "--arch", "x86_64,arm64", "--jobs", "1", "--scenario", ALONE)
    said = "VACUOUS: move_pages returns nothing but errors (x86_64, arm64)"
    assert ran.stdout.count(said) == 1
    assert ran.stdout.count("returns nothing but errors") == 2, "and once in the summary"


OF_ITS_OWN = """
from dataclasses import replace

from model.patches.uffd_move_batching import FAMILY as WHOLE

FAMILY = replace(
    WHOLE, variants=(WHOLE.variant("merged"), VARIANT), before="merged", after="gives_up",
    casts=replace(WHOLE.casts, neighbours=(), initial=WHOLE.casts.initial[:1]),
)
del VARIANT
"""
"""A patch whose default set is one cast with each relation of the page-table locks."""


@pytest.mark.parametrize(("early", "verdicts"), [(AT_ONCE, {"VACUOUS"}), ("", {"HOLDS"})])
def test_in_the_default_set(tmp_path: Path, early: str, verdicts: set[str]) -> None:
    path = gives_up(tmp_path, early, OF_ITS_OWN)
    asked = [word for name in ("locking", "no_null_pointer_is_followed")
             for word in ("--invariant", name)]  # fmt: skip
    ran = run(str(path), "--arch", "x86_64", "--jobs", "1", "--format", "json", *asked)
    found = results(ran)
    assert {found["everything_is_released"]["verdict"], found["no_deadlock"]["verdict"]} == verdicts
    # Alone it waits for no folio lock: that is VACUOUS, and counts, for it is the default set.
    assert found["folio_lock_in_order"]["verdict"] == "VACUOUS"
    assert ran.exit_code == 3


def test_where_no_version_can_succeed_a_few_casts_say_what_they_can(tmp_path: Path) -> None:
    path = gives_up(tmp_path, "", "")
    scene = ALONE.replace("all_at_src", "no_table")
    ran = run(str(path), "--arch", "x86_64", "--jobs", "1", "--scenario", scene)
    assert ran.exit_code == 0
    assert "everything_is_released                HOLDS                         HOLDS" in ran.stdout
    assert "54 invariants are not exercised by these casts" in ran.stdout


# -- a few casts -----------------------------------------------------------------------------------


def test_what_a_few_casts_do_not_reach_is_counted() -> None:
    ran = run(*RIGHT, "--scenario", ALONE)
    assert ran.exit_code == 0
    assert "31 invariants are not exercised by these casts" in ran.stdout
    assert "VACUOUS" not in ran.stdout
    assert "NOT APPLICABLE" not in ran.stdout
    one = run(*RIGHT, "--scenario", ALONE, "--invariant", "rmap")
    assert one.exit_code == 0
    assert "6 invariants are not exercised by these casts" in one.stdout


@pytest.mark.parametrize(
    ("name", "scene", "code", "said"),
    [
        ("folio_lock_in_order", ALONE, 3, "VACUOUS folio_lock_in_order: no cast reaches"),
        ("a_pinned_page_is_not_moved", ALONE, 3, "no routine here does it: a page is pinned (pin)"),
        ("no_store_is_lost_to_swap", BESIDE.format("reclaim"), 0, "reached by neighbours only"),
        ("no_null_pointer_is_followed", ALONE, 0, "HOLDS"),
    ],
)  # fmt: skip
def test_what_is_asked_for_by_name_counts(name: str, scene: str, code: int, said: str) -> None:
    ran = run(*RIGHT, "--scenario", scene, "--invariant", name)
    assert ran.exit_code == code
    assert said in " ".join(ran.stdout.split())
    assert "not exercised" not in ran.stdout


def test_a_neighbours_walk_says_something_of_what_changes_entries() -> None:
    """The walk is a neighbour's, the wrong index the subject's; without the mutant it HOLDS."""
    ran = run("uffd_move_batching", "--mutant", "index not updated", "--arch", "x86_64",
              "--invariant", "a_walk_finds_every_mapping", "--format", "json", "--jobs", "1",
              "--scenario", BESIDE.format("reclaim"))  # fmt: skip
    assert ran.exit_code == 1
    for side, wanted in (("mutant", "VIOLATED"), ("after", "HOLDS")):
        (found,) = results(ran, side).values()
        assert (found["verdict"], found["reach"]) == (wanted, "reached")


# -- what is under test ----------------------------------------------------------------------------


def cast(*names: str, state: str = "all_at_src") -> Cast:
    others = {n.name: n for n in MOVE.casts.neighbours}
    return MOVE.casts.cast(tuple(others[n] for n in names), state, pages=1)


def test_routines_under_test() -> None:
    """The subject wherever it runs, and whatever calls a function that the patch changes."""
    beside = cast("move_back", "zap_dst")
    stage = Stage(Setting.of(beside), "x86_64", ())
    merged = MOVE.variant("merged")
    assert stage.tested(beside, Role(merged)) == (True, True, False)
    changed = replace(merged, swap={zap_pte: zap_pte})
    before = replace(MOVE, variants=(merged, changed)).changed(merged)
    assert stage.tested(beside, Role(merged, changed=before)) == (True, True, True)
    assert MOVE.changed(merged).isdisjoint({zap_pte})


# -- branches --------------------------------------------------------------------------------------


def test_a_branch_that_is_dead_on_one_architecture() -> None:
    """A branch that fired elsewhere is not among those that never did; it is said, once."""
    subject = by_name("uffd_move_batching", "merged")
    always, there, never = (("m.py", n, "f", "yes") for n in (1, 2, 3))
    columns = []
    for arch, fired in (("x86_64", [always, there]), ("arm64", [always]), ("s390", [always])):
        found = replace(
            unfinished(""), branches=frozenset({always, there, never}), fired=frozenset(fired)
        )
        plays = Play(cast(), subject.selected.role, arch)
        made = Column(subject.selected, arch, (cast(),), (Outcome(plays, found),), (), ())
        columns.append(made)
    question = Question(subject, ("x86_64", "arm64", "s390"), ())
    report = Report(question, tuple(columns), (), (), (), 0, "")
    assert report.never_fired(subject.selected) == [never]
    assert report.never_fired_on(subject.selected) == {there: ("arm64", "s390")}
    said = [text for text in table_lines(report, verbose=True) if "never fired" in text]
    assert said == [
        "  branches that never fired in these casts, no reason known: m.py: 3 yes",
        "  branches that never fired in these casts on arm64, s390, no reason known: m.py: 2 yes",
    ]


# -- verdicts of findings --------------------------------------------------------------------------


def outcome(*tested: UnderTest, beside: str = "", name: str = "all_at_src") -> Outcome:
    """A play in which these routines are under test, and a neighbour takes steps of these words."""
    others = frozenset(beside.split())
    every = [t.present for t in tested], [t.seen for t in tested]
    found: Finding = replace(
        unfinished(""), states=1, tested=tested, present=others.union(*every[0]),
        seen=others.union(*every[1]),
    )  # fmt: skip
    return Outcome(Play(cast(state=name), Role(MOVE.variant("merged")), "x86_64"), found)


def routine(present: str, seen: str, *, name: str = "f", end: End = End.MORE) -> UnderTest:
    took = frozenset({*seen.split(), Trait.RETURN.value})
    return UnderTest(name, took.union(present.split()), took, end)


HERE, MOVES = "set_pte_at", "a_pinned_page_is_not_moved"
APART = Verdict.NOT_APPLICABLE


@pytest.mark.parametrize(
    ("outcomes", "verdict_", "reach"),
    [
        ([outcome(routine("", HERE), beside="pin")], Verdict.HOLDS, Reach.REACHED),
        ([outcome(routine(HERE, ""), beside="pin")], Verdict.VACUOUS, Reach.NEVER),
        ([outcome(routine(HERE, ""), beside=f"pin {HERE}")], Verdict.VACUOUS, Reach.NEVER),
        ([outcome(routine("", ""), beside=f"pin {HERE}")], APART, Reach.NEIGHBOURS),
        ([outcome(routine("", ""), beside="pin")], APART, Reach.NOWHERE),
        ([outcome(routine("", HERE))], APART, Reach.NOWHERE),
        # in one play each, and in none together
        ([outcome(routine("", HERE)), outcome(routine(HERE, ""), beside="pin")],
         Verdict.VACUOUS, Reach.NEVER),
        # another routine under test will do
        ([outcome(routine("", ""), routine("", HERE, name="g"), beside="pin")],
         Verdict.HOLDS, Reach.REACHED),
    ],
)  # fmt: skip
def test_premises(outcomes: list[Outcome], verdict_: Verdict, reach: Reach) -> None:
    cell = verdict(REGISTRY[MOVES], outcomes)
    assert (cell.verdict, cell.reach) == (verdict_, reach)
    by_others = any(HERE in o.found.seen for o in outcomes) and not any(
        HERE in t.seen for o in outcomes for t in o.found.tested
    )
    assert ("reached by neighbours only" in cell.reason) == by_others


def test_what_one_routine_must_do_two_do_not() -> None:
    """Of a call that returns: it must have cleared an entry itself."""
    asked = REGISTRY["nothing_removed_is_used_after_return"]
    clears = routine("", "ptep_get_and_clear")
    assert verdict(asked, [outcome(clears)]).verdict is Verdict.HOLDS
    stays = replace(clears, seen=clears.seen - {Trait.RETURN})
    assert verdict(asked, [outcome(stays, routine("", "", name="g"))]).reach is Reach.NEVER


def test_routines_that_come_to_no_good_end() -> None:
    fails, idle, does = (routine("", "", end=end) for end in (End.ERROR, End.ZERO, End.MORE))
    assert falling_short([outcome(fails)], [], everywhere=True) == {"f": End.ERROR}
    assert falling_short([outcome(fails), outcome(does)], [], everywhere=True) == {}
    assert falling_short([outcome(idle)], [], everywhere=True) == {}
    never = outcome(routine("", "", end=End.NEVER))
    assert falling_short([never], [outcome(does)], everywhere=True) == {}  # said otherwise
    # a few casts: only if another version comes to a better end in the same ones
    assert falling_short([outcome(fails)], [outcome(fails)], everywhere=False) == {}
    elsewhere = outcome(does, name="clean")
    assert falling_short([outcome(fails)], [elsewhere], everywhere=False) == {}
    assert falling_short([outcome(fails)], [outcome(does)], everywhere=False) == {"f": End.ERROR}
    assert falling_short([outcome(idle)], [outcome(does)], everywhere=False) == {"f": End.ZERO}
    assert falling_short([outcome(does)], [outcome(idle)], everywhere=True) == {}
    failing = {"f": End.ERROR, "g": End.ZERO}
    cell = verdict(REGISTRY["no_deadlock"], [outcome(fails, beside="acquire")], failing)
    said = "f returns nothing but errors and g never returns more than 0"
    assert (cell.verdict, cell.reason) == (Verdict.VACUOUS, said)

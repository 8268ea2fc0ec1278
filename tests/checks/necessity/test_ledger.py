# SPDX-License-Identifier: GPL-2.0-only
"""The ledger: every step is classified by what a run without it shows."""

from __future__ import annotations

from pathlib import Path

import pytest

from checks.engine.search import Limits
from checks.mutate.steps import KINDS, steps_of
from checks.necessity.ledger import Asked, Need, chosen_steps, ledger
from checks.play.cache import Verdicts
from checks.target.selection import chosen_casts
from checks.target.target import by_name
from invariants import REGISTRY
from model.lang.errors import ModelError
from tests.families import MOVE

from ...command import run

ALONE = "move/1p/ptl=different/init=all_at_src"


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


def asked(variant: str, scenario: str) -> Asked:
    role = by_name(MOVE.name, variant).selected.role
    casts = chosen_casts(MOVE.casts, role.variant.neighbours_from, scenario, full=False)
    return Asked(role, tuple(casts), ("x86_64",), tuple(REGISTRY.values()), Limits())


@pytest.mark.parametrize("variant", ["v3", "merged"])
def test_every_kind_of_step_is_found(variant: str) -> None:
    of = MOVE.variant(variant)
    steps = steps_of(of, MOVE.casts.default(of.neighbours_from)[0])
    assert len({s.name for s in steps}) == len(steps)
    assert {s.kind for s in steps} == set(KINDS) - {"barrier"}  # MOVE has no barrier of its own
    assert {s.function for s in steps} >= {
        "double_pt_lock", "double_pt_unlock", "is_pte_pages_stable", "move_present_ptes",
        "check_ptes_for_batched_move", "move_pages_ptes", "move_pages", "move_swap_pte",
        "in_address_order",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("variant", "step", "invariant"),
    [
        ("merged", "no spin_lock(ptl1)*", "fields_change_under_their_locks"),
        ("merged", "no flush_tlb_range(*", "flushed_before_ptl_is_released"),
        ("merged", "flush_tlb_range after double_pt_unlock(*", "flushed_before_ptl_is_released"),
        ("merged", "no folio_put(first_src_folio)*", "references_balance"),
        # it stands in what runs once, the unlock after that
        ("v3", "flush_tlb_range after double_pt_unlock(*", "flushed_before_ptl_is_released"),
    ],
)
def test_needed(variant: str, step: str, invariant: str) -> None:
    of = asked(variant, ALONE)
    (row,) = ledger(of, chosen_steps(of.role, of.casts, step), Verdicts())
    assert row.need is Need.NEEDED
    assert invariant in row.invariants
    assert row.play is not None
    assert row.play.cast.name == ALONE


def test_a_check_that_is_no_if_is_needed() -> None:
    """Which page-table lock is taken first is a conditional expression, in a pure function."""
    of = asked("merged", "move+move_back/2p/ptl=different/init=other_anon_vma")
    steps = chosen_steps(of.role, of.casts, "no check ptl1.rank > ptl2.rank: *")
    assert [s.name.split(": ")[1].split(",")[0] for s in steps] == ["never so", "always so"]
    for row in ledger(of, steps, Verdicts()):
        assert row.need is Need.NEEDED
        assert "no_deadlock" in row.invariants


def test_not_shown_needed_with_what_was_asked() -> None:
    """Nobody else is there who could have changed the entry."""
    of = asked("merged", ALONE)
    steps = chosen_steps(of.role, of.casts, "no check not pte_same(dst_now*")
    (row,) = ledger(of, steps, Verdicts())
    assert row.need is Need.NOT_SHOWN
    of = asked("merged", "move+uffd_copy/1p/ptl=different/init=all_at_src")
    (row,) = ledger(of, steps, Verdicts())
    assert row.need is Need.NEEDED


def test_what_cannot_be_decided_is_not_called_anything_else() -> None:
    """Without its clause the call goes on past the end of the page table: the model has no more."""
    of = asked("merged", "move/2p/ptl=different/init=one_at_dst")
    _, after_a_page = chosen_steps(of.role, of.casts, "no check err != 0*")
    (row,) = ledger(of, [after_a_page], Verdicts())
    assert row.need is Need.UNDECIDED
    assert "leaves the range" in row.why


def test_a_base_that_is_not_decided_is_refused() -> None:
    of = asked("merged", ALONE)
    short = Asked(of.role, of.casts, of.archs, of.chosen, Limits(3))
    with pytest.raises(ModelError, match="is not decided with every step in its place"):
        ledger(short, chosen_steps(of.role, of.casts, "no folio_put(first*"), Verdicts())


def test_the_command() -> None:
    ran = run("necessity", MOVE.name, "--scenario", ALONE, "--step", "no flush*", "--trace")
    assert ran.exit_code == 0
    assert "137 no flush_tlb_range(src_vma, src_start, src_addr)" in ran.stdout
    assert "needed by flushed_before_ptl_is_released (+1)" in ran.stdout
    assert "1 step: 1 needed by, 0 not shown needed in this model, 0 not decided" in ran.stdout
    assert "\nVIOLATED  " in ran.stdout
    line = next(x for x in ran.stdout.splitlines() if x.startswith("replay"))
    schedule = line.split("'")[1]
    assert run("replay", schedule).exit_code == 1
    assert run("necessity", MOVE.name, "--step", "nothing").stderr.count("\n") == 1

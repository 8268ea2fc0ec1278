# SPDX-License-Identifier: GPL-2.0-only
"""Faults that are put into the reductions: the random systems show them."""

from __future__ import annotations

from contextlib import nullcontext

import pytest

from checks.reduce.conditions import CONDITIONS, TESTED

from .__main__ import main
from .faults import FAULTS, Fault, programs_until

SHOWN_BY = {
    "a wait that takes nothing is a right mover": 203,
    "who takes what another waits for is a left mover": 4423,
    "a fact about a shared cell outlives the step": 936,
    "ghosts have no time": 15,
    "writes to a ghost commute": 582,
    "what was merged before a halting check is lost": 69,
    "movers are kept though a discipline is broken": 5,
    "a use of what is free is not noticed": 34,
    "a lock that another lets go of is not noticed": 132,
    "a lock is taken from another unseen": 178,
    "a depth or a set is asked whether it is mine": 0,
    "a release at the entry comes later": 116,
    "a step that says it frees is believed": 207,
    "a plain write to what may be free is not seen": 153,
    "a step that frees moves the pointer to what it writes": 207,
    "who takes a lock may bring others with it": 439,
    "who asks about a lock does not mind that its object is freed": 261,
    "what movers rest on may change": 412,
    "a rule writes lock words": 3641,
    "a field without its lock is not noticed": 37,
    "what movers rest on is erased": 53,
    "hardware is guessed from what a rule writes": 110,
    "a rule of software is erased": 259,
    "what makes a steady check hold may come first": 412,
    "what breaks a discipline may come later than who notices it": 7934,
    "a check looks under locks": 2925,
    "a computed index in an invariant is not seen": 9,
    "what changes is folded": 5,
    "a local that a check reads is dead": 3,
}
"""The seed of the first program that shows each: one less than the number that ``python -m
tests.oracle --faults 10000`` prints, which finds them again where other programs are drawn."""

NO_RANDOM_SYSTEM = {
    "checks.reduce.reducer:Reducer._folded": "they are reduced one by one, not as a family",
    "checks.reduce.reducer:Reducer._merge": "with it a system is decided again without an end",
    "checks.reduce.reducer:_is_foreign": "all their steps are as good as those of `model`",
    "checks.reduce.symmetry:symmetric_classes": "they have no like objects that are exchanged",
    "checks.stage.stage:require_one_store": "they have no user code",
    "model.hw.eager_tlb:require_eager": "they have no eager TLBs",
}
"""Conditions without a fault, and why."""


@pytest.mark.parametrize("fault", FAULTS, ids=lambda f: f.name)
def test_a_fault_shows(fault: Fault) -> None:
    assert programs_until(fault, 1, SHOWN_BY[fault.name]) is not None


def test_without_a_fault_these_programs_do_not_differ() -> None:
    none = Fault("none", "", nullcontext)
    assert programs_until(none, 100) is None
    assert all(programs_until(none, 1, seed) is None for seed in SHOWN_BY.values())


def test_each_condition_that_code_sees_to_has_a_fault() -> None:
    enforced = {c.enforced for c in CONDITIONS} - {TESTED}
    assert enforced - {f.where for f in FAULTS} == set(NO_RANDOM_SYSTEM)
    assert {f.name for f in FAULTS} == SHOWN_BY.keys()


def test_a_name_that_no_fault_has_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--faults", "9", "--fault", "no such name"])
    assert ended.value.code == 2
    assert "no fault has 'no such name' in its name" in capsys.readouterr().err

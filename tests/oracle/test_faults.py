# SPDX-License-Identifier: GPL-2.0-only
"""Faults that are put into the reductions: the random systems show them."""

from __future__ import annotations

from contextlib import nullcontext

import pytest

from checks.reduce.conditions import CONDITIONS, TESTED

from .faults import FAULTS, Fault, programs_until

SOON = frozenset({
    "what was merged before a halting check is lost",
    "movers are kept though a discipline is broken",
    "a lock is taken from another unseen",
    "a depth or a set is asked whether it is mine",
    "what movers rest on is erased",
    "a computed index in an invariant is not seen",
    "what changes is folded",
    "a local that a check reads is dead",
})  # fmt: skip
"""Those that a hundred programs or so show; all are looked for by ``python -m tests.oracle
--faults 10000``."""

NO_RANDOM_SYSTEM = {
    "checks.reduce.reducer:Reducer._folded": "they are reduced one by one, not as a family",
    "checks.reduce.reducer:_is_foreign": "all their steps are as good as those of `model`",
    "checks.reduce.symmetry:symmetric_classes": "they have no like objects that are exchanged",
    "checks.scenario:require_one_store": "they have no user code",
    "model.hw.eager:require_eager": "they have no eager TLBs",
}
"""Conditions without a fault, and why."""


@pytest.mark.parametrize("fault", [f for f in FAULTS if f.name in SOON], ids=lambda f: f.name)
def test_a_fault_shows(fault: Fault) -> None:
    assert programs_until(fault, 150) is not None


def test_without_a_fault_these_programs_do_not_differ() -> None:
    assert programs_until(Fault("none", "", nullcontext), 150) is None


def test_each_condition_that_code_sees_to_has_a_fault() -> None:
    enforced = {c.enforced for c in CONDITIONS} - {TESTED}
    assert enforced - {f.where for f in FAULTS} == set(NO_RANDOM_SYSTEM)
    assert {f.name for f in FAULTS} >= SOON

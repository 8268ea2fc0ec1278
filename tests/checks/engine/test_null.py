# SPDX-License-Identifier: GPL-2.0-only
"""After a NULL pointer is followed nothing comes: no field of None is written, in no explorer."""

from __future__ import annotations

import pytest

from checks.engine import compiler
from checks.engine.engines import Engine
from checks.mutate.steps import steps_of
from checks.report import chosen_casts
from checks.scenario import Setting, Stage
from checks.subject import by_name
from invariants import REGISTRY
from model.lang.ir import NULL_POINTER

SCENE = "move/2p/ptl=different/init=one_at_dst"


@pytest.mark.skipif(not compiler.present(), reason="there is no C compiler")
def test_nothing_comes_after_it() -> None:
    subject = by_name("uffd_move_batching", "merged")
    role = subject.selected.role
    (one,) = chosen_casts(subject.patch.casts, role.variant.neighbours_from, SCENE, full=False)
    (step,) = [
        s for s in steps_of(role.variant, one)
        if s.name.startswith("no check src_folio is None, move_present_ptes")
    ]  # fmt: skip
    stage = Stage(Setting.of(one), "x86_64", REGISTRY.values())
    _, reference = stage.search(one, step.of(role), engine=Engine.REFERENCE)
    assert set(reference.violations) == {NULL_POINTER}
    _, compiled = stage.search(one, step.of(role), engine=Engine.COMPILED)
    assert compiled.violations == reference.violations
    assert (compiled.states, compiled.fired) == (reference.states, reference.fired)

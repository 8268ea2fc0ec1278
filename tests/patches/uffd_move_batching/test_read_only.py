# SPDX-License-Identifier: GPL-2.0-only
"""A VMA without VM_WRITE, which MOVE refuses: in a world made for it nothing becomes writable."""

from __future__ import annotations

import pytest

from checks.mutate.played import cast_of, role
from checks.stage import stage as stages
from checks.stage.stage import Role, Setting
from model.cast.parts import Setup
from model.lang.compose import Compiled
from model.lang.edits import replace_keyword
from model.lang.recent import Recent
from model.patches.mutant import mutant
from tests.checks.mutate.played import stage, violated
from tests.families import MOVE


@pytest.mark.parametrize("mutated", [False, True])
def test_permission_is_gained_where_a_vma_is_read_only(
    mutated: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The mover breaks it in no cast, for it refuses such a VMA (mm/userfaultfd.c:
    validate_move_areas), but in a world made for it: a destination without VM_WRITE."""
    build = Setting.build

    def read_only(setting: Setting) -> Setup:
        made = build(setting)
        made.vma("dst").__dict__["writable"] = False
        return made

    monkeypatch.setattr(Setting, "build", read_only)
    monkeypatch.setattr(stages, "_made", Compiled())  # not those of the world as it is
    monkeypatch.setattr(stages, "_kept", Recent(9))
    monkeypatch.setattr(stages, "_conditions", Recent(9))
    wrong = mutant(
        "writable regardless of the VMA", "the entry for the destination is made writable",
        replace_keyword("PteVal", "write", "True", in_="moved_pte"),
        breaks="no_permission_is_gained", cast="move/1p/ptl=different/init=all_at_src",
    )  # fmt: skip
    played = role(MOVE, wrong) if mutated else Role(MOVE.variant(wrong.variant))
    expected = frozenset(wrong.breaks) if mutated else frozenset()
    assert violated(cast_of(MOVE, wrong), "x86_64", played, stage) == expected

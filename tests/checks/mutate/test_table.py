# SPDX-License-Identifier: GPL-2.0-only
"""The table of mutants: each is made and played, and breaks exactly what the table says.

The variant that it is made from breaks none of that in the same cast, or the cast shows nothing;
what it breaks besides, being true of Linux, its mutants break too.
Every invariant has a mutant that breaks it; what has none is listed, with the reason.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import pytest

from checks.mutate.played import cast_of, role
from checks.reduce.reducer import Passes
from checks.stage.stage import Role, Setting, Stage
from invariants import REGISTRY
from model.cast.parts import Setup
from model.lang.edits import replace_keyword
from model.patches.mutant import Mutant, mutant
from model.patches.uffd_move_batching import FAMILY

MUTANTS = {m.name: m for m in FAMILY.mutants}

ROWS = [(m.name, arch) for m in MUTANTS.values() for arch in (*m.archs, *m.why_not)]


def stage(setting: Setting, arch: str) -> Stage:
    return Stage(setting, arch, REGISTRY.values())


shared = functools.cache(stage)
"""A stage for all mutants of one setting: what is beside them is made once."""


def violated(
    row: Mutant, arch: str, played: Role, on: Callable[..., Stage] = shared
) -> frozenset[str]:
    """What fails in the cast of a mutant, every state visited.

    Without movers: they rest on locks that a mutant may not take.
    """
    cast = cast_of(FAMILY, row)
    passes = Passes(merge=bool(cast.others), movers=False)
    _, search = on(Setting.of(cast), arch).by(passes).search(cast, played)
    assert search.why == ""
    return frozenset(search.violations)


@functools.cache
def baseline(name: str, arch: str) -> frozenset[str]:
    """What fails without the mutation: once for mutants of one variant in one cast."""
    row = MUTANTS[name]
    return violated(row, arch, Role(FAMILY.variant(row.variant)))


def same_play(row: Mutant) -> str:
    """The first mutant of the same variant in the same cast."""
    return next(m.name for m in MUTANTS.values() if (m.cast, m.variant) == (row.cast, row.variant))


@pytest.mark.parametrize(("name", "arch"), ROWS)
def test_a_mutant_breaks_exactly_what_the_table_says(name: str, arch: str) -> None:
    row = MUTANTS[name]
    expected = frozenset(row.breaks) if arch in row.archs else frozenset()
    before = baseline(same_play(row), arch)
    assert violated(row, arch, role(FAMILY, row)) == expected | before
    assert not before & frozenset(row.breaks)


def test_names_are_unique() -> None:
    assert len(MUTANTS) == len(FAMILY.mutants)


def test_rows_are_of_known_invariants_and_each_breaks_one() -> None:
    for row in MUTANTS.values():
        assert row.breaks
        assert row.archs
        assert set(row.breaks) <= set(REGISTRY)
        assert not set(row.archs) & set(row.why_not)


@pytest.mark.parametrize("invariant", sorted(REGISTRY))
def test_the_mutants_that_an_invariant_names_break_it(invariant: str) -> None:
    named = REGISTRY[invariant].mutants
    assert named
    assert set(named) <= set(MUTANTS)
    assert all(invariant in MUTANTS[name].breaks for name in named)


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
    wrong = mutant(
        "writable regardless of the VMA", "the entry for the destination is made writable",
        replace_keyword("PteVal", "write", "True", in_="moved_pte"),
        breaks="no_permission_is_gained", cast="move/1p/ptl=different/init=all_at_src",
    )  # fmt: skip
    played = role(FAMILY, wrong) if mutated else Role(FAMILY.variant(wrong.variant))
    expected = frozenset(wrong.breaks) if mutated else frozenset()
    assert violated(wrong, "x86_64", played, stage) == expected

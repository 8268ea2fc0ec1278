# SPDX-License-Identifier: GPL-2.0-only
"""The tables of mutants: each is made and played, and breaks exactly what its table says.

The variant that it is made from breaks none of that in the same cast, or the cast shows nothing;
what it breaks besides, being true of Linux, its mutants break too.
Every invariant has a stored mutant that breaks it.
"""

from __future__ import annotations

import functools

import pytest

from checks.mutate.played import cast_of, role
from checks.stage.stage import Role
from invariants import REGISTRY
from model.patches import FAMILIES
from model.patches.mutant import Mutant
from tests.checks.mutate.played import violated
from tests.families import EVERY

MUTANTS = {(name, m.name): m for name, family in EVERY.items() for m in family.mutants}
"""Those of every family, by its name and theirs."""

ROWS = [(*key, arch) for key, m in MUTANTS.items() for arch in (*m.archs, *m.why_not)]


@functools.cache
def baseline(family: str, name: str, arch: str) -> frozenset[str]:
    """What fails without the mutation: once for mutants of one variant in one cast."""
    of, row = EVERY[family], MUTANTS[family, name]
    return violated(cast_of(of, row), arch, Role(of.variant(row.variant)))


def same_play(family: str, row: Mutant) -> str:
    """The first mutant of the same variant in the same cast."""
    return next(
        m.name for m in EVERY[family].mutants if (m.cast, m.variant) == (row.cast, row.variant)
    )


@pytest.mark.parametrize(("family", "name", "arch"), ROWS)
def test_a_mutant_breaks_exactly_what_the_table_says(family: str, name: str, arch: str) -> None:
    of, row = EVERY[family], MUTANTS[family, name]
    expected = frozenset(row.breaks) if arch in row.archs else frozenset()
    before = baseline(family, same_play(family, row), arch)
    assert violated(cast_of(of, row), arch, role(of, row)) == expected | before
    assert not before & frozenset(row.breaks)


@pytest.mark.parametrize("family", EVERY)
def test_names_are_unique(family: str) -> None:
    names = [m.name for m in EVERY[family].mutants]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("family", EVERY)
def test_rows_are_of_known_invariants_and_each_breaks_one(family: str) -> None:
    for row in EVERY[family].mutants:
        assert row.breaks
        assert row.archs
        assert set(row.breaks) <= set(REGISTRY)
        assert not set(row.archs) & set(row.why_not)


@pytest.mark.parametrize("invariant", sorted(REGISTRY))
def test_the_mutants_that_an_invariant_names_break_it(invariant: str) -> None:
    """Each is in the table of a stored family."""
    named = REGISTRY[invariant].mutants
    assert named
    breaking = {
        m.name for family in FAMILIES.values() for m in family.mutants if invariant in m.breaks
    }
    assert set(named) <= breaking

# SPDX-License-Identifier: GPL-2.0-only
"""A branch that no cast takes is explained, and no explanation outlives its branch.

A HOLDS says nothing about what lies behind a branch that never fired: either a cast is missing, or
there is a reason, and the patch gives it (`Patch.never`).
"""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from checks.engine.search import Limits
from checks.play.play import Branch, Finding, Play, Theatre, families
from checks.render.table import line_text
from checks.stage.stage import Role
from model.cast.casts import Cast
from model.patches.uffd_move_batching import FAMILY

ROUTINES = ("merged", "folio_lock_only", "v1", "v3", "per_page")
"""A variant for each file of routines."""


def findings(variant: str, casts: Iterable[Cast]) -> list[Finding]:
    """What casts show on x86_64, no invariant asked for."""
    role, theatre = Role(FAMILY.variant(variant)), Theatre([])
    found = []
    for family in families([Play(c, role, "x86_64") for c in casts]):
        theatre.prepare(family)
        found += [theatre.play(play, Limits()) for play in family]
        theatre.forget(family)
    assert not any(f.why or f.broken for f in found)
    return found


def alone(variant: str) -> list[Cast]:
    """The casts with one neighbour at the most."""
    kernel = FAMILY.variant(variant).neighbours_from
    return [c for c in FAMILY.casts.default(kernel) if len(c.others) <= 1]


def keys(branches: Iterable[Branch]) -> set[str]:
    """Branches as `Patch.never` names them."""
    return {f"{f.rpartition('/')[2]}:{fn}:{line_text(f, n)}:{way}" for f, n, fn, way in branches}


def test_branches_that_never_fire_are_those_that_are_explained() -> None:
    found = findings(FAMILY.after, alone(FAMILY.after))
    every = frozenset().union(*(f.branches for f in found))
    fired = frozenset().union(*(f.fired for f in found))
    assert len(fired) > 100
    files = {key.partition(":")[0] for key in keys(every)}
    assert keys(every - fired) == {k for k in FAMILY.never if k.partition(":")[0] in files}


@pytest.mark.parametrize("variant", ROUTINES)
def test_explained_branches_are_there_and_do_not_fire(variant: str) -> None:
    """In the other files, whose casts would take too long here: every branch is there."""
    (found,) = findings(variant, alone(variant)[:1])
    own = FAMILY.variant(variant).file.rpartition("/")[2]
    explained = {k for k in FAMILY.never if k.startswith(f"{own}:")}
    assert explained
    assert explained <= keys(found.branches)
    assert not explained & keys(found.fired)


def test_every_reason_belongs_to_a_file_that_is_looked_at() -> None:
    looked_at = {FAMILY.variant(v).file.rpartition("/")[2] for v in ROUTINES} | {"common.py"}
    assert {k.partition(":")[0] for k in FAMILY.never} == looked_at

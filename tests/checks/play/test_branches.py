# SPDX-License-Identifier: GPL-2.0-only
"""A branch that no cast takes is explained, no explanation outlives its branch, and what an
invariant is about happens.

A HOLDS says nothing about what lies behind a branch that never fired: either a cast is missing, or
there is a reason, and the family gives it (`Family.never`).
"""

from __future__ import annotations

import functools
from collections.abc import Iterable

import pytest

from checks.engine.search import Limits
from checks.play.cells import Verdict, verdict
from checks.play.play import Branch, Outcome, Play, Theatre, families
from checks.render.table import line_text
from checks.stage.stage import Role
from invariants import REGISTRY
from model.cast.casts import Cast
from tests.families import EVERY, VARIANTS, archs_of


def outcomes(family: str, variant: str, casts: Iterable[Cast]) -> list[Outcome]:
    """What casts show, no invariant asked for."""
    of = EVERY[family]
    found_in = of.variant(variant)
    role, theatre = Role(found_in, changed=of.changed(found_in)), Theatre([])
    found = []
    for together in families([Play(c, role, archs_of(of)[0]) for c in casts]):
        theatre.prepare(together)
        found += [Outcome(play, theatre.play(play, Limits())) for play in together]
        theatre.forget(together)
    assert not any(o.found.why or o.found.broken for o in found)
    return found


def alone(family: str, variant: str) -> list[Cast]:
    """The casts with one neighbour at the most, and those with several writers."""
    casts = EVERY[family].casts
    kernel = EVERY[family].variant(variant).neighbours_from
    return [
        c for c in casts.default(kernel)
        if len(c.others) <= 1 or all(n in casts.writers for n in c.others)
    ]  # fmt: skip


@functools.cache
def after(family: str) -> list[Outcome]:
    """What those casts show of the version after the patch."""
    variant = EVERY[family].after
    return outcomes(family, variant, alone(family, variant))


def keys(branches: Iterable[Branch]) -> set[str]:
    """Branches as `Family.never` names them."""
    return {f"{f.rpartition('/')[2]}:{fn}:{line_text(f, n)}:{way}" for f, n, fn, way in branches}


@pytest.mark.parametrize("family", EVERY)
def test_branches_that_never_fire_are_those_that_are_explained(family: str) -> None:
    found = [o.found for o in after(family)]
    every = frozenset().union(*(f.branches for f in found))
    fired = frozenset().union(*(f.fired for f in found))
    assert len(fired) >= len(every - fired)
    files = {key.partition(":")[0] for key in keys(every)}
    explained = EVERY[family].never
    assert keys(every - fired) == {k for k in explained if k.partition(":")[0] in files}


@functools.cache
def first(family: str, variant: str) -> Outcome:
    """What the first cast shows of a version; the others would take too long here."""
    (found,) = outcomes(family, variant, alone(family, variant)[:1])
    return found


@pytest.mark.parametrize(("family", "variant"), VARIANTS)
def test_explained_branches_do_not_fire(family: str, variant: str) -> None:
    assert not EVERY[family].never.keys() & keys(first(family, variant).found.fired)


@pytest.mark.parametrize("family", EVERY)
def test_explained_branches_are_there(family: str) -> None:
    """Each with a reason, in some version."""
    branches = (first(family, v.name).found.branches for v in EVERY[family].variants)
    assert EVERY[family].never.keys() <= keys(frozenset().union(*branches))
    assert all(EVERY[family].never.values())


@pytest.mark.parametrize("invariant", REGISTRY)
@pytest.mark.parametrize("family", EVERY)
def test_what_an_invariant_is_about_happens(family: str, invariant: str) -> None:
    """Where a routine under test can do it, it does in some cast: no HOLDS is empty."""
    cell = verdict(REGISTRY[invariant], after(family))
    assert cell.verdict in (Verdict.HOLDS, Verdict.NOT_APPLICABLE), cell.reason

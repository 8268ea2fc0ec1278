# SPDX-License-Identifier: GPL-2.0-only
"""The series and each half of it, beside UFFDIO_MOVE: only both together, or none, are right."""

from __future__ import annotations

import pytest

from checks.engine.search import Limits
from checks.play.play import Play, Theatre
from checks.stage.stage import Role
from tests.checks.mutate.played import violated
from tests.checks.patch_input.patches import seed
from tests.command import run
from tests.families import EVERY

FAMILY = EVERY["rmap_locked_folios"]
OF_THE_WALK = {"a_walk_holds_the_lock_of_its_folio", "mapping_is_stable_during_a_walk"}


@pytest.mark.parametrize("subject", ["referenced", "idle", "damon"])
@pytest.mark.parametrize("initial", ["all_at_src", "shared", "other_anon_vma"])
@pytest.mark.parametrize("arch", ["x86_64", "arm64"])
@pytest.mark.parametrize(
    ("variant", "broken"),
    [("unlocked", False), ("rfc_1", False), ("rfc_2", True), ("locked", False)],
)
def test_a_walk_beside_move(
    variant: str, broken: bool, arch: str, initial: str, subject: str
) -> None:
    """A page that is shared is not moved, so that nothing breaks then."""
    version = FAMILY.variant(variant)
    name = f"{subject}+move/1p/ptl=different/init={initial}"
    cast = FAMILY.casts.named(name, version.neighbours_from)
    assert cast is not None
    role = Role(version, source=FAMILY.name, changed=FAMILY.changed(version))
    expected = OF_THE_WALK if broken and initial != "shared" else set()
    assert violated(cast, arch, role) == expected


def states_of(variant: str) -> int:
    """The number of states of the walk beside another one, other versions being prepared before."""
    theatre, scene = Theatre([]), "referenced+folio_referenced/1p/ptl=different/init=all_at_src"
    found = 0
    for version in FAMILY.variants:
        cast = FAMILY.casts.named(scene, version.neighbours_from)
        assert cast is not None
        role = Role(version, source=FAMILY.name, changed=FAMILY.changed(version))
        states = theatre.play(Play(cast, role, "x86_64"), Limits()).states
        found = states if version.name == variant else found
    return found


def test_a_neighbour_has_the_text_of_the_version() -> None:
    """1/2 changes the walk of the neighbour as well."""
    assert states_of("rfc_1") == states_of("locked") != states_of("unlocked")


def test_the_mail_of_one_half_is_decided() -> None:
    """As the reply that quotes it: no verdict that the version before has not."""
    scenes = "idle+move/1p/ptl=different/init=all_at_src"
    ran = run(seed("003"), "--arch", "x86_64", "--scenario", scenes, "--invariant", "rmap")
    assert "is rmap_locked_folios rfc_1" in " ".join(ran.stdout.split())
    assert "VIOLATED" not in ran.stdout

# SPDX-License-Identifier: GPL-2.0-only
"""Each version has the faults that Linux history tells of it, and no other, beside the walks."""

from __future__ import annotations

import pytest

from checks.stage.stage import Role
from tests.checks.mutate.played import violated
from tests.checks.patch_input.patches import seed
from tests.command import run
from tests.families import EVERY

FAMILY = EVERY["mremap_move_pmd"]

FLUSHED_LATE = {"a_table_moves_with_a_flush"}
"""Of v2: Linus Torvalds wrote eb66ae030829 while it was under review."""

WALK_MISSES = {"a_walk_finds_every_mapping"}
UNMAPPED_MEANWHILE = {"flushed_before_ptl_is_released"}
MIGRATED_MEANWHILE = {
    *WALK_MISSES, *UNMAPPED_MEANWHILE, "a_sync_walk_leaves_no_entry", "no_migration_entry_is_left",
    "no_translation_to_a_free_page", "nothing_removed_is_used_after_return",
}  # fmt: skip
"""97113eb39fa7: a walk with the table's lock, and no lock of a PMD entry."""

CLEAN_LEFT = {"flushed_before_ptl_is_released", "no_translation_to_a_free_page"}
"""eb66ae030829: what is not dirty is flushed after the locks."""

NULL_TABLE = {"a_pmd_points_to_a_table"}
"""6fa1066fc5d0, since 1d65b771bc08: retract_page_tables() takes no mmap_lock."""

NONE_FOLLOWED = {"no_null_pointer_is_followed"}
"""No kernel had both: retract_page_tables() of 6.6 follows what it finds under the PMD lock, and
relies on the lock of the file, which is taken since 5.14."""

NONE: set[str] = set()

HISTORY = {
    "mremap/init=all_at_old": (NONE, FLUSHED_LATE, NONE, NONE, NONE, NONE),
    "mremap+reclaim/init=all_at_old": (
        NONE, FLUSHED_LATE | WALK_MISSES | UNMAPPED_MEANWHILE, NONE,
        WALK_MISSES | UNMAPPED_MEANWHILE, NONE, NONE,
    ),
    "mremap+migrate/init=all_at_old": (
        NONE, FLUSHED_LATE | MIGRATED_MEANWHILE, NONE, MIGRATED_MEANWHILE, NONE, NONE,
    ),
    "mremap+retract/init=file": (
        NONE, FLUSHED_LATE | NONE_FOLLOWED, NONE, NONE_FOLLOWED, NULL_TABLE, NONE,
    ),
    "mremap_part+migrate/init=clean": (CLEAN_LEFT, CLEAN_LEFT, NONE, NONE, NONE, NONE),
}  # fmt: skip
"""By cast: what is violated on x86_64 in each version, the oldest first."""

CASES = [
    (scene, version.name, broken)
    for scene, row in HISTORY.items()
    for version, broken in zip(FAMILY.variants, row, strict=True)
]


def found(scene: str, variant: str, arch: str) -> frozenset[str]:
    version = FAMILY.variant(variant)
    crew, _, state = scene.partition("/")
    cast = FAMILY.casts.named(f"{crew}/1p/locks=split/{state}", version.neighbours_from)
    assert cast is not None
    role = Role(version, source=FAMILY.name, changed=FAMILY.changed(version))
    return violated(cast, arch, role)


@pytest.mark.parametrize(("scene", "variant", "broken"), CASES)
def test_a_version_on_x86(scene: str, variant: str, broken: set[str]) -> None:
    assert found(scene, variant, "x86_64") == broken


@pytest.mark.parametrize("scene", HISTORY)
@pytest.mark.parametrize("variant", ["by_entry", "flushed", "merged", "rmap_locked", "rechecked"])
def test_no_table_moves_on_s390(scene: str, variant: str) -> None:
    """s390 does not select HAVE_MOVE_PMD, and an entry goes with its translations."""
    assert found(scene, variant, "s390") == NONE


@pytest.mark.parametrize("scene", [s for s in HISTORY if s.startswith("mremap/")])
def test_as_posted_a_table_moves_on_s390_as_well(scene: str) -> None:
    """pmd_clear() is a plain store there, and leaves what CPUs remember of the entry."""
    assert found(scene, "v2", "s390") >= FLUSHED_LATE


def test_a_page_that_is_mapped_as_a_walk_goes_on() -> None:
    """Beside three neighbours a new page is mapped after a walk of it began, and the second entry
    of a migrated page is set when its first one is gone: neither is a fault."""
    version = FAMILY.variant("rechecked")
    scene = "mremap_part+reclaim+migrate+write_fault/2p/locks=split/init=shared"
    cast = FAMILY.casts.named(scene, version.neighbours_from)
    assert cast is not None
    assert violated(cast, "x86_64", Role(version, source=FAMILY.name)) == NONE


def test_the_mail_is_decided() -> None:
    """As the page of a patch tracker has it, with a patch for another architecture in an answer."""
    ran = run(seed("002"), "--arch", "x86_64", "--scenario", "mremap/1p/locks=mm/init=all_at_old")
    assert ran.exit_code == 1
    assert "is mremap_move_pmd v2" in " ".join(ran.stdout.split())
    assert "VIOLATED  a_table_moves_with_a_flush" in ran.stdout


def test_a_fix_is_compared_with_what_it_mends() -> None:
    """Not with the first version, which has other faults."""
    bases = {version.name: FAMILY.base(version).name for version in FAMILY.variants[1:]}
    assert bases == {
        "v2": "by_entry", "flushed": "by_entry", "merged": "flushed", "rmap_locked": "merged",
        "rechecked": "rmap_locked",
    }  # fmt: skip

# SPDX-License-Identifier: GPL-2.0-only
"""Whichever pass is left out, the same invariants fail."""

from __future__ import annotations

import pytest

from .playing import NOTHING, SOME, cast, variant, violated

ONE = "/1p/ptl=different/init="
CASES = {
    ("merged", f"move+zap_dst{ONE}all_at_src"): set(),
    ("per_page", f"move{ONE}zero_page"): set(),
    ("merged, no flush", f"move+zap_dst{ONE}all_at_src"): {
        "flushed_before_ptl_is_released",
        "no_translation_to_a_free_page",
        "nothing_removed_is_used_after_return",
    },
    ("folio_lock_only_old_walk", f"move+folio_referenced{ONE}all_at_src"): {
        "a_walk_holds_the_lock_of_its_folio",
        "mapping_is_stable_during_a_walk",
    },
    ("v3", "move+zap_dst/2p/ptl=different/init=all_at_src"): {
        "freed_unlocked_and_unmapped",
        "no_use_of_a_free_folio",
    },
}
"""Casts by variant, and what fails in them."""


@pytest.mark.parametrize("arch", ["x86_64", "arm64"])
@pytest.mark.parametrize("case", CASES, ids="/".join)
def test_the_same_invariants_fail(case: tuple[str, str], arch: str) -> None:
    of, name = variant(case[0]), case[1]
    for passes in SOME:
        found = violated(of, [cast(of, name)], arch, passes)
        assert found[name] == CASES[case], passes


@pytest.mark.parametrize("case", [c for c in CASES if "/1p/" in c[1]], ids="/".join)
def test_they_fail_in_the_meaning(case: tuple[str, str]) -> None:
    """Nothing reduced, and TLBs that fill and forget at any time."""
    of, name = variant(case[0]), case[1]
    assert violated(of, [cast(of, name)], "x86_64", NOTHING, anytime=True)[name] == CASES[case]

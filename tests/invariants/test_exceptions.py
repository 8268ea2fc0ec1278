# SPDX-License-Identifier: GPL-2.0-only
"""Exceptions of invariants: nothing that Linux does right is VIOLATED.

The mutants (tests/checks/mutate) say what each must not let pass.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from checks.stage.stage import Role, Setting, Stage
from invariants import REGISTRY
from model.cast.parts import Setup
from model.hw.objects import SpinLock
from model.kernel.locks import spin_lock, spin_lock_nested
from model.lang import kernel
from model.patches.family import Variant
from model.patches.uffd_move_batching.common import double_pt_lock, in_address_order
from tests.families import MOVE

MERGED = MOVE.variant("merged")

OF_LINUX = {"reports_what_it_did"}
"""Violations that are true of `merged`, see the observations of the patch."""


def violated(name: str, variant: Variant = MERGED, arch: str = "x86_64") -> set[str]:
    """Invariants that fail in the cast of a name, not known of Linux; every state is visited."""
    cast = MOVE.casts.named(name, variant.neighbours_from)
    assert cast is not None
    stage = Stage(Setting.of(cast), arch, REGISTRY.values())
    _, search = stage.search(cast, Role(variant))
    assert search.why == ""
    return set(search.violations) - OF_LINUX


@pytest.mark.parametrize("zap", ["zap_src", "zap_dst", "pt_reclaim_src"])
def test_what_was_discarded_need_not_be_on_the_device(zap: str) -> None:
    """A store through an entry that MADV_DONTNEED has cleared since is lost with the page."""
    assert violated(f"move+user+reclaim+{zap}/1p/ptl=different/init=all_at_src") == set()


@pytest.mark.parametrize("state", ["zero_page", "one_at_dst"])
def test_more_may_have_moved_than_is_reported(state: str) -> None:
    """Pages that a retry forgets to report have left their old place like those it reports."""
    assert violated(f"move+user/2p/ptl=different/init={state}") == set()


def test_a_page_may_come_where_a_pinned_one_was_zapped() -> None:
    assert violated("move+gup_fast_dst+zap_dst/1p/ptl=different/init=dst_taken") == set()


def test_a_table_that_was_freed_may_be_in_use_again() -> None:
    name = "move+pt_reclaim_src+move_back/1p/ptl=different/init=no_table"
    assert violated(name, MOVE.variant("per_page")) == set()


@pytest.mark.parametrize("arch", ["x86_64", "s390"])
def test_what_mprotect_has_not_come_to_yet_stays_writable(
    arch: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A migration entry of a writable page, in a VMA that is read-only by now."""

    build = Setting.build

    def read_only(setting: Setting) -> Setup:
        made = build(setting)
        made.vma("src").__dict__["writable"] = False
        return made

    monkeypatch.setattr(Setting, "build", read_only)
    assert violated("move+migrate/1p/ptl=different/init=all_at_src", arch=arch) == set()


@kernel("mm/userfaultfd.c:double_pt_lock", "the higher address first")
def double_pt_lock_from_above(ptl1: SpinLock, ptl2: SpinLock) -> None:
    ptl2, ptl1 = in_address_order(ptl1, ptl2)
    spin_lock(ptl1)
    if ptl1 != ptl2:
        spin_lock_nested(ptl2)


@pytest.mark.parametrize("beside", ["move_back", "pt_reclaim"])
def test_two_page_table_locks_are_taken_in_any_order_that_all_keep_to(beside: str) -> None:
    swap = {**MERGED.swap, double_pt_lock: double_pt_lock_from_above}
    other = replace(MERGED, name="locks from above", swap=swap)
    assert violated(f"move+{beside}/1p/ptl=different/init=all_at_src", other) == set()

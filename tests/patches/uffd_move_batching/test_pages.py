# SPDX-License-Identifier: GPL-2.0-only
"""4 and 5 pages are decided where a scenario names them, and nowhere else."""

from __future__ import annotations

import re

import pytest

from checks.target.selection import chosen_casts
from tests.families import MOVE

from ...command import run

CASTS = MOVE.casts


@pytest.mark.parametrize("pages", [4, 5])
def test_they_are_asked_for_by_name(pages: int) -> None:
    name = f"move+zap_dst+gup_fast/{pages}p/ptl=same/init=hole"
    (cast,) = chosen_casts(CASTS, "6.18", name, full=False)
    assert (cast.name, cast.axes["pages"]) == (name, pages)
    some = chosen_casts(CASTS, "6.18", f"move+zap*/{pages}p/ptl=different/*", full=False)
    assert {c.others[0].name for c in some} == {"zap_src", "zap_dst"}
    assert len(some) == 2 * len(CASTS.initial)


def test_no_set_has_them() -> None:
    sets = (
        CASTS.default("6.18"),
        CASTS.full("6.18"),
        CASTS.quick("6.18"),
        CASTS.sample("6.18", 99, 1),
    )
    assert {c.axes["pages"] for casts in sets for c in casts} == {1, 2, 3}


@pytest.mark.parametrize(("mutant", "code"), [((), 0), (("--mutant", "flush one page short"), 1)])
def test_every_page_is_looked_at(mutant: tuple[str, ...], code: int) -> None:
    """The flush that ends a page too early misses the fifth one."""
    ran = run("uffd_move_batching", "--variant", "merged", "--arch", "x86_64", *mutant,
              "--scenario", "move/5p/ptl=different/init=all_at_src", "--invariant",
              "flushed_before_ptl_is_released")  # fmt: skip
    assert ran.exit_code == code
    assert "5 pages" in ran.stdout
    assert bool(re.search(r"TLB\d src\+4", ran.stdout)) == bool(mutant)

# SPDX-License-Identifier: GPL-2.0-only
"""Processes that may run beside mremap.

Hardware, GUP-fast, walks of the reverse map and retract_page_tables() do, and a write fault and a
second mremap until they come to the lock of the VMA, or mmap_lock.
"""

from __future__ import annotations

from typing import Any

from model.cast import neighbours as beside
from model.cast.neighbour import Conflict, Neighbour
from model.cast.parts import Setup
from model.kernel.huge.retract import (
    retract_page_tables,
    retract_page_tables_without_second_look,
)
from model.kernel.objects import Vma


def request(s: Setup, source: str, destination: str, *, whole: bool) -> tuple[Any, ...]:
    """The arguments of a move of all that a VMA maps.  copy_vma() asks for rmap locks if the new
    VMA may come before the old one in the interval tree."""
    old, new = s.vma(source), s.vma(destination)
    order = s.world.all(Vma)
    return old, new, whole, order.index(new) < order.index(old)


def back(s: Setup) -> tuple[Any, ...]:
    """The move the other way."""
    return request(s, "new", "old", whole=True)


def other(s: Setup) -> tuple[Any, ...]:
    """The move of another VMA, whose PMD entries are in the pages of these, the other way round."""
    return request(s, "old2", "new2", whole=True)


RETRACT = Neighbour(
    "retract", "a huge page of the file takes the place of the {}'s table",
    {"6.6": retract_page_tables_without_second_look, "7.2": retract_page_tables},
    commits={"6.6": "1d65b771bc08"}, conflict=Conflict.TABLE,
)  # fmt: skip
BACK = Neighbour("mremap_back", "a second mremap, the other way", again=back)
OTHER = Neighbour(
    "mremap_other", "a second mremap, of another VMA, between the same two pages of PMD entries, "
    "the other way", again=other, needs=frozenset({"second"}),
)  # fmt: skip

BESIDE = (
    beside.USER, beside.LAZY_USER, beside.GUP_FAST.at("old"),
    beside.GUP_FAST.at("new", "gup_fast_new"), beside.FOLIO_REFERENCED.at("old"),
    beside.RECLAIM.at("old"), beside.MIGRATE.at("old"), beside.WRITE_FAULT.at("old"),
    beside.WRITE_FAULT.at("new", "write_fault_new"), RETRACT.at("old"),
    RETRACT.at("new", "retract_new"), BACK, OTHER,
)  # fmt: skip

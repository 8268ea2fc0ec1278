# SPDX-License-Identifier: GPL-2.0-only
"""Families that tests are about: every one, and that of UFFDIO_MOVE, which stands for any.

A test of what each family must have goes over EVERY.  A test of the machinery that needs some
family takes MOVE.  What is true of one family alone stands in a folder of `tests/patches`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from checks.target.target import own_model
from model.cast.casts import Cast
from model.hw.archs import DEFAULT
from model.patches import FAMILIES, find_family
from model.patches.family import Family

EXAMPLE_FILE = Path(__file__).parents[1] / "docs" / "example_family.py"
"""A family that is not stored, as a user writes one."""

EXAMPLE = own_model(str(EXAMPLE_FILE)).family

EVERY: Mapping[str, Family] = {**FAMILIES, EXAMPLE.name: EXAMPLE}
"""The families that are stored and the one of docs, by name."""

VARIANTS = [(name, v.name) for name, family in EVERY.items() for v in family.variants]
"""Every version, as the names of its family and its own."""

MOVE = find_family("uffd_move_batching")


def source(name: str) -> str:
    """What PATCH of a command names a family by."""
    return name if name in FAMILIES else str(EXAMPLE_FILE)


def archs_of(family: Family) -> list[str]:
    """The architectures on which it is decided."""
    return [name for name in DEFAULT if name not in family.without]


def smallest(family: Family) -> Cast:
    """Its first subject alone, in a world of the smallest size."""
    sizes = {a.name: min(a.values) for a in family.casts.axes if a.is_size}
    return family.casts.cast(**sizes)

# SPDX-License-Identifier: GPL-2.0-only
"""The patches that are modelled, by name."""

from __future__ import annotations

from model.lang.errors import ModelError, near

from .family import Family
from .mremap_move_pmd import FAMILY as MREMAP_MOVE_PMD
from .rmap_locked_folios import FAMILY as RMAP_LOCKED_FOLIOS
from .uffd_move_batching import FAMILY as UFFD_MOVE_BATCHING

FAMILIES: dict[str, Family] = {
    p.name: p for p in (UFFD_MOVE_BATCHING, RMAP_LOCKED_FOLIOS, MREMAP_MOVE_PMD)
}


def find_family(name: str) -> Family:
    """The patch of a name; ModelError lists the near ones."""
    if name not in FAMILIES:
        raise ModelError(f"no patch '{name}'", instead=near(name, FAMILIES))
    return FAMILIES[name]

# SPDX-License-Identifier: GPL-2.0-only
"""The patches that are modelled, by name."""

from __future__ import annotations

from model.lang.errors import ModelError, near

from .patch import Patch
from .uffd_move_batching import PATCH as UFFD_MOVE_BATCHING

PATCHES: dict[str, Patch] = {p.name: p for p in (UFFD_MOVE_BATCHING,)}


def find_patch(name: str) -> Patch:
    """The patch of a name; ModelError lists the near ones."""
    if name not in PATCHES:
        raise ModelError(f"no patch '{name}'", instead=near(name, PATCHES))
    return PATCHES[name]

# SPDX-License-Identifier: GPL-2.0-only
"""The VMAs that map a file."""

from __future__ import annotations

from model.lang import static

from ..objects import Mapping, Vma


@static
def i_mmap(mapping: Mapping) -> tuple[Vma, ...]:
    """Every VMA of a file, in the order in which its interval tree gives them."""
    vmas: tuple[Vma, ...] = mapping.world.all(Vma)
    return tuple(v for v in vmas if v.file is mapping)

# SPDX-License-Identifier: GPL-2.0-only
"""The VMAs that map a file, and the lock that guards which they are."""

from __future__ import annotations

from model.lang import kernel, static

from ..locks import down_read, down_write, up_read, up_write
from ..objects import Mapping, Vma


@static
def i_mmap(mapping: Mapping) -> tuple[Vma, ...]:
    """Every VMA of a file, in the order in which its interval tree gives them."""
    vmas: tuple[Vma, ...] = mapping.world.all(Vma)
    return tuple(v for v in vmas if v.file is mapping)


@kernel("include/linux/fs.h:i_mmap_lock_read", "7.3.4")
def i_mmap_lock_read(mapping: Mapping) -> None:
    down_read(mapping.i_mmap_rwsem)


@kernel("include/linux/fs.h:i_mmap_unlock_read", "7.3.4")
def i_mmap_unlock_read(mapping: Mapping) -> None:
    up_read(mapping.i_mmap_rwsem)


@kernel("include/linux/fs.h:i_mmap_lock_write", "7.3.4")
def i_mmap_lock_write(mapping: Mapping) -> None:
    down_write(mapping.i_mmap_rwsem)


@kernel("include/linux/fs.h:i_mmap_unlock_write", "7.3.4")
def i_mmap_unlock_write(mapping: Mapping) -> None:
    up_write(mapping.i_mmap_rwsem)

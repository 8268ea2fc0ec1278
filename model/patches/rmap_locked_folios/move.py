# SPDX-License-Identifier: GPL-2.0-only
"""UFFDIO_MOVE beside an rmap walk: the one that changes folio->mapping to another root.

Until 6.18 it holds the anon_vma root's lock for writing besides the folio lock; since 6.19
(cc22b9978509, 2/2 of the series) the folio lock alone.
"""

from __future__ import annotations

from model.cast.neighbour import Neighbour
from model.kernel.mmap_lock import vmas_of
from model.kernel.objects import Vma
from model.lang import kernel, static

from ..uffd_move_batching import folio_lock_only, merged


@static
def destination_of(vma: Vma) -> Vma:
    """The other VMA of its mm."""
    other: Vma = next(v for v in vmas_of(vma.mm) if v is not vma)
    return other


@kernel("fs/userfaultfd.c:userfaultfd_move", "6.12")
def move_vma_under_its_lock(vma: Vma) -> None:
    dst = destination_of(vma)
    merged.move_pages(vma.mm, dst, vma, dst.start, vma.start, vma.end - vma.start, False)


@kernel("mm/userfaultfd.c:userfaultfd_move", "7.2")
def move_vma(vma: Vma) -> None:
    dst = destination_of(vma)
    folio_lock_only.move_pages(vma.mm, dst, vma, dst.start, vma.start, vma.end - vma.start, False)


MOVE = Neighbour(
    "move", "UFFDIO_MOVE of the whole {}: with the anon_vma lock until 6.18, without it since",
    {"6.18": move_vma_under_its_lock, "6.19": move_vma}, commits={"6.19": "cc22b9978509"},
)  # fmt: skip

# SPDX-License-Identifier: GPL-2.0-only
"""UFFDIO_COPY: a new page where nothing was mapped.

Left out: copying in from the user (the page holds its first token), shmem and hugetlb, markers.
"""

from __future__ import annotations

from model.hw.machine import Addr, PteKind, PteVal
from model.lang import kernel

from .folio import folio_add_new_anon_rmap, folio_alloc, folio_put
from .objects import Vma
from .pgtable import (
    pte_alloc,
    pte_none,
    pte_offset_map_lock,
    pte_unmap_unlock,
    ptep_get,
    set_pte_at,
)
from .rmap import pmd_of


@kernel("mm/userfaultfd.c:mfill_atomic_install_pte", "7.3.4")
def uffdio_copy(vma: Vma, addr: Addr) -> None:
    """mfill_atomic_pte_copy of one page."""
    folio = folio_alloc()
    if folio is None:
        return
    pte_alloc(pmd_of(vma))
    pte = pte_offset_map_lock(pmd_of(vma), addr)
    if pte is None:
        folio_put(folio)
        return
    now = ptep_get(pte)
    if not pte_none(now):
        pte_unmap_unlock(pte)
        folio_put(folio)
        return
    folio_add_new_anon_rmap(folio, vma, addr, True)
    entry = PteVal(
        kind=PteKind.PRESENT, frame=folio.frame, write=vma.writable, dirty=True, soft_dirty=True
    )
    set_pte_at(vma.mm, addr, pte, entry)
    pte_unmap_unlock(pte)

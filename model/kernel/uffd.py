# SPDX-License-Identifier: GPL-2.0-only
"""UFFDIO_COPY, _ZEROPAGE and _POISON: something new where nothing was mapped.

Left out: copying in from the user (the page holds its first token), shmem and hugetlb, markers
that may be overwritten.
"""

from __future__ import annotations

from model.hw.machine import Addr, PteKind, PteVal
from model.lang import kernel

from .errno import EAGAIN, EEXIST
from .folio import folio_add_new_anon_rmap, folio_alloc, folio_put
from .objects import Folio, Vma
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
def mfill_atomic_install_pte(
    vma: Vma, addr: Addr, folio: Folio, wp: bool, over_markers: bool
) -> int:
    """Map a new anonymous folio: 0, -EEXIST, or -EAGAIN if the table is gone.

    On success the entry has the caller's reference.  `over_markers`: 6.18 lets it take the place
    of any marker (pte_none_mostly), 7.3.4 only of one for write protection.
    """
    pte = pte_offset_map_lock(pmd_of(vma), addr)
    if pte is None:
        return -EAGAIN
    now = ptep_get(pte)
    if not pte_none(now) and not (over_markers and now.kind == PteKind.MARKER):
        pte_unmap_unlock(pte)
        return -EEXIST
    folio_add_new_anon_rmap(folio, vma, addr, True)
    entry = PteVal(
        kind=PteKind.PRESENT, frame=folio.frame, write=vma.writable and not wp, dirty=True,
        soft_dirty=True, uffd_wp=wp, protnone=not vma.readable,
    )  # fmt: skip
    set_pte_at(vma.mm, addr, pte, entry)
    pte_unmap_unlock(pte)
    return 0


@kernel("mm/userfaultfd.c:mfill_atomic_pte_copy", "7.3.4")
def uffdio_copy(vma: Vma, addr: Addr) -> None:
    """One page."""
    folio = folio_alloc()
    if folio is None:
        return
    pte_alloc(pmd_of(vma))
    err = mfill_atomic_install_pte(vma, addr, folio, False, False)
    if err != 0:
        folio_put(folio)


@kernel("mm/userfaultfd.c:mfill_atomic_pte_zeropage", "7.3.4")
def mfill_atomic_pte(vma: Vma, addr: Addr, val: PteVal) -> int:
    """Put in the zero page, or a poison marker (mfill_atomic_pte_poison): 0, -EEXIST or -EAGAIN."""
    pte_alloc(pmd_of(vma))
    pte = pte_offset_map_lock(pmd_of(vma), addr)
    if pte is None:
        return -EAGAIN
    now = ptep_get(pte)
    if not pte_none(now):
        pte_unmap_unlock(pte)
        return -EEXIST
    set_pte_at(vma.mm, addr, pte, val)
    pte_unmap_unlock(pte)
    return 0

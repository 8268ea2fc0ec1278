# SPDX-License-Identifier: GPL-2.0-only
"""Faults on anonymous memory where nothing is mapped yet, and writes to the shared zero page.

Hold the VMA lock (or mmap_lock) for reading.  The anon_vma is prepared already (vmf_anon_prepare).
Left out: large folios, no memory for page tables, memory cgroups, a userfaultfd that is told and
waited for (the fault is SIGBUS at once, as with UFFD_FEATURE_SIGBUS).
"""

from __future__ import annotations

from model.hw.objects import Addr, Frame, PteKind, PteVal
from model.lang import current, kernel, static

from ..errno import VM_FAULT_OOM, VM_FAULT_SIGBUS
from ..folio import folio_add_new_anon_rmap, folio_alloc, folio_put
from ..objects import Vma
from ..pgtable import (
    is_zero_page,
    pte_alloc,
    pte_none,
    pte_offset_map_lock,
    pte_unmap_unlock,
    ptep_clear_flush,
    ptep_get,
    set_pte_at,
    userfaultfd_pte_wp,
)
from ..rmap import pmd_of


@static
def zero_page() -> Frame:
    """The frame of the shared zero page."""
    found: tuple[Frame, ...] = current().world.all(Frame)
    return next(f for f in found if f.zero)


@kernel("mm/memory.c:do_anonymous_page", "7.3.4")
def do_anonymous_page(vma: Vma, addr: Addr, write: bool) -> int:
    """A new page for a write, the zero page for a read."""
    pte_alloc(pmd_of(vma))
    if not write:
        pte = pte_offset_map_lock(pmd_of(vma), addr)
        if pte is None:
            return 0
        now = ptep_get(pte)
        if not pte_none(now):
            pte_unmap_unlock(pte)
            return 0
        if vma.uffd_missing:
            pte_unmap_unlock(pte)
            return VM_FAULT_SIGBUS
        set_pte_at(vma.mm, addr, pte, PteVal(kind=PteKind.PRESENT, frame=zero_page()))
        pte_unmap_unlock(pte)
        return 0
    folio = folio_alloc()
    if folio is None:
        return VM_FAULT_OOM
    pte = pte_offset_map_lock(pmd_of(vma), addr)
    if pte is None:
        folio_put(folio)
        return 0
    now = ptep_get(pte)
    if not pte_none(now):
        pte_unmap_unlock(pte)
        folio_put(folio)
        return 0
    if vma.uffd_missing:
        pte_unmap_unlock(pte)
        folio_put(folio)
        return VM_FAULT_SIGBUS
    folio_add_new_anon_rmap(folio, vma, addr, True)
    entry = PteVal(
        kind=PteKind.PRESENT, frame=folio.frame, write=vma.writable, dirty=True, soft_dirty=True
    )
    set_pte_at(vma.mm, addr, pte, entry)
    pte_unmap_unlock(pte)
    return 0


@kernel("mm/memory.c:wp_page_copy", "7.3.4")
def wp_zero_page(vma: Vma, addr: Addr) -> int:
    """do_wp_page of an entry that maps the zero page: a new page takes its place."""
    folio = folio_alloc()
    if folio is None:
        return VM_FAULT_OOM
    pte = pte_offset_map_lock(pmd_of(vma), addr)
    if pte is None:
        folio_put(folio)
        return 0
    now = ptep_get(pte)
    if not is_zero_page(now) or userfaultfd_pte_wp(vma, now):
        pte_unmap_unlock(pte)
        folio_put(folio)
        return 0
    ptep_clear_flush(vma, addr, pte)
    folio_add_new_anon_rmap(folio, vma, addr, True)
    entry = PteVal(
        kind=PteKind.PRESENT, frame=folio.frame, write=vma.writable, dirty=True, soft_dirty=True
    )
    set_pte_at(vma.mm, addr, pte, entry)
    pte_unmap_unlock(pte)
    return 0

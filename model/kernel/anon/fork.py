# SPDX-License-Identifier: GPL-2.0-only
"""fork: one entry of the parent is given to the child.

mmap_lock of both is held for writing, and the child is seen by nobody yet.  The flush of the
parent comes at the end, for all VMAs at once (mm/mmap.c:dup_mmap), with mmap_lock still held.
Addresses are the same in parent and child; a world may have names of its own for the child's.
Left out: large folios, migration and device entries, write_protect_seq (GUP-fast looks again).
"""

from __future__ import annotations

from dataclasses import replace

from model.hw.objects import Addr, Pte, PteKind, PteVal
from model.lang import kernel, pure

from ..errno import ENOMEM
from ..folio import (
    copy_page,
    folio_add_file_rmap_pte,
    folio_add_new_anon_rmap,
    folio_alloc,
    folio_get,
    folio_put,
    folio_test_anon,
    folio_try_dup_anon_rmap_pte,
    vm_normal_folio,
)
from ..locks import spin_lock_nested, spin_unlock
from ..objects import Folio, Vma
from ..pgtable import (
    is_uffd_wp_marker,
    pte_alloc,
    pte_none,
    pte_offset_map,
    pte_offset_map_lock,
    pte_present,
    pte_unmap,
    pte_unmap_unlock,
    ptep_get,
    ptep_set_wrprotect,
    set_pte_at,
)
from ..rmap import pmd_of
from ..swap import is_swap_entry, swap_dup_entry_direct


@pure
def child_pte(dst_vma: Vma, pte: PteVal) -> PteVal:
    """__copy_present_ptes: what the child gets of a present entry."""
    return replace(
        pte, write=pte.write and dst_vma.shared, dirty=pte.dirty and not dst_vma.shared,
        young=False, uffd_wp=pte.uffd_wp and dst_vma.uffd_wp,
    )  # fmt: skip


@kernel("mm/memory.c:copy_present_page", "7.3.4")
def copy_present_page(dst_vma: Vma, dst_addr: Addr, dst_pte: Pte, page: Folio, pte: PteVal) -> int:
    """The page may be pinned: the child gets a copy at once.  -ENOMEM if there is none to be had.

    The kernel allocates it without the locks and looks at the entry again.
    """
    new_folio = folio_alloc()
    if new_folio is None:
        return -ENOMEM
    copy_page(new_folio, page)
    folio_add_new_anon_rmap(new_folio, dst_vma, dst_addr, True)
    entry = PteVal(
        kind=PteKind.PRESENT, frame=new_folio.frame, dirty=True, soft_dirty=True,
        write=dst_vma.writable, uffd_wp=pte.uffd_wp and dst_vma.uffd_wp,
        protnone=not dst_vma.readable,
    )  # fmt: skip
    set_pte_at(dst_vma.mm, dst_addr, dst_pte, entry)
    return 0


@kernel("mm/memory.c:copy_present_ptes", "7.3.4")
def copy_present_pte(
    dst_vma: Vma, src_vma: Vma, dst_addr: Addr, src_addr: Addr, dst_pte: Pte, src_pte: Pte,
    pte: PteVal,
) -> int:  # fmt: skip
    """Both page-table locks are held."""
    folio = vm_normal_folio(pte)
    if folio is not None:
        folio_get(folio)
        if folio_test_anon(folio):
            if not folio_try_dup_anon_rmap_pte(folio):
                folio_put(folio)
                return copy_present_page(dst_vma, dst_addr, dst_pte, folio, pte)
        else:
            folio_add_file_rmap_pte(folio)
    if pte.write and not src_vma.shared:
        ptep_set_wrprotect(src_vma.mm, src_addr, src_pte)
    set_pte_at(dst_vma.mm, dst_addr, dst_pte, child_pte(dst_vma, pte))
    return 0


@kernel("mm/memory.c:copy_nonpresent_pte", "7.3.4")
def copy_nonpresent_pte(
    dst_vma: Vma, src_vma: Vma, dst_addr: Addr, src_addr: Addr, dst_pte: Pte, src_pte: Pte,
    pte: PteVal,
) -> None:  # fmt: skip
    """A swap entry becomes one that both share; a guard or poison marker is copied."""
    if is_swap_entry(pte):
        swap_dup_entry_direct(pte.entry)
        if pte.exclusive:
            set_pte_at(src_vma.mm, src_addr, src_pte, replace(pte, exclusive=False))
        entry = replace(pte, exclusive=False, uffd_wp=pte.uffd_wp and dst_vma.uffd_wp)
        set_pte_at(dst_vma.mm, dst_addr, dst_pte, entry)
    elif pte.kind == PteKind.MARKER and (dst_vma.uffd_wp or not is_uffd_wp_marker(pte)):
        set_pte_at(dst_vma.mm, dst_addr, dst_pte, pte)


@kernel("mm/memory.c:copy_pte_range", "7.3.4")
def copy_pte(dst_vma: Vma, src_vma: Vma, dst_addr: Addr, src_addr: Addr) -> int:
    """One entry; 0 or -ENOMEM."""
    err = 0
    pte_alloc(pmd_of(dst_vma))
    dst_pte = pte_offset_map_lock(pmd_of(dst_vma), dst_addr)
    if dst_pte is None:
        return 0
    src_pte = pte_offset_map(pmd_of(src_vma), src_addr)
    if src_pte is None:
        pte_unmap_unlock(dst_pte)
        return 0
    src_ptl = src_pte.table.ptl
    spin_lock_nested(src_ptl)
    pte = ptep_get(src_pte)
    if pte_present(pte):
        err = copy_present_pte(dst_vma, src_vma, dst_addr, src_addr, dst_pte, src_pte, pte)
    elif not pte_none(pte):
        copy_nonpresent_pte(dst_vma, src_vma, dst_addr, src_addr, dst_pte, src_pte, pte)
    spin_unlock(src_ptl)
    pte_unmap(src_pte)
    pte_unmap_unlock(dst_pte)
    return err

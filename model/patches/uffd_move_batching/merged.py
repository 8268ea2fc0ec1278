# SPDX-License-Identifier: GPL-2.0-only
"""UFFDIO_MOVE as merged in 6.18 (50944692052b): present pages in batches, one flush a batch.

The first folio is locked and referenced before the page-table locks are taken, and its
anon_vma is locked for writing.  Later folios are only try-locked, under the page-table locks,
and take no reference: the entry holds one while the lock is held.
"""

from __future__ import annotations

from model.hw.objects import Addr, Pmd, Pte, PteVal, Table
from model.kernel.anon.migrate import migration_entry_wait
from model.kernel.errno import EAGAIN, EBUSY, EEXIST, EFAULT, EINVAL, ENOENT, PAGE_SIZE
from model.kernel.folio import (
    PageAnonExclusive,
    folio_get,
    folio_maybe_dma_pinned,
    folio_move_anon_rmap,
    folio_put,
    folio_test_large,
    linear_page_index,
    set_folio_index,
    split_folio,
    vm_normal_folio,
)
from model.kernel.locks import (
    anon_vma_lock_write,
    anon_vma_trylock_write,
    anon_vma_unlock_write,
    folio_lock,
    folio_trylock,
    folio_unlock,
    spin_lock,
    spin_unlock,
)
from model.kernel.objects import AnonVma, Folio, Mm, Vma
from model.kernel.pgtable import (
    is_zero_page,
    next_pte,
    pmd_none,
    pte_alloc,
    pte_none,
    pte_offset_map,
    pte_present,
    pte_same,
    pte_unmap,
    ptep_get,
    ptep_get_and_clear,
    set_pte_at,
)
from model.kernel.rmap import folio_anon_vma, folio_get_anon_vma, put_anon_vma
from model.kernel.swap import is_migration_entry, is_swap_entry, swap_cache_get_folio
from model.kernel.task import reports_pages
from model.kernel.tlbflush import flush_tlb_range
from model.lang import kernel

from .common import (
    double_pt_lock,
    double_pt_unlock,
    is_pte_pages_stable,
    move_swap_pte,
    move_zeropage_pte,
    moved_pte,
    uffd_move_lock,
    uffd_move_unlock,
)


@kernel("mm/userfaultfd.c:check_ptes_for_batched_move", "6.18")
def check_ptes_for_batched_move(src_pte: Pte, dst_pte: Pte, src_anon_vma: AnonVma) -> Folio | None:
    """The next folio, locked, if it can join the batch."""
    orig_dst_pte = ptep_get(dst_pte)
    if not pte_none(orig_dst_pte):
        return None
    orig_src_pte = ptep_get(src_pte)
    if not pte_present(orig_src_pte) or is_zero_page(orig_src_pte):
        return None
    folio = vm_normal_folio(orig_src_pte)
    if folio is None or not folio_trylock(folio):
        return None
    if (
        not PageAnonExclusive(folio)
        or folio_test_large(folio)
        or folio_anon_vma(folio) != src_anon_vma
    ):
        folio_unlock(folio)
        return None
    return folio


@kernel("mm/userfaultfd.c:move_present_ptes", "6.18")
def move_present_ptes(
    mm: Mm, dst_vma: Vma, src_vma: Vma, dst_addr: Addr, src_addr: Addr, dst_pte: Pte, src_pte: Pte,
    orig_dst_pte: PteVal, orig_src_pte: PteVal, dst_pmd: Pmd, dst_pmdval: Table,
    first_src_folio: Folio, length: int, src_anon_vma: AnonVma,
) -> tuple[int, Folio | None]:  # fmt: skip
    """Bytes moved or an error; and the first folio, or None once its reference is put."""
    err = 0
    src_folio: Folio | None
    src_folio = first_src_folio
    src_start = src_addr
    src_end: Addr = src_addr + length
    dst_ptl = dst_pte.table.ptl
    src_ptl = src_pte.table.ptl
    double_pt_lock(dst_ptl, src_ptl)
    if not is_pte_pages_stable(dst_pte, src_pte, orig_dst_pte, orig_src_pte, dst_pmd, dst_pmdval):
        double_pt_unlock(dst_ptl, src_ptl)
        return -EAGAIN, first_src_folio
    if (
        folio_test_large(src_folio)
        or folio_maybe_dma_pinned(src_folio)
        or not PageAnonExclusive(src_folio)
    ):
        double_pt_unlock(dst_ptl, src_ptl)
        return -EBUSY, first_src_folio
    folio_put(first_src_folio)  # the entry holds a reference now
    while True:
        orig_src_pte = ptep_get_and_clear(mm, src_addr, src_pte)
        if folio_maybe_dma_pinned(src_folio):
            set_pte_at(mm, src_addr, src_pte, orig_src_pte)
            err = -EBUSY
            break
        folio_move_anon_rmap(src_folio, dst_vma)
        set_folio_index(src_folio, linear_page_index(dst_vma, dst_addr))
        set_pte_at(mm, dst_addr, dst_pte, moved_pte(src_folio.frame, dst_vma, orig_src_pte))
        src_addr += PAGE_SIZE
        if src_addr == src_end:
            break
        dst_addr += PAGE_SIZE
        dst_pte = next_pte(dst_pte)
        src_pte = next_pte(src_pte)
        folio_unlock(src_folio)
        src_folio = check_ptes_for_batched_move(src_pte, dst_pte, src_anon_vma)
        if src_folio is None:
            break
    if src_addr > src_start:
        flush_tlb_range(src_vma, src_start, src_addr)
    if src_folio is not None:
        folio_unlock(src_folio)
    double_pt_unlock(dst_ptl, src_ptl)
    if src_addr > src_start:
        err = src_addr - src_start
    return err, None


@kernel("mm/userfaultfd.c:move_pages_ptes", "6.18")
def move_pages_ptes(
    mm: Mm, dst_pmd: Pmd, src_pmd: Pmd, dst_vma: Vma, src_vma: Vma, dst_addr: Addr, src_addr: Addr,
    length: int, allow_src_holes: bool,
) -> int:  # fmt: skip
    src_pte: Pte | None = None
    dst_pte: Pte | None = None
    src_folio: Folio | None = None
    src_folio_pte = PteVal()
    src_anon_vma: AnonVma | None = None
    ret = 0
    while True:  # `continue` is goto retry, `break` is goto out
        dst_pte = pte_offset_map(dst_pmd, dst_addr)
        if dst_pte is None:
            ret = -EAGAIN
            break
        dst_pmdval = dst_pte.table
        src_pte = pte_offset_map(src_pmd, src_addr)
        if src_pte is None:
            ret = -EAGAIN
            break
        dst_ptl = dst_pte.table.ptl
        src_ptl = src_pte.table.ptl
        if pmd_none(dst_pmd) or pmd_none(src_pmd):
            ret = -EINVAL
            break
        spin_lock(dst_ptl)
        orig_dst_pte = ptep_get(dst_pte)
        spin_unlock(dst_ptl)
        if not pte_none(orig_dst_pte):
            ret = -EEXIST
            break
        spin_lock(src_ptl)
        orig_src_pte = ptep_get(src_pte)
        spin_unlock(src_ptl)
        if pte_none(orig_src_pte):
            ret = PAGE_SIZE if allow_src_holes else -ENOENT
            break
        if src_folio is not None and not pte_same(src_folio_pte, orig_src_pte):
            ret = -EAGAIN
            break

        if pte_present(orig_src_pte):
            if is_zero_page(orig_src_pte):
                ret = move_zeropage_pte(
                    mm, dst_vma, src_vma, dst_addr, src_addr, dst_pte, src_pte,
                    orig_dst_pte, orig_src_pte, dst_pmd, dst_pmdval,
                )  # fmt: skip
                break
            if src_folio is None:
                spin_lock(src_ptl)
                src_now = ptep_get(src_pte)
                if not pte_same(orig_src_pte, src_now):
                    spin_unlock(src_ptl)
                    ret = -EAGAIN
                    break
                folio = vm_normal_folio(orig_src_pte)
                if folio is None or not PageAnonExclusive(folio):
                    spin_unlock(src_ptl)
                    ret = -EBUSY
                    break
                locked = folio_trylock(folio)
                if not locked and folio_test_large(folio):
                    spin_unlock(src_ptl)
                    ret = -EAGAIN
                    break
                folio_get(folio)
                src_folio = folio
                src_folio_pte = orig_src_pte
                spin_unlock(src_ptl)
                if not locked:
                    pte_unmap(src_pte)
                    pte_unmap(dst_pte)
                    src_pte = None
                    dst_pte = None
                    folio_lock(src_folio)
                    continue
            if folio_test_large(src_folio):
                pte_unmap(src_pte)
                pte_unmap(dst_pte)
                src_pte = None
                dst_pte = None
                ret = split_folio(src_folio)
                if ret != 0:
                    break
                folio_unlock(src_folio)
                folio_put(src_folio)
                src_folio = None
                continue
            if src_anon_vma is None:
                src_anon_vma = folio_get_anon_vma(src_folio)
                if src_anon_vma is None:
                    ret = -EAGAIN
                    break
                if not anon_vma_trylock_write(src_anon_vma):
                    pte_unmap(src_pte)
                    pte_unmap(dst_pte)
                    src_pte = None
                    dst_pte = None
                    anon_vma_lock_write(src_anon_vma)
                    continue
            ret, src_folio = move_present_ptes(
                mm, dst_vma, src_vma, dst_addr, src_addr, dst_pte, src_pte,
                orig_dst_pte, orig_src_pte, dst_pmd, dst_pmdval, src_folio, length, src_anon_vma,
            )  # fmt: skip
            break

        if is_migration_entry(orig_src_pte):
            pte_unmap(src_pte)
            pte_unmap(dst_pte)
            src_pte = None
            dst_pte = None
            migration_entry_wait(mm, src_pmd, src_addr)
            ret = -EAGAIN
            break
        if not is_swap_entry(orig_src_pte):
            ret = -EFAULT
            break
        if not orig_src_pte.exclusive:
            ret = -EBUSY
            break
        entry = orig_src_pte.entry
        if src_folio is None:
            cached = swap_cache_get_folio(entry)
            if cached is not None:
                if folio_test_large(cached):
                    ret = -EBUSY
                    folio_put(cached)
                    break
                src_folio = cached
                src_folio_pte = orig_src_pte
                if not folio_trylock(cached):
                    pte_unmap(src_pte)
                    pte_unmap(dst_pte)
                    src_pte = None
                    dst_pte = None
                    folio_lock(cached)
                    continue
        ret = move_swap_pte(
            mm, dst_vma, dst_addr, src_addr, dst_pte, src_pte, orig_dst_pte, orig_src_pte,
            dst_pmd, dst_pmdval, src_folio, entry,
        )  # fmt: skip
        break

    if src_anon_vma is not None:
        anon_vma_unlock_write(src_anon_vma)
        put_anon_vma(src_anon_vma)
    if src_folio is not None:
        folio_unlock(src_folio)
        folio_put(src_folio)
    if src_pte is not None:
        pte_unmap(src_pte)
    if dst_pte is not None:
        pte_unmap(dst_pte)
    return ret


@kernel("mm/userfaultfd.c:move_pages", "6.18")
def move_pages(
    mm: Mm, dst_vma: Vma, src_vma: Vma, dst_start: Addr, src_start: Addr, length: int,
    allow_src_holes: bool,
) -> int:  # fmt: skip
    """The ioctl's work: pages moved, or an error if none was."""
    moved = 0
    src_pmd = mm.root.pmds[src_start]  # mm_find_pmd: the same for the whole request
    dst_pmd = mm.root.pmds[dst_start]
    src_addr = src_start
    dst_addr = dst_start
    src_end: Addr = src_start + length
    err = uffd_move_lock(mm, dst_vma, src_vma)
    if err != 0:
        reports_pages(err)
        return err
    while src_addr < src_end:
        if pmd_none(src_pmd):
            if not allow_src_holes:
                err = -ENOENT
                break
            pte_alloc(src_pmd)
        pte_alloc(dst_pmd)
        ret = move_pages_ptes(
            mm, dst_pmd, src_pmd, dst_vma, src_vma, dst_addr, src_addr, src_end - src_addr,
            allow_src_holes,
        )  # fmt: skip
        if ret < 0:
            err = ret
        if err != 0:  # also after a retry that went well, see the observations of the patch
            if err == -EAGAIN:
                continue
            break
        dst_addr += ret
        src_addr += ret
        moved += ret
    uffd_move_unlock(dst_vma, src_vma)
    result = moved if moved != 0 else err
    reports_pages(result)
    return result

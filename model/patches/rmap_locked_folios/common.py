# SPDX-License-Identifier: GPL-2.0-only
"""The rmap walks of idle page tracking and DAMON, which sleep on the anon_vma lock.

Both find a folio by its page frame number and hold a reference, but do not take it off its list.
All other callers of rmap_walk() had the folio locked before 95b34d66480b, but for
shrink_active_list(), whose walk is in model/kernel/rmap.py.

Left out: what becomes of the idle and young flags, which no lock keeps; folio_raw_mapping(), which
is never NULL of a mapped folio that one has a reference to; tail pages; damon_folio_young(), which
walks as damon_folio_mkold() does and writes nothing.
"""

from __future__ import annotations

from dataclasses import replace

from model.hw.objects import Addr, Pte, PteKind
from model.hw.orders import PTE_CLEAR_YOUNG
from model.kernel.folio import folio_put, folio_test_lru, folio_try_get
from model.kernel.locks import anon_vma_unlock_read, spin_unlock
from model.kernel.objects import AnonVma, Folio, Vma
from model.kernel.pgtable import pte_unmap
from model.kernel.rmap import (
    folio_pgoff,
    folio_pgoff_lockless,
    in_tree,
    page_vma_mapped_walk,
    vmas,
    walk_begins,
    walk_ends,
)
from model.lang import check, kernel, step


@step("include/linux/pgtable.h:ptep_test_and_clear_young", "7.2", order=PTE_CLEAR_YOUNG,
      traits="pte")  # fmt: skip
def ptep_test_and_clear_young(vma: Vma, addr: Addr, pte: Pte) -> None:
    """Clear Accessed of a present entry, without a flush."""
    check(pte.val.kind == PteKind.PRESENT, "model:present")
    pte.val = replace(pte.val, young=False)


@kernel("mm/page_idle.c:page_idle_clear_pte_refs_one", "7.2")
def page_idle_clear_pte_refs_one(folio: Folio, vma: Vma, addr: Addr) -> None:
    pte = page_vma_mapped_walk(folio, vma, addr, False)
    if pte is None:
        return
    ptep_test_and_clear_young(vma, addr, pte)
    spin_unlock(pte.table.ptl)
    pte_unmap(pte)


@kernel("mm/damon/ops-common.c:damon_get_folio", "7.2")
def damon_get_folio(folio: Folio) -> bool:
    """A reference to what has the page frame number now, if that is on a list."""
    if not folio_try_get(folio):
        return False
    if not folio_test_lru(folio):
        folio_put(folio)
        return False
    return True


@kernel("mm/damon/ops-common.c:damon_folio_mkold_one", "7.2")
def damon_folio_mkold_one(folio: Folio, vma: Vma, addr: Addr) -> None:
    """With damon_ptep_mkold(), which finds the folio once more by the entry."""
    pte = page_vma_mapped_walk(folio, vma, addr, False)
    if pte is None:
        return
    if damon_get_folio(folio):
        ptep_test_and_clear_young(vma, addr, pte)
        folio_put(folio)
    spin_unlock(pte.table.ptl)
    pte_unmap(pte)


@kernel("mm/rmap.c:rmap_walk_anon", "7.2")
def rmap_walk_anon(folio: Folio, anon_vma: AnonVma, locked: bool, damon: bool) -> None:
    """The walk of either, the anon_vma locked for reading."""
    walk_begins(folio, locked)
    if locked:
        index = folio_pgoff(folio)
    else:
        index = folio_pgoff_lockless(folio)
    for vma in vmas():
        if in_tree(vma, anon_vma, index):
            if damon:
                damon_folio_mkold_one(folio, vma, index + vma.shift)
            else:
                page_idle_clear_pte_refs_one(folio, vma, index + vma.shift)
    walk_ends(folio, True)
    anon_vma_unlock_read(anon_vma)


@kernel("mm/page_idle.c:page_idle_get_folio", "7.2")
def page_idle_get_folio(folio: Folio) -> bool:
    """A reference to what has the page frame number now, if that is on a list."""
    if not folio_test_lru(folio) or not folio_try_get(folio):
        return False
    if not folio_test_lru(folio):
        folio_put(folio)
        return False
    return True

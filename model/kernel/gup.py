# SPDX-License-Identifier: GPL-2.0-only
"""GUP-fast: pin a page without any lock, with interrupts off, and look again afterwards.

The protocol with whoever clears an entry and then asks whether the page is pinned is at the top of
folio_try_share_anon_rmap_pte (include/linux/rmap.h): pin, barrier, read the entry again; against
clear the entry, barrier, read the count.

Left out: FOLL_GET; the seqcount of fork (no cast forks); upper levels, which do not change;
huge leaves; the slow path that a failure falls back to.
"""

from __future__ import annotations

from model.hw.memory import smp_mb__after_atomic
from model.hw.objects import Addr, Pte, PteVal, translates
from model.lang import choose, kernel, pure, step

from .folio import (
    PageAnonExclusive,
    folio_ref_add_pin,
    folio_try_get,
    gup_put_folio,
    pinned,
    vm_normal_folio,
)
from .objects import Vma
from .pgtable import pmdp_get_lockless
from .rmap import pmd_of
from .task import local_irq_restore, local_irq_save


@pure
def pte_access_permitted(val: PteVal, write: bool) -> bool:
    """Present, not protnone, writable if asked; special (the zero page) is told apart later."""
    return translates(val) and (val.write or not write)


@step("include/linux/pgtable.h:ptep_get_lockless", "7.3.4", order="once", traits="lockless")
def gup_read_pte(pte: Pte) -> PteVal:
    """Read an entry of a table that nothing but disabled interrupts keeps."""
    return pte.val


@kernel("mm/gup.c:gup_fast_pte_range", "7.3.4")
def gup_fast_pte_range(vma: Vma, addr: Addr, write: bool) -> None:
    pmd = pmd_of(vma)
    table = pmdp_get_lockless(pmd)
    if table is None:
        return
    ptep = table.slots[addr]
    pte = gup_read_pte(ptep)
    if not pte_access_permitted(pte, write):
        return
    folio = vm_normal_folio(pte)
    if folio is None or not folio_try_get(folio):
        return
    folio_ref_add_pin(folio)
    smp_mb__after_atomic()
    again = pmdp_get_lockless(pmd)
    if again != table:
        gup_put_folio(folio)
        return
    now = gup_read_pte(ptep)
    if now != pte:
        gup_put_folio(folio)
        return
    if not pte.write and not PageAnonExclusive(folio):
        gup_put_folio(folio)
        return
    pinned(vma.mm, folio, addr)


@kernel("mm/gup.c:gup_fast", "7.3.4")
def gup_fast(vma: Vma, addr: Addr) -> None:
    """pin_user_pages_fast of one page, for reading or for writing."""
    write = choose((False, True))
    local_irq_save()
    gup_fast_pte_range(vma, addr, write)
    local_irq_restore()

# SPDX-License-Identifier: GPL-2.0-only
"""Deliberate errors with huge pages; as in mutants.py."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from model.hw.objects import Addr, Pmd, PteKind, PteVal
from model.kernel.anon.mremap import moved_pte
from model.kernel.anon.zap import zap_pte_table_if_empty
from model.kernel.folio import PageAnonExclusive, folio_add_anon_rmap_pte, folio_get
from model.kernel.huge.free import split_for_free
from model.kernel.huge.memory import (
    can_change_private_pmd_writable,
    folio_add_anon_rmap_ptes,
    move_huge_pmd,
)
from model.kernel.huge.move_tables import entries_map_at, move_normal_pmd
from model.kernel.huge.pmd import (
    flush_pmd_tlb_range,
    folio_add_rmap_pmd,
    folio_try_dup_anon_rmap_pmd,
    pmdp_set_wrprotect,
    set_pmd_at,
)
from model.kernel.huge.split import folio_mapped_shared, remap_pte, wp_can_reuse_large_anon_folio
from model.kernel.objects import Folio, Vma
from model.kernel.pgtable import pmd_clear, pmd_populate
from model.lang import kernel, primitive, pure, step
from model.lang.declare import ModelFunction
from model.patches.uffd_move_batching.huge import move_splits_huge_pmd
from model.reference.state.compound import PageOf, head_of_entry

from .mutants import Mutant, always, never, nothing


class TailDecides:
    """UFFDIO_MOVE asks the page that the entry maps, and not the head, whether it is exclusive."""

    def __init__(self) -> None:
        self.asked: Folio | None = None

    def swaps(self) -> dict[ModelFunction[..., Any], ModelFunction[..., Any]]:
        @pure
        def head_for_a_page(val: PteVal) -> Folio | None:
            self.asked = val.frame.folio if val.frame is not None and not val.frame.zero else None
            head = self.asked
            return head.head if isinstance(head, PageOf) else head

        @step()
        def of_the_page(folio: Folio) -> bool:
            asked, self.asked = self.asked, None
            if isinstance(asked, PageOf) and asked.head is folio:
                return asked.anon_exclusive
            return folio.anon_exclusive

        return {head_of_entry: head_for_a_page, PageAnonExclusive: of_the_page}


@primitive("mm/rmap.c:folio_add_anon_rmap_ptes", "7.3.4")
def no_page_exclusive(folio: Folio, _vma: Vma, _pmd: Pmd, _exclusive: bool) -> None:
    for page in folio.pages:
        folio_add_anon_rmap_pte(page, False)


@kernel("mm/huge_memory.c:move_huge_pmd", "7.3.4")
def old_leaf_stays(vma: Vma, _old: Addr, new_addr: Addr, old_pmd: Pmd, new_pmd: Pmd) -> bool:
    set_pmd_at(vma.mm, new_addr, new_pmd, moved_pte(old_pmd.leaf, True))
    return True


@kernel("mm/huge_memory.c:move_huge_pmd", "7.3.4")
def never_as_a_leaf(*_: Any) -> bool:
    return False


@kernel("mm/mremap.c:move_normal_pmd", "7.3.4")
def table_without_flush(vma: Vma, _old: Addr, _length: int, old_pmd: Pmd, new_pmd: Pmd) -> bool:
    table = old_pmd.table
    assert table is not None
    pmd_clear(old_pmd)
    entries_map_at(vma.mm, table, old_pmd, new_pmd)
    pmd_populate(new_pmd, table)
    return True


def _remapped(page: Folio, vma: Vma, addr: Addr, *, exclusive: bool) -> None:
    """remap_pte of any page alike."""
    table = vma.mm.root.pmds[addr].table
    pte = table.slots[addr] if table is not None else None
    if pte is None or pte.val.kind != PteKind.MIGRATION or pte.val.frame is not page.frame:
        return
    folio_get(page)
    folio_add_anon_rmap_pte(page, exclusive and pte.val.exclusive)
    pte.val = replace(pte.val, kind=PteKind.PRESENT, exclusive=False, protnone=not vma.readable)


@kernel("mm/migrate.c:remove_migration_pte", "7.3.4")
def zeroes_stay(page: Folio, vma: Vma, addr: Addr) -> None:
    _remapped(page, vma, addr, exclusive=True)


@kernel("mm/migrate.c:remove_migration_pte", "7.3.4")
def remapped_as_shared(page: Folio, vma: Vma, addr: Addr) -> None:
    _remapped(page, vma, addr, exclusive=False)


@primitive("include/linux/rmap.h:folio_try_dup_anon_rmap_pmd", "7.3.4")
def leaf_stays_exclusive(folio: Folio) -> bool:
    folio_add_rmap_pmd(folio)
    return True


@kernel("mm/memory.c:zap_pte_table_if_empty", "7.3.4")
def table_stays(_vma: Vma) -> None:
    return None


def _mutant(
    name: str, old: ModelFunction[..., Any], new: ModelFunction[..., Any], *, seen: bool = True
) -> Mutant:
    return Mutant(name, {old: new}, seen)


HUGE_MUTANTS = (
    Mutant("tail decides", TailDecides().swaps(), seen=False),
    _mutant("the split of a leaf forgets exclusive", folio_add_anon_rmap_ptes, no_page_exclusive),
    _mutant("the split of a folio forgets exclusive", remap_pte, remapped_as_shared),
    _mutant("the split of a folio keeps pages of zeroes", remap_pte, zeroes_stay, seen=False),
    _mutant("mremap leaves the old leaf", move_huge_pmd, old_leaf_stays),
    _mutant("mremap splits every leaf", move_huge_pmd, never_as_a_leaf, seen=False),
    _mutant("a table moves without a flush", move_normal_pmd, table_without_flush),
    _mutant("tables never move", move_normal_pmd, never_as_a_leaf, seen=False),
    _mutant("no flush of a leaf", flush_pmd_tlb_range, nothing),
    _mutant("any page of a large folio is reused", wp_can_reuse_large_anon_folio, always),
    _mutant("no page of a large folio is reused", wp_can_reuse_large_anon_folio, never,
            seen=False),
    _mutant("mms are not told apart", folio_mapped_shared, never),
    _mutant("fork leaves huge pages exclusive", folio_try_dup_anon_rmap_pmd, leaf_stays_exclusive),
    _mutant("fork leaves the parent's leaf writable", pmdp_set_wrprotect, nothing),
    _mutant("mprotect upgrades any leaf", can_change_private_pmd_writable, always),
    _mutant("empty tables stay", zap_pte_table_if_empty, table_stays, seen=False),
    _mutant("MADV_FREE of a part splits nothing", split_for_free, never, seen=False),
    _mutant("UFFDIO_MOVE splits every leaf", move_splits_huge_pmd, always, seen=False),
)  # fmt: skip
"""By name; what each is told by is tested."""

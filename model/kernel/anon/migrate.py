# SPDX-License-Identifier: GPL-2.0-only
"""Migration: entries that wait for a page to move, putting them in and taking them out.

Left out: asynchronous modes, large folios, PMD entries, the swap cache (a folio in it is not
migrated here), contents moved by a device.
"""

from __future__ import annotations

from model.hw.objects import Addr, Pmd, PteKind, PteVal
from model.lang import kernel, primitive, step, unmodelled, wait_until

from ..folio import (
    PageAnonExclusive,
    copy_page,
    folio_add_anon_rmap_pte,
    folio_alloc,
    folio_get,
    folio_isolate_lru,
    folio_mapped,
    folio_mark_dirty,
    folio_put,
    folio_putback_lru,
    folio_ref_count,
    folio_remove_rmap_pte,
    folio_test_dirty,
    folio_test_large,
    folio_try_share_anon_rmap_pte,
)
from ..locks import (
    anon_vma_lock_read,
    anon_vma_unlock_read,
    folio_lock,
    folio_trylock,
    folio_unlock,
)
from ..objects import Folio, Mm, Vma
from ..pgtable import pte_offset_map_lock, pte_unmap_unlock, ptep_clear_flush, ptep_get, set_pte_at
from ..rmap import (
    folio_anon_vma,
    folio_lock_anon_vma_read,
    folio_pgoff,
    found_every_entry,
    in_tree,
    page_vma_mapped_walk,
    page_vma_mapped_walk_sync,
    vmas,
    walk_begins,
    walk_ends,
)
from ..swap import folio_swap_entry, is_migration_entry


@step("mm/filemap.c:softleaf_entry_wait_on_locked", "7.3.4", order="once",
      traits="sleeps maybe-free")  # fmt: skip
def wait_for_unlock(folio: Folio) -> None:
    """Sleep until the folio is unlocked, without a reference."""
    wait_until(folio.locked_by is None)


@primitive("mm/migrate.c:migration_entry_wait", "7.3.4")
def migration_entry_wait(mm: Mm, pmd: Pmd, addr: Addr) -> None:
    pte = pte_offset_map_lock(pmd, addr)
    if pte is None:
        return
    val = ptep_get(pte)
    pte_unmap_unlock(pte)
    if is_migration_entry(val) and val.frame is not None:
        wait_for_unlock(val.frame.folio)


# -- putting migration entries in ------------------------------------------------------------------


@kernel("mm/rmap.c:try_to_migrate_one", "7.3.4")
def try_to_migrate_one(folio: Folio, vma: Vma, addr: Addr) -> bool:
    """One place; whether the walk goes on."""
    pte = page_vma_mapped_walk(folio, vma, addr, False)
    if pte is None:
        return True
    anon_exclusive = PageAnonExclusive(folio)
    pteval = ptep_clear_flush(vma, addr, pte)
    if pteval.dirty:
        folio_mark_dirty(folio)
    if anon_exclusive and not folio_try_share_anon_rmap_pte(folio):
        set_pte_at(vma.mm, addr, pte, pteval)
        pte_unmap_unlock(pte)
        return False
    swp_pte = PteVal(
        kind=PteKind.MIGRATION, frame=pteval.frame, write=pteval.write, dirty=pteval.dirty,
        exclusive=anon_exclusive, soft_dirty=pteval.soft_dirty, uffd_wp=pteval.uffd_wp,
    )  # fmt: skip
    set_pte_at(vma.mm, addr, pte, swp_pte)
    folio_remove_rmap_pte(folio)
    folio_put(folio)
    pte_unmap_unlock(pte)
    return True


@kernel("mm/rmap.c:try_to_migrate", "7.3.4")
def try_to_migrate(folio: Folio) -> None:
    """rmap_walk with the folio locked."""
    anon_vma = folio_lock_anon_vma_read(folio, False)
    if anon_vma is None:
        return
    walk_begins(folio, True)
    index = folio_pgoff(folio)
    going = True
    for vma in vmas():
        if going and in_tree(vma, anon_vma, index):
            going = try_to_migrate_one(folio, vma, index + vma.shift)
    walk_ends(folio, going)
    anon_vma_unlock_read(anon_vma)


# -- taking them out -------------------------------------------------------------------------------


@kernel("mm/migrate.c:remove_migration_pte", "7.3.4")
def remove_migration_pte(src: Folio, dst: Folio, vma: Vma, addr: Addr) -> None:
    """Map `dst` where an entry says that `src` is under migration."""
    pte = page_vma_mapped_walk_sync(src, vma, addr, True)
    if pte is None:
        return
    old_pte = ptep_get(pte)
    folio_get(dst)
    dirty = folio_test_dirty(dst)
    new_pte = PteVal(
        kind=PteKind.PRESENT, frame=dst.frame, write=old_pte.write, dirty=dirty and old_pte.dirty,
        soft_dirty=old_pte.soft_dirty, uffd_wp=old_pte.uffd_wp,
    )  # fmt: skip
    folio_add_anon_rmap_pte(dst, old_pte.exclusive)
    set_pte_at(vma.mm, addr, pte, new_pte)
    pte_unmap_unlock(pte)


@kernel("mm/migrate.c:remove_migration_ptes", "7.3.4")
def remove_migration_ptes(src: Folio, dst: Folio) -> None:
    """rmap_walk of `dst`; its anon_vma is found without folio_mapped, for it is not mapped yet."""
    anon_vma = folio_anon_vma(dst)
    if anon_vma is None:
        return
    anon_vma_lock_read(anon_vma)
    index = folio_pgoff(dst)
    for vma in vmas():
        if in_tree(vma, anon_vma, index):
            remove_migration_pte(src, dst, vma, index + vma.shift)
    found_every_entry(src)
    anon_vma_unlock_read(anon_vma)


@step("mm/migrate.c:__folio_migrate_mapping", "7.3.4", order="plain",
      several="both folios are locked and the new one is not visible")  # fmt: skip
def folio_migrate_mapping(dst: Folio, src: Folio) -> None:
    dst.mapping = src.mapping
    dst.index = src.index
    dst.dirty = src.dirty


@kernel("mm/migrate.c:migrate_pages", "7.3.4")
def migrate_folio(src: Folio) -> None:
    """One folio, isolated from the LRU, which holds a reference: migrate_folio_unmap and
    migrate_folio_move.

    Left out: the reference to the anon_vma, which keeps it from being freed with its last VMA;
    no anon_vma is freed here.
    """
    if not folio_isolate_lru(src):
        return
    dst = folio_alloc()
    if dst is None:
        folio_putback_lru(src)
        return
    folio_lock(src)
    entry = folio_swap_entry(src)
    if entry != 0 or folio_test_large(src):
        folio_unlock(src)
        folio_putback_lru(src)
        folio_put(dst)
        return
    if not folio_trylock(dst):
        unmodelled("a new folio is locked by somebody else")
    was_mapped = folio_mapped(src)
    if was_mapped:
        try_to_migrate(src)
    moved = False
    if not folio_mapped(src):
        refs = folio_ref_count(src)
        if refs == 1:
            copy_page(dst, src)
            folio_migrate_mapping(dst, src)
            moved = True
    if was_mapped:
        remove_migration_ptes(src, dst if moved else src)
    if moved:
        folio_unlock(dst)
        folio_unlock(src)
        folio_put(src)
        folio_putback_lru(dst)
    else:
        folio_unlock(src)
        folio_putback_lru(src)
        folio_unlock(dst)
        folio_put(dst)

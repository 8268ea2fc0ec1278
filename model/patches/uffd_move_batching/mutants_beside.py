# SPDX-License-Identifier: GPL-2.0-only
"""Mutants of what runs beside: an invariant about a neighbour's step needs a bug there."""

from __future__ import annotations

from model.lang.edits import (
    answer,
    drop,
    drop_assignment,
    drop_branch,
    drop_condition,
    drop_keyword,
    move_after,
    move_before,
    replace_argument,
    replace_call,
    replace_keyword,
)

from ..mutant import mutant
from .mutants import FLUSHING, IPTE

NOT_BATCHED = {"s390": "unmaps are flushed one by one (mm/rmap.c:should_defer_flush)"}
NEIGHBOURS = (
    mutant(
        "table freed without a grace period", "a table goes back while somebody walks it",
        drop("synchronize_rcu", in_="zap_table"),
        breaks="no_use_of_a_free_table no_unlock_of_a_free_table",
        cast="move+pt_reclaim/1p/ptl=different/init=all_at_src",
    ),
    mutant(
        "table not freed", "a table that was taken away does not go back",
        drop("free_table", in_="zap_table"),
        breaks="no_table_is_lost",
        cast="move+pt_reclaim/1p/ptl=different/init=all_at_src", variant="per_page",
    ),
    mutant(
        "lock of a table released late", "a table that has gone is unlocked when RCU may free it",
        move_after("spin_unlock", "rcu_read_unlock", in_="pte_offset_map_lock"),
        breaks="no_unlock_of_a_free_table",
        cast="move+pt_reclaim+uffd_copy/1p/ptl=different/init=all_at_src", variant="per_page",
    ),
    mutant(
        "table of another gather not made up for", "a call that finds no table does not flush",
        drop("tlb_flush_mmu", nth=1, in_="zap_table"),
        breaks="nothing_removed_is_used_after_return",
        cast="move+pt_reclaim+pt_reclaim/1p/ptl=different/init=one_at_dst",
        archs=FLUSHING, why_not=IPTE,
    ),
    mutant(
        "table taken away after its lock", "the pmd is cleared when the PTL is dropped",
        move_before("pte_unmap_unlock", "spin_trylock", in_="zap_table"),
        breaks="a_freed_table_maps_nothing",
        cast="move+pt_reclaim/1p/ptl=different/init=all_at_src",
    ),
    mutant(
        "mmap_lock for reading where VMAs are written", "as madvise takes it",
        replace_call("mmap_write_lock", "mmap_read_lock", in_="write_lock_every_vma"),
        breaks="mmap_lock_is_held_for_writing everything_is_released",
        cast="move+vma_writer/1p/ptl=different/init=all_at_src",
    ),
    mutant(
        "VMA not locked by munmap", "whoever has locked it for reading goes on in it",
        drop("vma_start_write", in_="munmap"),
        breaks="an_unmapped_vma_maps_nothing",
        cast="move+munmap_dst/1p/ptl=different/init=all_at_src",
    ),
    mutant(
        "folio->mapping not read again under the lock", "the walk goes on with what it was before",
        drop_branch("mapping != anon_vma", nth=1, in_="folio_lock_anon_vma_read_unlocked"),
        drop_branch("mapping != anon_vma", nth=1, in_="folio_lock_anon_vma_read_unlocked"),
        breaks="a_walk_holds_the_lock_of_its_folio",
        cast="move+folio_referenced/1p/ptl=different/init=all_at_src",
    ),
    mutant(
        "no flush of walk caches", "the flush after a table is taken away is one of pages only",
        drop("pte_free_tlb", in_="zap_table"),
        breaks="no_pointer_to_a_free_table",
        cast="move+pt_reclaim/1p/ptl=different/init=all_at_src", archs=FLUSHING,
    ),
    mutant(
        "lazy CPU spared the flush of a freed table", "that flush leaves lazy CPUs alone",
        replace_argument("flush_range_of", 2, "True", nth=1, in_="tlb_flush_x86"),
        breaks="no_pointer_to_a_free_table",
        cast="move+lazy_user+pt_reclaim/1p/ptl=different/init=all_at_src",
        why_not={"arm64": "the invalidation is broadcast (arch/arm64/include/asm/tlbflush.h)"},
    ),
    mutant(
        "entry not recorded for the flush", "MADV_DONTNEED clears it and the gather has not got it",
        drop("tlb_remove_tlb_entry", in_="zap_pte"),
        breaks="flushed_before_ptl_is_released nothing_removed_is_used_after_return "
        "no_translation_to_a_free_page",
        cast="move+zap_src/1p/ptl=different/init=all_at_src", archs=FLUSHING, why_not=IPTE,
    ),
    mutant(
        "flush that was put off not made up for", "MADV_DONTNEED only zaps the swap entry",
        drop("flush_tlb_batched_pending", in_="zap_pte"),
        breaks="nothing_removed_is_used_after_return",
        cast="move+reclaim+zap_src/1p/ptl=different/init=all_at_src",
        archs=FLUSHING, why_not=NOT_BATCHED,
    ),
    mutant(
        "flush of another gather not made up for", "mm_tlb_flush_nested always says no",
        answer("mm_tlb_flush_nested", "False", in_="tlb_flush_mmu"),
        breaks="nothing_removed_is_used_after_return",
        cast="move+numa_hint+zap_src/1p/ptl=different/init=all_at_src",
        archs=FLUSHING, why_not=IPTE,
    ),
    mutant(
        "map count not dropped", "MADV_DONTNEED leaves the map count as it is",
        drop("folio_remove_rmap_pte", in_="zap_pte"),
        breaks="map_counts_balance freed_unlocked_and_unmapped",
        cast="move+zap_src/1p/ptl=different/init=all_at_src",
    ),
    mutant(
        "slot not freed with its entry", "MADV_DONTNEED drops a swap entry and leaves the count",
        drop("swap_free", in_="zap_pte"),
        breaks="swap_counts_balance",
        cast="move+zap_src/1p/ptl=different/init=swapped_out",
    ),
    mutant(
        "no pin check before sharing", "folio_try_share_anon_rmap_pte does not ask for pins",
        drop_branch("folio_maybe_dma_pinned", in_="folio_try_share_anon_rmap_pte"),
        breaks="a_pinned_page_is_not_shared",
        cast="move+reclaim/1p/ptl=different/init=pinned", variant="per_page",
    ),
    mutant(
        "a shared page pinned for reading", "GUP-fast does not ask whether it must be unshared",
        drop_branch("PageAnonExclusive", in_="gup_fast_pte_range"),
        breaks="a_pinned_page_is_not_moved",
        cast="move+gup_fast+write_fault/1p/ptl=different/init=shared", variant="per_page",
    ),
    mutant(
        "GUP-fast with interrupts on", "nothing keeps the table that it reads",
        drop("local_irq_save", in_="gup_fast"),
        breaks="no_use_of_a_free_table",
        cast="move+gup_fast_dst+pt_reclaim/1p/ptl=different/init=all_at_src", variant="per_page",
    ),
    mutant(
        "reuse without counting references", "do_wp_page writes to a page that a child shares",
        drop_branch("refs > (2 if entry != 0 else 1)", in_="wp_can_reuse_anon_folio"),
        drop_branch("refs != 1", in_="wp_can_reuse_anon_folio"),
        breaks="an_exclusive_page_is_mapped_once unlocked_folio_is_where_it_says",
        cast="move+write_fault/1p/ptl=different/init=shared",
    ),
    mutant(
        "reuse of a page that is still in swap", "do_wp_page does not count again under the lock",
        drop_branch("refs != 1", in_="wp_can_reuse_anon_folio"),
        breaks="an_exclusive_page_is_mapped_once",
        cast="move+reclaim+swap_in+write_fault/1p/ptl=different/init=shared",
    ),
    mutant(
        "uffd bit not carried over", "a migration entry forgets the write protection",
        drop_keyword("PteVal", "uffd_wp", in_="try_to_migrate_one"),
        breaks="userfaultfd_protection_stays",
        cast="move+migrate+uffd_wp/1p/ptl=different/init=all_at_src",
    ),
    mutant(
        "write fault that does not ask userfaultfd", "do_wp_page makes a protected page writable",
        drop_condition("userfaultfd_pte_wp", in_="write_fault"),
        breaks="userfaultfd_protection_stays",
        cast="move+write_fault+uffd_wp/1p/ptl=different/init=all_at_src",
    ),
    mutant(
        "soft-dirty lost with dirty", "MADV_FREE clears both",
        answer(
            "replace", "replace(old, young=False, dirty=False, soft_dirty=False)",
            in_="clear_young_dirty_pte",
        ),
        breaks="soft_dirty_is_kept",
        cast="move+free_dst/1p/ptl=different/init=all_at_src",
    ),
    mutant(
        "migration entries all writable", "the new page is mapped writable whatever its entry says",
        replace_keyword("PteVal", "write", "True", in_="remove_migration_pte"),
        breaks="no_permission_is_gained a_writable_page_is_exclusive",
        cast="move+migrate/1p/ptl=different/init=shared",
    ),
    mutant(
        "migration entries not looked for", "the walk that takes them out looks for mapped pages",
        replace_argument("page_vma_mapped_walk_sync", 3, "False", in_="remove_migration_pte"),
        breaks="a_sync_walk_leaves_no_entry no_migration_entry_is_left",
        cast="move+migrate/1p/ptl=different/init=all_at_src", variant="per_page",
    ),
    mutant(
        "new page mapped before its rmap is set", "UFFDIO_COPY sets the entry first",
        move_after("folio_add_new_anon_rmap", "set_pte_at", in_="mfill_atomic_install_pte"),
        breaks="mapped_where_it_says a_writable_page_is_exclusive",
        cast="move+uffd_copy/1p/ptl=different/init=all_at_src",
    ),
    mutant(
        "inaccessible entry not flushed", "ptep_clear_flush asks the entry alone whether it may "
        "be in a TLB",
        drop_branch("not accessible", in_="ptep_clear_flush"),
        breaks="no_translation_to_a_free_page",
        cast="move+migrate+numa_hint/1p/ptl=different/init=all_at_src", variant="per_page",
        archs=FLUSHING, why_not=IPTE,
    ),
    mutant(
        "no migration entry", "try_to_migrate_one leaves the entry none",
        drop("set_pte_at", nth=2, in_="try_to_migrate_one"),
        breaks="a_walk_loses_no_page",
        cast="move+migrate/1p/ptl=different/init=all_at_src", variant="per_page",
    ),
    mutant(
        "migrated page left isolated", "the old page goes back to the LRU in the place of the new",
        replace_argument("folio_put", 0, "dst", nth=2, in_="migrate_folio"),
        replace_argument("folio_putback_lru", 0, "src", nth=3, in_="migrate_folio"),
        breaks="no_page_is_left_off_the_lru",
        cast="move+migrate/1p/ptl=different/init=all_at_src", variant="per_page",
    ),
    mutant(
        "migration entries left", "migrate_folio does not take out what try_to_migrate put in",
        drop("remove_migration_ptes", in_="migrate_folio"),
        breaks="no_migration_entry_is_left",
        cast="move+migrate/1p/ptl=different/init=all_at_src", variant="per_page",
    ),
    mutant(
        "page not copied", "a write fault maps a new page that is no copy",
        drop("copy_page", in_="wp_page_copy"),
        breaks="no_store_is_lost_to_a_copy",
        cast="move+write_fault/1p/ptl=different/init=shared", variant="per_page",
    ),
    mutant(
        "no flush before a copy", "ptep_clear_flush only clears",
        drop("flush_tlb_page", in_="ptep_clear_flush"),
        breaks="no_store_is_lost_to_a_copy flushed_before_ptl_is_released "
        "nothing_removed_is_used_after_return no_translation_to_a_free_page",
        cast="move+user+migrate/1p/ptl=different/init=all_at_src",
        archs=FLUSHING, why_not=IPTE,
    ),
    mutant(
        "exclusive when it is unmapped", "the page is asked for pins, and not shared",
        drop("ClearPageAnonExclusive", in_="folio_try_share_anon_rmap_pte"),
        breaks="an_unmapped_page_is_not_exclusive",
        cast="move+reclaim/1p/ptl=different/init=all_at_src", variant="per_page",
    ),
    mutant(
        "exclusive when it is migrated", "a migration entry names a page that is not shared",
        drop("ClearPageAnonExclusive", in_="folio_try_share_anon_rmap_pte"),
        breaks="an_unmapped_page_is_not_exclusive",
        cast="move+migrate/1p/ptl=different/init=all_at_src", variant="per_page",
    ),
    mutant(
        "frozen and not freed", "a reclaimed page is given back to nobody",
        drop("free_frozen_folio", in_="shrink_folio_list"),
        breaks="references_balance no_page_is_left_off_the_lru",
        cast="move+reclaim/1p/ptl=different/init=all_at_src", variant="per_page",
    ),
    mutant(
        "written page not put back", "ttu_anon_lazyfree does not ask whether the page is dirty",
        drop_branch("folio_test_dirty", in_="ttu_anon_lazyfree"),
        breaks="a_page_thrown_away_is_clean",
        cast="move+user+reclaim+free_src/1p/ptl=different/init=all_at_src", variant="per_page",
    ),
    mutant(
        "pinned page thrown away", "ttu_anon_lazyfree takes any count of references for its own",
        answer("folio_mapcount", "ref_count - 1", in_="ttu_anon_lazyfree"),
        breaks="a_pinned_page_is_not_thrown_away",
        cast="move+reclaim+free_src/1p/ptl=different/init=pinned", variant="per_page",
    ),
    mutant(
        "page given up in swap", "MADV_FREE leaves a slot that a swap entry of the child names",
        drop_condition("entry != 0 and (not folio_free_swap(folio))", in_="madvise_free_pte"),
        breaks="a_page_given_up_is_not_shared",
        cast="move+reclaim+uffd_wp+free_src/1p/ptl=different/init=shared", variant="per_page",
    ),
    mutant(
        "shared page given up", "MADV_FREE does not ask who else maps the page",
        drop_condition("maps != 1", in_="madvise_free_pte"),
        breaks="a_page_given_up_is_not_shared",
        cast="move+migrate+free_src/1p/ptl=different/init=shared",
    ),
    mutant(
        "written page thrown away", "try_to_unmap_one does not look at the dirty bit",
        drop_branch("pteval.dirty", in_="try_to_unmap_one"),
        breaks="a_page_thrown_away_is_clean",
        cast="move+user+reclaim+free_src/1p/ptl=different/init=all_at_src", variant="per_page",
    ),
    mutant(
        "no flush before writing to swap", "the flush that try_to_unmap put off comes too late",
        drop("try_to_unmap_flush", nth=2, in_="shrink_folio_list"),
        breaks="no_store_is_lost_to_swap nothing_removed_is_used_after_return "
        "no_translation_to_a_free_page",
        cast="move+user+reclaim/1p/ptl=different/init=all_at_src",
        archs=FLUSHING, why_not=NOT_BATCHED,
    ),
    mutant(
        "dirty entry forgotten before writing to swap", "the flush before it is left out",
        drop_branch("dirty", in_="try_to_unmap"),
        breaks="no_store_is_lost_to_swap",
        cast="move+user+reclaim/1p/ptl=different/init=all_at_src", variant="per_page",
        archs=FLUSHING, why_not=NOT_BATCHED,
    ),
    mutant(
        "hinted page not flushed by reclaim", "nobody asks for flushes that others owe",
        drop_assignment("mm_tlb_flush_pending", in_="set_tlb_ubc_flush_pending"),
        breaks="no_translation_to_a_free_page",
        cast="move+numa_hint+reclaim/1p/ptl=different/init=all_at_src", variant="per_page",
        archs=FLUSHING, why_not=NOT_BATCHED,
    ),
)  # fmt: skip

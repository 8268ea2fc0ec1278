# SPDX-License-Identifier: GPL-2.0-only
"""Mutants of UFFDIO_MOVE: its flush, its locks, its checks, its accounts."""

from __future__ import annotations

from model.lang.edits import (
    answer,
    drop,
    drop_assignment,
    drop_branch,
    drop_condition,
    drop_keyword,
    ignore,
    insert_after,
    move_after,
    move_branch_before,
    replace_argument,
    replace_call,
)

from ..mutant import mutant

IPTE = {"s390": "ptep_get_and_clear has flushed (arch/s390/include/asm/pgtable.h)"}
FLUSHING = ("x86_64", "arm64")

FLUSH = (
    mutant(
        "no flush", "the batch ends without flush_tlb_range",
        drop("flush_tlb_range", in_="move_present_ptes"),
        breaks="flushed_before_ptl_is_released nothing_removed_is_used_after_return",
        cast="move/1p/ptl=different/init=all_at_src", archs=FLUSHING, why_not=IPTE,
    ),
    mutant(
        "no flush, and the page is freed", "the same, beside MADV_DONTNEED at the destination",
        drop("flush_tlb_range", in_="move_present_ptes"),
        breaks="flushed_before_ptl_is_released nothing_removed_is_used_after_return "
        "no_translation_to_a_free_page",
        cast="move+zap_dst/1p/ptl=different/init=all_at_src", archs=FLUSHING, why_not=IPTE,
    ),
    mutant(
        "flush one page short", "flush_tlb_range ends before the last page of the batch",
        replace_argument("flush_tlb_range", 2, "src_addr - PAGE_SIZE", in_="move_present_ptes"),
        breaks="flushed_before_ptl_is_released nothing_removed_is_used_after_return",
        cast="move/2p/ptl=different/init=all_at_src", archs=FLUSHING, why_not=IPTE,
    ),
    mutant(
        "flush after the PTLs", "flush_tlb_range comes after both page-table locks are dropped",
        move_after("flush_tlb_range", "double_pt_unlock", anchor_nth=3, in_="move_present_ptes"),
        breaks="flushed_before_ptl_is_released",
        cast="move/1p/ptl=different/init=all_at_src", archs=FLUSHING, why_not=IPTE,
    ),
    mutant(
        "flush after the PTLs, and the page is freed",
        "the same, beside MADV_DONTNEED at the destination",
        move_after("flush_tlb_range", "double_pt_unlock", anchor_nth=3, in_="move_present_ptes"),
        breaks="flushed_before_ptl_is_released no_translation_to_a_free_page",
        cast="move+zap_dst/1p/ptl=different/init=all_at_src", archs=FLUSHING, why_not=IPTE,
    ),
)  # fmt: skip

LOCKS = (
    mutant(
        "PTLs in argument order", "double_pt_lock takes the locks in the order of its arguments",
        drop_assignment("in_address_order", in_="double_pt_lock"),
        breaks="no_deadlock",
        cast="move+move_back/2p/ptl=different/init=other_anon_vma",
    ),
    mutant(
        "second PTL not taken as a nested one", "double_pt_lock calls spin_lock twice",
        replace_call("spin_lock_nested", "spin_lock", in_="double_pt_lock"),
        breaks="one_page_table_lock_unless_nested",
        cast="move/1p/ptl=different/init=all_at_src",
    ),
    mutant(
        "no PTL of the destination", "double_pt_lock is given the source's lock twice",
        replace_argument("double_pt_lock", 0, "src_ptl", in_="move_present_ptes"),
        replace_argument("double_pt_unlock", 0, "src_ptl", nth=1, in_="move_present_ptes"),
        replace_argument("double_pt_unlock", 0, "src_ptl", nth=2, in_="move_present_ptes"),
        replace_argument("double_pt_unlock", 0, "src_ptl", nth=3, in_="move_present_ptes"),
        breaks="fields_change_under_their_locks",
        cast="move/1p/ptl=different/init=all_at_src",
    ),
    mutant(
        "sleeping folio lock under the PTL", "folio_lock for folio_trylock while the entry is read",
        replace_call("folio_trylock", "folio_lock", nth=1, in_="move_pages_ptes"),
        ignore("folio_lock", nth=1, in_="move_pages_ptes"),
        insert_after("folio_lock", "locked = True", nth=1, in_="move_pages_ptes"),
        breaks="folio_lock_in_order nothing_sleeps_in_atomic_context",
        cast="move/1p/ptl=different/init=all_at_src",
    ),
    mutant(
        "page table left mapped",
        "a pte_unmap is missing where a page in the swap cache is waited for",
        drop("pte_unmap", nth=9, in_="move_pages_ptes"),
        breaks="everything_is_released nothing_sleeps_in_atomic_context",
        cast="move+reclaim/1p/ptl=different/init=all_at_src", variant="per_page",
    ),
    mutant(
        "folio lock left held", "the last folio of a batch is not unlocked",
        drop("folio_unlock", nth=2, in_="move_present_ptes"),
        breaks="everything_is_released no_deadlock",
        cast="move+move_back/1p/ptl=different/init=all_at_src",
    ),
    mutant(
        "no folio trylock for the next page", "the next folio of a batch is taken without its lock",
        answer("folio_trylock", "True", in_="check_ptes_for_batched_move"),
        breaks="fields_change_under_their_locks unlocked_by_its_holder",
        cast="move/2p/ptl=different/init=all_at_src",
    ),
    mutant(
        "page-table locks taken with interrupts off", "the second one, as spin_lock_irq would",
        insert_after("taken", "current().cpu.irqs_off = True", in_="spin_lock_nested"),
        insert_after("current", "me.cpu.irqs_off = False", in_="spin_unlock"),
        breaks="no_wait_for_a_cpu_with_irqs_off",
        cast="move/1p/ptl=different/init=all_at_src",
        why_not={"arm64": "an invalidation is broadcast, and no CPU need take an interrupt for it"},
    ),
    mutant(
        "PTL of the destination dropped twice", "the second time somebody else may hold it",
        insert_after("double_pt_unlock", "spin_unlock(dst_ptl)", nth=3, in_="move_present_ptes"),
        breaks="unlocked_by_its_holder",
        cast="move/1p/ptl=different/init=all_at_src",
    ),
    mutant(
        "anon_vma not locked, but unlocked", "as if the lock were always got at the first try",
        drop_branch("anon_vma_trylock_write", in_="move_pages_ptes"),
        breaks="unlocked_by_its_holder",
        cast="move/1p/ptl=different/init=all_at_src",
    ),
    mutant(
        "source VMA locked as the destination",
        "by uffd_lock_vma, which waits for mmap_lock with the other VMA locked",
        replace_call("lock_vma_under_rcu", "uffd_lock_vma", in_="uffd_move_lock"),
        breaks="mmap_lock_in_order no_deadlock",
        cast="move+vma_writer+munmap_src/1p/ptl=different/init=all_at_src",
    ),
    mutant(
        "mmap_lock taken twice", "and let go of once",
        insert_after("mmap_read_lock", "mmap_read_lock(mm)", in_="uffd_move_lock"),
        breaks="mmap_lock_in_order",
        cast="move+vma_writer/1p/ptl=different/init=all_at_src",
    ),
    mutant(
        "mmap_lock not taken where a try failed", "the VMAs are found and locked without it",
        drop("mmap_read_lock", in_="uffd_move_lock"),
        drop("mmap_read_unlock", in_="uffd_move_lock"),
        breaks="mmap_lock_is_held_to_lock_a_vma",
        cast="move+vma_writer/1p/ptl=different/init=all_at_src",
    ),
    mutant(
        "anon_vma lock under the PTL", "the anon_vma is locked when both page-table locks are held",
        drop_branch("anon_vma_trylock_write", in_="move_pages_ptes"),
        insert_after(
            "double_pt_lock", "anon_vma_lock_write(src_anon_vma)", in_="move_present_ptes"
        ),
        breaks="anon_vma_lock_in_order nothing_sleeps_in_atomic_context",
        cast="move/1p/ptl=different/init=all_at_src",
    ),
    mutant(
        "no anon_vma lock beside an unlocked walk", "the anon_vma is not locked",
        drop_branch("anon_vma_trylock_write", in_="move_pages_ptes"),
        drop("anon_vma_unlock_write", in_="move_pages_ptes"),
        breaks="mapping_is_stable_during_a_walk a_walk_holds_the_lock_of_its_folio",
        cast="move+folio_referenced/1p/ptl=different/init=all_at_src",
    ),
)  # fmt: skip

CHECKS = (
    mutant(
        "pin check before the PTE is cleared",
        "folio_maybe_dma_pinned is asked before ptep_get_and_clear, and not afterwards",
        drop("set_pte_at", nth=1, in_="move_present_ptes"),
        move_branch_before(
            "folio_maybe_dma_pinned", "ptep_get_and_clear", nth=2, in_="move_present_ptes"
        ),
        breaks="a_pinned_page_is_not_moved",
        cast="move+gup_fast/1p/ptl=different/init=all_at_src",
    ),
    mutant(
        "no pin check", "folio_maybe_dma_pinned is asked neither before nor after",
        drop_condition("folio_maybe_dma_pinned", in_="move_present_ptes"),
        drop_branch("folio_maybe_dma_pinned", in_="move_present_ptes"),
        breaks="a_pinned_page_is_not_moved",
        cast="move/1p/ptl=different/init=pinned",
    ),
    mutant(
        "no re-check after the locks", "is_pte_pages_stable is not asked under both locks",
        drop_branch("is_pte_pages_stable", in_="move_present_ptes"),
        breaks="map_counts_balance flushed_before_ptl_is_released "
        "nothing_removed_is_used_after_return reports_what_it_did no_store_is_lost_to_a_copy",
        cast="move+uffd_copy/1p/ptl=different/init=all_at_src",
    ),
    mutant(
        "dst pmd not looked at again", "is_pte_pages_stable does not ask for pmd_same",
        answer("pmdp_get_lockless", "dst_pmdval", in_="is_pte_pages_stable"),
        breaks="a_freed_table_maps_nothing",
        cast="move+pt_reclaim/1p/ptl=different/init=all_at_src",
    ),
    mutant(
        "PageAnonExclusive not looked at", "a page that a child shares is moved",
        drop_condition("PageAnonExclusive", in_="move_pages_ptes"),
        drop_condition("PageAnonExclusive", in_="move_present_ptes"),
        breaks="a_writable_page_is_exclusive unlocked_folio_is_where_it_says",
        cast="move/1p/ptl=different/init=shared",
    ),
    mutant(
        "a large folio joins the batch", "only the first folio of a batch is split",
        drop_condition("folio_test_large", in_="check_ptes_for_batched_move"),
        breaks="a_large_folio_moves_as_one",
        cast="move/2p/ptl=different/init=last_large",
    ),
    mutant(
        "swap cache not looked at", "swap entries are moved as before c50f8e6053b0",
        drop_branch("src_folio is None", nth=2, in_="move_pages_ptes"),
        drop_branch("swap_has_cache", in_="move_swap_pte"),
        breaks="unlocked_folio_is_where_it_says",
        cast="move+swap_in_dst/1p/ptl=different/init=swap_cached",
    ),
    mutant(
        "swap cache not looked at again", "under the page-table locks, as before 0ea148a79919",
        drop_branch("swap_has_cache", in_="move_swap_pte"),
        breaks="unlocked_folio_is_where_it_says",
        cast="move+reclaim+swap_in+swap_in_dst/1p/ptl=different/init=swapped_out",
    ),
    mutant(
        "entry not looked at before use", "the batch goes on where there is no next folio",
        drop_branch("src_folio is None", in_="move_present_ptes"),
        breaks="no_null_pointer_is_followed",
        cast="move/2p/ptl=different/init=hole",
    ),
)  # fmt: skip

ACCOUNTS = (
    mutant(
        "mapping not updated", "folio->mapping stays that of the source",
        drop("folio_move_anon_rmap", in_="move_present_ptes"),
        breaks="unlocked_folio_is_where_it_says",
        cast="move/1p/ptl=different/init=all_at_src",
    ),
    mutant(
        "index not updated", "folio->index keeps the source's page number",
        drop("set_folio_index", in_="move_present_ptes"),
        breaks="unlocked_folio_is_where_it_says a_walk_finds_every_mapping",
        cast="move+reclaim/1p/ptl=different/init=all_at_src",
    ),
    mutant(
        "folio unlocked after the PTLs, without a reference",
        "the last folio of a batch is unlocked when the entry no longer keeps it",
        move_after(
            "folio_unlock", "double_pt_unlock", nth=2, anchor_nth=3, in_="move_present_ptes"
        ),
        breaks="no_use_of_a_free_folio freed_unlocked_and_unmapped",
        cast="move+zap_dst/1p/ptl=different/init=all_at_src",
    ),
    mutant(
        "one reference too few", "the reference to the first folio is put twice",
        insert_after("folio_put", "folio_put(first_src_folio)", in_="move_present_ptes"),
        breaks="freed_unlocked_and_unmapped no_use_of_a_free_folio no_translation_to_a_free_page "
        "a_writable_page_is_exclusive",
        cast="move/1p/ptl=different/init=all_at_src",
    ),
    mutant(
        "one reference too many", "the reference to the first folio is not put",
        drop("folio_put", in_="move_present_ptes"),
        breaks="references_balance",
        cast="move/1p/ptl=different/init=all_at_src",
    ),
    mutant(
        "anon_vma not put", "the reference to the anon_vma is kept",
        drop("put_anon_vma", in_="move_pages_ptes"),
        breaks="anon_vma_references_balance",
        cast="move/1p/ptl=different/init=all_at_src",
    ),
    mutant(
        "pages of a batch not reported", "move_present_ptes returns 0 when it has moved pages",
        drop_branch("src_addr > src_start", nth=2, in_="move_present_ptes"),
        breaks="reports_what_it_did",
        cast="move/2p/ptl=different/init=all_at_src",
    ),
    mutant(
        "dirty bit of the value read before", "what ptep_get_and_clear gives is not used",
        ignore("ptep_get_and_clear", in_="move_present_ptes"),
        breaks="no_dirty_bit_is_lost",
        cast="move+user/1p/ptl=different/init=clean",
    ),
    mutant(
        "soft-dirty not set", "the entry for the destination is not marked soft-dirty",
        drop_keyword("PteVal", "soft_dirty", in_="moved_pte"),
        breaks="soft_dirty_is_kept",
        cast="move/1p/ptl=different/init=all_at_src",
    ),
    mutant(
        "soft-dirty lost in swap", "the swap entry for the destination is not marked soft-dirty",
        drop_keyword("replace", "soft_dirty", in_="move_swap_pte"),
        breaks="soft_dirty_is_kept",
        cast="move/1p/ptl=different/init=swapped_out",
    ),
    mutant(
        "index not updated in swap", "a folio in the swap cache keeps the source's page number",
        drop("set_folio_index", in_="move_swap_pte"),
        breaks="unlocked_folio_is_where_it_says",
        cast="move+swap_in_dst/1p/ptl=different/init=swap_cached",
    ),
    mutant(
        "zero page stays at the source", "move_zeropage_pte does not clear the source entry",
        drop("ptep_clear_flush", in_="move_zeropage_pte"),
        breaks="what_is_moved_has_left",
        cast="move/1p/ptl=different/init=zero_page",
    ),
    mutant(
        "zero page without a page", "the entry for the destination is present and maps nothing",
        drop_keyword("PteVal", "frame", in_="move_zeropage_pte"),
        breaks="a_present_entry_maps_a_page",
        cast="move/1p/ptl=different/init=zero_page",
    ),
)  # fmt: skip

MOVERS = (*FLUSH, *LOCKS, *CHECKS, *ACCOUNTS)

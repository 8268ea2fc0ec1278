# SPDX-License-Identifier: GPL-2.0-only
"""Mutants of mremap: its flushes, its locks, the second look at the PMD entry."""

from __future__ import annotations

from functools import partial

from model.lang.edits import (
    answer,
    drop,
    drop_branch,
    drop_keyword,
    move_after,
    move_before,
    replace_argument,
    replace_call,
)

from ..mutant import mutant

_FLUSHING = ("x86_64", "x86_64-invlpgb", "arm64")
_BY_ENTRY = {"s390": "no table moves, and an entry is cleared with its translations"}
_ALONE = "mremap/1p/locks=split/init=all_at_old"
_PART = "mremap_part/1p/locks=split/init=all_at_old"
_IN_A_WALK = {"s390": "no table moves"}

_today = partial(mutant, variant="rechecked")

MUTANTS = (
    _today(
        "table moved without a flush", "the old addresses are flushed by nobody",
        drop("flush_table_range", in_="move_normal_pmd"),
        breaks="a_table_moves_with_a_flush nothing_removed_is_used_after_return",
        cast=_ALONE, archs=_FLUSHING, why_not=_BY_ENTRY,
    ),
    _today(
        "table flushed after its lock", "as posted: the flush comes after the PMD locks",
        move_after("flush_table_range", "spin_unlock", nth=1, anchor_nth=4, in_="move_normal_pmd"),
        breaks="a_table_moves_with_a_flush", cast=_ALONE,
    ),
    _today(
        "table left at the old place", "the old PMD entry is not cleared",
        drop("pmd_clear", in_="move_normal_pmd"),
        breaks="a_table_is_in_one_place nothing_is_left_behind", cast=_ALONE,
    ),
    _today(
        "PMD entry not looked at again under its lock", "as before 6fa1066fc5d0",
        drop_branch("table is None", in_="move_normal_pmd"),
        breaks="a_pmd_points_to_a_table", cast="mremap+retract/1p/locks=split/init=file",
        archs=_FLUSHING, why_not=_IN_A_WALK,
    ),
    _today(
        "rmap locks not taken for a table", "as before 97113eb39fa7",
        drop("take_rmap_locks", in_="move_pgt_entry"),
        drop("drop_rmap_locks", in_="move_pgt_entry"),
        breaks="no_migration_entry_is_left a_sync_walk_leaves_no_entry a_walk_finds_every_mapping "
        "flushed_before_ptl_is_released nothing_removed_is_used_after_return "
        "no_translation_to_a_free_page",
        cast="mremap+migrate/1p/locks=split/init=all_at_old", archs=_FLUSHING,
        why_not=_IN_A_WALK,
    ),
    _today(
        "rmap locks kept", "whoever walks the reverse map waits forever",
        drop("drop_rmap_locks", in_="move_pgt_entry"),
        breaks="everything_is_released", cast=_ALONE,
    ),
    _today(
        "rmap locks not taken where the new VMA comes first", "need_rmap_locks is not looked at",
        replace_argument("move_ptes", 6, "False", in_="move_page_tables"),
        breaks="no_migration_entry_is_left a_sync_walk_leaves_no_entry a_walk_finds_every_mapping",
        cast="mremap_part+migrate/1p/locks=split/init=new_first",
    ),
    _today(
        "PMD lock kept", "the lock of the new PMD entry is not dropped",
        drop("spin_unlock", nth=3, in_="move_normal_pmd"),
        breaks="everything_is_released", cast=_ALONE,
    ),
    _today(
        "second PMD lock not nested", "lockdep is not told that two are held",
        replace_call("spin_lock_nested", "spin_lock", in_="move_normal_pmd"),
        breaks="one_page_table_lock_unless_nested", cast=_ALONE,
    ),
    _today(
        "no mmap_lock", "a second mremap runs beside the first",
        drop("mmap_write_lock", in_="move_vma"), drop("mmap_write_unlock", in_="move_vma"),
        drop("vma_start_write", nth=1, in_="move_vma"),
        drop("vma_start_write", nth=1, in_="move_vma"),
        breaks="no_deadlock", cast="mremap+mremap_other/1p/locks=split/init=all_at_old",
    ),
    _today(
        "old VMA not locked", "a write fault there needs no mmap_lock",
        drop("vma_start_write", nth=1, in_="move_vma"),
        breaks="flushed_before_ptl_is_released nothing_removed_is_used_after_return",
        cast="mremap+write_fault/1p/locks=split/init=shared",
    ),
    _today(
        "file not locked for a table", "only the anon_vma, which a VMA may not have",
        drop("i_mmap_lock_write", in_="take_rmap_locks"),
        drop("i_mmap_unlock_write", in_="drop_rmap_locks"),
        breaks="no_null_pointer_is_followed", cast="mremap+retract/1p/locks=split/init=file",
    ),
    _today(
        "anon_vma locked before the file", "against the order of mm/rmap.c",
        move_after("i_mmap_lock_write", "anon_vma_lock_write", in_="take_rmap_locks"),
        breaks="anon_vma_lock_in_order", cast="mremap/1p/locks=split/init=private_file",
    ),
    _today(
        "swap entry left behind", "only what is present moves",
        answer("pte_none", "not pte_present(pte)", in_="move_ptes"),
        breaks="nothing_is_left_behind", cast="mremap_part/1p/locks=split/init=swapped_out",
    ),
    _today(
        "entries moved without a flush", "move_ptes ends without one",
        drop("flush_tlb_range", in_="move_ptes"),
        breaks="flushed_before_ptl_is_released nothing_removed_is_used_after_return",
        cast=_PART, archs=_FLUSHING, why_not=_BY_ENTRY,
    ),
    _today(
        "entries flushed after the new lock", "as before eb66ae030829, of what is dirty",
        move_before("spin_unlock", "flush_tlb_range", in_="move_ptes"),
        breaks="no_translation_to_a_free_page",
        cast="mremap_part+reclaim/1p/locks=split/init=clean", archs=("arm64",),
        why_not={"x86_64": "reclaim flushes the whole mm (arch_tlbbatch_flush)"},
    ),
    _today(
        "flush of old entries one page short", "all but the last page",
        replace_argument("flush_tlb_range", 2, "old_end - 1", in_="move_ptes"),
        breaks="flushed_before_ptl_is_released nothing_removed_is_used_after_return",
        cast="mremap_part/2p/locks=split/init=all_at_old",
    ),
    _today(
        "moved page not soft-dirty", "as if nothing had appeared at the new address",
        drop_keyword("replace", "soft_dirty", in_="moved_pte"),
        breaks="soft_dirty_is_kept", cast=_PART,
    ),
    _today(
        "page moved and not taken", "the old entry stays",
        answer("ptep_get_and_clear", "pte", in_="move_ptes"),
        breaks="map_counts_balance nothing_is_left_behind", cast=_PART,
    ),
)  # fmt: skip

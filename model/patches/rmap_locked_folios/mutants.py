# SPDX-License-Identifier: GPL-2.0-only
"""Mutants of rmap walks: their locks, the second look at folio->mapping, their references."""

from __future__ import annotations

from model.lang.edits import drop, drop_branch, drop_condition, move_after, replace_argument

from ..mutant import Mutant, mutant

_ALONE = "idle/1p/ptl=different/init=all_at_src"
_BESIDE_MOVE = "idle+move/1p/ptl=different/init=all_at_src"


def _not_locked(who: str, doc: str, subject: str, caller: str, walk: str) -> Mutant:
    """A caller that walks as all did before 95b34d66480b."""
    return mutant(
        f"{who} does not lock the folio", doc,
        drop_condition("folio_trylock", in_=caller), drop("folio_unlock", in_=caller),
        replace_argument(walk, 2, "False", in_=caller),
        breaks="a_walk_holds_the_lock_of_its_folio mapping_is_stable_during_a_walk",
        cast=f"{subject}+move/1p/ptl=different/init=all_at_src", variant="locked",
    )  # fmt: skip


MUTANTS = (
    _not_locked("page_idle", "one of the callers was not found", "idle",
                "page_idle_clear_pte_refs", "rmap_walk_anon"),
    _not_locked("DAMON", "the caller that is found last", "damon", "damon_folio_mkold",
                "rmap_walk_anon"),
    _not_locked("folio_referenced", "the walk of shrink_active_list", "referenced",
                "folio_referenced", "walk_referenced"),
    mutant(
        "mapping not read again after sleeping", "half of what 95b34d66480b takes out",
        drop_branch("mapping != anon_vma", nth=2, in_="folio_lock_anon_vma_read_unlocked"),
        breaks="a_walk_holds_the_lock_of_its_folio",
        cast=_BESIDE_MOVE, variant="unlocked",
    ),
    mutant(
        "mapping not read again after the trylock", "the other half",
        drop_branch("mapping != anon_vma", nth=1, in_="folio_lock_anon_vma_read_unlocked"),
        breaks="a_walk_holds_the_lock_of_its_folio",
        cast="referenced+move/1p/ptl=different/init=all_at_src", variant="unlocked",
    ),
    mutant(
        "folio stays locked", "page_idle_clear_pte_refs does not unlock",
        drop("folio_unlock", in_="page_idle_clear_pte_refs"),
        breaks="everything_is_released", cast=_ALONE, variant="locked",
    ),
    mutant(
        "anon_vma stays locked", "the walk does not unlock",
        drop("anon_vma_unlock_read", in_="rmap_walk_anon"),
        breaks="everything_is_released", cast=_ALONE, variant="locked",
    ),
    mutant(
        "anon_vma unlocked before the tree is walked", "the walk goes on without the lock",
        move_after("anon_vma_unlock_read", "walk_begins", in_="rmap_walk_anon"),
        breaks="a_walk_holds_the_lock_of_its_folio", cast=_ALONE, variant="locked",
    ),
    mutant(
        "reference kept", "idle page tracking does not put the folio",
        drop("folio_put", in_="mark_some_folio_idle"),
        breaks="references_balance", cast=_ALONE, variant="locked",
    ),
    mutant(
        "no reference while the folio is walked", "put before the walk",
        move_after("page_idle_clear_pte_refs", "folio_put", in_="mark_some_folio_idle"),
        breaks="no_use_of_a_free_folio freed_unlocked_and_unmapped",
        cast="idle+zap_src/1p/ptl=different/init=all_at_src", variant="locked",
    ),
    mutant(
        "anon_vma reference kept", "whoever has slept keeps the anon_vma",
        drop("put_anon_vma", nth=2, in_="folio_lock_anon_vma_read"),
        breaks="anon_vma_references_balance",
        cast="idle+adjust_vma/1p/ptl=different/init=all_at_src", variant="locked",
    ),
    mutant(
        "RCU held while sleeping", "the read section ends when the anon_vma is locked",
        move_after("rcu_read_unlock", "anon_vma_lock_read", nth=6, in_="folio_lock_anon_vma_read"),
        breaks="nothing_sleeps_in_atomic_context",
        cast="idle+adjust_vma/1p/ptl=different/init=all_at_src", variant="locked",
    ),
)  # fmt: skip

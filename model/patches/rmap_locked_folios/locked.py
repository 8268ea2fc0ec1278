# SPDX-License-Identifier: GPL-2.0-only
"""Idle page tracking and DAMON since 6.19 (95b34d66480b): a folio is locked, or left alone."""

from __future__ import annotations

from model.cast.neighbours import mapped_folios
from model.kernel.folio import folio_mapped, folio_put
from model.kernel.locks import folio_trylock, folio_unlock
from model.kernel.objects import Folio, Vma
from model.kernel.rmap import folio_lock_anon_vma_read
from model.lang import choose, kernel

from .common import damon_get_folio, page_idle_get_folio, rmap_walk_anon


@kernel("mm/page_idle.c:page_idle_clear_pte_refs", "7.2")
def page_idle_clear_pte_refs(folio: Folio) -> None:
    if not folio_mapped(folio) or not folio_trylock(folio):
        return
    anon_vma = folio_lock_anon_vma_read(folio, False)
    if anon_vma is not None:
        rmap_walk_anon(folio, anon_vma, True, False)
    folio_unlock(folio)


@kernel("mm/page_idle.c:page_idle_bitmap_write", "7.2")
def mark_some_folio_idle(vma: Vma) -> None:
    folio = choose(mapped_folios(vma))
    if page_idle_get_folio(folio):
        page_idle_clear_pte_refs(folio)
        folio_put(folio)


@kernel("mm/damon/ops-common.c:damon_folio_mkold", "7.2")
def damon_folio_mkold(folio: Folio) -> None:
    if not folio_mapped(folio) or not folio_trylock(folio):
        return
    anon_vma = folio_lock_anon_vma_read(folio, False)
    if anon_vma is not None:
        rmap_walk_anon(folio, anon_vma, True, True)
    folio_unlock(folio)


@kernel("mm/damon/paddr.c:damon_pa_mkold", "7.2")
def make_some_folio_old(vma: Vma) -> None:
    folio = choose(mapped_folios(vma))
    if damon_get_folio(folio):
        damon_folio_mkold(folio)
        folio_put(folio)

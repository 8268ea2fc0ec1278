# SPDX-License-Identifier: GPL-2.0-only
"""mm: always call rmap_walk() on locked folios.

Asks: may UFFDIO_MOVE change folio->mapping under the folio lock alone, once every rmap walk holds
that lock; and is each half of the series right without the other?
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from model.cast import neighbours as beside
from model.cast.cast_set import CastSet
from model.cast.casts import Axis, Subject
from model.cast.parts import Setup
from model.cast.worlds import TWO_VMAS
from model.kernel.rmap import (
    folio_lock_anon_vma_read,
    folio_lock_anon_vma_read_unlocked,
    folio_referenced,
    folio_referenced_unlocked,
    walk_referenced,
)

from ..family import Family, Function, Observation, Variant
from ..uffd_move_batching import INITIAL, STICKY, folio_lock_only, merged
from . import locked, unlocked
from .answers import QUESTIONS
from .move import MOVE
from .mutants import MUTANTS

_HERE = "model/patches/rmap_locked_folios/"

_UNLOCKED = {
    "referenced": beside.referenced_some_folio_unlocked,
    "idle": unlocked.mark_some_folio_idle,
    "damon": unlocked.make_some_folio_old,
}
_LOCKED = {"referenced": beside.referenced_some_folio, "idle": locked.mark_some_folio_idle,
           "damon": locked.make_some_folio_old}  # fmt: skip

_WALK_UNLOCKED: frozenset[Function] = frozenset(
    (folio_referenced_unlocked, folio_lock_anon_vma_read_unlocked, walk_referenced)
)
_WALK_LOCKED: frozenset[Function] = frozenset(
    (folio_referenced, folio_lock_anon_vma_read, walk_referenced)
)

_BEFORE = Variant(
    "unlocked", "kernel 6.18: anonymous folios are walked unlocked, mapping is read again", "6.18",
    _UNLOCKED, _HERE + "unlocked.py", about=_WALK_UNLOCKED,
)  # fmt: skip
_AFTER = Variant(
    "locked", "kernel 6.19 (95b34d66480b, cc22b9978509)", "6.19", _LOCKED, _HERE + "locked.py",
    about=_WALK_LOCKED,
)  # fmt: skip
VARIANTS = (
    _BEFORE,
    replace(
        _AFTER, name="rfc_1", kernel="6.18", swap={folio_referenced_unlocked: folio_referenced},
        doc="1/2 as posted 2025-09-08, alone: walks lock the folio, and MOVE the anon_vma, too",
    ),
    replace(
        _BEFORE, name="rfc_2", swap={merged.move_pages: folio_lock_only.move_pages},
        doc="2/2 alone: MOVE without the anon_vma lock, and walks as in 6.18",
        counterfactual="no kernel had it: cc22b9978509 came after 95b34d66480b",
    ),
    _AFTER,
)  # fmt: skip

_STATES = ("all_at_src", "one_at_dst", "shared", "once_shared", "other_anon_vma", "no_table")


def _source(s: Setup) -> tuple[Any, ...]:
    return (s.vma("src"),)


_OF_MOVE = "of UFFDIO_MOVE, whatever runs beside it: " + STICKY
_COMMITS = {"unlocked": "50944692052b", "rfc_1": "50944692052b", "rfc_2": "cc22b9978509",
            "locked": "cc22b9978509"}  # fmt: skip

OBSERVATIONS = tuple(Observation(v, _OF_MOVE.format(c)) for v, c in _COMMITS.items())

FAMILY = Family(
    name="rmap_locked_folios",
    title="mm: always call rmap_walk() on locked folios",
    asks=(__doc__ or "").partition("Asks: ")[2].strip(),
    left_out=(
        "KSM and file folios, which were locked before; what is done with Accessed; PMD mappings; "
        "who else calls rmap_walk() in a tree; that an anon_vma is freed, and a VMA leaves its "
        "tree; the assertions of 1/2; cond_resched() in a walk; fork, mremap and collapse beside it"
    ),
    variants=VARIANTS,
    before="unlocked",
    after="locked",
    mutants=MUTANTS,
    observations=OBSERVATIONS,
    questions=QUESTIONS,
    no_system_call={
        "referenced": "reclaim looks at pages when it likes",
        "idle": "a write to /sys/kernel/mm/page_idle/bitmap",
        "damon": "a thread of the kernel",
    },
    casts=CastSet(
        TWO_VMAS,
        (Subject("referenced", "folio_referenced() of a page, from shrink_active_list", _source),
         Subject("idle", "idle page tracking marks a page idle", _source),
         Subject("damon", "DAMON makes a page old", _source)),
        axes=(
            Axis("pages", (1, 2), default=(1,), spell="{}p", noun="page"),
            Axis("ptl", ("different", "same"), default=("different",), spell="ptl={}",
                 noun="page-table locks"),
        ),
        neighbours=(
            MOVE.at("src"), beside.USER, beside.FOLIO_REFERENCED.at("src"),
            beside.RECLAIM.at("src"), beside.SWAP_IN.at("src"), beside.MIGRATE.at("src"),
            beside.WRITE_FAULT.at("src"), beside.NUMA.at("src"), beside.ZAP.at("src", "zap_src"),
            beside.ZAP.at("dst", "zap_dst"), beside.FREE.at("src", "free_src"),
            beside.PT_RECLAIM.at("src", "pt_reclaim_src"), beside.ADJUST_VMA.at("src"),
        ),
        writers=(beside.MUNMAP.at("src", "munmap_src"),),
        initial=tuple(i for i in INITIAL if i.name in _STATES),
        pair_initial=("all_at_src",),
    ),
)  # fmt: skip

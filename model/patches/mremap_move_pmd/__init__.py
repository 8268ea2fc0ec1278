# SPDX-License-Identifier: GPL-2.0-only
"""mm: speed up mremap on large regions.

Asks: what do the locks and the flush of one PMD entry have to do that those of the entries below it
did, once mremap moves a page table and not what it maps?
"""

from __future__ import annotations

from typing import Any

from model.cast.cast_set import CastSet
from model.cast.casts import Axis, Initial, Subject
from model.cast.parts import Setup
from model.kernel.anon.mremap import move_ptes
from model.kernel.huge.move_tables import move_normal_pmd
from model.lang.declare import ModelFunction

from ..family import Family, Function, Observation, Variant
from . import by_entry, flushed, merged, rechecked, rmap_locked, v2
from . import world as w
from .answers import QUESTIONS
from .beside import BESIDE, request
from .mutants import MUTANTS

_HERE = "model/patches/mremap_move_pmd/"
_OLD = "neighbours are those of 6.12, whose walks look at the PMD entry again under the lock"


def _both(fn: ModelFunction[..., Any]) -> dict[str, Function]:
    """The routine for a request of either kind."""
    return {"mremap": fn, "mremap_part": fn}


VARIANTS = (
    Variant(
        "by_entry", "kernel 4.18, before eb66ae030829: entry by entry, clean ones flushed last",
        "4.18", _both(by_entry.move_vma), _HERE + "by_entry.py", beside="6.12",
        counterfactual=_OLD,
    ),
    Variant(
        "v2", "as posted 2018-10-12: a table moves, and is flushed after its locks are dropped",
        "4.18", _both(v2.move_vma), _HERE + "v2.py", beside="6.12", counterfactual=_OLD,
        onto="by_entry",
    ),
    Variant(
        "flushed", "kernel 4.19 (eb66ae030829): entry by entry, flushed under the locks", "4.19",
        _both(flushed.move_vma), _HERE + "flushed.py", beside="6.12", counterfactual=_OLD,
        onto="by_entry", about=frozenset({move_ptes}),
    ),
    Variant(
        "merged", "kernel 5.0 (2c91bd4a4e2e): flushed under the PMD locks, rmap locks now and then",
        "5.0", _both(merged.move_vma), _HERE + "merged.py", beside="6.12", counterfactual=_OLD,
        about=frozenset({move_ptes}),
    ),
    Variant(
        "rmap_locked", "kernel 5.14 (97113eb39fa7): rmap locks whenever a table moves", "5.14",
        _both(rmap_locked.move_vma), _HERE + "rmap_locked.py", beside="6.12", counterfactual=_OLD,
        onto="merged", about=frozenset({move_ptes}),
    ),
    Variant(
        "rechecked", "kernel 6.12 (6fa1066fc5d0) to 7.2: the old PMD entry is looked at again",
        "6.12", _both(rechecked.move_vma), _HERE + "rechecked.py", onto="rmap_locked",
        about=frozenset({move_ptes, move_normal_pmd}),
    ),
)  # fmt: skip


def _needs(*names: str) -> frozenset[str]:
    return frozenset(names)


INITIAL = (
    Initial("all_at_old", "every page is in the old VMA", w.as_is),
    Initial("clean", "pages that nobody has written to", w.clean),
    Initial("new_first", "the new VMA comes before the old one in the interval tree", w.as_is,
            _needs("new_first")),
    Initial("shared", "the last page is shared with a forked child, read-only", w.shared,
            _needs("child")),
    Initial("pinned", "the last page is pinned", w.pinned),
    Initial("swapped_out", "the last page is in swap", w.swapped_out),
    Initial("hole", "the last page is not there", w.hole),
    Initial("file", "the VMAs are of a file, and nothing is mapped", w.as_is, _needs("file")),
    Initial("private_file", "the VMAs are private ones of a file, the pages copies", w.as_is,
            _needs("private_file")),
)  # fmt: skip


def _whole(s: Setup) -> tuple[Any, ...]:
    return request(s, "old", "new", whole=True)


def _part(s: Setup) -> tuple[Any, ...]:
    return request(s, "old", "new", whole=False)


_FLUSHING = ("x86_64", "x86_64-invlpgb", "arm64")

_NEVER_TOGETHER = (
    "that retract_page_tables() follows what is none is no fault of this version: it takes no "
    "mmap_lock since 6.6 (1d65b771bc08), and mremap locks the file since 5.14"
)
OBSERVATIONS = (
    Observation(
        "by_entry", "reclaim can write out or free a page that a CPU still writes through the old "
        "address: entries that are not dirty are flushed after their locks (eb66ae030829, "
        "CVE-2018-18281)", _FLUSHING,
    ),
    Observation(
        "v2", "a table that has moved is flushed after the locks of both PMD entries, as entries "
        "were in 4.18: others may have freed what it maps by then",
    ),
    Observation(
        "merged", "an unmap through the reverse map that holds the table's lock flushes the old "
        "address, and the page is used through the new one (97113eb39fa7 says so)", _FLUSHING,
    ),
    Observation(
        "merged", "a walk of the reverse map between pmd_clear() and set_pmd_at() finds the table "
        "at neither place: a migration entry is never replaced.  97113eb39fa7 mends it, too, and "
        "does not say so", _FLUSHING,
    ),
    Observation("v2", _NEVER_TOGETHER),
    Observation("merged", _NEVER_TOGETHER, _FLUSHING),
    Observation(
        "rmap_locked", "of a file, beside retract_page_tables() without mmap_lock: kernels 6.6 "
        "(1d65b771bc08) to 6.11, mended by 6fa1066fc5d0 (CVE-2024-50066)", _FLUSHING,
    ),
)  # fmt: skip

FAMILY = Family(
    name="mremap_move_pmd",
    title="mm: speed up mremap on large regions",
    asks=(__doc__ or "").partition("Asks: ")[2].strip(),
    left_out=(
        "huge leaves; PUD entries, whose tables nobody takes away; file folios; userfaultfd; MMU "
        "notifiers; cache aliasing; no memory for a table, and moving back; copy_vma() before, and "
        "the munmap of the old VMA after, under the same mmap_lock; that what reclaim has put off "
        "is flushed where there is no such munmap (MREMAP_DONTUNMAP); other VMAs in the table"
    ),
    variants=VARIANTS,
    before="flushed",
    after="rechecked",
    mutants=MUTANTS,
    observations=OBSERVATIONS,
    questions=QUESTIONS,
    never={
        "move_tables.py:move_normal_pmd:if not pmd_none(new_pmd)::yes":
            "not in Linux either: free_pgtables() has freed the tables of what was there before",
    },
    no_system_call=dict.fromkeys(
        ("mremap", "mremap_part"),
        "the system call moves any range, in a move_page_tables() of its own; what it calls there, "
        "move_normal_pmd() and move_ptes(), is the same",
    ),
    casts=CastSet(
        w.MREMAP,
        (Subject("mremap", "mremap of a VMA that fills a page table", _whole),
         Subject("mremap_part", "mremap of a VMA that fills a part of one", _part)),
        axes=(
            Axis("pages", (1, 2), default=(1, 2), spell="{}p", noun="page"),
            Axis("locks", ("split", "one_pml", "mm"), default=("split", "mm"), spell="locks={}",
                 noun="page-table locks"),
        ),
        neighbours=BESIDE,
        initial=INITIAL,
        pair_initial=("all_at_old",),
        starts={("pages", 2): ("all_at_old", "new_first"),
                ("locks", "mm"): ("all_at_old", "new_first", "file")},
    ),
)  # fmt: skip

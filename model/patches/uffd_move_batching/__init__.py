# SPDX-License-Identifier: GPL-2.0-only
"""userfaultfd: opportunistic TLB-flush batching for present pages in MOVE.

Asks: one flush for many pages instead of one each: can a CPU still use a source address after the
page has a new owner, is the reverse map right at every moment, and does the new order of locks
hold?
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from model.cast import neighbours as beside
from model.cast.cast_set import CastSet
from model.cast.casts import Axis, Initial, Subject
from model.cast.neighbour import Neighbour
from model.cast.parts import Setup
from model.cast.worlds import TWO_VMAS, share_with_child
from model.hw.objects import PteKind, PteVal
from model.kernel.objects import GUP_PIN, AnonVma, Swap
from model.lang.edits import drop_condition

from ..edited import edited
from ..family import AsSystemCall, Family, Observation, Variant
from . import folio_lock_only, merged, per_page, v1, v3
from .answers import QUESTIONS
from .huge import move_pages_leaf
from .mutants import MOVERS
from .mutants_beside import NEIGHBOURS
from .never import NEVER

# -- variants --------------------------------------------------------------------------------------


def _request(s: Setup, src: str = "src", dst: str = "dst") -> tuple[Any, ...]:
    """The whole range, from one VMA to the other, without holes."""
    from_vma, to_vma = s.vma(src), s.vma(dst)
    return to_vma.mm, to_vma, from_vma, to_vma.start, from_vma.start, s.axis("pages"), False


_HERE = "model/patches/uffd_move_batching/"
_POSTED = {merged.move_present_ptes: v3.move_and_put_first}

_V3 = Variant(
    "v3", "as posted 2025-08-07 (the seed)", "6.17", {"move": merged.move_pages}, _HERE + "v3.py",
    swap=_POSTED,
)  # fmt: skip
_V2 = edited(
    replace(_V3, routines={"move": per_page.move_pages}),
    "v2", "as posted 2025-08-05: any anon_vma in a batch",
    drop_condition("folio_anon_vma", in_="check_ptes_for_batched_move"),
)  # fmt: skip
_V1 = replace(
    _V2, name="v1", doc="as posted 2025-07-31: a single page is flushed at once",
    file=_HERE + "v1.py", swap={**_POSTED, v3.move_present_ptes: v1.move_present_ptes},
)  # fmt: skip

VARIANTS = (
    Variant(
        "per_page", "kernel 6.17: one page, ptep_clear_flush, anon_vma write lock", "6.17",
        {"move": per_page.move_pages}, _HERE + "per_page.py",
        swap={merged.move_present_ptes: per_page.move_present_pte},
    ),
    _V1, _V2, _V3,
    Variant(
        "merged", "kernel 6.18 (50944692052b)", "6.18", {"move": merged.move_pages},
        _HERE + "merged.py",
    ),
    Variant(
        "folio_lock_only", "kernel 6.19 (cc22b9978509): no anon_vma lock", "6.19",
        {"move": folio_lock_only.move_pages}, _HERE + "folio_lock_only.py",
    ),
    Variant(
        "folio_lock_only_old_walk", "6.19's MOVE beside the unlocked rmap walk of 6.18", "6.19",
        {"move": folio_lock_only.move_pages}, _HERE + "folio_lock_only.py", beside="6.18",
        counterfactual="no kernel had both: cc22b9978509 came after 95b34d66480b",
    ),
)  # fmt: skip

# -- initial states --------------------------------------------------------------------------------


def _as_is(_: Setup) -> None:
    pass


def _last(s: Setup) -> int:
    last: int = s.axis("pages") - 1
    return last


def _hole(s: Setup) -> None:
    s.take_out("src", _last(s))


def _one_at_dst(s: Setup) -> None:
    s.map_anon(s.take_out("src", _last(s)), s.vma("dst"), s.vma("dst").start + _last(s))


def _dst_taken(s: Setup) -> None:
    spare = s.spares[0]
    s.map_anon(spare, s.vma("dst"), s.vma("dst").start + _last(s))


def _shared(s: Setup) -> None:
    share_with_child(s, "src", _last(s))


def _once_shared(s: Setup) -> None:
    """After fork and the child's exit: nobody else maps the page, and nobody has said so yet."""
    s.folio(_last(s)).anon_exclusive = False
    s.pte("src", _last(s)).val = replace(s.pte("src", _last(s)).val, write=False)


def _read_only(s: Setup) -> None:
    for page in range(s.axis("pages")):
        s.pte("src", page).val = replace(s.pte("src", page).val, write=False)


def _clean(s: Setup) -> None:
    for page in range(s.axis("pages")):
        s.pte("src", page).val = replace(s.pte("src", page).val, dirty=False)
        s.folio(page).frame.modified = False


def _pinned(s: Setup) -> None:
    folio = s.folio(_last(s))
    folio.refcount = folio.refcount + GUP_PIN
    folio.pinned_at[s.vma("src").start + _last(s)] = 1


def _large(s: Setup) -> None:
    s.folio(0).large = True


def _last_large(s: Setup) -> None:
    s.folio(_last(s)).large = True


def _zero_page(s: Setup) -> None:
    s.take_out("src", _last(s))
    zero = next(f for f in s.world.all(type(s.folio(0).frame)) if f.zero)
    s.pte("src", _last(s)).val = PteVal(kind=PteKind.PRESENT, frame=zero)


def _swapped(s: Setup, *, cached: bool, exclusive: bool = True) -> None:
    slot = s.world.all(Swap)[0]
    folio = s.take_out("src", _last(s))
    slot.count = 1
    s.pte("src", _last(s)).val = PteVal(kind=PteKind.SWAP, entry=slot.number, exclusive=exclusive)
    if cached:
        folio.free = False
        folio.lru = True
        folio.refcount = 1
        folio.mapping = s.vma("src").anon_vma
        folio.index = s.vma("src").start + _last(s)
        folio.swap = slot
        slot.folio = folio


def _swapped_out(s: Setup) -> None:
    _swapped(s, cached=False)


def _swap_cached(s: Setup) -> None:
    _swapped(s, cached=True)


def _swap_shared(s: Setup) -> None:
    _swapped(s, cached=False, exclusive=False)


def _swap_large(s: Setup) -> None:
    _swapped(s, cached=True)
    s.folio(_last(s)).large = True


def _marker(s: Setup) -> None:
    s.take_out("src", _last(s))
    s.pte("src", _last(s)).val = PteVal(kind=PteKind.MARKER)


def _no_table(s: Setup) -> None:
    pmd = s.vma("src").mm.root.pmds[s.vma("src").start]
    for page in range(s.axis("pages")):
        s.take_out("src", page)
    if pmd.table is not None:
        pmd.table.freed = True
    pmd.table = None


def _other_anon_vma(s: Setup) -> None:
    s.folio(_last(s)).mapping = _anon_vma(s, "parent.anon_vma")


def _two_roots(s: Setup) -> None:
    s.folio(_last(s)).mapping = _anon_vma(s, "alien.anon_vma")


def _anon_vma(s: Setup, name: str) -> AnonVma:
    return next(a for a in s.world.all(AnonVma) if a.name == name)


def _needs(*names: str) -> frozenset[str]:
    return frozenset(names)


INITIAL = (
    Initial("all_at_src", "every page is at the source", _as_is),
    Initial("one_at_dst", "the last page is at the destination already", _one_at_dst),
    Initial("dst_taken", "another page is where the last one is to go", _dst_taken),
    Initial("hole", "the last source page is not there", _hole),
    Initial("shared", "the last page is shared with a forked child, read-only", _shared,
            _needs("child")),
    Initial("once_shared", "the child that shared the last page is gone; not exclusive yet",
            _once_shared),
    Initial("read_only", "exclusive pages mapped read-only", _read_only),
    Initial("clean", "pages that nobody has written to", _clean),
    Initial("pinned", "the last page is pinned", _pinned),
    Initial("large", "the first page is part of a large folio", _large),
    Initial("last_large", "the last page is part of a large folio", _last_large),
    Initial("zero_page", "the last page is the zero page", _zero_page, _needs("zero_page")),
    Initial("swapped_out", "the last page is in swap", _swapped_out),
    Initial("swap_cached", "the last page is in swap and in the swap cache", _swap_cached),
    Initial("swap_shared", "the last page is in swap and not exclusive", _swap_shared),
    Initial("swap_large", "the swap cache holds a large folio", _swap_large),
    Initial("marker", "the last entry is a marker", _marker),
    Initial("no_table", "the source has no page table", _no_table),
    Initial("other_anon_vma", "the last folio has another anon_vma of the same root",
            _other_anon_vma, _needs("other_anon_vma")),
)  # fmt: skip

ASSUMED = (
    Initial("two_roots", "the last folio has an anon_vma of another root", _two_roots,
            _needs("other_root"),
            assumption="all folios of a VMA have its anon_vma root "
            "(mm/rmap.c:__page_check_anon_rmap asserts it under DEBUG_VM)"),
)  # fmt: skip

# -- neighbours ------------------------------------------------------------------------------------


def _other_way(s: Setup) -> tuple[Any, ...]:
    return _request(s, "dst", "src")


SECOND = Neighbour("move_again", "a second UFFDIO_MOVE of the same range", again=_request)
BACK = Neighbour("move_back", "a second UFFDIO_MOVE the other way", again=_other_way)

BESIDE = (
    beside.USER, beside.LAZY_USER, beside.GUP_FAST.at("src"),
    beside.GUP_FAST.at("dst", "gup_fast_dst"), beside.FOLIO_REFERENCED.at("src"),
    beside.RECLAIM.at("src"), beside.SWAP_IN.at("src"), beside.MIGRATE.at("src"),
    beside.WRITE_FAULT.at("src"), beside.NUMA.at("src"), beside.UFFD_WP.at("src"),
    beside.ZAP.at("src", "zap_src"), beside.ZAP.at("dst", "zap_dst"),
    beside.FREE.at("src", "free_src"), beside.FREE.at("dst", "free_dst"),
    beside.UFFD_COPY.at("dst"), beside.PT_RECLAIM.at("dst"),
    beside.PT_RECLAIM.at("src", "pt_reclaim_src"), beside.SWAP_IN.at("dst", "swap_in_dst"),
    SECOND, BACK,
)  # fmt: skip

WRITERS = (beside.VMA_WRITER.at("src"), beside.MUNMAP.at("src", "munmap_src"),
           beside.MUNMAP.at("dst", "munmap_dst"))  # fmt: skip
"""MOVE holds its VMAs for reading, so that these run before it or after it; and so do mprotect,
mremap and anonymous collapse."""

STICKY = (
    "after a retry the call reports -EEXIST and no progress for pages that it has moved: "
    "mm/userfaultfd.c:move_pages ({}) does not set err back to 0 when the try after an -EAGAIN "
    "succeeds, and tries the same page again; 7.3.4 does.  NUMA hinting of a source page at the "
    "right moment is enough, or a CPU that sets Accessed in its entry.  No lock or flush is wrong "
    "by it, but what the call returns is"
)

_LAST_FOLIO = (
    "a folio may be freed locked: the last one of a batch of several pages is unlocked after both "
    "page-table locks are dropped, and the mover has no reference to it "
    "(mm/userfaultfd.c:move_present_ptes, as posted).  MADV_DONTNEED at the destination may unmap "
    "and free it first: a bad page (mm/page_alloc.c:free_pages_prepare), and the unlock then "
    "writes to a page of somebody else: if migration has it by then as the new folio, that is "
    "unlocked, and gets its mapping and index without its lock.  The merged form unlocks before it "
    "drops the locks"
)

_MISSED_PIN = (
    "a pin may be missed on arm64: ptep_get_and_clear is xchg_relaxed there "
    "(arch/arm64/include/asm/pgtable.h), and nothing orders it before folio_maybe_dma_pinned reads "
    "the count.  The flush, which would, comes after the batch; up to 6.17 the DSB of "
    "ptep_clear_flush did.  GUP-fast pins and reads the entry again, with a barrier between: each "
    "may miss the other, as before 088b8aa537c2.  No verdict on states says so, for they are for "
    "sequential consistency; with the count read first it is the mutant 'pin check before the PTE "
    "is cleared', which is VIOLATED"
)

OBSERVATIONS = (
    Observation("v1", _LAST_FOLIO),
    Observation("v2", _LAST_FOLIO),
    Observation("v3", _LAST_FOLIO),
    Observation("v3", STICKY.format("as posted")),
    Observation("merged", STICKY.format("50944692052b")),
    Observation("folio_lock_only", STICKY.format("cc22b9978509")),
    *(
        Observation(v, _MISSED_PIN, ("arm64",))
        for v in ("v1", "v2", "v3", "merged", "folio_lock_only")
    ),
)

_MOVES = """\
arena 8 boundary 4
p0 mmap 0+4 rw anon
p0 mmap 4+4 rw anon
p0 write 7 = 9              # so that the destination has a page table
p0 register 4+4 missing
p0 write 0 = 1
p0 write 1 = 2
p0 move 0+2 -> 4
"""

FAMILY = Family(
    name="uffd_move_batching",
    title="userfaultfd: opportunistic TLB-flush batching for present pages in MOVE",
    asks=(__doc__ or "").partition("Asks: ")[2].strip(),
    left_out=(
        "MMU notifiers; cache aliasing; huge source PMDs; requests across two page tables; signals"
    ),
    variants=VARIANTS,
    before="per_page",
    after="merged",
    mutants=(*MOVERS, *NEIGHBOURS),
    observations=OBSERVATIONS,
    questions=QUESTIONS,
    never=NEVER,
    not_modelled={
        "flush_cache_range": "no architecture that is modelled has an aliasing cache",
        "arch_enter_lazy_mmu_mode": "no write to a page table is put off in the models",
        "arch_leave_lazy_mmu_mode": "as arch_enter_lazy_mmu_mode",
        "mmu_notifier_invalidate_range_start": "no cast has a secondary MMU",
        "mmu_notifier_invalidate_range_end": "no cast has a secondary MMU",
    },
    system_calls={"move": AsSystemCall("move", "move/2p/ptl=different/init=all_at_src", _MOVES, {
        "leaf": move_pages_leaf,
    })},
    casts=CastSet(
        TWO_VMAS,
        (Subject("move", "UFFDIO_MOVE of the whole source VMA", _request),),
        axes=(
            Axis("pages", (1, 2, 3), default=(2,), spell="{}p", noun="page", asked=(4, 5)),
            Axis("ptl", ("different", "same"), default=("different", "same"), spell="ptl={}",
                 noun="page-table locks"),
        ),
        neighbours=BESIDE,
        writers=WRITERS,
        initial=INITIAL,
        assumed=ASSUMED,
        pair_initial=("all_at_src",),
        starts={("ptl", "same"): ("all_at_src", "one_at_dst")},
        sampled=((3, {"pages": 1}), (3, {"pages": 2}), (4, {"pages": 1})),
    ),
)  # fmt: skip

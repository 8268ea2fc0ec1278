# SPDX-License-Identifier: GPL-2.0-only
"""PMD leaves in the reference MM: where calls find one instead of a table, and what they do then.

Only an arena with huge pages has whole PMDs, so that elsewhere there is never a leaf.  Where a
leaf has to be split the caller goes on with the table that took its place.
"""

from __future__ import annotations

from dataclasses import replace

from model.hw.objects import PteKind, translation
from model.kernel.errno import EAGAIN, EBUSY, EINVAL, ENOMEM
from model.kernel.huge.collapse import (
    ALLOC_FAIL,
    EXCEED_NONE,
    NO_PTE_TABLE,
    PAGE_COUNT,
    PMD_MAPPED,
    PTE_UFFD,
    SUCCEED,
    collapse_huge_page,
)
from model.kernel.huge.free import (
    free_all_of,
    madvise_free_huge_pmd,
    madvise_free_ptes,
    split_for_free,
)
from model.kernel.huge.memory import (
    VM_FAULT_FALLBACK,
    change_huge_pmd,
    copy_huge_pmd,
    do_huge_pmd_anonymous_page,
    do_huge_pmd_wp_page,
    move_huge_pmd,
    zap_huge_pmd,
)
from model.kernel.huge.move_tables import move_normal_pmd
from model.kernel.huge.split import gup_fast_pmd_leaf
from model.kernel.mmu_gather import dec_tlb_flush_pending, tlb_flush_mmu, tlb_gather_mmu
from model.kernel.objects import Folio

from ..programs.program import Refused
from ..state.compound import PageOf
from ..state.space import Area, Space
from .routines import advises

# -- user accesses, faults, GUP --------------------------------------------------------------------


def walk_to_leaf(space: Space, page: int, write: bool) -> None:
    """A page walk that ends at a leaf, which permits it: the TLB holds all of what it maps."""
    pmd, cpu = space.mm.root.pmds[page], space.cpu
    pmd.leaf = replace(pmd.leaf, young=True, dirty=pmd.leaf.dirty or write)
    for at in range(*space.universe.arena.table(page)):
        val = space.page_of_leaf(at, pmd.leaf)
        cpu.tlb[at] = cpu.tlb[at] | {translation(val, val.write, val.dirty)}


def huge_fault(space: Space, area: Area, page: int, write: bool, huge: bool) -> int | None:
    """The part of mm/memory.c:__handle_mm_fault before handle_pte_fault: VM_FAULT_*, or None: go
    on with page-table entries.  `huge`: a new leaf may be put in."""
    arena = space.universe.arena
    if not arena.huge:
        return None
    start, end = arena.table(page)
    pmd = space.mm.root.pmds[page]
    leaf = space.leaf_at(page)
    if leaf is not None:
        if not write or leaf.write:
            return 0
        fault = do_huge_pmd_wp_page(space.part(area, page), pmd, start)
    else:
        fits = area.is_anonymous and area.start <= start and end <= area.end
        if not huge or not fits or pmd.table is not None:
            return None
        space.anon_vma_prepare(area)
        zero = not write and space.universe.kernel.huge_zero
        fault = do_huge_pmd_anonymous_page(space.part(area, page), pmd, start, zero)
    return None if fault == VM_FAULT_FALLBACK else fault


def pin_leaf(space: Space, page: int) -> bool:
    """Whether a leaf maps the page; GUP-fast has tried it then."""
    leaf = space.leaf_at(page)
    if leaf is None:
        return False
    folio: Folio | None = space.page_of_leaf(page, leaf).frame.folio  # type: ignore[union-attr]  # a leaf has one
    if folio is not None:
        gup_fast_pmd_leaf(space.mm, space.mm.root.pmds[page], folio, page, True)
    return True


# -- ranges ----------------------------------------------------------------------------------------


def zap_leaves(space: Space, start: int, end: int) -> list[Folio]:
    """mm/memory.c:zap_pmd_range: whole leaves go, others are split; the folios that are to be
    freed after the flush."""
    dead: list[Folio] = []
    for first, last, pmd in space.leaves_in(start, end):
        if first < start or end < last:
            space.split_leaf(first)
            continue
        area = space.find(first)
        assert area is not None, "a leaf outside of every VMA"
        folio = zap_huge_pmd(space.part(area, first), pmd, first)
        if folio is not None:
            dead.append(folio)
    return dead


def change_leaves(space: Space, start: int, end: int, uffd_wp: bool, resolve: bool) -> None:
    """mm/mprotect.c:change_pmd_range, the same way."""
    for first, last, pmd in space.leaves_in(start, end):
        area = space.find(first)
        if first < start or end < last:
            space.split_leaf(first)
        elif area is not None:
            vma = space.part(area, first)
            change_huge_pmd(vma, pmd, first, uffd_wp, resolve)


def free_large(space: Space, area: Area, start: int, end: int) -> int:
    """mm/madvise.c:madvise_free_pte_range of what one table maps, until it comes to a page that
    is of no large folio: that page, or `end`."""
    at = start
    first, last = space.universe.arena.table(start)
    vma, pmd = space.part(area, start), space.mm.root.pmds[start]
    tlb_gather_mmu(space.mm)
    if space.leaf_at(start) is not None:
        madvise_free_huge_pmd(vma, pmd, first, start == first and end == last)
        at = end if space.leaf_at(start) is not None else start
    while at < end:
        folio = _large(space, at)
        if folio is None:
            break
        stop = _batch(space, at, end)
        if stop - at < len(folio.pages):
            if not split_for_free(folio.head):
                at = stop
        else:
            if free_all_of(folio.head, len(folio.pages)):
                madvise_free_ptes(vma, at, stop)
            at = stop
    tlb_flush_mmu(space.mm)
    dec_tlb_flush_pending(space.mm)
    return at


def _large(space: Space, page: int) -> PageOf | None:
    """The large folio of which an entry maps a page."""
    table = space.mm.root.pmds[page].table
    frame = None if table is None else table.slots[page].val.frame
    folio = None if frame is None else frame.folio
    return folio if isinstance(folio, PageOf) and folio.large else None


def _batch(space: Space, page: int, end: int) -> int:
    """madvise_folio_pte_batch: up to where entries map one folio in a row, alike but for what is
    passed over (write, young, dirty)."""
    table = space.mm.root.pmds[page].table
    assert table is not None
    slots = [table.slots[at].val for at in range(page, end)]
    first = _large(space, page)
    assert first is not None
    for more, val in enumerate(slots):
        folio = _large(space, page + more)
        alike = (val.uffd_wp, val.protnone) == (slots[0].uffd_wp, slots[0].protnone)
        same = folio is not None and folio.head is first.head
        if not same or not alike or folio is None or folio.place != first.place + more:
            return page + more
    return end


@advises("collapse")
def collapse(space: Space, area: Area, start: int, end: int) -> int:
    """mm/khugepaged.c:madvise_collapse of a part of a VMA: 0 or -errno."""
    huge = space.universe.arena.huge
    if not area.is_anonymous:
        raise Refused("the reference MM collapses anonymous memory only")
    last = (area.end - huge) // huge * huge  # thp_vma_suitable_orders looks there alone
    if area.anon is None or last < area.start:
        return -EINVAL
    done, why, first = 0, SUCCEED, -(-start // huge) * huge
    wanted = range(first, end - huge + 1, huge)
    if first > end // huge * huge and not space.universe.kernel.collapse_of_nothing:
        return -EINVAL
    for haddr in wanted:
        pmd = space.mm.root.pmds[haddr]
        result = collapse_huge_page(space.part(area, haddr), pmd, haddr)
        if result in (SUCCEED, PMD_MAPPED):
            done += 1
            continue
        why = result
        if result not in (NO_PTE_TABLE, PTE_UFFD, PAGE_COUNT):
            break
    if done == len(wanted):
        return 0
    return {ALLOC_FAIL: -ENOMEM, EXCEED_NONE: -EBUSY, PAGE_COUNT: -EAGAIN}.get(why, -EINVAL)


# -- fork, mremap ----------------------------------------------------------------------------------


def copy_leaf(mine: Area, area: Area, page: int) -> bool:
    """mm/memory.c:copy_pmd_range: whether the child has a leaf for the page now."""
    src, dst = area.mm.root.pmds[page], mine.mm.root.pmds[page]
    if src.leaf.kind != PteKind.PRESENT:
        return False
    if dst.leaf.kind == PteKind.PRESENT:
        return True
    return copy_huge_pmd(mine, area, dst, src, page) != -EAGAIN


def move_pmd(space: Space, area: Area, old: int, new: int, extent: int) -> bool:
    """mm/mremap.c:move_page_tables where leaves and whole tables are: whether that was all."""
    whole = space.universe.arena.whole_table
    src, dst = space.mm.root.pmds[old], space.mm.root.pmds[new]
    if space.leaf_at(old) is not None:
        if extent == whole and move_huge_pmd(area, old, new, src, dst):
            return True
        space.split_leaf(old)
    elif whole and extent == whole and src.table is not None:
        return move_normal_pmd(area, old, extent, src, dst)
    return False


def realigned(
    space: Space, area: Area, copied: Area, old: int, new: int, length: int
) -> tuple[int, int]:
    """mm/mremap.c:try_realign_addr: where to begin so that whole tables can be moved."""
    huge = space.universe.arena.huge
    if not huge or old % huge == 0 or old % huge != new % huge or length < huge - old % huge:
        return old, new
    for vma, at in ((area, old), (copied, new)):
        down = at - at % huge
        if vma.start != at or next(space.within(down, at), None) is not None:
            return old, new
    return old - old % huge, new - new % huge

# SPDX-License-Identifier: GPL-2.0-only
"""mmap, munmap, mprotect, mremap, mlock: what changes VMAs.

Addresses and lengths are pages of the arena; the result is 0 (mremap: the page where the range
is now) or a negative errno.  Each holds mmap_lock for writing, so no other thread matters.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from model.hw.objects import PteKind
from model.kernel.anon.mprotect import change_prot_pte
from model.kernel.anon.mremap import move_ptes
from model.kernel.anon.zap import zap_pte, zap_pte_table_if_empty
from model.kernel.errno import EAGAIN, EFAULT, EINVAL, ENOMEM
from model.kernel.file.reclaim import zap_file_pte
from model.kernel.folio import folio_put
from model.kernel.locks import spin_lock, spin_unlock
from model.kernel.mmu_gather import (
    dec_tlb_flush_pending,
    pte_free_tlb,
    tlb_flush_mmu,
    tlb_gather_mmu,
)
from model.kernel.pgtable import pmd_clear, pte_alloc
from model.lang.runtime import check

from ..state.space import Area, Flags, Space
from . import hugetlb
from .faults import GUARD, entry, populate
from .huge import change_leaves, move_pmd, realigned, zap_leaves
from .routines import carries_out

# -- page tables of a range ------------------------------------------------------------------------


def zap_range(space: Space, start: int, end: int, *, markers: bool, reclaim: bool = False) -> None:
    """mm/memory.c:unmap_page_range within one mmu_gather; guard markers only go if `markers`,
    tables that are empty then if `reclaim`."""
    tlb_gather_mmu(space.mm)
    dead = zap_leaves(space, start, end)
    for page in range(start, end):
        val = entry(space, page)
        if val.kind == PteKind.NONE:
            continue
        if val.kind == PteKind.MARKER and val.entry == GUARD and not markers:
            continue
        area = space.find(page)
        assert area is not None, "an entry outside of every VMA"
        vma = space.part(area, page)
        folio = zap_pte(vma, page) if area.is_anonymous else zap_file_pte(vma, page, markers)
        if folio is not None:
            dead.append(folio)
    if reclaim:
        _reclaim_tables(space, start, end)
    tlb_flush_mmu(space.mm)
    for folio in dead:
        folio_put(folio)
    dec_tlb_flush_pending(space.mm)


def _reclaim_tables(space: Space, start: int, end: int) -> None:
    """The end of mm/memory.c:zap_pte_range, where whole PMDs were zapped."""
    for first, last in space.universe.arena.tables if space.universe.arena.huge else ():
        area = space.find(first)
        if not (start <= first and last <= end) or area is None:
            continue
        if zap_pte_table_if_empty(space.part(area, first)) is not None:
            pte_free_tlb(space.mm, first)


def change_range(
    space: Space, pages: Iterable[int], *, uffd_wp: bool = False, resolve: bool = False
) -> None:
    """mm/mprotect.c:change_protection of pages within one mmu_gather, which flushes them all."""
    span = list(pages)
    tlb_gather_mmu(space.mm)
    if span:
        change_leaves(space, span[0], span[-1] + 1, uffd_wp, resolve)
    for page in span:
        area = space.find(page)
        if area is not None:
            change_prot_pte(space.part(area, page), page, uffd_wp, resolve)
    tlb_flush_mmu(space.mm)
    dec_tlb_flush_pending(space.mm)


def populate_vma(space: Space, area: Area, start: int, end: int) -> int:
    """mm/gup.c:populate_vma_page_range: 0 or -errno."""
    if not area.readable:
        return -EFAULT
    for page in range(start, end):
        err = populate(space, area, page, area.writable and not area.shared)
        if err:
            return err
    return 0


def mm_populate(space: Space, start: int, end: int) -> int:
    """mm/gup.c:__mm_populate, up to the first error."""
    for area in space.within(start, end):
        err = populate_vma(space, area, max(start, area.start), min(end, area.end))
        if err:
            return err
    return 0


# -- mmap and munmap -------------------------------------------------------------------------------


@carries_out("munmap")
def munmap(space: Space, page: int, length: int) -> int:
    """mm/vma.c:do_vmi_munmap; -EINVAL for no length."""
    if space.universe.arena.hugetlb:
        return hugetlb.munmap(space, page, length)
    if length == 0:
        return -EINVAL
    end = page + length
    for area in list(space.within(page, end)):
        area = space.carve(area, max(page, area.start), min(end, area.end))
        zap_range(space, area.start, area.end, markers=True)
        space.areas.remove(area)
    free_pgtables(space)
    return 0


def free_pgtables(space: Space) -> None:
    """mm/memory.c:free_pgtables: tables that no VMA is in go, and the walk caches with them."""
    for pmd in dict.fromkeys(space.mm.root.pmds):
        span = [page for page, other in enumerate(space.mm.root.pmds) if other is pmd]
        start = span[0]
        if pmd.table is not None and next(space.within(start, span[-1] + 1), None) is None:
            tlb_gather_mmu(space.mm)
            spin_lock(pmd.ptl)
            pmd_clear(pmd)
            spin_unlock(pmd.ptl)
            pte_free_tlb(space.mm, start)
            tlb_flush_mmu(space.mm)
            dec_tlb_flush_pending(space.mm)


@carries_out("mmap")
def mmap(space: Space, page: int, length: int, prot: str, kind: str, at: int) -> int:
    """mm/mmap.c:do_mmap with MAP_FIXED: what is there goes.  -EINVAL for no length.

    `at`: the page of the memfd that comes first, for kinds "file" and "shared".
    """
    if space.universe.arena.hugetlb:
        return hugetlb.mmap(space, page, length, prot, kind, at)
    if length == 0:
        return -EINVAL
    munmap(space, page, length)
    shared = kind == "shared"
    file = None if kind == "anon" else space.universe.memfd
    flags = Flags(prot, shared, file, account=prot == "rw" and not shared)
    space.new(page, page + length, flags, page if file is None else at)
    return 0


# -- mprotect --------------------------------------------------------------------------------------


@carries_out("mprotect")
def mprotect(space: Space, page: int, length: int, prot: str) -> int:
    """mm/mprotect.c:do_mprotect_pkey: -ENOMEM where it comes to a hole, after what is before it."""
    if length == 0:
        return 0
    end, at = page + length, page
    for area in space.within(page, end):
        if area.start > at:
            return -ENOMEM
        area = mprotect_fixup(space, area, at, min(end, area.end), prot)
        at = min(end, area.end)
    return 0 if at >= end else -ENOMEM


def mprotect_fixup(space: Space, area: Area, start: int, end: int, prot: str) -> Area:
    """The part [start, end) of a VMA; the VMA that has it then."""
    if space.universe.arena.hugetlb:
        return hugetlb.mprotect_fixup(space, area, start, end, prot)
    old = area.flags
    new = replace(old, prot=prot)
    if new == old:
        return area
    if prot == "rw":
        if not (old.account or old.prot == "rw" or old.shared):
            new = replace(new, account=True)
    elif old.account and area.is_anonymous and area.anon is None:
        new = replace(new, account=False)
    area = space.modify(area, start, end, new)
    change_range(space, range(start, end))
    if old.locked and old.prot != "rw" and not old.shared and prot == "rw":
        populate_vma(space, area, start, end)
    return area


# -- mlock -----------------------------------------------------------------------------------------


@carries_out("mlock")
def mlock(space: Space, page: int, length: int) -> int:
    """mm/mlock.c:do_mlock, as who may lock any amount; -ENOMEM, -EAGAIN (out of memory)."""
    err = apply_vma_lock_flags(space, page, length, locked=True)
    if err:
        return err
    err = mm_populate(space, page, page + length)
    return {-EFAULT: -ENOMEM, -ENOMEM: -EAGAIN}.get(err, err)


@carries_out("munlock")
def munlock(space: Space, page: int, length: int) -> int:
    """mm/mlock.c:munlock; -ENOMEM as above."""
    return apply_vma_lock_flags(space, page, length, locked=False)


def apply_vma_lock_flags(space: Space, page: int, length: int, *, locked: bool) -> int:
    """-ENOMEM where it comes to a hole, after what is before it."""
    end, at = page + length, page
    for area in space.within(page, end):
        if area.start > at:
            return -ENOMEM
        flags = replace(area.flags, locked=locked)
        stop = min(end, area.end)
        if flags != area.flags:
            area = space.modify(area, at, stop, flags)
        at = min(end, area.end)
    return 0 if at >= end else -ENOMEM


# -- mremap ----------------------------------------------------------------------------------------


@carries_out("mremap")
def mremap(space: Space, page: int, old: int, target: int, new: int, flags: frozenset[str]) -> int:
    """mm/mremap.c:do_mremap; lengths `old` and `new`; `target` counts with fixed only."""
    fixed, dontunmap = "fixed" in flags, "dontunmap" in flags
    if check_mremap_params(page, old, new, target, flags):
        return -EINVAL
    if space.universe.arena.hugetlb:
        return hugetlb.mremap(space, page, old, new, target, flags)
    if fixed and old == new and space.universe.kernel.mremap_many:
        return _remap_move(space, page, old, target, dontunmap)
    area = space.find(page)
    err = _check_prep_vma(area, page, old, new, fixed or dontunmap)
    if err:
        return err
    assert area is not None
    if fixed:
        return _mremap_to(space, page, old, new, target, dontunmap)
    if new < old:
        munmap(space, page + new, old - new)
    elif new > old:
        return _expand(space, area, page, old, new)
    return page


def check_mremap_params(page: int, old: int, new: int, target: int, flags: frozenset[str]) -> int:
    """0 or -EINVAL, whatever is mapped."""
    fixed, dontunmap = "fixed" in flags, "dontunmap" in flags
    if new == 0:
        return -EINVAL
    moves = fixed or dontunmap
    if moves and ("maymove" not in flags or "odd_target" in flags or (dontunmap and old != new)):
        return -EINVAL
    overlap = fixed and page < target + new and target < page + old
    return -EINVAL if overlap else 0


def _check_prep_vma(area: Area | None, page: int, old: int, new: int, moves: bool) -> int:
    if area is None:
        return -EFAULT
    if not moves and new <= old:
        return 0
    if old == 0 and not area.shared:
        return -EINVAL
    return -EFAULT if min(old, new) > area.end - page else 0


def _remap_move(space: Space, page: int, length: int, target: int, dontunmap: bool) -> int:
    """Every VMA of the range in turn; gaps between them stay; none where it begins.

    VMAs registered with a userfaultfd are not moved together with others.
    """
    end, seen = page + length, False
    for area in space.within(page, end):
        if not seen and area.start > page:
            return -EFAULT
        start, stop = max(page, area.start), min(end, area.end)
        if area.flags.uffd and (seen or area.end < end):
            return -EFAULT
        to, size = target + start - page, stop - start
        where = _mremap_to(space, start, size, size, to, dontunmap)
        if where < 0:
            return where
        seen = True
    return target if seen else -EFAULT


def _mremap_to(space: Space, page: int, old: int, new: int, target: int, dontunmap: bool) -> int:
    munmap(space, target, new)
    area = space.find(page)
    if area is None:
        return -EFAULT
    if new < old:
        munmap(space, page + new, old - new)
        old = new
        area = space.find(page)
        assert area is not None
    return _move_vma(space, area, page, old, new, target, dontunmap)


def _move_vma(
    space: Space, area: Area, page: int, old: int, new: int, target: int, dontunmap: bool
) -> int:
    copied = space.copy(area, target, target + new, page - area.shift)
    if area not in space.areas:  # merged with what is before and after it
        area = copied
    move_page_tables(space, area, copied, page, target, old)
    if copied.flags.uffd:  # mremap_userfaultfd_prep: not told of mremap, so it ends
        copied.set(replace(copied.flags, uffd=frozenset()))
    if dontunmap:
        if area.flags.locked:
            _leave_mlocked(space, area)
        area.set(replace(area.flags, locked=False))
        if copied is not area and (area.start, area.end) == (page, page + old):
            area.put(anon_vma=None, trees=())
    else:
        munmap(space, page, old)
    if copied.flags.locked and new > old:
        mm_populate(space, target + old, target + new)
    return target


def _leave_mlocked(space: Space, area: Area) -> None:
    """dontunmap_complete takes VM_LOCKED from the whole VMA; PG_mlocked stays in what was not
    moved, and nobody will take it away."""
    for page in range(area.start, area.end):
        frame = entry(space, page).frame
        if frame is not None and not frame.zero:
            space.universe.left_mlocked[frame.folio] = 1


def move_page_tables(
    space: Space, area: Area, copied: Area, old: int, new: int, length: int
) -> None:
    """mm/mremap.c:move_page_tables: as much at a time as is in one table on both sides."""
    arena, end = space.universe.arena, old + length
    old, new = realigned(space, area, copied, old, new, length)
    vma = space.part(area, max(old, area.start))
    while old < end:
        extent = min(end - old, arena.table(old)[1] - old, arena.table(new)[1] - new)
        src, dst = space.mm.root.pmds[old], space.mm.root.pmds[new]
        if not move_pmd(space, vma, old, new, extent) and src.table is not None:
            pte_alloc(dst)
            err = move_ptes(vma, src, dst, old, new, extent, True)
            check(err == 0, "nobody else frees a table")
        old, new = old + extent, new + extent
        vma = space.part(area, old) if old < end else vma


def _expand(space: Space, area: Area, page: int, old: int, new: int) -> int:
    """In place, if nothing is behind; without a place of the kernel's choice -ENOMEM."""
    end = page + new
    if page + old != area.end or end > space.universe.arena.pages:
        return -ENOMEM
    if next(space.within(area.end, end), None) is not None:
        return -ENOMEM
    space.extend(area, end)
    if area.flags.locked:
        mm_populate(space, page + old, end)
    return page

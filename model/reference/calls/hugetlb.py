# SPDX-License-Identifier: GPL-2.0-only
"""System calls on hugetlb mappings, in arenas all of whose VMAs map a hugetlb memfd.

A page of such an arena stands for a part of a PUD range, of which only the first huge page is ever
touched.  VMAs never merge (VM_DONTEXPAND).  Results are as in `maps`; sources are those, and
mm/hugetlb.c.  There are as many huge pages as HUGE_POOL says, none of them reserved
(MAP_NORESERVE); what may need one more is Refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from model.kernel.errno import EFAULT, EINVAL
from model.kernel.hugetlb.fault import hugetlb_fault
from model.kernel.hugetlb.ranges import (
    copy_huge_pte,
    hugetlb_change_protection,
    move_hugetlb_page_tables,
    unmap_hugepage_range,
)
from model.kernel.hugetlb.tables import hugetlb_unshare_pmds
from model.kernel.locks import i_mmap_lock_write, i_mmap_unlock_write

from ..programs.program import PARTS_OF_A_PUD, Refused
from ..state.space import Area, Flags, Space

HUGE_POOL = 16


def fault(space: Space, area: Area, page: int, write: bool) -> int:
    """handle_mm_fault: 0, after which it is tried again, or VM_FAULT_*."""
    memfd = space.universe.memfd
    hole = memfd.pages.peek(page - area.shift) is None
    if len(space.universe.folios()) >= HUGE_POOL:
        raise Refused(f"the pool has {HUGE_POOL} huge pages")
    if not area.shared and (write or hole):
        space.anon_vma_prepare(area)
    return hugetlb_fault(area, memfd, page, write)


# -- VMAs ------------------------------------------------------------------------------------------


def pieces(start: int, end: int) -> Iterator[tuple[int, int]]:
    """Parts of a range, each in one PMD table."""
    while start < end:
        stop = min(start - start % PARTS_OF_A_PUD + PARTS_OF_A_PUD, end)
        yield start, stop
        start = stop


def _new(
    space: Space, start: int, end: int, shift: int, flags: Flags, like: Area | None = None
) -> Area:
    """A VMA in the space and in the file's interval tree, where those of one index are in the
    order in which they came."""
    area = space.insert(start, end, shift, flags, like)
    if flags.shared:
        area.put(hugetlb_lock=space.universe.sem("hugetlb_lock"))
    _link(area, space)
    return area


def _link(area: Area, space: Space, after: Area | None = None) -> None:
    tree = space.universe.i_mmap
    at = (
        sum(_pgoff(other) <= _pgoff(area) for other in tree)
        if after is None
        else tree.index(after) + 1
    )
    tree.insert(at, area)


def _pgoff(area: Area) -> int:
    return area.start - area.shift


def _remove(space: Space, area: Area) -> None:
    space.areas.remove(area)
    space.universe.i_mmap.remove(area)


def _split(space: Space, area: Area, page: int) -> Area:
    """__split_vma, with hugetlb_split: the part that begins at a page is returned."""
    memfd = space.universe.memfd
    floor = page - page % PARTS_OF_A_PUD
    if page != floor and area.start <= floor and floor + PARTS_OF_A_PUD <= area.end:
        i_mmap_lock_write(memfd)
        if area.shared:
            hugetlb_unshare_pmds(area, memfd, floor, False)
        i_mmap_unlock_write(memfd)
    above = _new(space, page, area.end, area.shift, area.flags, like=area)
    space.universe.i_mmap.remove(area)
    area.put(end=page)
    _link(area, space)
    return above


def _carve(space: Space, area: Area, start: int, end: int) -> Area:
    """The part of an area in [start, end), as an area of its own."""
    if area.start < start:
        area = _split(space, area, start)
    if area.end > end:
        _split(space, area, end)
    return area


# -- system calls ----------------------------------------------------------------------------------


def mmap(space: Space, page: int, length: int, prot: str, kind: str, at: int) -> int:
    """Of the hugetlb memfd, from its page `at` on; MAP_FIXED."""
    if length == 0:
        return -EINVAL
    munmap(space, page, length)
    flags = Flags(prot, kind == "shared", space.universe.memfd)
    _new(space, page, page + length, page - at, flags)
    return 0


def munmap(space: Space, page: int, length: int) -> int:
    """All splits first, as vms_gather_munmap_vmas: one that unshares comes before any zap."""
    if length == 0:
        return -EINVAL
    end = page + length
    gone = [_carve(space, a, max(page, a.start), min(end, a.end)) for a in space.within(page, end)]
    for area in gone:
        _zap(space, area, area.start, area.end)
    for area in gone:
        _remove(space, area)
    free_pgtables(space)
    return 0


def free_pgtables(space: Space) -> None:
    """hugetlb_free_pgd_range: PMD tables in whose range no VMA is any more.  They are empty, and
    nobody else's."""
    for start, end in pieces(0, space.universe.arena.pages):
        pud = space.mm.root.pmds[start]
        if pud.table is not None and next(space.within(start, end), None) is None:
            assert not pud.table.sharers, "a zap leaves a table that is shared"
            pud.table = None


def _zap(space: Space, area: Area, start: int, end: int) -> None:
    for first, last in pieces(start, end):
        unmap_hugepage_range(area, space.universe.memfd, first, last)


def dontneed(space: Space, area: Area, start: int, end: int) -> int:
    """madvise_dontneed_single_vma."""
    _zap(space, area, start, end)
    return 0


def forbidden(*_: object) -> int:
    """Advice that hugetlb does not take: MADV_FREE, _PAGEOUT, _GUARD_*."""
    return -EINVAL


def mprotect_fixup(space: Space, area: Area, start: int, end: int, prot: str) -> Area:
    """The part [start, end) of a VMA; the VMA that has it then."""
    if prot == area.flags.prot:
        return area
    area = _carve(space, area, start, end)
    area.set(replace(area.flags, prot=prot))
    for first, last in pieces(start, end):
        hugetlb_change_protection(area, space.universe.memfd, first, last)
    return area


# -- mremap ----------------------------------------------------------------------------------------


def mremap(space: Space, page: int, old: int, new: int, target: int, flags: frozenset[str]) -> int:
    """do_mremap behind check_mremap_params: hugetlb neither grows nor leaves its VMA behind."""
    fixed, dontunmap = "fixed" in flags, "dontunmap" in flags
    if fixed:
        _refuse_what_breaks_kernels(space, page, min(old, new), target)
    if fixed and old == new and space.universe.kernel.mremap_many:
        return _remap_move(space, page, old, target, dontunmap)
    area = space.find(page)
    if area is None:
        return -EFAULT
    if new > old or dontunmap:
        return -EINVAL
    if not fixed:
        if new < old:
            munmap(space, page + new, old - new)
        return page
    if new > area.end - page:
        return -EFAULT
    return _mremap_to(space, page, old, new, target)


def _refuse_what_breaks_kernels(space: Space, page: int, length: int, target: int) -> None:
    """Two moves that no kernel is to be asked for, whatever is mapped at the time.

    move_hugetlb_page_tables holds i_mmap_rwsem for writing, and where the new VMA may share a
    table huge_pmd_share takes it for reading (7.3.4 as well): the caller waits for itself.

    Where a PMD table is missing or left, 6.18 goes on at the next one of the source and at the next
    one of the destination, which is another page if the two lie differently in their PUD ranges
    (7.3.4 skips as much on both sides).  Entries then lie outside of every VMA, and their huge
    pages are lost until the next boot.
    """
    for area in space.within(page, page + length):
        first, last = max(page, area.start), min(page + length, area.end)
        to = first + target - page
        whole = to + -to % PARTS_OF_A_PUD
        if area.shared and whole + PARTS_OF_A_PUD <= to + last - first:
            raise Refused("mremap of hugetlb to where a PMD table can be shared deadlocks")
        if (to - first) % PARTS_OF_A_PUD and len(list(pieces(first, last))) > 1:
            raise Refused("mremap of hugetlb from several PMD tables to another offset may lose"
                          " huge pages")  # fmt: skip


def _remap_move(space: Space, page: int, length: int, target: int, dontunmap: bool) -> int:
    """Every VMA of the range in turn; gaps between them stay; none where it begins."""
    end, seen = page + length, False
    for area in space.within(page, end):
        if not seen and area.start > page:
            return -EFAULT
        if dontunmap:
            return -EINVAL
        start, size = max(page, area.start), min(end, area.end) - max(page, area.start)
        _mremap_to(space, start, size, size, target + start - page)
        seen = True
    return target if seen else -EFAULT


def _mremap_to(space: Space, page: int, old: int, new: int, target: int) -> int:
    munmap(space, target, new)
    if new < old:
        munmap(space, page + new, old - new)
    area = space.find(page)
    assert area is not None, "the two ranges do not overlap"
    copied = _new(space, target, target + new, area.shift + target - page, area.flags, like=area)
    done = 0
    while done < new:  # as much at a time as is in one table on both sides
        at = [(page + done) % PARTS_OF_A_PUD, (target + done) % PARTS_OF_A_PUD]
        extent = min(new - done, PARTS_OF_A_PUD - max(at))
        memfd = space.universe.memfd
        move_hugetlb_page_tables(area, copied, memfd, page + done, target + done, extent)
        done += extent
    munmap(space, page, new)
    return target


# -- processes -------------------------------------------------------------------------------------


def fork_vma(child: Space, area: Area) -> None:
    """dup_mmap of one VMA: it stands next to the parent's in the file's tree.  Only one that has
    had anonymous pages is copied (vma_needs_copy)."""
    mine = child.insert(area.start, area.end, area.shift, area.flags)
    if area.shared:
        mine.put(hugetlb_lock=child.universe.sem("hugetlb_lock"))
    _link(mine, child, after=area)
    child.anon_vma_fork(mine, area)
    if area.anon is not None:
        for page in range(area.start, area.end):
            copy_huge_pte(mine, area, child.universe.memfd, page, page)


def exit_vmas(space: Space) -> None:
    """exit_mmap."""
    for area in space.areas:
        _zap(space, area, area.start, area.end)
    for area in list(space.areas):
        _remove(space, area)

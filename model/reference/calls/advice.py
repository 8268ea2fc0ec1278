# SPDX-License-Identifier: GPL-2.0-only
"""madvise: MADV_DONTNEED, _FREE, _PAGEOUT, _POPULATE_*, _GUARD_* (mm/madvise.c:do_madvise).

Addresses and lengths are pages of the arena; the result is 0 or a negative errno.
"""

from __future__ import annotations

from model.hw.objects import PteKind, PteVal
from model.kernel.anon.madvise import madvise_free as madvise_free_page
from model.kernel.anon.reclaim import shrink_folio_list
from model.kernel.errno import EINVAL, ENOMEM, VM_FAULT_HWPOISON
from model.kernel.file.reclaim import shrink_file_folio
from model.kernel.objects import Folio
from model.kernel.pgtable import NONE, pte_alloc, pte_offset_map_lock, pte_unmap_unlock, set_pte_at

from ..programs.program import Refused
from ..state.space import Area, Space
from . import hugetlb
from .faults import GUARD, entry, fault_error, handle_mm_fault, touch
from .huge import free_large
from .maps import zap_range
from .routines import advises, carries_out

EHWPOISON = 133


@advises("dontneed", hugetlb.dontneed)
def dontneed(space: Space, area: Area, start: int, end: int) -> int:
    """madvise_dontneed_free, madvise_dontneed_single_vma."""
    if area.flags.locked:
        return -EINVAL
    zap_range(space, start, end, markers=False, reclaim=space.universe.kernel.table_reclaim)
    return 0


@advises("free")
def free(space: Space, area: Area, start: int, end: int) -> int:
    """madvise_dontneed_free, madvise_free_single_vma."""
    if area.flags.locked or not area.is_anonymous:
        return -EINVAL
    page = start
    while page < end:
        _, last = space.universe.arena.table(page)
        page = free_large(space, area, page, min(last, end)) if space.universe.arena.huge else page
        if page in (end, last):
            continue
        val = entry(space, page)
        if val.kind == PteKind.MARKER:
            if val.entry != GUARD:
                _set(space, area, page, NONE)
        else:
            madvise_free_page(space.part(area, page), page)
        page += 1
    return 0


@advises("pageout")
def pageout(space: Space, area: Area, start: int, end: int) -> int:
    """madvise_pageout: folios that something else maps too are left alone."""
    if area.flags.locked:
        return -EINVAL
    memfd = space.universe.memfd
    for page in range(start, end):
        folio = _alone(space, page)
        if folio in space.universe.left_mlocked:
            space.universe.left_mlocked[folio] = 0  # isolated, found unevictable, put back
        elif folio is not None and folio.mapping is None:
            shrink_file_folio(folio, memfd, page - area.shift)
        elif folio is not None:
            shrink_folio_list(folio)
    return 0


def _alone(space: Space, page: int) -> Folio | None:
    """The folio of a page that nothing else maps."""
    val = entry(space, page)
    folio: Folio | None = None
    if val.kind == PteKind.PRESENT and val.frame is not None:
        folio = val.frame.folio
    return folio if folio is not None and folio.mapcount == 1 else None


def populate(space: Space, page: int, length: int, write: bool, *, huge: bool = False) -> int:
    """madvise_populate: -ENOMEM for a hole, -EINVAL where the VMA forbids it, -EFAULT where the
    fault fails, -EHWPOISON for a poison marker.  `huge`: faults may put in leaves."""
    for at in range(page, page + length):
        area = space.find(at)
        if area is None:
            return -ENOMEM
        if not (area.writable if write else area.readable):
            return -EINVAL
        while not _is_there(entry(space, at), write):
            fault = handle_mm_fault(space, area, at, write, huge=huge)
            if fault & VM_FAULT_HWPOISON:
                return -EHWPOISON
            err = fault_error(fault)
            if err:
                return err
        if write:
            touch(entry(space, at))
    return 0


@carries_out("populate_read")
def populate_read(space: Space, page: int, length: int) -> int:
    return populate(space, page, length, False)


@carries_out("populate_write")
def populate_write(space: Space, page: int, length: int) -> int:
    return populate(space, page, length, True)


@carries_out("huge_read")
def huge_read(space: Space, page: int, length: int) -> int:
    return populate(space, page, length, False, huge=True)


@carries_out("huge_write")
def huge_write(space: Space, page: int, length: int) -> int:
    return populate(space, page, length, True, huge=True)


def _is_there(val: PteVal, write: bool) -> bool:
    return val.kind == PteKind.PRESENT and not val.protnone and (val.write or not write)


@advises("guard")
def guard(space: Space, area: Area, start: int, end: int) -> int:
    """madvise_guard_install: what is there is zapped.  The VMA says so ever after (since 6.19), so
    that fork copies the markers; an anonymous one gets an anon_vma."""
    if area.flags.locked:
        return -EINVAL
    if any(entry(space, page).uffd_wp for page in range(start, end)) and not area.is_anonymous:
        raise Refused("a guard where a marker for write protection is, or would be left, is tried"
                      " for ever")  # fmt: skip
    area.put(maybe_guard=True)
    if area.is_anonymous:
        space.anon_vma_prepare(area)
    zap_range(space, start, end, markers=False)
    for page in range(start, end):
        pte_alloc(space.mm.root.pmds[page])
        _set(space, area, page, PteVal(kind=PteKind.MARKER, entry=GUARD))
    return 0


@advises("unguard")
def unguard(space: Space, area: Area, start: int, end: int) -> int:
    """madvise_guard_remove."""
    for page in range(start, end):
        val = entry(space, page)
        if val.kind == PteKind.MARKER and val.entry == GUARD:
            _set(space, area, page, NONE)
    return 0


def _set(space: Space, area: Area, page: int, val: PteVal) -> None:
    """Put a marker in where nothing is mapped, or take one out: nothing to flush."""
    pte = pte_offset_map_lock(space.mm.root.pmds[page], page)
    assert pte is not None, area
    set_pte_at(space.mm, page, pte, val)
    pte_unmap_unlock(pte)

# SPDX-License-Identifier: GPL-2.0-only
"""What a process does to its memory: loads and stores through the TLB, faults, GUP.

The TLB of a process's CPU is that of `model.hw`: it is filled by a page walk and loses entries
only by flushes, so that a flush that is missing shows as a load of what is not there any more.
"""

from __future__ import annotations

from model.hw.objects import Frame, PteKind, PteVal, Translation, translates
from model.hw.tlb import fill, forget, remember_table, set_accessed, set_dirty
from model.kernel.anon.anonymous import do_anonymous_page, wp_zero_page
from model.kernel.anon.fault import swap_fault, swap_fault_of_locked, write_fault
from model.kernel.errno import (
    EFAULT,
    ENOMEM,
    VM_FAULT_HWPOISON,
    VM_FAULT_OOM,
    VM_FAULT_SIGBUS,
    VM_FAULT_SIGSEGV,
)
from model.kernel.file.shmem import (
    clear_marker,
    do_cow_fault,
    do_file_fault,
    filemap_map_pages,
    wp_page_shared,
)
from model.kernel.folio import folio_mark_dirty
from model.kernel.gup import gup_fast_pte_range
from model.kernel.objects import Folio, Mapping
from model.kernel.pgtable import is_uffd_wp_marker

from ..programs.program import PTRS_PER_PTE, Result
from ..state.space import Area, Space
from . import hugetlb
from .huge import huge_fault, pin_leaf, walk_to_leaf
from .routines import carries_out

POISONED, GUARD = 2, 4
"""PTE_MARKER_POISONED and PTE_MARKER_GUARD (include/linux/swapops.h): the `entry` of a marker."""

FAULT_AROUND = 16
"""fault_around_bytes, 64 KiB, in pages."""


def entry(space: Space, page: int) -> PteVal:
    """The page-table entry of a page, or what a leaf says of it; none where there is neither."""
    pmd = space.mm.root.pmds[page]
    table = pmd.table
    return space.page_of_leaf(page, pmd.leaf) if table is None else table.slots[page].val


# -- user accesses --------------------------------------------------------------------------------


@carries_out("read")
def read(space: Space, page: int) -> Result:
    token = load(space, page)
    return Result("EFAULT") if token is None else Result(value=token)


@carries_out("write")
def write(space: Space, page: int, token: int) -> Result:
    return Result("" if store(space, page, token) else "EFAULT")


def load(space: Space, page: int) -> int | None:
    """The byte at the beginning of a page, as copy_from_user gets it; None for -EFAULT."""
    frame = _translate(space, page, write=False)
    return None if frame is None else frame.value


def store(space: Space, page: int, token: int) -> bool:
    """copy_to_user of one byte; false for -EFAULT."""
    frame = _translate(space, page, write=True)
    if frame is None:
        return False
    frame.value = token
    return True


def _translate(space: Space, page: int, *, write: bool) -> Frame | None:
    """The frame that the CPU reaches, faulting as often as it takes; None: the fault failed."""
    while True:
        through = _cached(space, page, write) or _walk(space, page, write)
        if through is not None:
            return through.frame
        forget(space.cpu, page)  # a fault drops what is cached for its address
        if _user_fault(space, page, write) != 0:
            return None


def _cached(space: Space, page: int, write: bool) -> Translation | None:
    for through in space.cpu.tlb[page]:
        if not write or (through.write and through.dirty):
            return through
    return None


def _walk(space: Space, page: int, write: bool) -> Translation | None:
    """A page walk: sets Accessed and Dirty, fills the TLB."""
    pmd = space.mm.root.pmds[page]
    table, cpu = pmd.table, space.cpu
    val = entry(space, page)
    if not translates(val) or (write and not val.write):
        return None
    if table is None:
        walk_to_leaf(space, page, write)
        return _cached(space, page, write)
    remember_table(cpu, pmd)
    if not val.young:
        set_accessed(cpu, page, table)
    if write and not val.dirty:
        cpu.stores = 1
        set_dirty(cpu, page, table)
        cpu.stores = 0
    fill(cpu, page, table)
    return _cached(space, page, write)


def _user_fault(space: Space, page: int, write: bool) -> int:
    area = space.find(page)
    if area is None or not (area.writable if write else area.readable):
        return VM_FAULT_SIGSEGV
    return handle_mm_fault(space, area, page, write)


# -- faults ---------------------------------------------------------------------------------------


def handle_mm_fault(space: Space, area: Area, page: int, write: bool, *, huge: bool = False) -> int:
    """One fault, whose access the VMA permits: 0, after which it is tried again, or VM_FAULT_*.

    mm/memory.c:__handle_mm_fault; a userfaultfd has UFFD_FEATURE_SIGBUS.  `huge`: it may put in a
    leaf (VM_HUGEPAGE, and huge pages are enabled).
    """
    if space.universe.arena.hugetlb:
        return hugetlb.fault(space, area, page, write)
    fault = huge_fault(space, area, page, write, huge)
    if fault is not None:
        return fault
    val, vma = entry(space, page), space.part(area, page)
    if val.kind == PteKind.NONE:
        return _missing(space, area, page, write)
    if val.kind == PteKind.SWAP:
        swap_fault(vma, page)
        if area.flags.locked:
            swap_fault_of_locked(vma, page)
        return 0
    if is_uffd_wp_marker(val):
        if area.uffd_wp:
            return _missing(space, area, page, write)
        clear_marker(vma, page)
        return 0
    if val.kind == PteKind.MARKER:
        return VM_FAULT_SIGSEGV if val.entry == GUARD else VM_FAULT_HWPOISON
    assert val.kind == PteKind.PRESENT, "nobody migrates here"
    if not write or val.write:
        return 0
    if val.uffd_wp and area.uffd_wp:
        return VM_FAULT_SIGBUS
    if area.shared:
        return wp_page_shared(vma, page)
    space.anon_vma_prepare(area)
    vma = space.part(area, page)
    if val.frame is not None and val.frame.zero:
        return wp_zero_page(vma, page)
    write_fault(vma, page)
    return 0


def _missing(space: Space, area: Area, page: int, write: bool) -> int:
    """do_pte_missing."""
    cache: Mapping | None = area.file
    if write and not area.shared:
        space.anon_vma_prepare(area)
    vma = space.part(area, page)
    if cache is None:
        return do_anonymous_page(vma, page, write)
    if write and not area.shared:
        return do_cow_fault(vma, cache, page)
    if not write and not area.uffd_wp:
        start, end = _around(space, area, page)
        filemap_map_pages(vma, cache, start, end)
        if entry(space, page).kind != PteKind.NONE:
            return 0
    return do_file_fault(vma, cache, page, write)


def _around(space: Space, area: Area, page: int) -> tuple[int, int]:
    """do_fault_around: the pages of the aligned window that lie in the VMA and in one table."""
    arena = space.universe.arena
    window = 1 if arena.pud else max(FAULT_AROUND // arena.scale, 1)
    index = (page - arena.boundary) % (arena.huge or PTRS_PER_PTE)
    first = page - index % window
    last = min(first + window, page - index + PTRS_PER_PTE)
    return max(first, area.start), min(last, area.end)


# -- GUP ------------------------------------------------------------------------------------------


def populate(space: Space, area: Area, page: int, write: bool) -> int:
    """Fault a page in as __get_user_pages does without taking it: 0 or -errno."""
    while True:
        val = entry(space, page)
        if val.kind == PteKind.PRESENT and not val.protnone and (val.write or not write):
            if write:
                touch(val)
            return 0
        err = fault_error(handle_mm_fault(space, area, page, write))
        if err:
            return err


def touch(val: PteVal) -> None:
    """FOLL_TOUCH: what is populated for writing is dirty (mm/gup.c:follow_page_pte)."""
    if not val.dirty and val.frame is not None:
        folio: Folio = val.frame.folio
        folio_mark_dirty(folio)


def fault_error(fault: int) -> int:
    """vm_fault_to_errno, without FOLL_HWPOISON."""
    if fault & VM_FAULT_OOM:
        return -ENOMEM
    return -EFAULT if fault else 0


def pin(space: Space, page: int) -> Folio | int:
    """pin_user_pages_fast of one page with FOLL_WRITE | FOLL_LONGTERM: the folio, or -errno."""
    while True:
        area = space.find(page)
        if area is None or not area.writable:
            return -EFAULT
        frame = entry(space, page).frame
        folio: Folio | None = frame.folio if frame is not None else None
        before = folio.pinned_at[page] if folio is not None else 0
        if not pin_leaf(space, page):
            gup_fast_pte_range(space.part(area, page), page, True)
        if folio is not None and folio.pinned_at[page] > before:
            return folio
        err = populate(space, area, page, True)
        if err:
            return err

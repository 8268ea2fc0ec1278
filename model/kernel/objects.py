# SPDX-License-Identifier: GPL-2.0-only
"""The kernel's objects, declared once: fields, what they are, and the lock that guards each.

`lock` is a path to a lock word that must name the current thread when the field changes; the
locking invariants check it.  Fields without one are changed under different locks in different
places, or atomically without any.
"""

from __future__ import annotations

from typing import Annotated

from model.hw.objects import Addr, Entry, Frame, Root, Thread
from model.lang import Array, Bounded, Kobject, ghost, kfield, lockword, record

GUP_PIN = 8
"""GUP_PIN_COUNTING_BIAS (1024 in include/linux/mm_types.h): a pin is this many references."""

MAX_REFS = 31

Generation = Annotated[int, Bounded("generation")]
"""A count of batched unmaps; real ones have 15 bits and are reset at half range."""


class RwSem(Kobject):
    """A sleeping reader-writer lock.

    Left out: fairness.  A waiting writer does not hold off new readers here, so a reader that
    takes the same lock twice is not found to deadlock; no modelled routine does.
    """

    readers: frozenset[Thread] = lockword(frozenset(), "who holds it for reading")
    writer: Thread | None = lockword(None, "who holds it for writing")


class MmapLock(Kobject):
    """mmap_lock, a rwsem, apart from the others: who may wait for it is then known."""

    readers: frozenset[Thread] = lockword(frozenset(), "who holds it for reading")
    writer: Thread | None = lockword(None, "who holds it for writing")


class VmaLock(Kobject):
    """The lock of a VMA: vm_refcnt, vm_lock_seq."""

    readers: frozenset[Thread] = lockword(frozenset(), "who holds it for reading")
    writer: Thread | None = lockword(None, "who keeps readers out")


@record
class Batched:
    """mm->tlb_flush_batched: two generations in one atomic word."""

    pending: Generation = 0
    flushed: Generation = 0


class Mm(Kobject):
    """struct mm_struct."""

    root: Root = kfield(const=True, doc="its page tables")
    mmap_lock: MmapLock = kfield(const=True)
    tlb_flush_pending: int = kfield(0, "open mmu_gathers", hi=7)
    flush_mm: bool = kfield(False, "s390: context.flush_mm, a flush is due")
    tlb_flush_batched: Batched = kfield(Batched(), "unmaps whose flush is due, and how many had it")
    moved: Array[Addr, bool] = ghost(False, "addresses of which user space has moved the page")
    moved_to: Array[Addr, Addr] = ghost(0, "where it has moved it to")


class Mapping(Kobject):
    """struct address_space: the page cache of a memfd."""

    pages: Array[Addr, Folio | None] = kfield(None, "i_pages: the folio at an index")
    swapped: Array[Addr, Entry] = kfield(0, "i_pages: the swap entry in the place of a folio")
    i_mmap_rwsem: RwSem = kfield(const=True)
    fault_mutexes: tuple[RwSem, ...] = kfield(
        (), const=True, doc="hugetlb_fault_mutex_table: the one of an index"
    )


class Vma(Kobject):
    """struct vm_area_struct: a private anonymous mapping, or one of a memfd if `file` is one."""

    mm: Mm = kfield(const=True)
    start: Addr = kfield(0, const=True)
    end: Addr = kfield(0, const=True)
    attached: bool = kfield(True, "in the tree of its mm (vm_refcnt is not 0)")
    writable: bool = kfield(True, "VM_WRITE", const=True)
    readable: bool = kfield(True, "VM_READ: accessible at all", const=True)
    shared: bool = kfield(False, "VM_SHARED", const=True)
    file: Mapping | None = kfield(None, "vm_file->f_mapping", const=True)
    uffd_missing: bool = kfield(False, "registered for missing pages", const=True)
    uffd_wp: bool = kfield(False, "registered for write protection", const=True)
    shift: int = kfield(0, "address minus page index (vm_start - vm_pgoff)", const=True)
    anon_vma: AnonVma = kfield(const=True, doc="already prepared")
    trees: tuple[AnonVma, ...] = kfield(
        (), const=True, doc="interval trees that it is in, that of the root first"
    )
    lock: VmaLock = kfield(const=True, doc="the VMA lock")
    hugetlb_lock: RwSem | None = kfield(
        None, "hugetlb: vm_private_data, the lock of a VMA that may share PMD tables", const=True
    )


class AnonVma(Kobject):
    """struct anon_vma.  The lock is the root's (mm/rmap.c:anon_vma_lock_read)."""

    rwsem: RwSem = kfield(const=True, doc="root->rwsem")
    root: int = kfield(
        0, "which root: two anon_vmas with the same number share it", const=True, hi=7
    )


class Swap(Kobject):
    """A swap slot."""

    number: Entry = kfield(0, const=True)
    folio: Folio | None = kfield(None, "what the swap cache holds for it")
    count: int = kfield(0, "page-table entries that name it (swap_map)", hi=3)
    value: int = kfield(0, "what was written to the device", hi=3)


class Folio(Kobject):
    """struct folio of one page (order 0), or one page of a large one if `large`."""

    frame: Frame = kfield(const=True, doc="folio_pfn")
    spare: bool = kfield(False, "mapped by no VMA at first, for copies", const=True)
    locked_by: Thread | None = lockword(None, "PG_locked, and who holds it")
    refcount: int = kfield(0, "_refcount; a pin counts GUP_PIN; 0 is free, or frozen", hi=MAX_REFS)
    free: bool = kfield(False, "back with the page allocator")
    mapcount: int = kfield(0, "page-table entries that map it", hi=7)
    pages: tuple[Folio, ...] = kfield((), const=True, doc="of a large one: all of it, head first")
    entire_mapcount: int = kfield(0, "_entire_mapcount: PMD leaves that map a large one", hi=7)
    pincount: int = kfield(0, "_pincount: pins of a large one, each of one reference", hi=7)
    mapping: AnonVma | None = kfield(None, "folio->mapping", lock="locked_by")
    index: Addr = kfield(0, "folio->index", lock="locked_by")
    anon_exclusive: bool = kfield(False, "PageAnonExclusive")
    large: bool = kfield(False, "folio_test_large")
    dirty: bool = kfield(False, "PG_dirty")
    lru: bool = kfield(False, "PG_lru: on a list, and nobody has isolated it")
    lazyfree: bool = kfield(False, "no PG_swapbacked: MADV_FREE")
    swap: Swap | None = kfield(None, "its slot in the swap cache (PG_swapcache)", lock="locked_by")
    copy_of: Folio | None = ghost(None, "what it was copied from; itself once it is mapped")
    pinned_at: Array[Addr, int] = ghost(0, "pins that GUP has returned for an address", hi=2)


class RmapWalk(Kobject):
    """What a thread does with anon_vmas: ghosts, one per thread."""

    thread: Thread = kfield(const=True)
    folio: Folio | None = ghost(None, "walked, with the anon_vma lock held")
    locked: bool = ghost(False, "the walker holds the folio lock, or relies on the caller's")
    mapped: bool = ghost(False, "an entry mapped the folio when the walk began")
    seen: Array[Addr, bool] = ghost(False, "addresses whose entry the walk has looked at")
    references: Array[AnonVma, int] = ghost(
        0, "anon_vma->refcount: those of this thread", lo=-1, hi=2
    )


@record
class Gathered:
    """The flush that an mmu_gather owes: the range from start to before end, and why."""

    start: Addr = 0
    end: Addr = 0
    fullmm: bool = False
    freed_tables: bool = False
    unshared_tables: bool = False
    fully_unshared_tables: bool = False
    cleared_ptes: bool = False
    cleared_pmds: bool = False


class Gather(Kobject):
    """struct mmu_gather, one per thread."""

    thread: Thread = kfield(const=True)
    mm: Mm | None = ghost(None, "what it is for, between tlb_gather_mmu and tlb_finish_mmu")
    range: Array[Addr, bool] = ghost(False, "addresses recorded for the flush")
    put_off: Array[Addr, Mm | None] = ghost(
        None, "where the thread has put off a flush by set_tlb_ubc_flush_pending, until the unlock"
    )
    todo: Gathered = kfield(Gathered(), "its fields")

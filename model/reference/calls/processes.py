# SPDX-License-Identifier: GPL-2.0-only
"""fork, exit, and pages pinned by registered buffers."""

from __future__ import annotations

from dataclasses import replace

from model.hw.objects import PteKind
from model.kernel.anon.fork import copy_pte
from model.kernel.errno import EBUSY, EFAULT, ENOENT
from model.kernel.folio import gup_put_folio
from model.kernel.objects import Folio
from model.kernel.pgtable import pte_alloc
from model.kernel.tlbflush import flush_tlb_mm
from model.lang.runtime import check

from ..state.space import Space
from . import hugetlb
from .faults import entry, pin
from .huge import copy_leaf
from .maps import zap_range
from .routines import carries_out

MOST_LIVING = 6
"""A folio counts as pinned from so many references on as GUP_PIN of the models says, and each
process that maps it has one: no more processes than that may live at once."""


def fork(parent: Space, number: int) -> Space:
    """dup_mmap: the VMAs, without mlock and userfaultfd, and the page tables of those that need it.

    A VMA that never had an anonymous page or a guard region is not copied (vma_needs_copy): its
    pages fault again.
    """
    child = Space(parent.universe, number)
    for area in parent.areas:
        if parent.universe.arena.hugetlb:
            hugetlb.fork_vma(child, area)
            continue
        flags = replace(area.flags, locked=False, uffd=frozenset())
        mine = child.insert(area.start, area.end, area.shift, flags)
        mine.put(maybe_guard=area.maybe_guard)
        child.anon_vma_fork(mine, area)
        if area.anon is None and not area.maybe_guard:
            continue
        child.universe.acting = child.mm
        for page in range(area.start, area.end):
            leaves = parent.universe.arena.huge
            if leaves and copy_leaf(child.part(mine, page), parent.part(area, page), page):
                continue
            if parent.mm.root.pmds[page].table is not None:
                pte_alloc(child.mm.root.pmds[page])
            if entry(parent, page).kind != PteKind.NONE:
                err = copy_pte(child.part(mine, page), parent.part(area, page), page, page)
                check(err == 0, "memory never runs out")
    flush_tlb_mm(parent.mm)
    return child


def exit_mm(space: Space) -> None:
    """The process ends: its buffers are given back and its memory is unmapped."""
    for slot in list(space.pins):
        unpin(space, slot)
    universe = space.universe
    if universe.arena.hugetlb:
        hugetlb.exit_vmas(space)
    for area in space.areas:
        zap_range(space, area.start, area.end, markers=True)
    space.areas.clear()
    universe.spaces.remove(space)
    universe.drop(space.cpu)
    universe.drop(space.mm)
    universe.drop(space.mm.root)


@carries_out("pin")
def pin_buffer(space: Space, page: int, length: int, slot: int) -> int:
    """A registered buffer: 0, -EBUSY if the slot is taken, -EFAULT if a page cannot be pinned for
    writing, after which none is (io_uring/rsrc.c:io_sqe_buffer_register)."""
    if slot in space.pins:
        return -EBUSY
    if length == 0:
        return -EFAULT
    taken: list[Folio] = []
    for at in range(page, page + length):
        got = pin(space, at)
        if isinstance(got, int):
            for folio in taken:
                gup_put_folio(folio)
            return got
        taken.append(got)
    space.pins[slot] = taken
    return 0


@carries_out("unpin")
def unpin(space: Space, slot: int) -> int:
    """0, or -ENOENT if there is no buffer in the slot."""
    if slot not in space.pins:
        return -ENOENT
    for folio in space.pins.pop(slot):
        gup_put_folio(folio)
    return 0

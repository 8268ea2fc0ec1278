# SPDX-License-Identifier: GPL-2.0-only
"""userfaultfd: register, unregister, copy, zeropage, poison, move, writeprotect.

Each process has one userfaultfd, with UFFD_FEATURE_SIGBUS and no events.  An ioctl gives
(errno, field): 0 or a negative errno, and what it leaves in its out field in pages or as a negative
errno, None if it does not write it (mm/userfaultfd.c, fs/userfaultfd.c).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

from model.hw.objects import PteKind, PteVal
from model.kernel.anon.uffd import (
    mfill_atomic_install_pte,
    mfill_atomic_pte,
    shmem_mfill_atomic_pte,
)
from model.kernel.errno import EAGAIN, EEXIST, EINVAL, ENOENT, ENOMEM
from model.kernel.folio import folio_alloc, folio_put, vm_normal_folio
from model.kernel.pgtable import pte_alloc
from model.lang.declare import swapped

from ..programs.system_calls import ODD
from ..state.compound import head_of_entry
from ..state.space import Area, Space
from .faults import POISONED
from .maps import change_range
from .routines import Answer, carries_out


@carries_out("register")
def register(space: Space, page: int, length: int, modes: frozenset[str]) -> Answer:
    """userfaultfd_register: -EINVAL for no mode, no length, or nothing mapped in the range."""
    end = page + length
    if not modes or length == 0 or next(space.within(page, end), None) is None:
        return -EINVAL, None
    for area in space.within(page, end):
        if area.flags.uffd >= modes:
            continue
        start, stop = max(page, area.start), min(end, area.end)
        space.modify(area, start, stop, replace(area.flags, uffd=modes))
    return 0, None


@carries_out("unregister")
def unregister(space: Space, page: int, length: int) -> Answer:
    """userfaultfd_unregister: write protection is resolved."""
    end = page + length
    if length == 0 or next(space.within(page, end), None) is None:
        return -EINVAL, None
    for area in space.within(page, end):
        start, stop = max(page, area.start), min(end, area.end)
        if not area.flags.uffd:
            continue
        if "wp" in area.flags.uffd:
            change_range(space, range(start, stop), resolve=True)
        space.modify(area, start, stop, replace(area.flags, uffd=frozenset()))
    return 0, None


@carries_out("wp")
def writeprotect(space: Space, page: int, length: int, flags: frozenset[str]) -> Answer:
    """mwriteprotect_range: -ENOENT at the first VMA that is not registered for it."""
    if length == 0:
        return -EINVAL, None
    err, off = -ENOENT, "off" in flags
    for area in space.within(page, page + length):
        if not area.uffd_wp:
            return -ENOENT, None
        span = range(max(page, area.start), min(page + length, area.end))
        change_range(space, span, uffd_wp=not off, resolve=off)
        err = 0
    return err, None


# -- filling ---------------------------------------------------------------------------------------


@carries_out("copy")
def copy(space: Space, page: int, length: int, token: int, flags: frozenset[str]) -> Answer:
    """UFFDIO_COPY of pages that begin with the token."""
    wp = "wp" in flags
    return _fill(space, page, length, lambda area, at: _copy_page(space, area, at, token, wp), wp)


@carries_out("zeropage")
def zeropage(space: Space, page: int, length: int) -> Answer:
    """UFFDIO_ZEROPAGE."""
    frame = space.universe.zero

    def one(area: Area, at: int) -> int:
        if area.shared:
            return _copy_page(space, area, at, 0, False)
        zero = PteVal(kind=PteKind.PRESENT, frame=frame, protnone=not area.readable)
        return mfill_atomic_pte(area, at, zero)

    return _fill(space, page, length, one, False)


@carries_out("poison")
def poison(space: Space, page: int, length: int) -> Answer:
    """UFFDIO_POISON."""
    marker = PteVal(kind=PteKind.MARKER, entry=POISONED)
    return _fill(space, page, length, lambda area, at: mfill_atomic_pte(area, at, marker), False)


def _copy_page(space: Space, area: Area, page: int, token: int, wp: bool) -> int:
    """mfill_atomic_pte_copy, or shmem_mfill_atomic_pte."""
    folio = folio_alloc()
    if folio is None:
        return -ENOMEM
    folio.frame.value = token
    over_markers, cache = space.universe.kernel.over_markers, area.file
    if area.shared and cache is not None:
        err = shmem_mfill_atomic_pte(area, cache, page, folio, wp, over_markers)
    else:
        pte_alloc(space.mm.root.pmds[page])
        err = mfill_atomic_install_pte(area, page, folio, wp, over_markers)
    if err:
        folio_put(folio)
    return err


def _fill(
    space: Space, page: int, length: int, one: Callable[[Area, int], int], wp: bool
) -> Answer:
    """mfill_atomic: up to the first page that fails."""
    if length == 0:
        return -EINVAL, None
    area = space.find(page)
    if area is None:
        return -ENOENT, -ENOENT
    if not area.shared:
        space.anon_vma_prepare(area)
    if page + length > area.end or not area.flags.uffd:
        return -ENOENT, -ENOENT
    if wp and not area.uffd_wp:
        return -EINVAL, -EINVAL
    for done in range(length):
        there = space.leaf_at(page + done) is not None  # mfill_establish_pmd
        err = -EEXIST if there else one(space.part(area, page + done), page + done)
        if err:
            return (-EAGAIN, done) if done else (err, err)
    return 0, length


# -- UFFDIO_MOVE -----------------------------------------------------------------------------------


@carries_out("move")
def move(space: Space, page: int, length: int, target: int, flags: frozenset[str]) -> Answer:
    """UFFDIO_MOVE, once validate_range lets it through."""
    if length == 0 or not flags.isdisjoint(ODD):
        return -EINVAL, None
    return userfaultfd_move(space, page, length, target, "holes" in flags)


def userfaultfd_move(space: Space, page: int, length: int, target: int, holes: bool) -> Answer:
    """userfaultfd_move."""
    moved, err = 0, 0
    dst = space.find(target)
    if dst is not None and not dst.shared:
        space.anon_vma_prepare(dst)
    src = dst if dst is not None and dst.start <= page < dst.end else space.find(page)
    if dst is None or src is None:
        return -ENOENT, -ENOENT
    if not _movable(src, dst, page, target, length):
        return -EINVAL, -EINVAL
    for at, extent in _pieces(space, page, target, length):
        ret = _piece(
            space, space.part(dst, target + at), space.part(src, page + at), target + at,
            page + at, extent, length - at, holes,
        )  # fmt: skip
        moved += max(ret, 0)
        if ret < extent:
            err = min(ret, 0)
            break
    if moved == length:
        return 0, moved
    return (-EAGAIN, moved) if moved else (err, err)


def _piece(
    space: Space, dst: Area, src: Area, dst_page: int, src_page: int, extent: int, left: int,
    holes: bool,
) -> int:  # fmt: skip
    """Move pages that lie in one table on both sides; how many, or an error.

    `left`: of the request.
    """
    call, pmds = space.universe.patches.system_calls["move"], space.mm.root.pmds
    request = space.mm, dst, src, dst_page, src_page, extent, holes
    if not space.universe.arena.huge:
        return int(call(*request))
    with swapped({vm_normal_folio: head_of_entry}):
        leaves = pmds[dst_page], pmds[src_page]
        ret = int(call.parts["leaf"](*leaves, dst, src, dst_page, src_page, left))
        return ret if ret != 0 else int(call(*request))


def _movable(src: Area, dst: Area, page: int, target: int, length: int) -> bool:
    """move_pages and validate_move_areas, but for what finds no VMA."""
    if src.shared or page + length > src.end or dst.shared or target + length > dst.end:
        return False
    if src.flags.prot != dst.flags.prot or src.flags.locked != dst.flags.locked:
        return False
    return src.writable and bool(dst.flags.uffd) and src.is_anonymous and dst.is_anonymous


def _pieces(space: Space, page: int, target: int, length: int) -> list[tuple[int, int]]:
    """Parts of a request as (offset, length), each in one page table on both sides."""
    cuts = {0, length}
    for start, _ in space.universe.arena.tables:
        cuts |= {start - at for at in (page, target) if 0 < start - at < length}
    return [(a, b - a) for a, b in pairwise(sorted(cuts))]

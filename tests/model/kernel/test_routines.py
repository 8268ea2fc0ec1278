# SPDX-License-Identifier: GPL-2.0-only
"""Routines that no cast calls do as plain Python what their IR does, from every initial state.

They are what the reference MM needs besides: fork, mremap, mprotect, first faults, memfd pages.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import pytest

from model.cast.casts import Initial
from model.cast.parts import Plan, Setup
from model.cast.worlds import NEEDS, TWO_VMAS
from model.hw.objects import PteKind, PteVal
from model.kernel.anon import anonymous, fork, mprotect, mremap, uffd
from model.kernel.file import reclaim, shmem
from model.kernel.folio import folio_alloc, folio_put
from model.kernel.objects import Mapping, RwSem, Swap
from model.kernel.pgtable import UFFD_WP_MARKER
from model.kernel.task import return_to_caller
from model.lang import kernel
from model.lang.compose import Invocation
from model.lang.declare import ModelFunction
from model.lang.frontend.source import Context
from tests.families import MOVE
from tests.model.kernel.routine import part_taken

STATES = MOVE.casts.initial
POISON = PteVal(kind=PteKind.MARKER, entry=1)


@kernel("mm/userfaultfd.c:mfill_atomic", "7.3.4")
def copy_protected(vma: Any, addr: Any) -> int:
    folio = folio_alloc()
    if folio is None:
        return 0
    return uffd.mfill_atomic_install_pte(vma, addr, folio, True, True)


@kernel("mm/userfaultfd.c:mfill_atomic", "7.3.4")
def copy_shared(vma: Any, cache: Any, addr: Any) -> int:
    folio = folio_alloc()
    if folio is None:
        return 0
    err = uffd.shmem_mfill_atomic_pte(vma, cache, addr, folio, True, False)
    if err != 0:
        folio_put(folio)
    return err


@kernel("mm/memory.c:zap_pte_range", "7.3.4")
def zap_one(vma: Any, addr: Any) -> None:
    folio = reclaim.zap_file_pte(vma, addr, False)
    if folio is not None:
        folio_put(folio)


Args = Callable[[Setup, Mapping], tuple[Any, ...]]
ROUTINES: dict[str, tuple[ModelFunction[..., Any], Args]] = {
    "read an anonymous page": (
        anonymous.do_anonymous_page,
        lambda s, _: (s.vma("src"), s.vma("src").start + 1, False),
    ),
    "write an anonymous page": (
        anonymous.do_anonymous_page,
        lambda s, _: (s.vma("src"), s.vma("src").start + 1, True),
    ),
    "write the zero page": (
        anonymous.wp_zero_page,
        lambda s, _: (s.vma("src"), s.vma("src").start + 1),
    ),
    "read a page of a file": (
        shmem.do_file_fault,
        lambda s, c: (s.vma("src"), c, s.vma("src").start + 1, False),
    ),
    "write a page of a file": (
        shmem.do_file_fault,
        lambda s, c: (s.vma("src"), c, s.vma("src").start + 1, True),
    ),
    "write a private page of a file": (
        shmem.do_cow_fault,
        lambda s, c: (s.vma("src"), c, s.vma("src").start + 1),
    ),
    "write a shared page": (
        shmem.wp_page_shared,
        lambda s, _: (s.vma("src"), s.vma("src").start + 1),
    ),
    "fault around": (
        shmem.filemap_map_pages,
        lambda s, c: (s.vma("src"), c, s.vma("src").start, s.vma("src").end),
    ),
    "fork a page": (
        fork.copy_pte,
        lambda s, _: (s.vma("child"), s.vma("src"), 6, s.vma("src").start + 1),
    ),
    "mremap": (
        mremap.move_ptes,
        lambda s, _: (
            s.vma("src"),
            s.vma("src").mm.root.pmds[0],
            s.vma("src").mm.root.pmds[3],
            0,
            3,
            2,
            True,
        ),
    ),
    "mprotect": (
        mprotect.change_prot_pte,
        lambda s, _: (s.vma("src"), s.vma("src").start + 1, False, False),
    ),
    "write-protect": (
        mprotect.change_prot_pte,
        lambda s, _: (s.vma("src"), s.vma("src").start + 1, True, False),
    ),
    "resolve": (
        mprotect.change_prot_pte,
        lambda s, _: (s.vma("src"), s.vma("src").start + 1, False, True),
    ),
    "page a file's page out": (
        reclaim.shrink_file_folio,
        lambda s, c: (s.spares[0], c, s.vma("src").start + 1),
    ),
    "unmap a file's page": (
        reclaim.try_to_unmap_file_one,
        lambda s, _: (s.folio(1), s.vma("src"), s.vma("src").start + 1),
    ),
    "zap an entry of a file": (zap_one, lambda s, _: (s.vma("src"), s.vma("src").start + 1)),
    "fill a page": (copy_protected, lambda s, _: (s.vma("dst"), s.vma("dst").start + 1)),
    "fill a page of a file": (copy_shared, lambda s, c: (s.vma("dst"), c, s.vma("dst").start + 1)),
    "a marker that is left over": (
        shmem.clear_marker,
        lambda s, _: (s.vma("src"), s.vma("src").start + 1),
    ),
    "poison": (uffd.mfill_atomic_pte, lambda s, _: (s.vma("dst"), s.vma("dst").start + 1, POISON)),
}


@functools.cache
def world() -> tuple[Setup, Mapping, Context, dict[Any, int]]:
    setup = TWO_VMAS.build(Plan({"pages": 2, "ptl": "different"}, frozenset(NEEDS), ("mm",)))
    cache = setup.world.new(Mapping, "memfd", i_mmap_rwsem=setup.world.new(RwSem, "i_mmap_rwsem"))
    base = setup.world.snapshot()
    return setup, cache, Context(setup.world, "x86", epilogue=return_to_caller), base


def _mark(setup: Setup) -> None:
    """Where nothing is mapped of the second page of either VMA, a marker for write protection."""
    for vma in (setup.vma("src"), setup.vma("dst")):
        table = setup.vma("src").mm.root.pmds[vma.start].table
        if table is not None and table.slots[vma.start + 1].val.kind == PteKind.NONE:
            table.slots[vma.start + 1].val = UFFD_WP_MARKER


def _set_up(setup: Setup, cache: Mapping, initial: Initial, seed: int) -> None:
    initial.set_up(setup)
    if seed % 3 == 1:
        _mark(setup)
    if seed % 2:
        cache.pages[setup.vma("src").start + 1] = setup.spares[0]
        setup.spares[0].free, setup.spares[0].refcount = False, 1
        setup.spares[0].lru, setup.spares[0].dirty = True, bool(seed % 4 - 1)
    elif seed % 4 == 2:  # it is in swap
        slot = setup.world.all(Swap)[0]
        if slot.count == 0 and slot.folio is None:
            slot.count, cache.swapped[setup.vma("src").start + 1] = 1, slot.number


@pytest.mark.parametrize("name", ROUTINES)
def test_routine_as_python_and_as_ir(name: str) -> None:
    setup, cache, ctx, base = world()
    fn, args = ROUTINES[name]
    call = Invocation(setup.threads[0], fn, args(setup, cache))
    states = [
        (n, functools.partial(_set_up, setup, cache, state, n)) for n, state in enumerate(STATES)
    ]
    assert part_taken(ctx, base, call, states) > 0.4

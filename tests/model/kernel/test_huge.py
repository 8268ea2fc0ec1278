# SPDX-License-Identifier: GPL-2.0-only
"""Routines of PMD leaves and large folios do as plain Python what their IR does.

In a small world whose source is one folio of two pages, mapped by a leaf or by entries.  No cast
has one yet.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from model.cast.parts import Plan, Setup
from model.cast.worlds import NEEDS, TWO_VMAS
from model.hw.objects import Pmd, PteKind, PteVal
from model.kernel.huge import collapse, memory, move_tables, split
from model.kernel.objects import Folio
from model.kernel.task import return_to_caller
from model.lang.compose import Invocation
from model.lang.declare import ModelFunction
from model.lang.frontend.source import Context
from model.patches.uffd_move_batching import huge as uffd_huge
from tests.model.kernel.routine import part_taken


def src(s: Setup) -> Pmd:
    return s.vma("src").mm.root.pmds[s.vma("src").start]


def dst(s: Setup) -> Pmd:
    return s.vma("src").mm.root.pmds[s.vma("dst").start]


def child(s: Setup) -> Pmd:
    return s.vma("child").mm.root.pmds[s.vma("child").start]


def leaf(s: Setup) -> None:
    """A leaf maps the folio, exclusive and writable."""
    for page in range(s.axis("pages")):
        s.pte("src", page).val = PteVal()
    head = s.folio(0)
    head.refcount, head.mapcount, head.entire_mapcount = 1, 0, 1
    s.folio(1).anon_exclusive = False
    s.folio(1).refcount, s.folio(1).mapcount = 0, 0
    s.spares[0].large = True
    src(s).table = None
    src(s).leaf = PteVal(kind=PteKind.PRESENT, frame=head.frame, write=True, dirty=True)
    dst(s).table = None
    child(s).table = None


def shared(s: Setup) -> None:
    """The same after a fork: the child's leaf is another reference."""
    leaf(s)
    head = s.folio(0)
    head.anon_exclusive, head.refcount, head.entire_mapcount = False, 2, 2
    src(s).leaf = child(s).leaf = replace(src(s).leaf, write=False)


def alone_again(s: Setup) -> None:
    """The same after the child's end."""
    shared(s)
    s.folio(0).refcount, s.folio(0).entire_mapcount = 1, 1
    child(s).leaf = PteVal()


def pinned(s: Setup) -> None:
    leaf(s)
    s.folio(0).refcount, s.folio(0).pincount = 2, 1


def zero(s: Setup) -> None:
    """The huge zero page."""
    leaf(s)
    src(s).leaf = PteVal(kind=PteKind.PRESENT, frame=huge_zero(s))


def huge_zero(s: Setup) -> Any:
    return next(f for f in s.world.all(type(s.folio(0).frame)) if f.zero)


def entries(s: Setup) -> None:
    """Entries map the folio: with the reference of who splits it."""
    for page in range(s.axis("pages")):
        s.folio(page).large = True
    s.folio(0).refcount, s.folio(0).mapcount = 2, 1
    s.folio(0).locked_by = s.threads[0]
    dst(s).table = None


def table_at_dst(s: Setup) -> None:
    """A leaf, and a table where it is to go."""
    table = dst(s).table
    leaf(s)
    dst(s).table = table


def small_pages(s: Setup) -> None:
    """Two folios of one page each."""
    s.spares[0].large = True
    dst(s).table = None


def a_pinned_page(s: Setup) -> None:
    small_pages(s)
    s.folio(1).refcount += 8


STATES = (leaf, shared, alone_again, pinned, zero, entries, table_at_dst, small_pages,
          a_pinned_page)  # fmt: skip
WITHOUT_LEAF = (entries, small_pages, a_pinned_page)
Args = Callable[[Setup], tuple[Any, ...]]
ROUTINES: dict[str, tuple[ModelFunction[..., Any], Args]] = {
    "a fault": (
        memory.do_huge_pmd_anonymous_page,
        lambda s: (s.vma("dst"), dst(s), s.vma("dst").start, False),
    ),
    "a fault for reading": (
        memory.do_huge_pmd_anonymous_page,
        lambda s: (s.vma("dst"), dst(s), s.vma("dst").start, True),
    ),
    "a write": (memory.do_huge_pmd_wp_page, lambda s: (s.vma("src"), src(s), s.vma("src").start)),
    "zap": (memory.zap_huge_pmd, lambda s: (s.vma("src"), src(s), s.vma("src").start)),
    "mprotect": (
        memory.change_huge_pmd,
        lambda s: (s.vma("src"), src(s), s.vma("src").start, False, False),
    ),
    "write-protect": (
        memory.change_huge_pmd,
        lambda s: (s.vma("src"), src(s), s.vma("src").start, True, False),
    ),
    "fork": (
        memory.copy_huge_pmd,
        lambda s: (s.vma("child"), s.vma("src"), child(s), src(s), s.vma("src").start),
    ),
    "mremap": (
        memory.move_huge_pmd,
        lambda s: (s.vma("src"), s.vma("src").start, s.vma("dst").start, src(s), dst(s)),
    ),
    "split of a leaf": (
        memory.split_huge_pmd,
        lambda s: (s.vma("src"), src(s), s.vma("src").start),
    ),
    "split of a folio": (split.split_large_folio, lambda s: (s.folio(0),)),
    "UFFDIO_MOVE": (
        uffd_huge.move_pages_leaf,
        lambda s: (
            dst(s),
            src(s),
            s.vma("dst"),
            s.vma("src"),
            s.vma("dst").start,
            s.vma("src").start,
            s.axis("pages"),
        ),
    ),
    "MADV_COLLAPSE": (
        collapse.collapse_huge_page,
        lambda s: (s.vma("src"), src(s), s.vma("src").start),
    ),
    "a pin": (split.gup_fast_pmd_leaf, lambda s: (s.vma("src").mm, src(s), s.folio(1), 1, True)),
    "move of a table": (
        move_tables.move_normal_pmd,
        lambda s: (s.vma("src"), s.vma("src").start, s.axis("pages"), src(s), dst(s)),
    ),
}
NEEDS_A_LEAF = {"zap", "mprotect", "write-protect", "fork", "mremap", "a write"}


@functools.cache
def world() -> tuple[Setup, Context, dict[Any, int]]:
    setup = TWO_VMAS.build(Plan({"pages": 2, "ptl": "different"}, frozenset(NEEDS), ("mm",)))
    for folio in setup.world.all(Folio):
        folio.__dict__["pages"] = (setup.folio(0), setup.folio(1))
    setup.vma("src").__dict__["uffd_wp"] = False
    return setup, Context(setup.world, "x86", epilogue=return_to_caller), setup.world.snapshot()


@pytest.mark.parametrize("name", ROUTINES)
def test_routine_as_python_and_as_ir(name: str) -> None:
    setup, ctx, base = world()
    fn, args = ROUTINES[name]
    call = Invocation(setup.threads[0], fn, args(setup))
    states = [
        (seed, functools.partial(set_up, setup)) for seed, set_up in enumerate(STATES)
        if not (name in NEEDS_A_LEAF and set_up in WITHOUT_LEAF)
    ]  # fmt: skip
    assert part_taken(ctx, base, call, states) > 0.25  # only another thread brings more about

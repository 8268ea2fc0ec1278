# SPDX-License-Identifier: GPL-2.0-only
"""The routines of hugetlb do as plain Python what their IR does, from states of every kind.

A PMD table of source and child is one table that both could use: at first the child has none, or
its own, or shares the source's.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

import pytest

from model.cast.parts import Plan, Setup
from model.cast.worlds import NEEDS, TWO_VMAS
from model.hw.arch import selected
from model.hw.archs import ARCHS, arch_named
from model.hw.objects import PteVal, Table
from model.kernel.errno import VM_FAULT_SIGBUS
from model.kernel.hugetlb import fault, ranges, tables
from model.kernel.objects import Mapping, RwSem, Vma
from model.kernel.task import return_to_caller
from model.lang import runtime
from model.lang.compose import Invocation
from model.lang.declare import ModelFunction
from model.lang.frontend.source import Context
from tests.families import MOVE
from tests.model.kernel.routine import part_taken

STATES = MOVE.casts.initial
ROUNDS = 60


@dataclass
class Huge:
    """A world whose VMAs map one hugetlb file: source and child the same pages, the destination
    others."""

    setup: Setup
    cache: Mapping
    child: Vma
    own: Table
    """What the child's PUD entry points to at first."""

    def vary(self, seed: int) -> None:
        """One of the states: what is in the page cache, whose tables they are, rights."""
        s = self.setup
        chance = Random(seed)
        src, child = s.vma("src").mm.root.pmds[0], self.child.mm.root.pmds[self.child.start]
        kind = chance.choice(("own", "none", "shared") if self.child.shared else ("own",))
        child.table = self.own
        if src.table is None:
            return
        child.table = {"own": self.own, "none": None, "shared": src.table}[kind]
        src.table.sharers = int(kind == "shared")
        for page in range(s.axis("pages")):
            if chance.random() < 0.5:
                self._to_file(page)
            if chance.random() < 0.4:
                self._take_away(page)

    def _to_file(self, page: int) -> None:
        """What is mapped there is the file's."""
        folio = self.setup.folio(page)
        if folio.mapcount == 1 and folio.locked_by is None and folio.swap is None:
            folio.mapping, folio.anon_exclusive = None, False
            self.cache.pages[page] = folio
            folio.refcount = folio.refcount + 1

    def _take_away(self, page: int) -> None:
        """The page is not mapped: free, or in the page cache alone."""
        folio, pte = self.setup.folio(page), self.setup.pte("src", page)
        if folio.mapcount == 1 and pte.val.frame is folio.frame and folio.locked_by is None:
            pte.val = PteVal()
            folio.mapcount = 0
            folio.refcount = folio.refcount - 1
            if folio.refcount == 0:
                folio.free, folio.mapping, folio.anon_exclusive = True, None, False


@functools.cache
def world(shared: bool) -> tuple[Huge, Context, dict[Any, int]]:
    """`shared`: VM_SHARED, or all private."""
    setup = TWO_VMAS.build(Plan({"pages": 2, "ptl": "different"}, frozenset(NEEDS), ("mm",)))
    child = setup.vma("child")
    assert child is not None
    w = setup.world
    sems = tuple(w.new(RwSem, f"fault_mutex{n}") for n in range(len(setup.vma("src").mm.root.pmds)))
    i_mmap = w.new(RwSem, "i_mmap_rwsem")
    cache = w.new(Mapping, "memfd", i_mmap_rwsem=i_mmap, fault_mutexes=sems)
    for vma in (setup.vma("src"), setup.vma("dst"), child):
        lock = w.new(RwSem, f"{vma}.hugetlb_lock") if shared else None
        vma.__dict__.update(shared=shared, file=cache, hugetlb_lock=lock, uffd_wp=False,
                            writable=True)  # fmt: skip
    src, own = setup.vma("src").mm.root.pmds[0].table, child.mm.root.pmds[child.start].table
    assert src is not None
    assert own is not None
    for table, at in ((src, 0), (own, child.start)):  # a place in it, from either address
        part = table.slots[at : at + setup.axis("pages")]
        slots = list(table.slots)
        slots[: setup.axis("pages")], slots[child.start : child.end] = part, part
        table.__dict__["slots"] = tuple(slots)
    base = w.snapshot()
    return Huge(setup, cache, child, own), Context(w, "x86", epilogue=return_to_caller), base


Args = Callable[[Huge], tuple[Any, ...]]
ROUTINES: dict[str, tuple[bool, ModelFunction[..., Any], Args]] = {
    "read a shared page": (
        True,
        fault.hugetlb_fault,
        lambda h: (h.setup.vma("src"), h.cache, 1, False),
    ),
    "write a shared page": (
        True,
        fault.hugetlb_fault,
        lambda h: (h.setup.vma("src"), h.cache, 1, True),
    ),
    "read a private page": (
        False,
        fault.hugetlb_fault,
        lambda h: (h.setup.vma("src"), h.cache, 1, False),
    ),
    "write a private page": (
        False,
        fault.hugetlb_fault,
        lambda h: (h.setup.vma("src"), h.cache, 1, True),
    ),
    "a fault that shares a table": (
        True,
        fault.hugetlb_fault,
        lambda h: (h.child, h.cache, h.child.start, True),
    ),
    "mprotect": (
        True,
        ranges.hugetlb_change_protection,
        lambda h: (h.setup.vma("src"), h.cache, 0, 2),
    ),
    "zap": (True, ranges.unmap_hugepage_range, lambda h: (h.setup.vma("src"), h.cache, 0, 2)),
    "zap private pages": (
        False,
        ranges.unmap_hugepage_range,
        lambda h: (h.setup.vma("src"), h.cache, 0, 2),
    ),
    "split": (True, tables.hugetlb_unshare_pmds, lambda h: (h.setup.vma("src"), h.cache, 0, True)),
    "mremap": (
        True,
        ranges.move_hugetlb_page_tables,
        lambda h: (h.setup.vma("src"), h.setup.vma("dst"), h.cache, 0, h.setup.vma("dst").start, 2),
    ),
    "fork": (
        False,
        ranges.copy_huge_pte,
        lambda h: (h.child, h.setup.vma("src"), h.cache, h.child.start, 0),
    ),
}


def _set_up(huge: Huge, seed: int) -> None:
    STATES[seed % len(STATES)].set_up(huge.setup)
    huge.vary(seed)


@pytest.mark.parametrize("name", ROUTINES)
def test_routine_as_python_and_as_ir(name: str) -> None:
    shared, fn, args = ROUTINES[name]
    huge, ctx, base = world(shared)
    call = Invocation(huge.setup.threads[0], fn, args(huge))
    states = [(seed, functools.partial(_set_up, huge, seed)) for seed in range(ROUNDS)]
    assert part_taken(ctx, base, call, states) > 0.4


def _alone(huge: Huge) -> runtime.Alone:
    return runtime.Alone(huge.setup.threads[0])


@pytest.mark.parametrize("arch", [a for a in ARCHS if a != "s390"])  # which shares no tables
def test_what_leaves_a_shared_table_is_flushed_and_counted(arch: str) -> None:
    huge, _, base = world(True)
    s = huge.setup
    s.world.restore(base)
    table = s.vma("src").mm.root.pmds[0].table
    assert table is not None
    child = huge.child.mm.root.pmds[huge.child.start]
    child.table, table.sharers = table, 1
    user = s.users["mm"]
    user.walk[s.vma("src").mm.root.pmds[0]] = frozenset({table})
    with selected(arch_named(arch)), runtime.observed(_alone(huge)):
        ranges.hugetlb_change_protection(s.vma("src"), huge.cache, 0, 2)
    assert (s.vma("src").mm.root.pmds[0].table, child.table, table.sharers) == (None, table, 0)
    assert not user.walk[s.vma("src").mm.root.pmds[0]]
    s.world.restore(base)


def test_mremap_to_where_a_table_can_be_shared_waits_for_itself() -> None:
    """As 7.3.4 is read: huge_pmd_share wants for reading what its caller holds for writing."""
    huge, _, base = world(True)
    s = huge.setup
    s.world.restore(base)
    s.vma("src").mm.root.pmds[s.vma("dst").start].table = None
    move = ranges.move_hugetlb_page_tables
    waits = pytest.raises(runtime.WouldBlock)
    with selected(arch_named("x86_64")), runtime.observed(_alone(huge)), waits:
        move(s.vma("src"), s.vma("dst"), huge.cache, 0, s.vma("dst").start, 2)
    s.world.restore(base)


def test_an_empty_pool_is_sigbus() -> None:
    huge, _, base = world(True)
    s = huge.setup
    s.world.restore(base)
    s.pte("src", 0).val = PteVal()
    for folio in s.world.all(type(s.folio(0))):
        folio.free = False
    with selected(arch_named("x86_64")), runtime.observed(_alone(huge)):
        assert fault.hugetlb_fault(s.vma("src"), huge.cache, 0, True) == VM_FAULT_SIGBUS
    s.world.restore(base)

# SPDX-License-Identifier: GPL-2.0-only
"""Deliberate errors of the reference MM that a running kernel has to contradict.

Those of tests/model/reference/mutants.py that a program can see, and some of what stands around
the routines: checks of system calls, partial results, VMAs, and what is shown.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from unittest import mock

from model.kernel.errno import EAGAIN
from model.lang.declare import ModelFunction
from model.reference.calls import advice, huge, maps, uffd
from model.reference.calls.routines import Answer
from model.reference.machine import machine
from model.reference.machine.machine import Reference
from model.reference.programs.observation import Capability, Kind, Page
from model.reference.programs.program import Arena
from model.reference.state import space
from model.reference.state.behaviour import Behaviour
from tests.model.reference.mutants import MUTANTS
from tests.model.reference.mutants_huge import HUGE_MUTANTS
from tests.model.reference.mutants_hugetlb import HUGETLB_MUTANTS

Patch = tuple[Any, str, Any]
"""An object, the name of something in it, and what takes its place."""


@dataclass(frozen=True)
class KernelMutant:
    name: str
    swaps: Mapping[ModelFunction[..., Any], ModelFunction[..., Any]] = field(default_factory=dict)
    patches: tuple[Patch, ...] = ()
    needs: frozenset[Capability] = frozenset()
    """What a kernel must be able to do for it to be seen."""
    hugetlb: bool = False
    """It shows in programs of huge pages."""

    def make(self, arena: Arena, behaviour: Behaviour) -> Reference:
        """A fresh reference MM with the error; only while it is `applied`."""
        return Reference(arena, behaviour, self.swaps)

    @contextlib.contextmanager
    def applied(self) -> Iterator[None]:
        with contextlib.ExitStack() as stack:
            for owner, name, instead in self.patches:
                stack.enter_context(mock.patch.object(owner, name, instead))
            yield


_MOVE = frozenset({Capability.UFFD, Capability.MOVE})
_OF_MODELS: Mapping[str, frozenset[Capability]] = {
    "exclusive is map count 1": _MOVE,
    "the move keeps uffd-wp": _MOVE,
    "the move drops the dirty bit": _MOVE | {Capability.SWAP},
    "no range flush": _MOVE,
    "no flush after a gather": frozenset(),
    "no flush after fork": frozenset(),
    "pins are not looked at": _MOVE | {Capability.PIN},
    "everything counts as pinned": _MOVE,
    "fork leaves the parent writable": frozenset(),
    "fork gives the child writable entries": frozenset(),
    "fork leaves pages exclusive": frozenset({Capability.SEES_EXCLUSIVE}),
    "fork leaves swap entries exclusive": frozenset({Capability.SWAP}),
    "any page is reused": frozenset(),
    "no page is reused": frozenset({Capability.SEES_FRAMES}),
    "reuse does not make exclusive": frozenset({Capability.SEES_EXCLUSIVE}),
    "a copy copies nothing": frozenset(),
    "mprotect does not unshare": frozenset(),
    "mprotect upgrades any page": frozenset(),
    "mremap keeps uffd-wp": frozenset({Capability.UFFD, Capability.SEES_UFFD_WP}),
}
"""Mutants of the routines that a program can see, and what that takes."""
_HUGETLB = frozenset({Capability.HUGETLB})
_COUNTED = ("who leaves a table is not counted",)
"""What no program can see but by what it leads to."""


def _move_with(change: Callable[[bool], bool]) -> Patch:
    true: Callable[..., Answer] = uffd.userfaultfd_move

    def call(*arguments: Any) -> Answer:
        return true(*arguments[:-1], change(arguments[-1]))

    return uffd, "userfaultfd_move", call


def _one_page_short() -> Patch:
    true: Callable[..., Answer] = uffd.userfaultfd_move

    def call(*arguments: Any) -> Answer:
        error, left = true(*arguments)
        return error, left - 1 if error == -EAGAIN and left is not None else left

    return uffd, "userfaultfd_move", call


def _move_vma_with(dontunmap: bool) -> Patch:
    anyhow: Callable[..., int] = maps._move_vma

    def move_vma(*arguments: Any) -> int:
        return anyhow(*arguments[:-1], dontunmap)

    return maps, "_move_vma", move_vma


def _zero_page_is_anonymous() -> Patch:
    true = machine._view

    def view(val: Any, leaf: bool) -> Page:
        page = true(val, leaf)
        return replace(page, kind=Kind.ANON) if page.kind is Kind.ZERO else page

    return machine, "_view", view


def _nothing(*_: Any, **__: Any) -> None:
    return None


def _whole_leaf(space: Any, start: int, end: int, uffd_wp: bool, resolve: bool) -> None:
    """change_leaves, of leaves that are in the range in part only as well."""
    first, last = space.universe.arena.table(start)
    everything = huge.change_leaves
    everything(space, min(start, first), max(end, last), uffd_wp, resolve)


_SEEN_HUGE = frozenset({Capability.HUGE, Capability.SEES_LARGE, Capability.SEES_LEAVES})
_OF_HUGE: Mapping[str, frozenset[Capability]] = {
    "tail decides": _SEEN_HUGE | _MOVE,
    "the split of a leaf forgets exclusive": _SEEN_HUGE,
    "the split of a folio forgets exclusive": _SEEN_HUGE | _MOVE | {Capability.SEES_EXCLUSIVE},
    "the split of a folio keeps pages of zeroes": _SEEN_HUGE | _MOVE | {Capability.SEES_ZERO},
    "mremap leaves the old leaf": _SEEN_HUGE,
    "mremap splits every leaf": _SEEN_HUGE,
    "a table moves without a flush": _SEEN_HUGE,
    "tables never move": _SEEN_HUGE,
    "any page of a large folio is reused": _SEEN_HUGE,
    "no page of a large folio is reused": _SEEN_HUGE,
    "mms are not told apart": _SEEN_HUGE,
    "fork leaves huge pages exclusive": _SEEN_HUGE | {Capability.SEES_EXCLUSIVE},
    "empty tables stay": _SEEN_HUGE | {Capability.TABLE_RECLAIM},
    "MADV_FREE of a part splits nothing": _SEEN_HUGE,
    "UFFDIO_MOVE splits every leaf": _SEEN_HUGE | _MOVE,
}
"""The same of those with huge pages."""


KERNEL_MUTANTS = (
    *(KernelMutant(m.name, m.swaps, needs=_OF_HUGE[m.name])
      for m in HUGE_MUTANTS if m.name in _OF_HUGE),
    KernelMutant("half an mprotect changes the whole leaf", needs=_SEEN_HUGE, patches=(
        (space.Space, "split_leaf_inside", _nothing), (maps, "change_leaves", _whole_leaf))),
    *(KernelMutant(m.name, m.swaps, needs=_OF_MODELS[m.name])
      for m in MUTANTS if m.name in _OF_MODELS),
    *(KernelMutant(m.name, m.swaps, needs=_HUGETLB, hugetlb=True)
      for m in HUGETLB_MUTANTS if m.name not in _COUNTED),
    KernelMutant("the move forgets ALLOW_SRC_HOLES", patches=(_move_with(lambda _: False),),
                 needs=_MOVE),
    KernelMutant("the move always allows holes", patches=(_move_with(lambda _: True),),
                 needs=_MOVE),
    KernelMutant("a partial move says one page less", patches=(_one_page_short(),), needs=_MOVE),
    KernelMutant("mremap keeps the old mapping", patches=(_move_vma_with(True),)),
    KernelMutant("DONTUNMAP unmaps", patches=(_move_vma_with(False),)),
    KernelMutant("MADV_DONTNEED keeps the data", patches=((advice, "zap_range", _nothing),)),
    KernelMutant("VMAs never merge", patches=((space, "_mergeable", _nothing),),
                 needs=frozenset({Capability.SEES_VMAS})),
    KernelMutant("the zero page is anonymous", patches=(_zero_page_is_anonymous(),),
                 needs=frozenset({Capability.SEES_ZERO})),
)  # fmt: skip

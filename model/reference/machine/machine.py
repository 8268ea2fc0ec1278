# SPDX-License-Identifier: GPL-2.0-only
"""The reference MM: a Machine that runs the models' routines on concrete objects.

    machine = Reference(Arena(16))
    result = machine.run(parse_op("p0 mmap 0+8 rw anon"))

One thread, in the kernel on behalf of whoever the operation names, runs each call to its end; the
processes' CPUs have TLBs, which only flushes empty.  What the models leave out is left out here
(each says so); what nothing models is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from model.hw.arch import selected
from model.hw.archs import arch_named
from model.hw.objects import PteKind
from model.kernel.errno import EINVAL, NAMES
from model.kernel.hugetlb.tables import want_pmd_share
from model.lang import pure, runtime
from model.lang.declare import ModelFunction, swapped

from ..calls import faults, processes
from ..calls.advice import EHWPOISON
from ..calls.routines import ROUTINES, Answer
from ..programs.observation import Capability, Kind, Observation, VmaView
from ..programs.observation import Page as PageView
from ..programs.program import PAGE_SIZE, Arena, Operation, Refused, Result, check_op
from ..programs.system_calls import ODD
from ..state.behaviour import Behaviour
from ..state.compound import LARGE, PageOf
from ..state.space import Space
from ..state.universe import ADAPTED, WITHOUT_GHOSTS, Universe

ABSENT = {
    "huge": "the reference MM does not do it in an arena with huge pages",
    "pud": "it does something to pages of which such an arena has nothing",
    "hugetlb": "the reference MM has no {} of huge pages",
}
"""Why an operation is not done in an arena of a kind: with huge pages, what it leaves would have to
be kept in swap, or mlocked."""


@pure
def never(*_: Any) -> bool:
    return False


ERRNO = {**NAMES, EHWPOISON: "EHWPOISON"}

Swap = Mapping[ModelFunction[..., Any], ModelFunction[..., Any]]


class Watched(runtime.Alone):
    """One thread, whose steps are told to somebody."""

    watches = True

    def __init__(self, thread: Any, watch: Callable[[str], None]) -> None:
        super().__init__(thread)
        self._watch = watch

    def before_step(self, name: str) -> None:
        if "." not in name:  # a bare access of the reference itself
            self._watch(name)


class Reference:
    """The reference MM as a Machine.

    `swaps` are functions to run in the place of others: mutants.
    """

    name = "reference"

    def __init__(
        self, arena: Arena, kernel: Behaviour = Behaviour(), swaps: Swap | None = None
    ) -> None:
        self.arena, self.kernel = arena, kernel
        self.can = frozenset(Capability)
        if not kernel.swap:
            self.can -= {Capability.SWAP}
        if not kernel.mremap_many:
            self.can -= {Capability.MREMAP_MANY}
        if not kernel.huge_zero:
            self.can -= {Capability.HUGE_ZERO}
        if not kernel.table_reclaim:
            self.can -= {Capability.TABLE_RECLAIM}
        self.universe = Universe(arena, kernel)
        self._swaps = {
            **ADAPTED, **WITHOUT_GHOSTS, **(LARGE if arena.huge else {}),
            **self.universe.patches.swaps, **(swaps or {}),
        }  # fmt: skip
        if not kernel.pmd_sharing:
            self._swaps[want_pmd_share] = never
        self._alone = runtime.Alone(self.universe.thread)
        self.spaces: dict[int, Space] = {0: Space(self.universe, 0)}
        self._used = 1

    def close(self) -> None:
        """Nothing is held."""

    def run(self, op: Operation, watch: Callable[[str], None] | None = None) -> Result:
        """Carry out one operation; Refused, BadProgramError (`check_op`).

        `watch` is told the name of each step of the models that is taken.
        """
        check_op(op, self.arena, self.spaces, self._used)
        if self.arena.kind not in op.call.often:
            raise Refused(ABSENT[self.arena.kind].format(op.name))
        self.universe.acting = self.spaces[op.proc].mm
        observer = self._alone if watch is None else Watched(self.universe.thread, watch)
        arch = arch_named(self.kernel.arch)
        with selected(arch), swapped(self._swaps), runtime.observed(observer):
            result = self._carry_out(op)
        self.universe.sweep()
        return result

    # -- operations --------------------------------------------------------------------------------

    def _carry_out(self, op: Operation) -> Result:
        if op.name in _OF_PROCESSES:
            return _OF_PROCESSES[op.name](self, op)
        space = self.spaces[op.proc]
        if not op.call.is_ioctl and self._is_inside_a_page(space, op):
            return _result_of(-EINVAL)
        return _result_of(ROUTINES[op.name](space, *op.arguments))

    def _is_inside_a_page(self, space: Space, op: Operation) -> bool:
        """True for an address that no system call takes.  Of huge pages: one inside of them is no
        place to split a VMA (hugetlb_vm_op_split), or to move it to (align_hugetlb)."""
        if not self.arena.hugetlb:
            return "odd_address" in op.flags
        if op.flags.isdisjoint(ODD):
            return False
        area = space.find(op.page)
        if area is None or (op.name == "mprotect" and area.flags.prot == op.prot):
            raise Refused("where nothing would be split, an odd address is no error")
        return True

    def fork(self, op: Operation) -> Result:
        if len(self.spaces) >= processes.MOST_LIVING:
            raise Refused(f"no more than {processes.MOST_LIVING} processes live at once")
        self.spaces[op.target] = processes.fork(self.spaces[op.proc], op.target)
        self._used += 1
        return Result()

    def exit(self, op: Operation) -> Result:
        processes.exit_mm(self.spaces.pop(op.proc))
        return Result()

    # -- observation -------------------------------------------------------------------------------

    def observe(self) -> Observation:
        """Everything that the arena shows."""
        pages = {n: self._pages(s) for n, s in sorted(self.spaces.items())}
        vmas = {
            n: tuple(VmaView(a.start, a.end, a.flags.prot) for a in s.areas)
            for n, s in sorted(self.spaces.items())
        }
        return Observation(pages, vmas)

    def _pages(self, space: Space) -> tuple[PageView | None, ...]:
        found: list[PageView | None] = [None] * self.arena.pages
        for area in space.areas:
            for page in range(area.start, area.end):
                leaf = space.leaf_at(page) is not None
                view = _view(faults.entry(space, page), leaf)
                if self.arena.hugetlb:  # of which all are
                    view = replace(view, large=None, leaf=None)
                found[page] = view
        return tuple(found)


_KINDS = {PteKind.NONE: Kind.NONE, PteKind.SWAP: Kind.SWAP, PteKind.MARKER: Kind.MARKER}


def _view(val: Any, leaf: bool) -> PageView:
    if val.kind != PteKind.PRESENT:
        guard = val.kind == PteKind.MARKER and val.entry == faults.GUARD
        return PageView(Kind.GUARD if guard else _KINDS[val.kind], uffd_wp=val.uffd_wp)
    frame: Any = val.frame
    if frame.zero:
        return PageView(Kind.ZERO, uffd_wp=val.uffd_wp, value=0, leaf=leaf)
    folio: Any = frame.folio
    anon = folio.mapping is not None
    large = isinstance(folio, PageOf)
    head = folio.head if large else folio
    return PageView(
        Kind.ANON if anon else Kind.FILE, frame.number,
        folio.page_mapcount if large else folio.mapcount,
        head.anon_exclusive if anon else None, val.uffd_wp, frame.value,
        folio.large if anon else None, leaf,
    )  # fmt: skip


_OF_PROCESSES: Mapping[str, Callable[[Reference, Operation], Result]] = {
    "fork": Reference.fork, "exit": Reference.exit
}  # fmt: skip
"""Operations on the machine itself."""


def _result_of(answer: int | Answer | Result) -> Result:
    """The result that a program is told, from what a routine gives."""
    if isinstance(answer, Result):
        return answer
    if isinstance(answer, int):
        return Result(ERRNO[-answer]) if answer < 0 else Result(value=answer)
    err, left = answer
    if left is not None and left > 0:
        left *= PAGE_SIZE
    return Result(ERRNO[-err] if err else "", 0, left)

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
from model.hw.objects import PteKind
from model.kernel.errno import EINVAL, NAMES
from model.kernel.hugetlb.tables import want_pmd_share
from model.lang import pure, runtime
from model.lang.declare import ModelFunction, swapped
from model.patches.uffd_move_batching import FAMILY

from ..calls import advice, faults, hugetlb, maps, processes, uffd
from ..calls.huge import collapse
from ..programs.observation import Capability, Kind, Observation, VmaView
from ..programs.observation import Page as PageView
from ..programs.program import ODD, PAGE_SIZE, Arena, Operation, Refused, Result, check_op
from ..state.behaviour import Behaviour
from ..state.compound import LARGE, PageOf
from ..state.space import Area, Space
from ..state.universe import ADAPTED, WITHOUT_GHOSTS, Universe

NOT_HUGE = ("pageout", "mlock", "munlock")
"""What is not done in an arena with huge pages: they would have to be kept in swap, or mlocked."""

SPARSE = ("mmap", "munmap", "mprotect", "mremap", "dontneed", "fork", "exit", "read", "write",
          "register", "unregister", "wp")  # fmt: skip
"""What is done in an arena of whole PUDs."""


@pure
def never(*_: Any) -> bool:
    return False


ERRNO = {**NAMES, advice.EHWPOISON: "EHWPOISON"}

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
        self._move = uffd.Move(FAMILY.variant(kernel.move))
        self._swaps = {
            **ADAPTED, **WITHOUT_GHOSTS, **(LARGE if arena.huge else {}),
            **self._move.variant.swap, **(swaps or {}),
        }  # fmt: skip
        if not kernel.pmd_sharing:
            self._swaps[want_pmd_share] = never
        self.universe = Universe(arena, kernel)
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
        if self.arena.huge and op.name in NOT_HUGE:
            raise Refused("the reference MM does not do it in an arena with huge pages")
        if self.arena.pud and op.name not in SPARSE:
            raise Refused("it does something to pages of which such an arena has nothing")
        self.universe.acting = self.spaces[op.proc].mm
        observer = self._alone if watch is None else Watched(self.universe.thread, watch)
        with selected(self.kernel.arch), swapped(self._swaps), runtime.observed(observer):
            result = (_DO_HUGETLB if self.arena.hugetlb else _DO)[op.name](self, op)
        self.universe.sweep()
        return result

    # -- operations --------------------------------------------------------------------------------

    def read(self, op: Operation) -> Result:
        token = faults.load(self.spaces[op.proc], op.page)
        return Result("EFAULT") if token is None else Result(value=token)

    def write(self, op: Operation) -> Result:
        return Result("" if faults.store(self.spaces[op.proc], op.page, op.token) else "EFAULT")

    def fork(self, op: Operation) -> Result:
        if len(self.spaces) >= processes.MOST_LIVING:
            raise Refused(f"no more than {processes.MOST_LIVING} processes live at once")
        self.spaces[op.target] = processes.fork(self.spaces[op.proc], op.target)
        self._used += 1
        return Result()

    def exit(self, op: Operation) -> Result:
        processes.exit_mm(self.spaces.pop(op.proc))
        return Result()

    def call(self, err: int) -> Result:
        """What a system call returned."""
        return Result(ERRNO[-err]) if err < 0 else Result(value=err)

    def ioctl(self, answer: uffd.Answer) -> Result:
        err, left = answer
        if left is not None and left > 0:
            left *= PAGE_SIZE
        return Result(ERRNO[-err] if err else "", 0, left)

    def mremap(self, op: Operation) -> Result:
        moves = op.flags & {"fixed", "dontunmap"}
        if "odd_address" in op.flags or (moves and "odd_target" in op.flags):
            return self.call(-EINVAL)
        space = self.spaces[op.proc]
        return self.call(maps.mremap(
            space, op.page, op.length, op.new_length, op.target, op.flags,
            many=self.kernel.mremap_many,
        ))  # fmt: skip

    def advise(self, op: Operation, behaviour: Callable[..., int]) -> Result:
        if "odd_address" in op.flags:
            return self.call(-EINVAL)
        return self.call(advice.walk_vmas(self.spaces[op.proc], op.page, op.length, behaviour))

    def move(self, op: Operation) -> Result:
        if op.flags & {"odd_address", "odd_length", "odd_target"}:
            return Result("EINVAL")
        space = self.spaces[op.proc]
        return self.ioctl(self._move(space, op.page, op.length, op.target, "holes" in op.flags))

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


def _unless_odd(fn: Callable[[Space, Operation], int]) -> Callable[[Reference, Operation], Result]:
    def do(machine: Reference, op: Operation) -> Result:
        odd = "odd_address" in op.flags
        return machine.call(-EINVAL if odd else fn(machine.spaces[op.proc], op))

    return do


def _ioctl(
    fn: Callable[[Space, Operation], uffd.Answer],
) -> Callable[[Reference, Operation], Result]:
    return lambda machine, op: machine.ioctl(fn(machine.spaces[op.proc], op))


_DO: Mapping[str, Callable[[Reference, Operation], Result]] = {
    "mmap": _unless_odd(lambda s, o: maps.mmap(s, o.page, o.length, o.prot, o.kind, o.at)),
    "munmap": _unless_odd(lambda s, o: maps.munmap(s, o.page, o.length)),
    "mprotect": _unless_odd(lambda s, o: maps.mprotect(s, o.page, o.length, o.prot)),
    "mlock": _unless_odd(lambda s, o: maps.mlock(s, o.page, o.length)),
    "munlock": _unless_odd(lambda s, o: maps.munlock(s, o.page, o.length)),
    "mremap": Reference.mremap,
    "dontneed": lambda m, o: m.advise(o, advice.dontneed),
    "free": lambda m, o: m.advise(o, advice.free),
    "pageout": lambda m, o: m.advise(o, advice.pageout),
    "guard": lambda m, o: m.advise(o, advice.guard),
    "unguard": lambda m, o: m.advise(o, advice.unguard),
    "populate_read": _unless_odd(lambda s, o: advice.populate(s, o.page, o.length, False)),
    "populate_write": _unless_odd(lambda s, o: advice.populate(s, o.page, o.length, True)),
    "huge_read": _unless_odd(lambda s, o: advice.populate(s, o.page, o.length, False, huge=True)),
    "huge_write": _unless_odd(lambda s, o: advice.populate(s, o.page, o.length, True, huge=True)),
    "collapse": lambda m, o: m.advise(o, collapse),
    "fork": Reference.fork, "exit": Reference.exit,
    "read": Reference.read, "write": Reference.write,
    "register": _ioctl(lambda s, o: uffd.register(s, o.page, o.length, o.flags)),
    "unregister": _ioctl(lambda s, o: uffd.unregister(s, o.page, o.length)),
    "copy": _ioctl(lambda s, o: uffd.copy(s, o.page, o.length, o.token, "wp" in o.flags)),
    "zeropage": _ioctl(lambda s, o: uffd.zeropage(s, o.page, o.length)),
    "poison": _ioctl(lambda s, o: uffd.poison(s, o.page, o.length)),
    "wp": _ioctl(lambda s, o: uffd.writeprotect(s, o.page, o.length, "off" in o.flags)),
    "move": Reference.move,
    "pin": _unless_odd(lambda s, o: processes.pin_buffer(s, o.page, o.length, o.slot)),
    "unpin": _unless_odd(lambda s, o: processes.unpin(s, o.slot)),
}  # fmt: skip
"""What carries out each operation."""


def _unless_split(
    fn: Callable[[Space, Operation], int],
) -> Callable[[Reference, Operation], Result]:
    """Of huge pages: an address inside of one is no place to split a VMA (hugetlb_vm_op_split), or
    to move it to (align_hugetlb)."""

    def do(machine: Reference, op: Operation) -> Result:
        space = machine.spaces[op.proc]
        if op.flags.isdisjoint(ODD):
            return machine.call(fn(space, op))
        area = space.find(op.page)
        if area is None or (op.name == "mprotect" and area.flags.prot == op.prot):
            raise Refused("where nothing would be split, an odd address is no error")
        return machine.call(-EINVAL)

    return do


def _huge_advice(
    behaviour: Callable[[Space, Area, int, int], int],
) -> Callable[[Space, Operation], int]:
    return lambda space, op: advice.walk_vmas(space, op.page, op.length, behaviour)


def _not_of_huge_pages(_: Reference, op: Operation) -> Result:
    raise Refused(f"the reference MM has no {op.name} of huge pages")


_DO_HUGETLB: Mapping[str, Callable[[Reference, Operation], Result]] = {
    **dict.fromkeys(_DO, _not_of_huge_pages),
    "mmap": _unless_split(lambda s, o: hugetlb.mmap(s, o.page, o.length, o.prot, o.kind, o.at)),
    "munmap": _unless_split(lambda s, o: hugetlb.munmap(s, o.page, o.length)),
    "mprotect": _unless_split(lambda s, o: maps.mprotect(s, o.page, o.length, o.prot)),
    "mremap": _unless_split(lambda s, o: maps.mremap(
        s, o.page, o.length, o.new_length, o.target, o.flags, many=s.universe.kernel.mremap_many)),
    "dontneed": _unless_split(_huge_advice(hugetlb.dontneed)),
    **{name: _unless_split(_huge_advice(hugetlb.forbidden))
       for name in ("free", "pageout", "guard", "unguard")},
    "fork": Reference.fork, "exit": Reference.exit,
    "read": Reference.read, "write": Reference.write, "move": Reference.move,
}  # fmt: skip
"""The same in an arena of huge pages."""

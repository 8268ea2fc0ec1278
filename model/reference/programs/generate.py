# SPDX-License-Identifier: GPL-2.0-only
"""Random programs from a seed.

A generator keeps a rough picture of the arena (what is mapped how, what was touched), so that
most operations have something to work on.  The picture is only for choosing: an operation that
fails, where the picture says it works, is as welcome as one that works.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from random import Random

from .observation import Capability
from .program import PROTECTIONS, SLOTS, TOKENS, Arena, Operation, Program, check_op
from .system_calls import SYSTEM_CALLS, often_in

MAX_LIVING = 4
"""At most so many processes live at once."""


@dataclass
class Place:
    """What the generator believes of one page of one process."""

    kind: str = "anon"
    prot: str = "rw"
    touched: bool = False
    registered: frozenset[str] = frozenset()
    locked: bool = False
    lazy: str = ""
    """After MADV_FREE: "freed", then "written", then "moved" (UFFDIO_MOVE).  Whether such a page
    goes to swap or is thrown away is up to the dirty bit alone."""


@dataclass
class _Belief:
    """The whole picture: per process, per page a Place, None where nothing is mapped."""

    places: dict[int, list[Place | None]]
    pins: dict[int, dict[int, tuple[int, int]]] = field(default_factory=dict)


class Generator:
    """Programs from one seed, each as long as asked for."""

    def __init__(
        self, seed: int, arena: Arena, can: Collection[Capability], *, fork: bool = True,
        files: bool = True, weights: Mapping[str, int] | None = None,
    ) -> None:  # fmt: skip
        """`can`: what the machines that will run the programs do.  `files`: map the memfd too.
        `weights`: how often each operation is tried, if not as usual."""
        weights = often_in(arena.kind) if weights is None else weights
        self._random = Random(seed)
        self._arena, self._files = arena, files
        names = [n for n in weights if fork or n not in ("fork", "exit")]
        self._names = [n for n in names if all(c in can for c in SYSTEM_CALLS[n].needs)]
        self._weights = [weights[n] for n in self._names]
        self._belief = _Belief({0: [None] * arena.pages})
        self._used = 1

    def program(self, steps: int) -> Program:
        """A program of so many operations, after a few that map the arena."""
        half = self._arena.pages // 2
        ops = [Operation("mmap", 0, 0, half), Operation("mmap", 0, half, half)]
        if "register" in self._names and self._random.random() < 0.6:
            ops.append(Operation("register", 0, half, half, flags=frozenset({"missing"})))
        return self._begun(ops, steps)

    def _begun(self, ops: list[Operation], steps: int) -> Program:
        """So many operations more."""
        begun = steps + len(ops)
        for op in ops:
            self._note(op)
        while len(ops) < begun:
            name = self._random.choices(self._names, self._weights)[0]
            make = _MAKE.get(name)
            made = self._mapped(name) if make is None else make(self)
            if made is not None:
                check_op(made, self._arena, self._belief.places, self._used)
                ops.append(self._note(made))
        return Program(tuple(ops), self._arena)

    # -- choosing ----------------------------------------------------------------------------------

    def _one(self) -> int:
        return self._random.choice(list(self._belief.places))

    def _span(self, longest: int = 6) -> tuple[int, int]:
        """Any range, short ones more often."""
        start = self._random.randrange(self._arena.pages)
        length = min(1 + int(self._random.expovariate(0.5)), longest, self._arena.pages - start)
        return start, length

    def _where(
        self, proc: int, wanted: Callable[[Place | None], bool], longest: int = 6
    ) -> tuple[int, int]:
        """A range that begins where something is as wanted and mostly goes on so; any if none."""
        places = self._belief.places[proc]
        starts = [n for n, p in enumerate(places) if wanted(p)]
        if not starts or self._random.random() < 0.08:
            return self._span(longest)
        start = self._random.choice(starts)
        length = 1
        most = min(1 + int(self._random.expovariate(0.4)), longest, len(places) - start)
        while length < most and (wanted(places[start + length]) or self._random.random() < 0.15):
            length += 1
        return start, length

    def _next(
        self, proc: int, lazy: str, otherwise: Callable[[Place | None], bool]
    ) -> Callable[[Place | None], bool]:
        """What is wanted: half of the time a page that is so far after MADV_FREE, if one is."""

        def wanted(place: Place | None) -> bool:
            return place is not None and place.lazy == lazy and otherwise(place)

        some = any(map(wanted, self._belief.places[proc]))
        return wanted if some and self._random.random() < 0.5 else otherwise

    def _mapped(
        self, name: str, longest: int = 6, flags: frozenset[str] = frozenset()
    ) -> Operation:
        proc = self._one()
        page, length = self._where(proc, lambda p: p is not None, longest)
        return Operation(name, proc, page, length, flags=flags)

    def _anon(self, name: str, longest: int = 6) -> Operation:
        proc = self._one()
        page, length = self._where(proc, _is_anon, longest)
        return Operation(name, proc, page, length)

    def _run(self, proc: int, page: int) -> int:
        """How many pages from this one on are mapped alike, as in one VMA."""
        places = self._belief.places[proc]
        first, length = places[page], 1
        while page + length < len(places) and first is not None:
            other = places[page + length]
            if other is None or replace(other, touched=first.touched) != first:
                break
            length += 1
        return length

    def _some(self, wanted: Callable[[Place | None], bool]) -> int | None:
        """A process that has what is wanted somewhere; sometimes any; None if none has."""
        if self._random.random() < 0.05:
            return self._one()
        have = [n for n, places in self._belief.places.items() if any(map(wanted, places))]
        return self._random.choice(have) if have else None

    def _registered(self, name: str, *, touched: bool, mode: str = "") -> Operation | None:
        def wanted(place: Place | None) -> bool:
            modes = place.registered if place is not None else frozenset()
            return bool(modes) and (mode in modes or not mode) and _touched(place) is touched

        proc = self._some(wanted)
        return None if proc is None else Operation(name, proc, *self._where(proc, wanted, 4))

    def _token(self) -> int:
        return self._random.choice(TOKENS)

    def _flags(self, **chances: float) -> frozenset[str]:
        return frozenset(n for n, chance in chances.items() if self._random.random() < chance)

    def mmap(self) -> Operation:
        page, length = self._span(8)
        kind = "anon"
        if self._files and self._random.random() < 0.35:
            kind = self._random.choice(("file", "shared"))
        at = page if self._random.random() < 0.5 else 0
        at = at if kind != "anon" and at + length <= self._arena.pages else 0
        prot = self._random.choices(PROTECTIONS, (1, 2, 12))[0]
        return Operation("mmap", self._one(), page, length, prot=prot, kind=kind, at=at)

    def mprotect(self) -> Operation:
        op = self._mapped("mprotect", flags=self._flags(odd_address=0.01))
        return replace(op, prot=self._random.choices(PROTECTIONS, (1, 3, 4))[0])

    def mremap(self) -> Operation:
        op = self._mapped("mremap")
        draw = self._random.random()
        if draw < 0.25:  # in place
            new = self._random.randint(1, min(op.length + 2, self._arena.pages - op.page))
            return replace(op, target=op.page, new_length=new)
        target = self._random.randint(0, self._arena.pages - 1)
        new = op.length
        if draw > 0.9:
            new = self._random.randint(0, op.length + 2)
        if draw > 0.97:
            op = replace(op, length=0)
        new = min(new, self._arena.pages - target)
        flags = {"fixed", *self._flags(maymove=0.98, dontunmap=0.15, odd_target=0.01)}
        return replace(op, target=target, new_length=new, flags=frozenset(flags))

    def fork(self) -> Operation | None:
        if len(self._belief.places) >= MAX_LIVING:
            return None
        return Operation("fork", self._one(), target=self._used)

    def exit(self) -> Operation | None:
        others = [p for p in self._belief.places if p != 0]
        return Operation("exit", self._random.choice(others)) if others else None

    def filled(self, name: str) -> Operation:
        """huge_read and huge_write."""
        return self._anon(name)

    def read(self) -> Operation:
        op = self._mapped("read")
        return Operation("read", op.proc, op.page)

    def write(self) -> Operation:
        proc = self._one()
        wanted = self._next(proc, "freed", lambda p: p is not None and p.prot == "rw")
        page, _ = self._where(proc, wanted)
        return Operation("write", proc, page, token=self._token())

    def register(self) -> Operation:
        op = self._mapped("register", 8)
        modes = self._random.choices((("missing",), ("missing", "wp"), ("wp",)), (5, 4, 2))[0]
        return replace(op, flags=frozenset(modes))

    def copy(self) -> Operation | None:
        op = self._registered("copy", touched=False)
        return op and replace(op, token=self._token(), flags=self._flags(wp=0.2))

    def move(self) -> Operation | None:
        proc = self._some(lambda p: p is not None and bool(p.registered))
        if proc is None:
            return None
        wanted = self._next(proc, "written", lambda p: _is_anon(p) and _touched(p))
        source, length = self._where(proc, wanted)
        place = self._belief.places[proc][source]

        def fits(there: Place | None) -> bool:
            return (
                place is not None and there is not None and bool(there.registered)
                and there.prot == place.prot and there.locked == place.locked
            )  # fmt: skip

        target, _ = self._where(proc, lambda p: fits(p) and not _touched(p))
        most = min(self._run(proc, source), self._run(proc, target))
        if self._random.random() < 0.95:
            length = min(length, most)
        length = min(length, self._arena.pages - target)
        flags = self._flags(holes=0.35, odd_address=0.005, odd_length=0.005, odd_target=0.005)
        length = 0 if self._random.random() < 0.005 else length
        return Operation("move", proc, source, length, target, flags=flags)

    def free(self) -> Operation:
        proc = self._one()
        return Operation("free", proc, *self._where(proc, lambda p: _is_anon(p) and _touched(p)))

    def pageout(self) -> Operation:
        proc = self._one()
        return Operation("pageout", proc, *self._where(proc, self._next(proc, "moved", _touched)))

    def wp(self) -> Operation | None:
        op = self._registered("wp", touched=True, mode="wp")
        return op and replace(op, flags=self._flags(off=0.4))

    def pin(self) -> Operation | None:
        proc = self._one()
        held = self._belief.pins.get(proc, {})
        free = [s for s in SLOTS if s not in held]
        if not free:
            return None
        page, length = self._where(proc, lambda p: _is_anon(p) and _touched(p), 3)
        return Operation("pin", proc, page, length, slot=free[0])

    def unpin(self) -> Operation | None:
        held = [(p, s) for p, slots in self._belief.pins.items() for s in slots]
        if not held:
            return None
        proc, slot = self._random.choice(held)
        return Operation("unpin", proc, slot=slot)

    # -- what an operation, if it works, does to the picture ---------------------------------------

    def _note(self, op: Operation) -> Operation:
        places = self._belief.places[op.proc]
        span = range(op.page, op.page + op.length)
        if op.name == "mmap":
            for n in span:
                places[n] = Place(op.kind, op.prot)
        elif op.name == "munmap":
            for n in span:
                places[n] = None
        elif op.name in ("mremap", "move"):
            self._note_move(op, places)
        elif op.name == "fork":
            copied = [replace(p, registered=frozenset()) if p else None for p in places]
            self._belief.places[op.target] = copied
            self._used += 1
        elif op.name == "exit":
            del self._belief.places[op.proc]
            self._belief.pins.pop(op.proc, None)
        elif op.name == "pin":
            self._belief.pins.setdefault(op.proc, {})[op.slot] = (op.page, op.length)
        elif op.name == "unpin":
            self._belief.pins[op.proc].pop(op.slot)
        else:
            for n in span:
                place = places[n]
                if place is not None:
                    _touch(op, place)
        return op

    def _note_move(self, op: Operation, places: list[Place | None]) -> None:
        if op.name == "mremap" and op.new_length < 1:
            return
        for n in range(op.length):
            taken = places[op.page + n]
            if op.target + n >= self._arena.pages or taken is None or op.target == op.page:
                continue
            if op.name == "mremap":
                places[op.target + n] = replace(taken)
                places[op.page + n] = replace(taken, touched=False)
                if "dontunmap" not in op.flags:
                    places[op.page + n] = None
            else:
                there = places[op.target + n]
                if there is not None:
                    there.touched, taken.touched = taken.touched, False
                    there.lazy, taken.lazy = "moved" if taken.lazy == "written" else "", ""


def _is_anon(place: Place | None) -> bool:
    return place is not None and place.kind == "anon"


def _touched(place: Place | None) -> bool:
    return place is not None and place.touched


def _touch(op: Operation, place: Place) -> None:
    if op.name == "mprotect":
        place.prot = op.prot
    elif op.call.touches is not None:
        place.touched = op.call.touches
        if op.name == "write":
            place.lazy = "written" if place.lazy in ("freed", "written") else ""
    elif op.name in ("free", "pageout"):
        place.lazy = "freed" if op.name == "free" and place.touched else ""
    elif op.name == "register":
        place.registered = op.flags
    elif op.name == "unregister":
        place.registered = frozenset()
    elif op.name in ("mlock", "munlock"):
        place.locked = op.name == "mlock"


_MAKE: Mapping[str, Callable[[Generator], Operation | None]] = {
    "collapse": lambda g: g._anon("collapse", 8),
    "huge_read": lambda g: g.filled("huge_read"), "huge_write": lambda g: g.filled("huge_write"),
    "dontneed": lambda g: g._mapped("dontneed", flags=g._flags(odd_address=0.01)),
    "free": Generator.free, "pageout": Generator.pageout,
    "zeropage": lambda g: g._registered("zeropage", touched=False),
    "poison": lambda g: g._registered("poison", touched=False),
    "mmap": lambda g: g.mmap(), "mprotect": lambda g: g.mprotect(),
    "mremap": lambda g: g.mremap(), "fork": lambda g: g.fork(), "exit": lambda g: g.exit(),
    "read": lambda g: g.read(), "write": lambda g: g.write(),
    "register": lambda g: g.register(), "copy": lambda g: g.copy(), "move": lambda g: g.move(),
    "wp": lambda g: g.wp(), "pin": lambda g: g.pin(), "unpin": lambda g: g.unpin(),
}  # fmt: skip
"""How what is not just a range of mapped pages is chosen; None: not now."""

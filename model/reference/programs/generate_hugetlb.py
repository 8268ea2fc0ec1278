# SPDX-License-Identifier: GPL-2.0-only
"""Random programs of huge pages from a seed: a few processes that map one file, mostly alike.

What share PMD tables are whole PUD ranges at the same offset, so most ranges are whole, and most
offsets those of the page that is mapped.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from random import Random

from .observation import Capability
from .program import PARTS_OF_A_PUD, TOKENS, Arena, Operation, Program, check_op
from .system_calls import SYSTEM_CALLS, often_in

ARENA = Arena(3 * PARTS_OF_A_PUD, hugetlb=True)

MAX_LIVING = 3


class HugetlbGenerator:
    """A program from a seed.  Which pages each process has mapped is kept for choosing alone."""

    def __init__(
        self, seed: int, can: Collection[Capability], weights: Mapping[str, int] | None = None
    ) -> None:
        """`can`: what the machines that will run the program do.  `weights`: how often each
        operation is tried, if not as usual."""
        weights = often_in(ARENA.kind) if weights is None else weights
        self._random = Random(seed)
        self._names = [n for n in weights if all(c in can for c in SYSTEM_CALLS[n].needs)]
        self._weights = [weights[n] for n in self._names]
        self._mapped: dict[int, set[int]] = {0: set()}
        self._used = 1

    def program(self, steps: int) -> Program:
        """So many operations: p0 maps a PUD range or two, most often it writes there and forks."""
        whole = self._random.choice((1, 2)) * PARTS_OF_A_PUD
        ops = [Operation("mmap", 0, 0, whole, kind="shared")]
        if "fork" in self._names and self._likely(0.7):
            ops += [
                Operation("write", 0, 0, token=1),
                Operation("fork", 0, target=1),
                Operation("read", 1, 0),
            ]
        for op in ops:
            self._note(op)
        while len(ops) < steps:
            name = self._random.choices(self._names, self._weights)[0]
            made = _MAKE.get(name, HugetlbGenerator._plain)(self, name)
            if made is not None:
                check_op(made, ARENA, self._mapped, self._used)
                self._note(made)
                ops.append(made)
        return Program(tuple(ops[:steps]), ARENA)

    def _note(self, op: Operation) -> None:
        mapped = self._mapped[op.proc]
        span = range(op.page, op.page + op.length)
        if op.name == "mmap":
            mapped |= set(span)
        elif op.name == "munmap":
            mapped -= set(span)
        elif op.name == "mremap" and "fixed" in op.flags:
            there = {p - op.page + op.target for p in mapped.intersection(span)}
            self._mapped[op.proc] = (mapped - set(span)) | there.intersection(range(ARENA.pages))
        elif op.name == "fork":
            self._mapped[op.target] = set(mapped)
            self._used += 1
        elif op.name == "exit":
            del self._mapped[op.proc]

    # -- choosing ----------------------------------------------------------------------------------

    def _proc(self) -> int:
        return self._random.choice(list(self._mapped))

    def _likely(self, chance: float) -> bool:
        return self._random.random() < chance

    def _range(self) -> tuple[int, int]:
        """Whole PUD ranges more often than not, else any."""
        if self._likely(0.6):
            first = self._random.randrange(ARENA.pages // PARTS_OF_A_PUD)
            most = ARENA.pages // PARTS_OF_A_PUD - first
            number = 1 if self._likely(0.7) else self._random.randint(1, most)
            return first * PARTS_OF_A_PUD, number * PARTS_OF_A_PUD
        page = self._random.randrange(ARENA.pages)
        return page, self._random.randint(1, min(6, ARENA.pages - page))

    def _where(self, proc: int) -> tuple[int, int]:
        """A range that begins where something is mapped, most often."""
        found = page, _ = self._range()
        for _ in range(4):
            if page in self._mapped[proc]:
                break
            found = page, _ = self._range()
        return found

    def _odd(self, name: str, chance: float = 0.02) -> frozenset[str]:
        return frozenset({name} if self._likely(chance) else ())

    def _plain(self, name: str) -> Operation:
        proc = self._proc()
        may_be_odd = "odd_address" in SYSTEM_CALLS[name].flags
        odd = self._odd("odd_address") if may_be_odd else frozenset[str]()
        prot = self._random.choices(("none", "r", "rw"), (1, 4, 6))[0]
        prot = prot if name == "mprotect" else "rw"
        return Operation(name, proc, *self._where(proc), prot=prot, flags=odd)

    def _access(self, name: str) -> Operation:
        """The first pages of a PUD range more often: that is where others look as well."""
        proc = self._proc()
        page = self._random.randrange(ARENA.pages)
        page -= page % PARTS_OF_A_PUD // 2
        if self._mapped[proc] and page not in self._mapped[proc] and self._likely(0.95):
            page = self._random.choice(sorted(self._mapped[proc]))
        token = self._random.choice(TOKENS) if name == "write" else 0
        return Operation(name, proc, page, token=token)

    def _mmap(self, name: str) -> Operation:
        page, length = self._range()
        at = page if self._likely(0.2) else self._random.choice((0, 0, 0, 1))
        at = min(at + page % PARTS_OF_A_PUD, ARENA.pages - length)
        kind = "shared" if self._likely(0.75) else "file"
        prot = self._random.choices(("none", "r", "rw"), (1, 3, 12))[0]
        return Operation(name, self._proc(), page, length, prot=prot, kind=kind, at=at)

    def _mremap(self, name: str) -> Operation:
        proc = self._proc()
        page, length = self._where(proc)
        if self._likely(0.15):
            return Operation(name, proc, page, length, page, self._random.randint(0, length))
        target = self._random.randrange(ARENA.pages)
        new = length if self._likely(0.8) else self._random.randint(0, length + 1)
        flags = frozenset({"maymove", "fixed"}) | self._odd("dontunmap", 0.05)
        flags |= self._odd("odd_target")
        return Operation(
            name, proc, page, length, target, min(new, ARENA.pages - target), flags=flags
        )

    def _fork(self, name: str) -> Operation | None:
        full = len(self._mapped) >= MAX_LIVING
        return None if full else Operation(name, self._proc(), target=self._used)

    def _exit(self, name: str) -> Operation | None:
        children = [n for n in self._mapped if n]
        return Operation(name, self._random.choice(children)) if children else None

    def _move(self, name: str) -> Operation:
        page, length = self._range()
        return Operation(
            name, self._proc(), page, length, self._random.randrange(ARENA.pages - length + 1)
        )


_MAKE: Mapping[str, Callable[[HugetlbGenerator, str], Operation | None]] = {
    "read": HugetlbGenerator._access, "write": HugetlbGenerator._access,
    "mmap": HugetlbGenerator._mmap, "mremap": HugetlbGenerator._mremap,
    "fork": HugetlbGenerator._fork, "exit": HugetlbGenerator._exit,
    "move": HugetlbGenerator._move,
}  # fmt: skip
"""How what is not plain is chosen; None: not now."""

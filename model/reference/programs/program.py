# SPDX-License-Identifier: GPL-2.0-only
"""Programs: what both the reference MM and a running kernel carry out.

A program is a list of operations on an arena of a few base pages that every process has at the
same address.  At first there is one process, p0, nothing is mapped in the arena, and one memfd
as long as the arena holds nothing.  A `Machine` runs one operation at a time and shows what it has
become; `observation` says what is shown, and compares what two machines show.

Text form, one operation a line, `#` begins a comment:

    arena 16 boundary 8          # optional first line; or: arena 24 huge 8; or: arena 12 hugetlb
    p0 mmap 0+8 rw anon
    p0 write 2 = 7
    p0 fork -> p1
    p0 register 8+4 missing wp
    p0 move 0+2 -> 12 holes

Ranges are `page+length` in base pages; a length may be 0.  The words after a range are flags, in
any order on input.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import Any, Protocol

from .observation import Capability, Observation
from .system_calls import ODD, SYSTEM_CALLS, SystemCall

PAGE_SIZE = 4096

PTRS_PER_PTE = 512
MAX_PAGES = 512
"""An arena has at most so many pages."""
HUGE = (2, 4, 8, 16, 32)
"""So many pages may a PMD entry map, so that a page is at least as long as a fault looks around."""

PARTS_OF_A_PUD = 4
"""So many pages of an arena of huge pages are what one PMD table maps."""

MAX_HUGE_PAGES = 64
"""An arena of huge pages has at most so many."""


class BadProgramError(ValueError):
    """A text that is no program, or an operation that no machine is to be asked for."""


class Refused(Exception):  # noqa: N818 - an answer, not an error of the program
    """A machine does not do this operation; the reason is the text.  Its state has not changed."""


@dataclass(frozen=True)
class Result:
    """What an operation returned.

    `errno`: its name ("EBUSY"), or "" for success.  `value`: for `read` the token, for mremap the
    page where the range is now, else 0.  `field`: what is left in the out field of a userfaultfd
    ioctl (`move`, `copy`, `zeropage`), in bytes, or a negative errno; None if it was not written,
    or there is none.
    """

    errno: str = ""
    value: int = 0
    field: int | None = None

    def __str__(self) -> str:
        left = "" if self.field is None else f" ({self.field})"
        return (self.errno or f"OK {self.value}") + left


class Machine(Protocol):
    """Something that carries out programs: the reference MM, or a running kernel."""

    name: str
    can: frozenset[Capability]

    def run(self, op: Operation) -> Result:
        """Carry out one operation; Refused if it is not among what this machine does."""

    def observe(self) -> Observation:
        """What the arena is now, in every process that lives.  Changes nothing."""

    def close(self) -> None:
        """End all processes and give back what was taken."""


# -- operations --------------------------------------------------------------------------------

PROTECTIONS = ("none", "r", "rw")
KINDS = ("anon", "file", "shared")
"""What mmap maps, always MAP_FIXED and replacing what was there: private anonymous memory, the
memfd privately, the memfd shared."""


TOKENS = range(1, 256)
SLOTS = range(4)


@dataclass(frozen=True)
class Operation:
    """An operation.  Its system call takes some of the fields; the others keep their defaults.

    Pages and lengths are in base pages of the arena.
    """

    name: str
    proc: int = 0
    page: int = 0
    length: int = 1
    target: int = 0
    """mremap, move: the first page of the destination; fork: the child's number."""
    new_length: int = 0
    """mremap."""
    prot: str = "rw"
    kind: str = "anon"
    at: int = 0
    """mmap of the memfd: its page that comes first."""
    token: int = 0
    slot: int = 0
    flags: frozenset[str] = frozenset()

    def __str__(self) -> str:
        words = [f"p{self.proc}", self.name, *(TAKES[t].show(self) for t in self.call.takes)]
        words += [f for f in self.call.flags if f in self.flags]
        return " ".join(w for w in words if w)

    @property
    def call(self) -> SystemCall:
        """The system call that it is."""
        return SYSTEM_CALLS[self.name]

    @property
    def arguments(self) -> tuple[Any, ...]:
        """Arguments of the routine of its call: what that takes, and its flags, if there are any
        but odd ones."""
        taken = [value for take in self.call.takes for value in TAKES[take].values(self)]
        return (*taken, *([self.flags] if set(self.call.flags) - set(ODD) else []))


@dataclass(frozen=True)
class Take:
    """A part of an operation: its text, how that is read, and the values that are in it."""

    show: Callable[[Operation], str]
    pattern: str
    values: Callable[[Operation], tuple[Any, ...]]


TAKES: Mapping[str, Take] = {
    "range": Take(lambda op: f"{op.page}+{op.length}", r"(?P<page>\d+)\+(?P<length>\d+)",
                  lambda op: (op.page, op.length)),
    "page": Take(lambda op: f"{op.page}", r"(?P<page>\d+)", lambda op: (op.page,)),
    "prot": Take(lambda op: op.prot, rf"(?P<prot>{'|'.join(PROTECTIONS)})",
                 lambda op: (op.prot,)),
    "kind": Take(lambda op: op.kind, rf"(?P<kind>{'|'.join(KINDS)})", lambda op: (op.kind,)),
    "at": Take(lambda op: f"@ {op.at}" if op.kind != "anon" else "", r"(?:@ (?P<at>\d+))?",
               lambda op: (op.at,)),
    "target": Take(lambda op: f"-> {op.target}", r"-> (?P<target>\d+)", lambda op: (op.target,)),
    "target range": Take(lambda op: f"-> {op.target}+{op.new_length}",
                         r"-> (?P<target>\d+)\+(?P<new_length>\d+)",
                         lambda op: (op.target, op.new_length)),
    "child": Take(lambda op: f"-> p{op.target}", r"-> p(?P<target>\d+)",
                  lambda op: (op.target,)),
    "token": Take(lambda op: f"= {op.token}", r"= (?P<token>\d+)", lambda op: (op.token,)),
    "slot": Take(lambda op: f"slot {op.slot}", r"slot (?P<slot>\d+)", lambda op: (op.slot,)),
}  # fmt: skip
"""The parts that a system call may take, by name."""


@dataclass(frozen=True)
class Arena:
    """Where programs play.

    Pages 0 to `pages` - 1.  Page `boundary` is at a PMD boundary, so that what is below it is in
    another page table; with 0 there is one table.

    With `huge`, page 0 and every `huge`-th page are at a PMD boundary, and a PMD entry may be a
    leaf.  A page then stands for `scale` base pages that are always used together: lengths, and
    bytes that an ioctl says, are in such pages.

    With `hugetlb` the memfd is one of hugetlb, and it alone is mapped.  A page is a part of a PUD
    range (PARTS_OF_A_PUD), whose first huge page is read and written: page 0 is at a PUD boundary,
    so that 0+4 is what a PMD table maps.
    """

    pages: int = 16
    boundary: int = 0
    huge: int = 0
    pud: int = 0
    """Page 0 and every `pud`-th page are at a PUD boundary, and a page stands for the first base
    page of as much of a PUD: in the rest of it there is never anything."""
    hugetlb: bool = False

    def __str__(self) -> str:
        words = [f"arena {self.pages}"]
        words += [f"boundary {self.boundary}"] if self.boundary else []
        words += [f"huge {self.huge}"] if self.huge else []
        words += [f"pud {self.pud}"] if self.pud else []
        words += ["hugetlb"] if self.hugetlb else []
        return " ".join(words)

    @property
    def kind(self) -> str:
        """The kind that it is, of ARENAS."""
        if self.hugetlb:
            return "hugetlb"
        return "huge" if self.huge else "pud" if self.pud else "plain"

    @property
    def scale(self) -> int:
        """Base pages of a page, with PTRS_PER_PTE entries a table."""
        return PTRS_PER_PTE // self.huge if self.huge else 1

    @cached_property
    def tables(self) -> tuple[tuple[int, int], ...]:
        """The first page that each page table maps, and the one after the last."""
        cuts: Iterable[int] = sorted({0, self.boundary})
        if self.whole_table:
            cuts = range(0, self.pages, self.whole_table)
        return tuple(pairwise([*cuts, self.pages]))

    @property
    def whole_table(self) -> int:
        """Pages that a whole page table maps (of hugetlb a PMD table); 0 where no table is of the
        arena alone."""
        if self.hugetlb:
            return PARTS_OF_A_PUD
        return 1 if self.pud else self.huge

    def table(self, page: int) -> tuple[int, int]:
        """The same of the table that maps a page."""
        return next(span for span in self.tables if page < span[1])


@dataclass(frozen=True)
class Program:
    """An arena and what is done in it, in order."""

    ops: tuple[Operation, ...]
    arena: Arena = field(default_factory=Arena)

    def __str__(self) -> str:
        return "\n".join(map(str, (self.arena, *self.ops))) + "\n"


# -- checks ------------------------------------------------------------------------------------


def check_op(op: Operation, arena: Arena, living: Iterable[int], used: int) -> None:
    """BadProgramError unless a machine may be asked for `op`, where the processes `living` live
    and `used` numbers of processes have been used."""
    if op.proc not in living:
        raise BadProgramError(f"p{op.proc} does not live")
    if op.name == "fork" and op.target != used:
        raise BadProgramError(f"the child has to be p{used}")
    if op.name == "exit" and op.proc == 0:
        raise BadProgramError("p0 does not exit")
    spans = {"range": (op.page, op.length), "page": (op.page, 1), "target": (op.target, op.length)}
    spans["target range"] = (op.target, op.new_length)
    for take in op.call.takes:
        lo, length = spans.get(take, (0, 0))
        if lo + length > arena.pages or lo >= arena.pages:
            raise BadProgramError(f"{lo}+{length} is not inside the arena of {arena.pages} pages")
    if op.name == "mmap" and arena.hugetlb and op.kind == "anon":
        raise BadProgramError("an arena of huge pages maps its memfd alone: file or shared")
    if op.call.often.keys() == {"huge"} and not arena.huge:
        raise BadProgramError(f"{op.name} needs an arena with huge pages: arena 24 huge 8")
    if op.name == "mmap" and op.at + op.length > arena.pages:
        raise BadProgramError(f"{op.at}+{op.length} is behind the end of the memfd")
    if op.name == "mremap" and "fixed" not in op.flags:
        if op.target != op.page:
            raise BadProgramError("mremap without fixed has its own page as target")
        if "maymove" in op.flags and (op.new_length > op.length or "dontunmap" in op.flags):
            raise BadProgramError("mremap needs fixed here: the kernel would choose the address")


def check_program(program: Program) -> None:
    """BadProgramError, with the line, unless each operation may be asked for after those before."""
    living, used = {0}, 1
    for number, op in enumerate(program.ops, 1):
        try:
            check_op(op, program.arena, living, used)
        except BadProgramError as error:
            raise BadProgramError(f"operation {number}, '{op}': {error}") from None
        if op.name == "fork":
            living.add(op.target)
            used += 1
        elif op.name == "exit":
            living.remove(op.proc)


# -- reading -----------------------------------------------------------------------------------

_HEAD = re.compile(r"p(?P<proc>\d{1,4}) (?P<name>\w+)(?: (?P<rest>.*))?", re.ASCII)
_ARENA = re.compile(
    r"arena (\d{1,6})(?: boundary (\d{1,6}))?(?: huge (\d{1,6}))?(?: pud (\d{1,6}))?( hugetlb)?",
    re.ASCII,
)
_LONGEST_NUMBER = 6


def parse_op(text: str) -> Operation:
    """An operation from its line; BadProgramError says what is wrong with it."""
    text = " ".join(text.split())
    head = _HEAD.fullmatch(text)
    if head is None:
        raise BadProgramError(f"'{text}' does not begin with a process and an operation: p0 read 3")
    name = head["name"]
    if name not in SYSTEM_CALLS:
        raise BadProgramError(f"no operation '{name}'; there are {', '.join(SYSTEM_CALLS)}")
    call = SYSTEM_CALLS[name]
    takes = [TAKES[t].pattern for t in call.takes]
    found = re.match(r"\s*".join(takes) + r"(?=\s|$)", head["rest"] or "", re.ASCII)
    if found is None:
        raise BadProgramError(f"'{text}' is not like '{_example(name)}'")
    flags = (head["rest"] or "")[found.end() :].split()
    for flag in flags:
        if flag not in call.flags:
            known = ", ".join(call.flags) or "none"
            raise BadProgramError(f"'{flag}' is no flag of {name}; there are {known}")
    values: dict[str, int | str] = {"proc": int(head["proc"])}
    for key, value in found.groupdict().items():
        if value is None:
            continue
        if value.isdigit() and len(value) > _LONGEST_NUMBER:
            raise BadProgramError(f"{value} is too large")
        values[key] = int(value) if value.isdigit() else value
    op = Operation(name, flags=frozenset(flags), **values)  # type: ignore[arg-type]  # by the patterns
    if "token" in call.takes and op.token not in TOKENS:
        raise BadProgramError(f"a token is {TOKENS[0]} to {TOKENS[-1]}, not {op.token}")
    if op.slot not in SLOTS:
        raise BadProgramError(f"a slot is {SLOTS[0]} to {SLOTS[-1]}, not {op.slot}")
    return op


def _example(name: str) -> str:
    sample = Operation(name, 0, 4, 2, 1 if name == "fork" else 8, 2, "rw", "anon", 0, 7, 0)
    return " ".join([str(sample), *(f"[{f}]" for f in sample.call.flags)])


def _check_arena(arena: Arena) -> None:
    if not 0 < arena.pages <= MAX_PAGES or arena.boundary >= arena.pages:
        raise BadProgramError(f"an arena has 1 to {MAX_PAGES} pages, and the boundary inside")
    if arena.huge and (arena.huge not in HUGE or arena.pages % arena.huge or arena.boundary):
        raise BadProgramError(
            f"huge is one of {', '.join(map(str, HUGE))}, divides the pages, and has no boundary"
        )
    if arena.hugetlb and (
        arena.pages > MAX_HUGE_PAGES or arena.boundary or arena.huge or arena.pud
    ):
        raise BadProgramError(
            f"an arena of hugetlb has 1 to {MAX_HUGE_PAGES} pages, no boundary, no huge and no pud"
        )
    if arena.pud and (arena.pud not in HUGE or arena.pages % arena.pud or arena.huge):
        raise BadProgramError(
            f"pud is one of {', '.join(map(str, HUGE))}, divides the pages, and has no huge"
        )


def parse(text: str) -> Program:
    """A program from its text; BadProgramError with the line."""
    arena = Arena()
    ops: list[Operation] = []
    for number, line in enumerate(text.splitlines(), 1):
        line = line.partition("#")[0].strip()
        if not line:
            continue
        try:
            found = _ARENA.fullmatch(" ".join(line.split()))
            if found and not ops:
                pages, boundary, huge, pud = (int(n or 0) for n in found.groups()[:4])
                arena = Arena(pages, boundary, huge, pud, bool(found[5]))
                _check_arena(arena)
            else:
                ops.append(parse_op(line))
        except BadProgramError as error:
            raise BadProgramError(f"line {number}: {error}") from None
    program = Program(tuple(ops), arena)
    check_program(program)
    return program

# SPDX-License-Identifier: GPL-2.0-only
"""Programs with what is expected of them: probes of a kernel, and facts that were observed.

    p0 mmap 0+8 rw anon
    p0 write 1 = 7
    see p0 1: anon exclusive value 7 frame A
    p0 move 0+8 -> 8            => ENOENT (-2)
    vmas p0: 0-16:rw

An operation has to succeed, or to give what follows `=>`: an errno or OK, and in parentheses what
is left in the ioctl's field.  `see` says what a page is seen as: a Kind, `present` or `unmapped`,
then any of `exclusive`, `shared`, `mapcount N`, `value N`, `wp`, `no-wp`, `large`, `small`, `leaf`,
`split`, `frame NAME`.  A frame gets its name
where the name comes first; other names are other frames.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from model.reference.programs.observation import PRESENT, Observation, Page
from model.reference.programs.program import Machine, Operation, Program, Result, parse

_EXPECTED = re.compile(r"(OK|E[A-Z0-9]+)(?: \((-?\d+)\))?")
_SEE = re.compile(r"see p(\d+) (\d+): (\S+)((?: \S+)*)")
_VMAS = re.compile(r"vmas p(\d+):((?: \d+-\d+:\w+)*)")


@dataclass(frozen=True)
class Done:
    """An operation and what it has to return; a field of None is not compared."""

    op: Operation
    errno: str
    field: int | None

    def wrong(self, result: Result) -> str:
        if result.errno != self.errno:
            return f"{result.errno or 'OK'}, not {self.errno or 'OK'}"
        if self.field is not None and result.field != self.field:
            return f"the field is {result.field}, not {self.field}"
        return ""


@dataclass(frozen=True)
class See:
    """A line that says how a page, or the VMAs of a process, are seen."""

    text: str
    wrong: Callable[[Observation, dict[str, int]], str]


@dataclass(frozen=True)
class Script:
    """Lines in order, and the operations among them as a program."""

    lines: tuple[Done | See, ...]
    program: Program

    def run(self, machine: Machine) -> str:
        """The first line that is not as it says; "" if all are.  The machine is fresh."""
        frames: dict[str, int] = {}
        for line in self.lines:
            if isinstance(line, Done):
                text, wrong = str(line.op), line.wrong(machine.run(line.op))
            else:
                text, wrong = line.text, line.wrong(machine.observe(), frames)
            if wrong:
                return f"'{text}': {wrong}"
        return ""


def script(text: str) -> Script:
    """A script from its text; a wrong one is a mistake in the source, so an exception of Python."""
    lines: list[Done | See] = []
    programs: list[str] = []
    expected: list[tuple[str, int | None] | See] = []
    for raw in text.splitlines():
        line = " ".join(raw.split())
        if line.startswith("see "):
            expected.append(_see(line))
        elif line.startswith("vmas "):
            expected.append(_see_vmas(line))
        elif line:
            op, _, outcome = line.partition(" => ")
            programs.append(op)
            if not op.startswith("arena"):
                expected.append(_outcome(outcome or "OK"))
    program = parse("\n".join(programs))
    ops = iter(program.ops)
    for each in expected:
        lines.append(each if isinstance(each, See) else Done(next(ops), *each))
    return Script(tuple(lines), program)


def _outcome(text: str) -> tuple[str, int | None]:
    found = _EXPECTED.fullmatch(text)
    if found is None:
        raise ValueError(f"'{text}' is no outcome")
    return found[1].replace("OK", ""), int(found[2]) if found[2] else None


def _see_vmas(line: str) -> See:
    found = _VMAS.fullmatch(line)
    if found is None:
        raise ValueError(f"'{line}' is not like 'vmas p0: 0-8:rw'")
    process, wanted = int(found[1]), found[2].split()

    def wrong(seen: Observation, _frames: dict[str, int]) -> str:
        if seen.vmas is None:
            return "VMAs are not seen"
        there = [f"{v.start}-{v.end}:{v.prot}" for v in seen.vmas.get(process, ())]
        return "" if there == wanted else f"{' '.join(there) or 'none'}"

    return See(line, wrong)


def _see(line: str) -> See:
    found = _SEE.fullmatch(line)
    if found is None:
        raise ValueError(f"'{line}' is not like 'see p0 3: anon'")
    process, number, kind, words = int(found[1]), int(found[2]), found[3], found[4].split()
    wanted = dict(_wanted(iter(words)))

    def wrong(seen: Observation, frames: dict[str, int]) -> str:
        page = seen.pages[process][number] if process in seen.pages else None
        there = "unmapped" if page is None else page.kind.value
        if there != kind and not (kind == "present" and page is not None and page.kind in PRESENT):
            return f"it is seen as {there}"
        return "" if page is None else _page_wrong(page, wanted, frames)

    return See(line, wrong)


_WORDS = {
    "exclusive": ("exclusive", True),
    "shared": ("exclusive", False),
    "wp": ("uffd_wp", True),
    "no-wp": ("uffd_wp", False),
    "large": ("large", True),
    "small": ("large", False),
    "leaf": ("leaf", True),
    "split": ("leaf", False),
}


def _wanted(words: Iterator[str]) -> Iterator[tuple[str, int | bool | str]]:
    for word in words:
        if word in _WORDS:
            yield _WORDS[word]
        elif word in ("mapcount", "value"):
            yield word, int(next(words))
        elif word == "frame":
            yield word, next(words)
        else:
            raise ValueError(f"'{word}' says nothing of a page")


def _page_wrong(page: Page, wanted: Mapping[str, int | bool | str], frames: dict[str, int]) -> str:
    for name, value in wanted.items():
        seen = getattr(page, name)
        if seen is None:
            return f"{name} is not seen"
        if name != "frame":
            if seen != value:
                return f"{name} is {seen}"
            continue
        if frames.setdefault(str(value), seen) != seen:
            return f"the frame is not {value}"
        for other, frame in frames.items():
            if frame == seen and other != value:
                return f"the frame is {other}"
    return ""

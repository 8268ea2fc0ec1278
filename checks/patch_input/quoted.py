# SPDX-License-Identifier: GPL-2.0-only
"""Finds the diffs in a text and repairs them: quoted, interleaved with review, without indentation.

A patch is read from many kinds of text: the diff itself, the mail that carries it, a reply that
quotes it behind '>' at some depth with remarks between the lines, a copy from a web page that has
lost all leading white space.  Each quoting depth is read by itself, so that remarks, which stand
at another depth, fall out.  The line counts of a hunk header say where a hunk ends, and that a line
without a marker is context whose marker was lost.  A hunk whose counts do not come out is
incomplete.

Of several copies of one patch the complete one counts.  Two complete copies that differ are two
patches: nothing here decides which of them was meant.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

_QUOTE = re.compile(r">(?: ?>)*")
_HUNK = re.compile(r"@@\s+-(\d{1,9})(?:,(\d{1,9}))?\s+\+(\d{1,9})(?:,(\d{1,9}))?\s+@@(.*)$")
_DIFF = re.compile(r"diff (?:--git |-)")
_GIT_PATHS = re.compile(r"diff --git \"?a/(.+?)\"? \"?b/(.+?)\"?\s*$")
_NOTE = re.compile(
    r"(?:old mode|new mode|new file mode|deleted file mode|rename from|rename to|copy from|copy to"
    r"|Binary files) .*"
)
_HEADER = re.compile(
    r"(?:index [0-9a-f]+\.\.|similarity index |dissimilarity index |Index: |=====|Only in )"
)
_VERSION = re.compile(r"\d+\.\d+")
_LONGEST = 1000  # characters of a header line that count
MAX_DEPTH = 20


@dataclass
class Hunk:
    """A hunk with its markers restored."""

    header: str
    ranges: tuple[int, int, int, int]
    section: str
    lines: list[str] = field(default_factory=list)

    @property
    def content(self) -> tuple[str, ...]:
        """What it says, whatever became of its white space."""
        return tuple("".join(line.split()) for line in self.lines)


@dataclass
class FileDiff:
    """One file of a diff; `notes` are changes other than hunks: mode, rename, binary."""

    path: str
    hunks: list[Hunk] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass
class Found:
    """A diff in a text.  `line` is where it begins, `wrong` why it is not complete, or ""."""

    line: int
    depth: int
    files: list[FileDiff] = field(default_factory=list)
    wrong: str = ""

    @property
    def named(self) -> bool:
        """Whether it says which files it changes."""
        return bool(self.files) and all(f.path for f in self.files)

    @property
    def complete(self) -> bool:
        return self.named and not self.wrong

    def ranges(self) -> set[tuple[int, int, int, int]]:
        return {hunk.ranges for f in self.files for hunk in f.hunks}

    def content(self) -> set[tuple[str, tuple[str, ...]]]:
        """Hunks and notes, to find out whether it is a part of another one."""
        hunks = {(f.path, hunk.content) for f in self.files for hunk in f.hunks}
        return hunks | {(f.path, (note,)) for f in self.files for note in f.notes}


def find_diffs(text: str) -> list[Found]:
    """All diffs of a text, copies left out, in the order in which they begin."""
    found: list[Found] = []
    for depth, lines in sorted(_depths(text).items()):
        found += _Reader(depth, lines).read()
    return _without_copies(sorted(found, key=lambda f: f.line))


def find_loose_lines(text: str) -> Found | None:
    """The longest run of changed lines that stands in a text without any hunk header.

    A review often quotes a few lines of a patch and nothing else.  None if there is no such run
    of at least three lines that look like C.
    """
    best: list[str] = []
    where = (0, 0)
    for depth, lines in sorted(_depths(text).items()):
        run: list[str] = []
        for number, line in [*lines, (-1, "")]:
            if line[:1] in ("+", "-"):
                run.append(line)
                continue
            if len(run) > max(2, len(best)) and _like_c(run):
                best, where = run, (number - len(run), depth)
            run = []
    if not best:
        return None
    hunk = Hunk("", (0, 0, 0, 0), "", best)
    return Found(where[0], where[1], [FileDiff("", [hunk])], "no hunk header")


def _like_c(run: Sequence[str]) -> bool:
    code = [line[1:].strip() for line in run]
    return any(line.endswith((";", "{", "}")) for line in code) and any("(" in s for s in code)


def _depths(text: str) -> dict[int, list[tuple[int, str]]]:
    """The lines of each quoting depth, with their numbers."""
    depths: dict[int, list[tuple[int, str]]] = {}
    for number, line in enumerate(text.removesuffix("\n").split("\n")):
        quote = _QUOTE.match(line)
        depth = 0
        if quote:
            depth = quote.group().count(">")
            line = line[quote.end() :].removeprefix(" ")
        if depth <= MAX_DEPTH:
            depths.setdefault(depth, []).append((number, line))
    return depths


class _Reader:
    """Reads the diffs of one quoting depth."""

    def __init__(self, depth: int, lines: list[tuple[int, str]]) -> None:
        self._depth = depth
        self._numbers = [number for number, _ in lines]
        self._lines = [line for _, line in lines]
        self._found: list[Found] = []
        self._now: Found | None = None
        self._file: FileDiff | None = None
        self._prose = False  # other text since the last line of the diff
        self._headed = False  # the file was opened by "diff", its "---" is still to come
        self._ended = -1  # the line behind the last hunk

    def read(self) -> list[Found]:
        at = 0
        while at < len(self._lines):
            at = self._step(at)
        self._close()
        return self._found

    def _at(self, index: int) -> str:
        return self._lines[index] if index < len(self._lines) else ""

    def _step(self, at: int) -> int:
        line = self._lines[at]
        if _DIFF.match(line):
            paths = _GIT_PATHS.match(line[:_LONGEST])
            self._open(at, paths.group(2) if paths else "")
            self._headed = True
            return at + 1
        if line.startswith("--- ") and self._at(at + 1).startswith("+++ "):
            path = _path(line, self._lines[at + 1])
            if self._headed and self._file is not None:
                self._file.path = path
                self._headed = False
            else:
                self._open(at, path)
            return at + 2
        header = _HUNK.match(line)
        if header:
            return self._hunk(at, header)
        if self._file is None:
            return at + 1
        if _NOTE.match(line):
            self._file.notes.append(" ".join(line.split()))
        elif line == "GIT binary patch":
            self._file.notes.append(line)
            return self._skip_binary(at + 1)
        elif line.strip() and not _HEADER.match(line) and not line.startswith("\\"):
            self._other(at, line)
        return at + 1

    def _other(self, at: int, line: str) -> None:
        """A line that is no part of a diff, or a line too many behind a hunk."""
        if at == self._ended and line[0] in "+-" and line.strip("- ") and self._file is not None:
            self._blame(f"{self._file.hunks[-1].header} has more lines than it says")
        self._prose = True

    def _blame(self, wrong: str) -> None:
        """Remember the first thing that is wrong with the diff that is being read."""
        if self._now is not None:
            self._now.wrong = self._now.wrong or wrong

    def _skip_binary(self, at: int) -> int:
        while self._at(at).startswith(("literal ", "delta ")):
            while at < len(self._lines) and self._lines[at].strip():
                at += 1
            at += 1
        return at

    def _open(self, at: int, path: str) -> None:
        if self._prose or self._now is None:
            self._close()
            self._now = Found(self._numbers[at], self._depth)
        self._end_file()
        self._file = FileDiff(path)
        self._now.files.append(self._file)
        self._prose = self._headed = False

    def _end_file(self) -> None:
        if self._file is not None and not self._file.hunks and not self._file.notes:
            self._blame(f"no hunk of {self._file.path or 'the file'}")

    def _close(self) -> None:
        self._end_file()
        if self._now is not None:
            self._found.append(self._now)
        self._now = self._file = None
        self._prose = self._headed = False

    def _hunk(self, at: int, header: re.Match[str]) -> int:
        if self._file is None:
            self._open(at, "")
        assert self._file is not None
        if self._prose:
            self._blame("something was cut out between its hunks")
        self._prose = self._headed = False
        start, count, target, target_count = header.group(1, 2, 3, 4)
        old = 1 if count is None else int(count)
        new = 1 if target_count is None else int(target_count)
        ranges = (int(start), old, int(target), new)
        name = f"@@ -{start},{old} +{target},{new} @@"
        hunk = Hunk(name, ranges, header.group(5)[:_LONGEST].strip())
        self._file.hunks.append(hunk)
        at += 1
        while (old > 0 or new > 0) and at < len(self._lines) and not self._ends(at):
            line = self._lines[at]
            at += 1
            mark = line[:1]
            if mark == "\\":
                continue
            if mark not in ("+", "-"):
                old, new = old - 1, new - 1
                hunk.lines.append(line if mark == " " else " " + line)
                continue
            old, new = (old, new - 1) if mark == "+" else (old - 1, new)
            hunk.lines.append(line)
        if old > 0 or new > 0:
            missing = max(old, new)
            self._blame(f"{name} is {missing} line{'s' if missing != 1 else ''} short")
        elif old < 0 or new < 0 or not hunk.lines:
            self._blame(f"{name} does not have the lines that it says")
        self._ended = at
        return at

    def _ends(self, at: int) -> bool:
        """Whether an unfinished hunk is cut off before this line."""
        line, after = self._lines[at], self._at(at + 1)
        if _HUNK.match(line) or line.startswith("diff --git "):
            return True
        if line.startswith("--- ") and after.startswith("+++ "):
            return bool(_HUNK.match(self._at(at + 2)))
        return _signature(line, after)


def _signature(line: str, after: str) -> bool:
    """The end of a mail that git made: two dashes, then its version."""
    return line.rstrip() == "--" and bool(_VERSION.match(after))


def _path(old: str, new: str) -> str:
    """The file that a pair of header lines names: the new one, or the old one if it is deleted."""
    names = [line[4:].split("\t")[0].strip().strip('"') for line in (new, old)]
    name = names[1] if names[0] == "/dev/null" else names[0]
    return re.sub(r"^(?:[abciow]|[^/]*\.orig)/", "", " ".join(name.split()))


def _without_copies(found: Sequence[Found]) -> list[Found]:
    """Leaves out complete ones that occur once more or are part of another one, and incomplete ones
    of which a better copy is there."""
    first = {frozenset(one.content()): one for one in reversed(found) if one.complete}
    holders: dict[tuple[str, tuple[str, ...]], list[frozenset[object]]] = {}
    for content in first:
        for part in content:
            holders.setdefault(part, []).append(content)
    kept: list[Found] = []
    for content, one in first.items():
        rarest = min((holders[part] for part in content), key=len)
        if not any(content < other for other in rarest):
            kept.append(one)
    known = {ranges for one in first.values() for ranges in one.ranges()}
    best: dict[tuple[int, int, int, int] | None, Found] = {}
    for one in found:
        ranges = one.ranges()
        if one.complete or ranges & known or (kept and not one.named):
            continue
        keys: list[tuple[int, int, int, int] | None] = [*sorted(ranges)] or [None]
        same = next((best[key] for key in keys if key in best), None)
        if same is not None and _size(one) <= _size(same):
            continue
        if same is not None:
            best = {key: other for key, other in best.items() if other is not same}
        best.update(dict.fromkeys(keys, one))
    kept += {id(one): one for one in best.values()}.values()
    return sorted(kept, key=lambda f: f.line)


def _size(one: Found) -> tuple[bool, int]:
    return one.named, sum(len(hunk.lines) for f in one.files for hunk in f.hunks)

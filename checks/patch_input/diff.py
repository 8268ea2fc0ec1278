# SPDX-License-Identifier: GPL-2.0-only
"""What a diff changes: per function, the removed and added C tokens in their order.

Context is ignored but for one thing: where a change stands.  An added flush that moves below an
unlock that the patch does not touch leaves all removed and added tokens as they were, so each block
of changes also carries the tokens of the three context lines before and behind it, which every diff
with the usual context shows.  Line numbers, more context, comments and white space make no
difference.

Two algorithms may align the same change differently (``git diff --histogram``, ``diff`` without
git); what they remove and add is then not one sequence, and the change is not recognised.  That is
by intent: exactness is not given up for it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from unidiff.patch import PatchSet

from .functions import NO_CALL, Owners, owners, section_function
from .quoted import FileDiff, Found
from .tokens import Tokens, c_tokens, words

CONTEXT = 3
"""Lines of context on each side of a block that say where it stands."""

Hunk = tuple[str, list[str]]  # what its header names, its lines with markers


@dataclass(frozen=True)
class Line:
    """A line of a hunk.  `sign` is "-", "+", " " for context, or "@" for where a block stands."""

    sign: str
    tokens: Tokens
    owner: str = ""
    calls: tuple[str, ...] = ()

    @property
    def changed(self) -> bool:
        return self.sign in "-+"


@dataclass(frozen=True)
class Change:
    """A diff as it is compared: ``file:function`` to its lines, in the order of the diff.

    The function is "" for what lies outside of any, and the file is "" if the text does not say.
    """

    files: tuple[str, ...]
    functions: Mapping[str, tuple[Line, ...]]
    calls: tuple[str, ...]

    def names(self) -> tuple[str, ...]:
        """The functions, for people."""
        return tuple(key.removeprefix(":") for key in self.functions if not key.endswith(":"))


def read_change(found: Found) -> Change:
    """What a repaired diff changes.  A complete one is parsed by unidiff."""
    functions: dict[str, list[Line]] = {}
    calls: dict[str, None] = {}
    for file in found.files:
        for note in file.notes:
            functions.setdefault(f"{file.path}:", []).append(Line("+", tuple(note.split())))
        reader = _FileReader(file.path)
        for section, lines in _parsed(file) if found.complete else _as_found(file):
            for block in reader.blocks(section, lines):
                for line in block:
                    functions.setdefault(f"{file.path}:{line.owner}", []).append(line)
                calls.update(dict.fromkeys(_calls(block)))
    files = dict.fromkeys(file.path for file in found.files if file.path)
    return Change(tuple(files), {k: tuple(v) for k, v in functions.items()}, tuple(calls))


def _as_found(file: FileDiff) -> list[Hunk]:
    return [(hunk.section, hunk.lines) for hunk in file.hunks]


def _parsed(file: FileDiff) -> list[Hunk]:
    text = ["--- a/file\n", "+++ b/file\n"]
    for hunk in file.hunks:
        text.append(f"{hunk.header} {hunk.section}\n")
        text += [line + "\n" for line in hunk.lines]
    return [
        (hunk.section_header, [line.line_type + line.value.removesuffix("\n") for line in hunk])
        for parsed in PatchSet(text)
        for hunk in parsed
    ]


@dataclass
class _FileReader:
    """Reads the hunks of one file in order: a function that one hunk renames still has its old name
    in the header of the next."""

    path: str
    _last: tuple[str, str] = field(default=("", ""))

    def blocks(self, section: str, lines: Sequence[str]) -> Iterator[list[Line]]:
        """The blocks of changed lines of a hunk; for each owner, with where it stands."""
        items = self._lines(section, lines)
        for start, end in _runs(items):
            changed = [line for line in items[start:end] if line.changed]
            before = _context(reversed(items[:start]))[::-1]
            after = _context(iter(items[end:]))
            block: list[Line] = []
            for owner in dict.fromkeys(line.owner for line in changed):
                block.append(Line("@", _joined(before), owner))
                block += [line for line in changed if line.owner == owner]
                block.append(Line("@", _joined(after), owner))
            yield block

    def _lines(self, section: str, lines: Sequence[str]) -> list[Line]:
        """The lines with their tokens.  Changed lines without tokens are left out; context that a
        change elsewhere turns into a comment, or out of one, counts as changed."""
        is_c = not self.path or self.path.endswith((".c", ".h"))
        lex = c_tokens if is_c else words
        name = section_function(section) if is_c else ""
        old_at = [i for i, line in enumerate(lines) if line[:1] != "+"]
        new_at = [i for i, line in enumerate(lines) if line[:1] != "-"]
        old = lex([lines[i][1:] for i in old_at])
        new = lex([lines[i][1:] for i in new_at])
        renamed = self._last[1] if name and self._last[0] == name else name
        nobody = Owners(tuple("" for _ in lines), frozenset(), "")
        old_owner = owners(old, name) if is_c else nobody
        new_owner = owners(new, renamed) if is_c else nobody
        self._last = (old_owner.last, new_owner.last)
        removed = {i: _line("-", old[n], n, old_owner) for n, i in enumerate(old_at)}
        added = {i: _line("+", new[n], n, new_owner) for n, i in enumerate(new_at)}
        items: list[Line] = []
        for i in range(len(lines)):
            both = i in removed and i in added
            if both and removed[i].tokens == added[i].tokens:
                items.append(replace(added[i], sign=" "))
                continue
            items += [side[i] for side in (removed, added) if i in side and side[i].tokens]
        return items


def _line(sign: str, tokens: Tokens, number: int, owned: Owners) -> Line:
    calls = tuple(
        token
        for index, token in enumerate(tokens[:-1])
        if tokens[index + 1] == "("
        and (token[0].isalpha() or token[0] == "_")
        and token not in NO_CALL
        and (number, index) not in owned.defined
    )
    return Line(sign, tokens, owned.lines[number], calls)


def _runs(items: Sequence[Line]) -> Iterator[tuple[int, int]]:
    """Where blocks of changed lines begin and end; empty context does not part them."""
    start = end = -1
    for at, line in enumerate(items):
        if line.changed:
            start, end = (at if start < 0 else start), at + 1
        elif line.tokens and start >= 0:
            yield start, end
            start = -1
    if start >= 0:
        yield start, end


def _context(lines: Iterator[Line]) -> list[Line]:
    """The context next to a block, up to the next one."""
    found: list[Line] = []
    for line in lines:
        if line.changed or len(found) == CONTEXT:
            break
        found.append(line)
    return found


def _joined(lines: Sequence[Line]) -> Tokens:
    return tuple(token for line in lines for token in line.tokens)


def _calls(block: Sequence[Line]) -> Iterator[str]:
    """The calls that a block removes and adds; lines that it only indents anew are left out."""
    changed = [line for line in block if line.changed]
    count = {s: Counter(line.tokens for line in changed if line.sign == s) for s in "-+"}
    same = count["-"] & count["+"]
    left = {"-": same, "+": same.copy()}
    for line in changed:
        if left[line.sign][line.tokens] > 0:
            left[line.sign][line.tokens] -= 1
            continue
        for call in line.calls:
            yield line.sign + call

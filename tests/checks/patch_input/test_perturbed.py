# SPDX-License-Identifier: GPL-2.0-only
"""A seed's patch with one added run a statement higher or lower, or one token of an added line
changed, is never a stored version; and the same patch written otherwise always is."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest

from checks.patch_input.diff import read_change
from checks.patch_input.mail import read_texts
from checks.patch_input.quoted import Found, Hunk, find_diffs
from checks.patch_input.read import read_bytes, submissions
from checks.patch_input.recognise import Match, recognise

from .patches import seed

STORED = {
    "000": Match("uffd_move_batching", "v3"),
    "002": Match("mremap_move_pmd", "v2"),
    "003": Match("rmap_locked_folios", "rfc_1"),
}
_COMMENT = re.compile(r"\s*(/?\*.*|//.*)?$")
_WORD = re.compile(r"[A-Za-z_]\w*")


def patch(number: str) -> Found:
    """The patch of a seed that is a stored version."""
    found = [one for text in read_texts(read_bytes(seed(number))) for one in find_diffs(text.body)]
    return next(o for o in found if o.complete and recognise(read_change(o)) is not None)


def is_code(line: str) -> bool:
    return _COMMENT.fullmatch(line[1:]) is None


def statements(hunk: Hunk) -> Iterator[list[str]]:
    """The lines of a hunk with one run of added lines above the unchanged line before it, or below
    the one after it."""
    lines = hunk.lines
    at = 0
    while at < len(lines):
        end = at
        while end < len(lines) and lines[end].startswith("+"):
            end += 1
        run = lines[at:end]
        if any(map(is_code, run)):
            if end < len(lines) and lines[end].startswith(" ") and is_code(lines[end]):
                yield [*lines[:at], lines[end], *run, *lines[end + 1 :]]
            if at > 0 and lines[at - 1].startswith(" ") and is_code(lines[at - 1]):
                yield [*lines[: at - 1], *run, lines[at - 1], *lines[end:]]
        at = max(end, at + 1)


def tokens(hunk: Hunk) -> Iterator[list[str]]:
    """The lines of a hunk with the last word of one added line changed."""
    for at, line in enumerate(hunk.lines):
        words = list(_WORD.finditer(line)) if line.startswith("+") and is_code(line) else []
        if words:
            cut = words[-1].end()
            yield [*hunk.lines[:at], f"{line[:cut]}_{line[cut:]}", *hunk.lines[at + 1 :]]


def text(found: Found, changed: Hunk | None = None, lines: list[str] | None = None) -> bytes:
    """The patch as a file, with other lines in one hunk."""
    out = []
    for file in found.files:
        out += [f"--- a/{file.path}", f"+++ b/{file.path}"]
        for hunk in file.hunks:
            out.append(f"{hunk.header} {hunk.section}")
            out += lines if hunk is changed and lines is not None else hunk.lines
    return "\n".join([*out, ""]).encode()


def match(given: bytes) -> Match | None:
    (found,) = submissions(given, "x")
    assert found.kind == "diff"
    return found.match


@pytest.mark.parametrize("number", STORED)
def test_written_anew_it_is_the_same(number: str) -> None:
    assert match(text(patch(number))) == STORED[number]


@pytest.mark.parametrize("number", STORED)
@pytest.mark.parametrize("perturbed", [statements, tokens])
def test_one_statement_or_token_away_it_is_another(
    number: str, perturbed: Callable[[Hunk], Iterator[list[str]]]
) -> None:
    found, count = patch(number), 0
    for file in found.files:
        for hunk in file.hunks:
            for lines in perturbed(hunk):
                assert match(text(found, hunk, lines)) is None, "\n".join(lines)
                count += 1
    assert count >= 3

# SPDX-License-Identifier: GPL-2.0-only
"""Reads what a user hands in and says what it is.  See the package for what is accepted."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from model.lang.errors import ModelError

from .commits import find_commits
from .diff import read_change
from .mail import Text, read_texts
from .quoted import Found, find_diffs, find_loose_lines
from .recognise import Match, near, recognise

MAX_BYTES = 20 * 1024 * 1024


@dataclass(frozen=True)
class Submission:
    """One patch that was handed in, or what else it turned out to be.

    `source` is how the user named it, `subject` the mail's or "".  `kind` is "diff", "fragment"
    (hunks incomplete), "list of commits" or "text".  `functions` are ``file:function``, or the
    function alone where the file is not known; `calls` what the patch adds ("+flush_tlb_range") or
    removes ("-ptep_clear_flush").  `match` is the stored version that it is, exactly; `near` one
    that it resembles, with what differs.
    """

    source: str
    subject: str
    kind: str
    files: tuple[str, ...] = ()
    functions: tuple[str, ...] = ()
    calls: tuple[str, ...] = ()
    commits: tuple[str, ...] = ()
    match: Match | None = None
    near: str = ""


def read_submissions(path: str) -> list[Submission]:
    """What is in a file, or on standard input for "-": one submission a patch, in order.

    Messages without a patch are left out if others have one, so that a cover letter is none.
    ModelError if the file cannot be read, is empty, binary, larger than 20 MB, or ends within a
    hunk.
    """
    return submissions(read_bytes(path), path)


def submissions(data: bytes, source: str) -> list[Submission]:
    """The same for bytes that were read already."""
    where = "standard input" if source == "-" else source
    try:
        texts = read_texts(data)
    except ModelError as error:
        raise error.at(where) from None
    found = [one for text in texts for one in _read(text, source, where)]
    patches = [one for one in found if one.kind in ("diff", "fragment")]
    if patches:
        return patches
    lists = [one for one in found if one.kind == "list of commits"]
    return lists or found[:1]


def read_bytes(path: str) -> bytes:
    """At most 20 MB of a file or standard input; ModelError otherwise."""
    where = "standard input" if path == "-" else path
    try:
        if path == "-":
            data = sys.stdin.buffer.read(MAX_BYTES + 1)
        else:
            with Path(path).open("rb") as file:
                data = file.read(MAX_BYTES + 1)
    except IsADirectoryError:
        raise ModelError("is a directory", where=where, instead="give a file") from None
    except FileNotFoundError:
        raise ModelError("no such file", where=where) from None
    except PermissionError:
        raise ModelError("no permission to read it", where=where) from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise ModelError("cannot be read", where=where, why=str(reason)) from None
    if len(data) > MAX_BYTES:
        raise ModelError("is larger than 20 MB", where=where, instead="give the patch alone")
    return data


def _read(text: Text, source: str, where: str) -> list[Submission]:
    found = find_diffs(text.body)
    if found:
        _refuse_truncated(found, text, where)
        return [_patch(one, text, source) for one in found]
    commits = find_commits(text.body)
    if commits:
        return [Submission(source, text.subject, "list of commits", commits=commits)]
    loose = find_loose_lines(text.body)
    if loose is not None:
        return [_patch(loose, text, source)]
    return [Submission(source, text.subject, "text")]


def _refuse_truncated(found: list[Found], text: Text, where: str) -> None:
    """A patch that ends too early is an error; a reply that shows a part of one is not."""
    if text.reply or any(one.depth for one in found):
        return
    for one in found:
        if one.wrong and one.named:
            raise ModelError(
                f"the diff of {', '.join(f.path for f in one.files)[:200]} is not complete",
                where=where, why=one.wrong, instead="save the patch again",
            )  # fmt: skip


def _patch(found: Found, text: Text, source: str) -> Submission:
    change = read_change(found)
    match = recognise(change) if found.complete else None
    return Submission(
        source,
        text.subject,
        "diff" if found.complete else "fragment",
        files=change.files,
        functions=change.names(),
        calls=change.calls,
        match=match,
        near="" if match else near(change),
    )

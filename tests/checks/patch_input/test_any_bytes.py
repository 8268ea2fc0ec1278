# SPDX-License-Identifier: GPL-2.0-only
"""Any bytes give submissions or one clear line, never a traceback; and never a wrong match."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from checks.patch_input import recognise
from checks.patch_input.diff import read_change
from checks.patch_input.quoted import find_diffs
from checks.patch_input.read import Submission, submissions
from checks.patch_input.recognise import fingerprint, from_json, to_json
from model.lang.errors import ModelError

from .patches import MAIL, PATCH, quoted

BOX = f"From ada@example.org Mon Sep 17 00:00:00 2001\n{MAIL}\n"
SEEDS = [PATCH, MAIL, BOX + BOX, quoted(PATCH, 2), "1234567890ab x\n2234567890ab y\n"]
PIECES = [
    b"@@ -1,3 +1,4 @@", b"@@ -0,0 +0,0 @@ x(\n", b"--- a\n+++ b\n", b"diff --git a/x b/x\n", b"> ",
    b"\n", b"\r", b"+", b"-", b"-- \n2.1\n", b"/*", b"*/", b"//", b"#if 0\n", b"\\\n", b"{", b"}",
    b"GIT binary patch\n", b"literal 1\n", b"From a Mon Sep 17 00:00:00 2001\n", b"\xff", b"\0",
    b"Content-Type: multipart/mixed; boundary=b\n\n--b\n", b'"', b"charset=\xff\n",
    b"Content-Type: text/plain; charset=\xff\n", b"Content-Transfer-Encoding: base64\n",
    b"Subject: =?utf-8?b?x?=\n", b"commit " + b"a" * 40,
    "\u2028\x0c\x85".encode(),
]  # fmt: skip


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A good input with some pieces cut out, doubled or put in."""
    data = draw(st.sampled_from(SEEDS)).encode()
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(data)))
        to = draw(st.integers(at, min(len(data), at + 40)))
        piece = draw(st.sampled_from([*PIECES, data[at:to], b""]) | st.binary(max_size=6))
        data = data[:at] + piece + data[to:]
    return data


def read(data: bytes) -> list[Submission]:
    """What is read; an error must be one line."""
    try:
        return submissions(data, "x")
    except ModelError as error:
        line = str(error)
    assert line.startswith("x: ")
    assert "\n" not in line
    return []


@settings(deadline=None)  # the machine may be busy
@given(st.binary(max_size=400) | st.lists(st.sampled_from(PIECES)).map(b"".join) | mutated())
@example(b"Content-Type: text/plain; charset=\xff\n\nx")
@example(b"Subject: =?utf-8?b?/?=\n\nx")
def test_never_a_traceback(data: bytes) -> None:
    for found in read(data):
        assert found.kind in ("diff", "fragment", "list of commits", "text")
        assert found.match is None


@settings(deadline=None)
@given(mutated())
def test_only_what_is_equal_matches(data: bytes) -> None:
    (found,) = find_diffs(PATCH)
    version = from_json(to_json(recognise.Match("p", "v"), "", read_change(found)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recognise, "stored_versions", lambda: (version,))
        for one in read(data):
            assert one.match is None or (one.kind == "diff" and one.near == "")
            assert not (one.match and one.near)
    text = data.decode("utf-8", "replace")
    for other in find_diffs(text):
        assert fingerprint(read_change(other)) is not None


def test_large_input_takes_no_long_time() -> None:
    """Linear work; a quadratic step would not end here."""
    block = b"+	a(b, c);\n-	d(e);\n"
    count = 10_000
    head = f"--- a/x.c\n+++ b/x.c\n@@ -1,{count} +1,{count} @@ int f(void)\n".encode()
    (found,) = submissions(head + block * count, "x")
    assert (found.kind, found.functions) == ("diff", ("x.c:f",))
    count = 2_000
    many = "".join(f"--- a/{n}\n+++ b/{n}\n@@ -1 +1 @@\n-a\n+b\n\nNext:\n" for n in range(count))
    assert len(submissions(many.encode(), "x")) == count
    cut = many.replace("@@ -1 +1 @@", "@@ -1 +1,2 @@")
    assert len(submissions(b"Subject: Re: x\n\n" + cut.encode(), "x")) >= 1
    assert submissions(b"From a Mon Sep 17 00:00:00 2001\n\n" * 50_000, "x")[0].kind == "text"
    assert submissions(b">" * 500_000, "x")[0].kind == "text"
    assert submissions(b"/*" * 300_000 + b"\n", "x")[0].kind == "text"

# SPDX-License-Identifier: GPL-2.0-only
"""Each way to hand in a patch gives the same patch; bad input gives one clear line."""

from __future__ import annotations

import base64
import io
import os
import quopri
import sys
from email.message import EmailMessage
from pathlib import Path

import pytest

from checks.patch_input import read_submissions
from checks.patch_input.read import MAX_BYTES, Submission, submissions
from model.lang.errors import ModelError

from .patches import CALLS, FUNCTIONS, MAIL, PATCH, SUBJECT, WALK, WALK_SECTION, diff, hunk

HEADERS = f"From: ada@example.org\nSubject: {SUBJECT}\nMIME-Version: 1.0\n"


def one(data: bytes | str) -> Submission:
    (found,) = submissions(data.encode() if isinstance(data, str) else data, "x")
    return found


def check(found: Submission, subject: str = SUBJECT) -> None:
    assert found.kind == "diff"
    assert found.files == ("mm/shift.c",)
    assert found.functions == FUNCTIONS
    assert found.calls == CALLS
    assert found.subject == subject
    assert found.source == "x"


def encoded(encoding: str, body: bytes, charset: str = "utf-8") -> bytes:
    header = f"Content-Type: text/plain; charset={charset}\nContent-Transfer-Encoding: {encoding}\n"
    return (HEADERS + header + "\n").encode() + body


def test_diff() -> None:
    check(one(PATCH), "")


def test_saved_mail() -> None:
    check(one(MAIL))


def test_windows_lines() -> None:
    check(one(MAIL.replace("\n", "\r\n")))
    check(one(PATCH.replace("\n", "\r\n")), "")


def test_byte_order_marks() -> None:
    check(one(b"\xef\xbb\xbf" + PATCH.encode()), "")
    check(one(b"\xff\xfe" + PATCH.encode("utf-16-le")), "")


def test_quoted_printable() -> None:
    check(one(encoded("quoted-printable", quopri.encodestring(PATCH.encode()))))


def test_base64() -> None:
    check(one(encoded("base64", base64.encodebytes(PATCH.encode()))))


def test_other_charsets() -> None:
    body = f"Grüße, Ada\n---\n{PATCH}"
    check(one(encoded("8bit", body.encode("latin-1"), "iso-8859-1")))
    check(one(encoded("8bit", body.encode("latin-1"), "no-such-charset")))
    check(one(encoded("base64", base64.encodebytes(body.encode("utf-16")), "utf-16")))
    assert one(body.encode("latin-1")).kind == "diff"


def test_encoded_subject() -> None:
    mail = MAIL.replace(SUBJECT, "=?utf-8?q?=5BPATCH=5D_mm=3A_Gr=C3=BC=C3=9Fe?=")
    check(one(mail), "[PATCH] mm: Grüße")


def test_folded_subject() -> None:
    check(one(MAIL.replace("entries with", "entries\n with")))


def test_attached_patch() -> None:
    mail = EmailMessage()
    mail["Subject"] = SUBJECT
    mail.set_content("The patch is attached.")
    mail.add_attachment(PATCH.encode(), "application", "octet-stream", filename="shift.patch")
    mail.add_attachment(b"\0\1\2", "application", "octet-stream", filename="image.bin")
    check(one(mail.as_bytes()))


def test_mail_box_of_several() -> None:
    second = MAIL.replace("shift", "slide")
    cover = "From: ada@example.org\nSubject: [PATCH 0/2] mm: shift and slide\n\nTwo patches.\n"
    begin = "From ada@example.org Mon Sep 17 00:00:00 2001\n"
    box = "\n".join(begin + mail for mail in (cover, MAIL, second))
    first, other = submissions(box.encode(), "x")
    check(first)
    assert other.files == ("mm/slide.c",)
    assert other.functions[0] == "mm/slide.c:slide_entry"


def test_prose_begins_no_message() -> None:
    begin = "From ada@example.org Mon Sep 17 00:00:00 2001\n"
    check(one(begin + MAIL.replace("One flush", "From now on\n\nFrom here one flush")))


def test_text_without_patch() -> None:
    found = one("From: ada@example.org\nSubject: lunch\n\nAt noon?\n")
    assert (found.kind, found.subject, found.files) == ("text", "lunch", ())


def test_log_is_a_list_of_commits() -> None:
    found = one("1234567890ab mm: shift entries\nabcdef012345 mm: slide entries\n")
    assert found.kind == "list of commits"
    assert found.commits == ("1234567890ab mm: shift entries", "abcdef012345 mm: slide entries")


def test_full_log() -> None:
    entry = "commit {}\nAuthor: Ada <a@b>\nDate:   today\n\n    {}\n\n    Why.\n\n"
    found = one(entry.format("1a" * 20, "mm: shift") + entry.format("2b" * 20, "mm: slide"))
    assert found.commits == ("1a1a1a1a1a1a mm: shift", "2b2b2b2b2b2b mm: slide")


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(MAIL.encode())))
    (found,) = read_submissions("-")
    assert (found.source, found.functions) == ("-", FUNCTIONS)


@pytest.mark.parametrize("data", [b"", b" \n\n", b"\xef\xbb\xbf"])
def test_empty(data: bytes) -> None:
    with pytest.raises(ModelError, match=r"^x: the file is empty"):
        submissions(data, "x")


@pytest.mark.parametrize("data", [b"\x7fELF\2\1\1\0\0", PATCH.encode() + b"\0", b"\1\2\3\4 a\n"])
def test_binary(data: bytes) -> None:
    with pytest.raises(ModelError, match=r"^x: the file is binary"):
        submissions(data, "x")


@pytest.mark.parametrize("whole", [PATCH, MAIL.partition("--" + " \n")[0]])
def test_truncated(whole: str) -> None:
    lines = whole.splitlines(keepends=True)
    for cut in (1, 4):
        with pytest.raises(ModelError, match=r"mm/shift\.c is not complete: @@ -90.*short"):
            one("".join(lines[:-cut]))


def test_truncated_before_its_signature() -> None:
    with pytest.raises(ModelError, match=r"is not complete"):
        one(MAIL.replace(" \tspin_unlock(from->ptl);\n-- \n", "-- \n"))


def test_truncated_behind_its_header() -> None:
    with pytest.raises(ModelError, match=r"no hunk of mm/shift\.c"):
        one("diff --git a/mm/shift.c b/mm/shift.c\n--- a/mm/shift.c\n+++ b/mm/shift.c\n")


def test_a_hunk_with_a_line_too_many() -> None:
    good = diff(hunk(WALK_SECTION, WALK))
    with pytest.raises(ModelError, match=r"does not have the lines|more lines"):
        one(good + "+	one_more();\n")


def test_not_a_file(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"is a directory; give a file"):
        read_submissions(str(tmp_path))
    with pytest.raises(ModelError, match=r"no such file"):
        read_submissions(str(tmp_path / "none"))
    with pytest.raises(ModelError, match=r"cannot be read"):
        read_submissions("a\0b")


def test_too_large(tmp_path: Path) -> None:
    large = tmp_path / "large"
    with large.open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    with pytest.raises(ModelError, match=r"larger than 20 MB"):
        read_submissions(str(large))


def test_no_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = tmp_path / "secret"
    secret.write_text(PATCH)
    secret.chmod(0)
    if os.geteuid() == 0:  # nobody refuses root

        def refuse(*_: object) -> None:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(ModelError, match=r"no permission"):
        read_submissions(str(secret))

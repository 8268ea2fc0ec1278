# SPDX-License-Identifier: GPL-2.0-only
"""From the bytes that a user hands in to texts: a diff, a saved mail, a mail box, a web page.

Messages are taken apart with Python's `email`.  The mail box is split here: `mailbox` takes every
line that begins with "From " behind an empty one as the begin of a message, and prose begins so.
"""

from __future__ import annotations

import email
import re
from collections.abc import Iterator
from dataclasses import dataclass
from email.errors import MessageError
from email.header import decode_header
from email.message import Message

from model.lang.errors import ModelError

_BOX = re.compile(rb"^From \S+ .*\d\d:\d\d(?::\d\d)?.* \d{4}\r?$", re.MULTILINE)
_HEADER = re.compile(
    rb"(?:Return-Path|Received|From|To|Cc|Date|Subject|Message-Id|MIME-Version|Content-Type"
    rb"|Delivered-To|X-[\w-]+|DKIM-Signature|Reply-To|Sender|In-Reply-To|References):",
    re.IGNORECASE,
)
_COPIED = re.compile(r"(?:From|To|Cc|Date|Message-ID|Subject|In-Reply-To|References): ", re.I)
_BOMS = ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))
_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")
_SUBJECT_LENGTH = 1000  # characters; no real one is as long
_TITLE = re.compile(r"\[[^\]]*(?:PATCH|RFC|v\d|\d/\d)[^\]]*\] \S")
_FOLD = 78  # RFC 5322 2.1.1: lines of a header should not be longer


@dataclass(frozen=True)
class Text:
    """One text in which patches may be, and the subject of the mail that it came in, or ""."""

    subject: str
    body: str

    @property
    def reply(self) -> bool:
        """Whether it answers another mail."""
        return self.subject.lower().startswith(("re:", "aw:", "fwd:"))


def read_texts(data: bytes) -> list[Text]:
    """The texts of a file, in order.  ModelError if it is empty or is not text."""
    data = _as_text(data)
    if not data.strip():
        raise ModelError("the file is empty", instead="give a patch, a mail or a mail box")
    if _BOX.match(data):
        found = [text for message in _split(data) for text in _message(message)]
    elif _HEADER.match(data):
        found = _message(data)
    else:
        found = [_page(_decode(data, ""))]
    return found or [Text("", "")]


def _as_text(data: bytes) -> bytes:
    for mark, charset in _BOMS:
        if data.startswith(mark):
            return data[len(mark) :].decode(charset, "replace").encode()
    sample = data[:65536]
    if b"\0" in data or len(_CONTROL.findall(sample)) * 20 > len(sample):
        raise ModelError("the file is binary", instead="give a patch, a mail or a mail box as text")
    return data


def _split(data: bytes) -> Iterator[bytes]:
    starts = [
        m.start()
        for m in _BOX.finditer(data)
        if not m.start() or data[max(0, m.start() - 4) : m.start()].endswith((b"\n\n", b"\r\n\r\n"))
    ]
    for start, end in zip(starts, [*starts[1:], len(data)], strict=True):
        yield data[start:end].partition(b"\n")[2].removesuffix(b"\n")  # the box's empty line


def _message(data: bytes) -> list[Text]:
    """The texts of one message: its body, and each attached patch."""
    try:
        message = email.message_from_bytes(data)
        parts = list(message.walk())
    except RecursionError:
        raise ModelError(
            "the mail has parts within parts without end", instead="give the patch itself"
        ) from None
    subject = _subject(message)
    texts = [_part(part) for part in parts if _readable(part)]
    return [Text(subject, _lines(text)) for text in texts if text.strip()]


def _readable(part: Message) -> bool:
    if part.is_multipart():
        return False
    kind = part.get_content_type()
    name = str(part.get_param("name", "") or part.get_param("filename", "", "content-disposition"))
    patch = name.lower().endswith((".patch", ".diff", ".txt", ".mbox"))
    return patch or (kind.startswith("text/") and kind != "text/html") or kind.endswith("-patch")


def _part(part: Message) -> str:
    payload = part.get_payload(decode=True)
    if not isinstance(payload, bytes):
        return ""
    try:
        charset = part.get_content_charset("") or ""
    except (LookupError, ValueError):
        charset = ""
    return _decode(payload, charset)


def _decode(data: bytes, charset: str) -> str:
    """Text of bytes: in the charset that is named, else UTF-8, else one where every byte is one."""
    for name in (charset, "utf-8"):
        try:
            return data.decode(name) if name else data.decode("utf-8")
        except (LookupError, ValueError):
            continue
    return data.decode("latin-1")


def _subject(message: Message) -> str:
    parts: list[str] = []
    raw = str(message.get("Subject", ""))[:_SUBJECT_LENGTH]
    try:
        for text, charset in decode_header(raw):
            parts.append(text if isinstance(text, str) else _decode(text, charset or ""))
    except (ValueError, LookupError, MessageError):
        parts = [raw]
    return _one_line("".join(parts))


def _one_line(text: str) -> str:
    text = text.encode("utf-8", "replace").decode()
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def _lines(text: str) -> str:
    return text.replace("\r\n", "\n").removesuffix("\r")


def _page(text: str) -> Text:
    """A text without real headers; a web page's copy of a mail has them somewhere near its top."""
    text = _lines(text)
    lines = text.split("\n", 60)[:60]
    for number, line in enumerate(lines):
        if not line.startswith("Subject: "):
            continue
        if not any(_COPIED.match(other) for other in lines[:number] + lines[number + 1 :]):
            break
        subject = line
        for more in lines[number + 1 :]:
            # A copy that has lost its indentation still shows where a long header was folded.
            folded = len(subject.rsplit("\n", 1)[-1]) + 1 + len(more.split(" ", 1)[0]) > _FOLD
            if not more.strip() or _COPIED.match(more) or not (more[:1].isspace() or folded):
                break
            subject += "\n" + more
        return Text(_one_line(subject.removeprefix("Subject: ")), text)
    first = lines[0][:_SUBJECT_LENGTH].strip()
    return Text(_one_line(first) if _TITLE.match(first) else "", text)

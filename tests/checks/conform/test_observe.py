# SPDX-License-Identifier: GPL-2.0-only
"""What the words of /proc mean, and how a child's end is told; no kernel is asked for memory."""

from __future__ import annotations

import io
import os
import signal
import sys
import time
from collections.abc import Iterator

import pytest

from checks.conform.kernel import abi
from checks.conform.kernel.bounded import Bounded, Ended, run_bounded
from checks.conform.kernel.grants import swap_header
from checks.conform.kernel.observe import Entry, Frame, Vma, decode, parse_maps


@pytest.mark.parametrize(
    ("word", "entry"),
    [
        (0, Entry(False, False, False, False, False, False, 0, False)),
        (1 << 63 | 1 << 56 | 0x1234, Entry(True, False, False, False, False, True, 0x1234, False)),
        (1 << 63 | 1 << 61 | 9, Entry(True, False, True, False, False, False, 9, False)),
        (1 << 63 | 1 << 57 | 9, Entry(True, False, False, True, False, False, 9, False)),
        (1 << 62 | 5 << 5, Entry(False, True, False, False, False, False, 0, False)),
        (1 << 62 | 1 << 57 | 31, Entry(False, True, False, True, False, False, 0, True)),
        (1 << 62 | 1 << 58 | 31, Entry(False, True, False, False, True, False, 0, True)),
    ],
)
def test_a_word_of_pagemap(word: int, entry: Entry) -> None:
    assert decode(word) == entry


def test_exclusive_is_said_of_anonymous_pages_alone() -> None:
    assert Frame(1, 1 << 34 | 1 << 12).exclusive
    assert not Frame(1, 1 << 34).exclusive  # another user of PG_owner_2
    assert not Frame(1, 1 << 12).exclusive
    assert Frame(0, 1 << 24).zero


def test_maps() -> None:
    text = "1000-3000 r--p 00000000 00:00 0\n3000-4000 rw-s 00001000 00:01 7 /memfd:x (deleted)\n"
    assert parse_maps(text) == [Vma(0x1000, 0x3000, 1), Vma(0x3000, 0x4000, 3)]


def test_numbers_of_ioctls() -> None:
    """As include/uapi/linux/userfaultfd.h and fs.h of 6.18 have them."""
    assert abi.IOC_API == 0xC018AA3F
    assert abi.IOC_MOVE == 0xC028AA05
    assert abi.IOC_UNREGISTER == 0x8010AA01
    assert abi.PROCMAP_QUERY == 0xC0686611


def test_a_swap_header() -> None:
    header = swap_header(64 << 20)
    assert header.endswith(b"SWAPSPACE2")
    assert int.from_bytes(header[1028:1032], "little") == (64 << 20) // len(header) - 1


def _three_then(end: str) -> Iterator[int]:
    yield from range(3)
    if end == "raise":
        sys.stderr = io.StringIO()  # where it would be told
        raise ValueError
    if end == "hang":
        time.sleep(60)
    if end == "die":
        os.kill(os.getpid(), signal.SIGTERM)


@pytest.mark.parametrize(
    ("end", "ended"),
    [
        ("well", Ended(0)),
        ("raise", Ended(1)),
        ("hang", Ended(-signal.SIGALRM)),
        ("die", Ended(-signal.SIGTERM)),
    ],
)
def test_what_a_child_handed_back_is_kept(end: str, ended: Ended) -> None:
    assert run_bounded(lambda: _three_then(end), 0.3) == ([0, 1, 2], ended)


def test_who_is_left_ends_children() -> None:
    with Bounded() as children:
        children.start(0, lambda: _three_then("hang"), 60)
        pid = children._children[0].pid
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)

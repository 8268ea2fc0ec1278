# SPDX-License-Identifier: GPL-2.0-only
"""What `mover` is about: pages, their locks, and where each of the four is."""

from __future__ import annotations

import enum

from model.lang import Kobject, kfield


class Who(enum.Enum):
    """Who holds a lock."""

    NOBODY = 0
    MOVER = 1
    WALK = 2
    ZAP = 3


class Side(enum.Enum):
    """Where GUP-fast found an entry."""

    NONE = 0
    SRC = 1
    DST = 2


class Page(Kobject):
    """A page of the range: its two entries, its folio, and what TLBs hold of it."""

    next: Page | None = kfield(const=True, doc="the one above it")
    src: bool = kfield(True, "the entry at the source is there")
    dst: bool = kfield(False, "the entry at the destination is there")
    refs: int = kfield(1, "references", hi=3)
    pinned: bool = kfield(False, "GUP-fast has it")
    lock: Who = kfield(Who.NOBODY, "who holds the folio lock")
    at_dst: bool = kfield(False, "folio->mapping and index name the destination")
    freed: bool = kfield(False, "nobody has it")
    stale_src: bool = kfield(True, "TLBs may hold the translation at the source")
    stale_dst: bool = kfield(False, "TLBs may hold the translation at the destination")


class Range(Kobject):
    """The locks of what is moved."""

    first: Page = kfield(const=True)
    pages: tuple[Page, ...] = kfield((), const=True)
    flushes: bool = kfield(True, "whether the mover flushes", const=True)
    src_ptl: Who = kfield(Who.NOBODY, "page-table lock of the source")
    dst_ptl: Who = kfield(Who.NOBODY, "page-table lock of the destination")
    anon_vma: Who = kfield(Who.NOBODY, "the lock of its anon_vma")
    moved: int = kfield(0, "pages that were moved", hi=4)


class MoverAt(enum.Enum):
    """Where the mover is."""

    AGAIN = 0
    PICK = 1
    ANON_VMA = 2
    DST_PTL = 3
    SRC_PTL = 4
    CHECK = 5
    CLEAR = 6
    PINS = 7
    SET = 8
    NEXT = 9
    FLUSH = 10
    FLUSHED = 11
    UNLOCK_SRC = 12
    UNLOCK_DST = 13
    UNLOCK_ANON = 14
    OVER = 15


class Mover(Kobject):
    """The mover."""

    at: MoverAt = kfield(MoverAt.AGAIN, "where it is")
    page: Page | None = kfield(None, "the page that it is at; past the last, none")
    batch: Page | None = kfield(None, "the first of the batch, then what is flushed")


class GupAt(enum.Enum):
    """Where GUP-fast is."""

    AGAIN = 0
    READ = 1
    PIN = 2
    CHECK = 3
    USE = 4


class Gup(Kobject):
    """GUP-fast."""

    at: GupAt = kfield(GupAt.AGAIN, "where it is")
    page: Page = kfield(doc="the page that it found")
    side: Side = kfield(Side.NONE, "and where")


class WalkAt(enum.Enum):
    """Where the rmap walk is."""

    AGAIN = 0
    FOLIO = 1
    READ = 2
    ANON_VMA = 3
    LOCKED = 4
    PTL = 5
    LOOK = 6
    UNLOCK_PTL = 7
    UNLOCK_ANON = 8
    UNLOCK_FOLIO = 9


class Walk(Kobject):
    """An rmap walk of one folio."""

    at: WalkAt = kfield(WalkAt.AGAIN, "where it is")
    page: Page = kfield(doc="whose folio")
    to_dst: bool = kfield(False, "the folio named the destination")


class ZapAt(enum.Enum):
    """Where the zap is."""

    AGAIN = 0
    FIND = 1
    PTL = 2
    CLEAR = 3
    FLUSH = 4
    UNLOCK = 5
    PUT = 6


class Zap(Kobject):
    """A zap at the destination."""

    at: ZapAt = kfield(ZapAt.AGAIN, "where it is")
    page: Page = kfield(doc="the page that it found")

# SPDX-License-Identifier: GPL-2.0-only
"""What can be seen of a process's pages without touching one.

`/proc/PID/pagemap`, `kpageflags` and `kpagecount` change nothing.  Two ways to read another
process's memory do, so that looking would change what is looked at: process_vm_readv pins, and a
pin unshares (FOLL_UNSHARE); /proc/PID/mem marks a folio accessed (FOLL_TOUCH), the second time puts
it into a batch to be activated, and the batch's reference keeps a write after fork from reusing it.
So a process loads its own bytes (Actor.peek).

Source: fs/proc/{task_mmu,page}.c of 6.18.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from . import abi
from .calls import PAGE


@dataclass(frozen=True)
class Entry:
    """One word of pagemap: what the page table says of an address, decoded."""

    present: bool
    swap: bool
    file: bool
    uffd_wp: bool
    guard: bool
    sole: bool
    """Bit 56: mapped once (which is not PageAnonExclusive)."""
    frame: int
    """The frame's number, 0 where it is hidden or nothing is present."""
    marker: bool
    """Not present, and no swap entry either: poison, uffd-wp or a guard."""


def decode(word: int) -> Entry:
    present, swap = bool(word & abi.PM_PRESENT), bool(word & abi.PM_SWAP)
    low = word & abi.PM_PFN
    return Entry(
        present,
        swap,
        bool(word & abi.PM_FILE),
        bool(word & abi.PM_UFFD_WP),
        bool(word & abi.PM_GUARD),
        bool(word & abi.PM_EXCLUSIVE),
        low if present else 0,
        swap and low & abi.PM_SWAP_TYPE == abi.SWP_PTE_MARKER,
    )


@dataclass(frozen=True)
class Frame:
    """What /proc says of one frame of memory."""

    mapcount: int
    flags: int

    @property
    def anon(self) -> bool:
        return bool(self.flags & abi.KPF_ANON)

    @property
    def exclusive(self) -> bool:
        """PageAnonExclusive; of a large folio the bit of its head."""
        return self.anon and bool(self.flags & abi.KPF_OWNER_2)

    @property
    def zero(self) -> bool:
        return bool(self.flags & abi.KPF_ZERO_PAGE)

    @property
    def large(self) -> bool:
        """Of a large folio."""
        return bool(self.flags & (abi.KPF_THP | abi.KPF_HUGE))


class Frames:
    """The files about frames, for root alone."""

    def __init__(self) -> None:
        self._flags = os.open("/proc/kpageflags", os.O_RDONLY | os.O_CLOEXEC)
        try:
            self._counts = os.open("/proc/kpagecount", os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            os.close(self._flags)
            raise

    def read(self, frame: int) -> Frame:
        at = frame * 8
        count, flags = os.pread(self._counts, 8, at), os.pread(self._flags, 8, at)
        return Frame(int.from_bytes(count, "little"), int.from_bytes(flags, "little"))


@dataclass(frozen=True)
class Vma:
    """Addresses, `end` excluded; bits of PROT_READ and PROT_WRITE."""

    start: int
    end: int
    prot: int


class Pages:
    """The page table and the VMAs of one process."""

    def __init__(self, pid: int) -> None:
        self._fds: list[int] = []
        try:
            for name in ("pagemap", "maps"):
                self._fds.append(os.open(f"/proc/{pid}/{name}", os.O_RDONLY | os.O_CLOEXEC))
        except OSError:
            self.close()
            raise
        self._pagemap, self._maps = self._fds
        self._asks = True

    def words(self, address: int, pages: int) -> Sequence[int]:
        """The words of pagemap for so many pages from a page's address on."""
        return struct.unpack(f"{pages}Q", self._raw(address, pages))

    def _raw(self, address: int, pages: int) -> bytes:
        # Less is read beyond the last address of a process, or if the process is gone.
        return os.pread(self._pagemap, 8 * pages, address // PAGE * 8).ljust(8 * pages, b"\0")

    def blocks(self, address: int, count: int, size: int) -> list[int]:
        """The first words of so many blocks of pages.  Where the other words of a block say
        something else, besides the frame, the first is said to be a page of a file, and not if it
        is one: no block of anybody is that by itself."""
        raw = self._raw(address, count * size)
        bits, found = raw[7::8], []
        for first in range(0, count * size, size):
            word = int.from_bytes(raw[8 * first : 8 * first + 8], "little")
            alike = bits.count(bits[first], first, first + size) == size
            found.append(word if alike else word ^ abi.PM_FILE)
        return found

    def entries(self, address: int, pages: int) -> list[Entry]:
        return [decode(word) for word in self.words(address, pages)]

    def leaves(self, start: int, end: int) -> list[tuple[int, int]]:
        """Ranges of addresses that PMD leaves map.  OSError where that cannot be asked."""
        found = (ctypes.c_uint64 * (3 * _LEAVES))()
        where = (start, end, 0, ctypes.addressof(found), _LEAVES, 0)
        mask = (0, abi.PAGE_IS_HUGE, 0, abi.PAGE_IS_HUGE)  # inverted, all of, any of, told
        asked = bytearray(_SCAN.pack(_SCAN.size, 0, *where, *mask))
        count = fcntl.ioctl(self._pagemap, abi.PAGEMAP_SCAN, asked)
        return [(found[3 * n], found[3 * n + 1]) for n in range(count)]

    def vmas(self, start: int, end: int) -> list[Vma]:
        """The VMAs that have a part between two addresses."""
        if self._asks:
            try:
                return list(self._asked(start, end))
            except OSError:  # before 6.11
                self._asks = False
        os.lseek(self._maps, 0, os.SEEK_SET)
        text = b""
        while more := os.read(self._maps, 1 << 16):
            text += more
        return [vma for vma in parse_maps(text.decode()) if vma.start < end and start < vma.end]

    def _asked(self, start: int, end: int) -> Iterator[Vma]:
        while start < end:
            query = bytearray(_QUERY.pack(104, abi.PROCMAP_QUERY_COVERING_OR_NEXT_VMA, start))
            try:
                fcntl.ioctl(self._maps, abi.PROCMAP_QUERY, query)
            except OSError as error:
                if error.errno == errno.ENOENT:
                    return
                raise
            first, last, flags = _ANSWER.unpack_from(query, 24)
            if first >= end:
                return
            yield Vma(first, last, flags & 3)
            start = last

    def close(self) -> None:
        while self._fds:
            os.close(self._fds.pop())


_SCAN, _LEAVES = struct.Struct("12Q"), 64
_QUERY, _ANSWER = struct.Struct("3Q80x"), struct.Struct("3Q")


def parse_maps(text: str) -> list[Vma]:
    """The lines of /proc/PID/maps."""
    found = []
    for line in text.splitlines():
        where, prot = line.split()[:2]
        first, last = (int(x, 16) for x in where.split("-"))
        found.append(Vma(first, last, (prot[0] == "r") | (prot[1] == "w") << 1))
    return found

# SPDX-License-Identifier: GPL-2.0-only
"""PMD tables that two processes share, where a huge page file is mapped in both (mm/hugetlb.c).

Needs three free huge pages.  The sizes are those of a PMD and a PUD of this architecture's base
pages; a kernel whose huge pages have another size is not asked.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass

from . import abi, calls
from .actor import AWAY, PMD, PUD, error_name
from .bounded import run_bounded
from .observe import Frames, Pages

SECONDS = 20.0
_TOUCHED_LATER = 5
"""The huge page that only the first process touches, after the other is there."""


@dataclass(frozen=True)
class Sharing:
    """What is seen of two processes, "first" and "second", that map the same huge pages.

    The second maps them at an address that is off by `shift` huge pages.
    """

    shift: int
    appears: bool
    """A page that only the first touched is present in the second."""
    mapcount: int
    """Of a page that both have."""
    error: str
    """Of the first's mprotect of the whole range, "" if it succeeded."""
    first_keeps: bool
    """Its page is present after that mprotect."""
    second_keeps: bool

    @property
    def as_observed(self) -> bool:
        """Whether this is what sharing looks like where it is possible (a shift of 0), and what
        two tables look like where it is not.

        A shared table: a page appears in both at once and counts once.  mprotect first leaves the
        table (mm/hugetlb.c:hugetlb_unshare_pmds), and finds its own empty.
        """
        seen = (self.appears, self.mapcount, self.error, self.first_keeps, self.second_keeps)
        return seen == (
            (True, 1, "", False, True) if not self.shift else (False, 2, "", True, True)
        )


class NoHugePagesError(Exception):
    """It cannot be tried here; says why."""


def pmd_sharing(shift: int) -> Sharing:
    """Try it in children.  NoHugePagesError if it cannot be."""
    found, ended = run_bounded(lambda: _try(shift), SECONDS)
    if not found:
        raise NoHugePagesError(f"huge pages: {ended}")
    if isinstance(found[0], str):
        raise NoHugePagesError(found[0])
    assert isinstance(found[0], Sharing)
    return found[0]


def _map(memfd: int, address: int) -> int:
    """Map all of the file, without reserving what is not touched."""
    prot, flags = abi.PROT_READ | abi.PROT_WRITE, abi.MAP_SHARED | abi.MAP_NORESERVE
    return calls.map_memory(address, PUD, prot, flags | abi.MAP_FIXED_NOREPLACE, memfd)


def _second(memfd: int, address: int, ready: int, end: int) -> None:
    """The second process: it maps, touches page 1, and waits."""
    error = _map(memfd, address) or calls.Bytes().store(address + PMD, 1)
    os.write(ready, bytes([error]))
    os.read(end, 1)
    os._exit(0)


def _try(shift: int) -> Iterator[Sharing | str]:
    try:
        memfd = os.memfd_create("conform-huge", abi.MFD_CLOEXEC | abi.MFD_HUGETLB)
    except OSError as none:
        yield f"memfd_create(MFD_HUGETLB): {none.strerror}"
        return
    if os.fstat(memfd).st_blksize != PMD:
        yield f"huge pages have {os.fstat(memfd).st_blksize} bytes, not {PMD}"
        return
    os.ftruncate(memfd, PUD)
    ours, ready = os.pipe()
    end, theirs = os.pipe()
    there = AWAY + shift * PMD
    child = os.fork()
    if child == 0:
        os.close(theirs)  # or it would wait for itself
        try:
            # The first process has to be there before a table can be shared with it.
            os.read(end, 1)
            _second(memfd, there, ready, end)
        finally:
            os._exit(1)
    error = _map(memfd, AWAY) or calls.Bytes().store(AWAY, 1)
    os.write(theirs, b"g")
    error = error or os.read(ours, 1)[0]
    if error:
        yield f"huge pages cannot be mapped and touched: {error_name(error)}"
        return
    yield _look(child, there)
    os.close(theirs)
    os.waitpid(child, 0)


def _look(child: int, there: int) -> Sharing:
    first, second, frames = Pages(os.getpid()), Pages(child), Frames()
    later = _TOUCHED_LATER * PMD
    calls.Bytes().store(AWAY + later, 1)
    appears = second.entries(there + later, 1)[0].present
    calls.Bytes().load(AWAY + PMD)  # the page that the second touched: now both have it
    both = first.entries(AWAY + PMD, 1)[0]
    mapcount = frames.read(both.frame).mapcount
    error = calls.mprotect(AWAY, PUD, abi.PROT_READ)
    return Sharing(
        (there - AWAY) // PMD,
        appears,
        mapcount,
        error_name(error),
        first.entries(AWAY + PMD, 1)[0].present,
        second.entries(there + PMD, 1)[0].present,
    )

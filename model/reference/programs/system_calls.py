# SPDX-License-Identifier: GPL-2.0-only
"""System calls, and accesses of user code: all that programs may ask for, a record each.

A record says how its operations are written, what a machine must be capable of, in which arenas it
is done, and what random programs have to know of it.  What carries it out is a routine of
`model/reference/calls` that is registered under its name; in the running kernel,
`checks/conform/kernel/actor.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .observation import Capability

ODD = ("odd_address", "odd_length", "odd_target")
"""Flags that add one byte to the address, to the length, to the target; in an arena of huge pages
a base page."""

ARENAS = ("plain", "huge", "pud", "hugetlb")
"""Kinds of arenas (`Arena.kind`)."""


@dataclass(frozen=True)
class SystemCall:
    """A system call.

    `takes` are the parts of an operation besides its process, in the order of their text and of
    the arguments of its routine, `flags` the words that may follow.  `often` says by kind of arena
    how often a random program tries it, from 0 on; where it says nothing, it is not done.
    """

    name: str
    doc: str
    often: Mapping[str, int]
    takes: tuple[str, ...] = ("range",)
    flags: tuple[str, ...] = ()
    needs: tuple[Capability, ...] = ()
    """Capabilities that a machine must have to be asked for it."""
    touches: bool | None = None
    """True if it leaves something where it was, False if nothing."""
    frees_first: bool = True
    """True if a frame may be freed before another is put in its place."""

    @property
    def is_ioctl(self) -> bool:
        """True for one of userfaultfd: its result has an out field, and it looks at its range."""
        return Capability.UFFD in self.needs


def _in(
    plain: int | None = None, huge: int | None = None, pud: int | None = None,
    hugetlb: int | None = None,
) -> Mapping[str, int]:  # fmt: skip
    said = zip(ARENAS, (plain, huge, pud, hugetlb), strict=True)
    return {kind: often for kind, often in said if often is not None}


_UFFD, _GUARD, _PIN = (Capability.UFFD,), (Capability.GUARD,), (Capability.PIN,)
_HUGE = (Capability.HUGE,)

_ALL = (
    SystemCall("mmap", "mmap; `@ page` is the offset in the memfd", _in(4, 3, 3, 6),
               ("range", "prot", "kind", "at")),
    SystemCall("munmap", "munmap", _in(2, 1, 2, 3), flags=ODD[:1]),
    SystemCall("mprotect", "mprotect", _in(5, 6, 5, 8), ("range", "prot"), ODD[:1]),
    SystemCall("mremap", "mremap; without fixed the target is the page itself and only its length "
               "counts", _in(4, 12, 16, 5), ("range", "target range"),
               ("maymove", "fixed", "dontunmap", "odd_address", "odd_target")),
    SystemCall("mlock", "mlock", _in(1), frees_first=False),
    SystemCall("munlock", "munlock", _in(1)),
    SystemCall("dontneed", "MADV_DONTNEED", _in(4, 6, 3, 3), flags=ODD[:1], touches=False),
    SystemCall("free", "MADV_FREE", _in(1, 4, hugetlb=1)),
    SystemCall("pageout", "MADV_PAGEOUT", _in(4, hugetlb=1), needs=(Capability.SWAP,)),
    SystemCall("populate_read", "MADV_POPULATE_READ", _in(2, 2), touches=True),
    SystemCall("populate_write", "MADV_POPULATE_WRITE", _in(2, 2), touches=True,
               frees_first=False),
    SystemCall("guard", "MADV_GUARD_INSTALL", _in(1, 1, hugetlb=1), needs=_GUARD),
    SystemCall("unguard", "MADV_GUARD_REMOVE", _in(1, 1, hugetlb=0), needs=_GUARD),
    SystemCall("fork", "fork, without events; the child is the next number never used",
               _in(2, 3, 3, 4), ("child",)),
    SystemCall("exit", "the process ends, p0 never does", _in(2, 3, 2, 2), ()),
    SystemCall("read", "load a byte from a page as the kernel's copy_from_user does",
               _in(12, 12, 8, 18), ("page",), touches=True),
    SystemCall("write", "store a byte, as copy_to_user does", _in(18, 14, 16, 20),
               ("page", "token"), touches=True, frees_first=False),
    SystemCall("register", "UFFDIO_REGISTER with the process's own userfaultfd, which has "
               "UFFD_FEATURE_SIGBUS", _in(3, 5, 2), flags=("missing", "wp"), needs=_UFFD),
    SystemCall("unregister", "UFFDIO_UNREGISTER", _in(1, 1, 1), needs=_UFFD),
    SystemCall("copy", "UFFDIO_COPY of pages that begin with the token", _in(4, 1),
               ("range", "token"), ("wp",), needs=_UFFD, touches=True),
    SystemCall("zeropage", "UFFDIO_ZEROPAGE", _in(2, 1), needs=_UFFD, touches=True),
    SystemCall("move", "UFFDIO_MOVE; holes is ALLOW_SRC_HOLES", _in(16, 24, hugetlb=1),
               ("range", "target"), ("holes", *ODD), needs=(*_UFFD, Capability.MOVE)),
    SystemCall("wp", "UFFDIO_WRITEPROTECT; off resolves", _in(4, 3, 2), flags=("off",),
               needs=_UFFD),
    SystemCall("poison", "UFFDIO_POISON", _in(1, 1), needs=(*_UFFD, Capability.POISON)),
    SystemCall("pin", "pin the pages for long and for writing, as io_uring registers a buffer in "
               "a slot (FOLL_LONGTERM | FOLL_WRITE); EBUSY if the slot is taken", _in(3, 2),
               ("range", "slot"), needs=_PIN, frees_first=False),
    SystemCall("unpin", "give the buffer in the slot back; ENOENT if there is none", _in(2, 2),
               ("slot",), needs=_PIN),
    SystemCall("huge_write", "MADV_POPULATE_WRITE, with leaves where the whole PMD can be one",
               _in(huge=16), needs=_HUGE, touches=True),
    SystemCall("huge_read", "MADV_POPULATE_READ, with leaves where the whole PMD can be one",
               _in(huge=6), needs=_HUGE, touches=True),
    SystemCall("collapse", "MADV_COLLAPSE", _in(huge=5), needs=_HUGE),
)  # fmt: skip

SYSTEM_CALLS: Mapping[str, SystemCall] = {call.name: call for call in _ALL}
"""Each by its name."""


def often_in(kind: str) -> dict[str, int]:
    """The weights with which random programs in a kind of arena try each that is done there."""
    return {name: c.often[kind] for name, c in SYSTEM_CALLS.items() if kind in c.often}

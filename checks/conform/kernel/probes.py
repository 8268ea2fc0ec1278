# SPDX-License-Identifier: GPL-2.0-only
"""What this kernel can do and show, found out by doing it: each probe is a small script.

Nothing is concluded from a version.  A probe that fails says at which operation, and its errno.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from model.reference.programs.observation import Capability
from model.reference.state.behaviour import Behaviour

from ..script import script
from .bounded import run_bounded
from .family import LostChildError
from .machine import Kernel

SECONDS = 20.0
"""All probes together have so long."""


@dataclass(frozen=True)
class Probe:
    """A script that succeeds on a kernel that can."""

    name: str
    text: str
    capability: Capability | None = None
    behaviour: str = ""
    """A field of Behaviour that is true of a kernel on which the script succeeds."""

    @property
    def basic(self) -> bool:
        """Of the basic set, without which nothing is compared."""
        return self.capability is None and not self.behaviour


HUGETLB_ARENA = "arena 12 hugetlb"

_FORKED = """
    p0 mmap 0+2 rw anon
    p0 write 0 = 7
    p0 write 1 = 7
    p0 fork -> p1
    p0 write 1 = 8
"""

PROBES: Sequence[Probe] = (
    Probe("pagemap", "p0 mmap 0+1 rw anon\n p0 write 0 = 7\n p0 read 0\n see p0 0: anon"),
    Probe("mprotect", "p0 mmap 0+2 rw anon\n p0 mprotect 0+1 r\n p0 write 0 = 7 => EFAULT"),
    Probe("mremap", """
        p0 mmap 0+1 rw anon
        p0 write 0 = 7
        p0 mremap 0+1 -> 8+1 maymove fixed
        p0 read 0 => EFAULT
        see p0 8: anon
    """),
    Probe("fork", _FORKED + "p1 read 1\n p1 write 0 = 9\n p1 exit"),
    Probe("userfaultfd", """
        p0 mmap 0+4 rw anon
        p0 register 0+4 missing
        p0 read 0 => EFAULT
        p0 copy 0+1 = 5
        p0 zeropage 1+1
        p0 unregister 0+4
    """, Capability.UFFD),
    Probe("UFFDIO_MOVE", """
        p0 mmap 0+1 rw anon
        p0 mmap 8+1 rw anon
        p0 register 8+1 missing
        p0 write 0 = 7
        p0 move 0+1 -> 8
        see p0 0: none
        see p0 8: anon
    """, Capability.MOVE),
    Probe("UFFDIO_POISON", """
        p0 mmap 0+1 rw anon
        p0 register 0+1 missing
        p0 poison 0+1
        p0 read 0 => EFAULT
        see p0 0: marker
    """, Capability.POISON),
    Probe("guard regions", """
        p0 mmap 0+1 rw anon
        p0 guard 0+1
        p0 read 0 => EFAULT
        see p0 0: guard
    """, Capability.GUARD),
    Probe("swap", """
        p0 mmap 0+1 rw anon
        p0 write 0 = 7
        p0 pageout 0+1
        see p0 0: swap
    """, Capability.SWAP),
    Probe("pins", """
        p0 mmap 0+1 rw anon
        p0 write 0 = 7
        p0 pin 0+1 slot 0
        p0 unpin slot 0
    """, Capability.PIN),
    Probe("mremap of several VMAs", """
        p0 mmap 0+2 rw anon
        p0 mprotect 0+1 r
        p0 mremap 0+2 -> 8+2 maymove fixed
    """, Capability.MREMAP_MANY),
    Probe("huge pages", """
        arena 16 huge 8
        p0 mmap 0+16 rw anon
        p0 huge_write 0+1
        see p0 7: anon
    """, Capability.HUGE),
    Probe("frames", _FORKED + "see p0 0: anon frame A\n see p1 0: anon frame A\n"
          "see p1 1: anon frame B", Capability.SEES_FRAMES),
    Probe("zero page", "p0 mmap 0+1 rw anon\n p0 read 0\n see p0 0: zero", Capability.SEES_ZERO),
    Probe("uffd-wp bits", """
        p0 mmap 0+1 rw anon
        p0 register 0+1 wp
        p0 write 0 = 5
        see p0 0: anon no-wp
        p0 wp 0+1
        p0 write 0 = 6 => EFAULT
        see p0 0: anon wp
    """, Capability.SEES_UFFD_WP),
    Probe("map counts", _FORKED + "see p0 0: anon mapcount 2\n see p0 1: anon mapcount 1",
          Capability.SEES_MAPCOUNT),
    Probe("exclusivity", _FORKED + "see p0 0: anon shared\n see p0 1: anon exclusive",
          Capability.SEES_EXCLUSIVE),
    Probe("values", _FORKED + "see p0 1: anon value 8\n see p1 1: anon value 7",
          Capability.SEES_VALUES),
    Probe("VMAs", "p0 mmap 0+2 rw anon\n p0 mprotect 0+1 r\n vmas p0: 0-1:r 1-2:rw",
          Capability.SEES_VMAS),
    Probe("large folios", """
        arena 16 huge 8
        p0 mmap 0+16 rw anon
        p0 huge_write 0+1
        p0 write 8 = 5
        see p0 7: anon large
        see p0 8: anon small
    """, Capability.SEES_LARGE),
    Probe("PMD leaves", """
        arena 16 huge 8
        p0 mmap 0+16 rw anon
        p0 huge_write 0+1
        p0 write 8 = 5
        see p0 7: anon leaf
        see p0 8: anon split
        p0 mprotect 0+4 r
        see p0 7: anon split
    """, Capability.SEES_LEAVES),
    Probe("huge zero page", """
        arena 16 huge 8
        p0 mmap 0+16 rw anon
        p0 huge_read 0+1
        see p0 7: present
    """, Capability.HUGE_ZERO),
    Probe("empty page tables are freed", """
        arena 16 huge 8
        p0 mmap 0+16 rw anon
        p0 write 0 = 5
        p0 dontneed 0+8
        p0 huge_write 0+1
        see p0 7: anon
    """, Capability.TABLE_RECLAIM),
    Probe("MADV_COLLAPSE of a part of a PMD", """
        arena 16 huge 8
        p0 mmap 0+16 rw anon
        p0 write 1 = 5
        p0 collapse 1+1
    """, behaviour="collapse_of_nothing"),
    Probe("hugetlb", f"""
        {HUGETLB_ARENA}
        p0 mmap 0+4 rw shared @ 0
        p0 write 0 = 7
        see p0 0: file value 7
    """, Capability.HUGETLB),
    Probe("PMD tables that are shared", f"""
        {HUGETLB_ARENA}
        p0 mmap 0+4 rw shared @ 0
        p0 write 0 = 7
        p0 fork -> p1
        p1 read 0
        p0 write 1 = 8
        see p1 1: file value 8
    """, behaviour="pmd_sharing"),
    Probe("UFFDIO_COPY over a marker", """
        p0 mmap 0+1 rw anon
        p0 register 0+1 missing
        p0 poison 0+1
        p0 copy 0+1 = 5
    """, behaviour="over_markers"),
)  # fmt: skip


@dataclass(frozen=True)
class Probed:
    """A probe, and why it fails here; "" if it does not."""

    probe: Probe
    why: str

    @property
    def name(self) -> str:
        return self.probe.name

    @property
    def capability(self) -> Capability | None:
        return self.probe.capability

    @property
    def basic(self) -> bool:
        return self.probe.basic


def behaviour_of(probed: Sequence[Probed]) -> Behaviour:
    """The kernel that the reference MM has to be, to be like this one."""
    able = {p.capability for p in probed if not p.why}
    seen: dict[str, Any] = {p.probe.behaviour: not p.why for p in probed if p.probe.behaviour}
    return replace(
        Behaviour(
            swap=Capability.SWAP in able, mremap_many=Capability.MREMAP_MANY in able,
            huge_zero=Capability.HUGE_ZERO in able,
            table_reclaim=Capability.TABLE_RECLAIM in able,
        ), **seen,
    )  # fmt: skip


def _probe_all(probes: Sequence[Probe]) -> Iterator[Probed]:
    kernel = Kernel(frozenset(Capability))
    for probe in probes:
        asked = script(probe.text)
        kernel.begin(asked.program.arena)
        try:
            why = asked.run(kernel)
        except (OSError, LostChildError) as error:
            why = str(error)
        yield Probed(probe, why)
    kernel.close()


def probe_kernel(*, hugetlb: bool = False) -> tuple[Probed, ...]:
    """What can be done here.  Runs in a child; what it does not come to is no capability.

    `hugetlb`: try huge pages too.
    """
    probes = [p for p in PROBES if hugetlb or HUGETLB_ARENA not in p.text]
    found, ended = run_bounded(lambda: _probe_all(probes), SECONDS)
    left = probes[len(found) :]
    return (*found, *(Probed(p, f"not reached: {ended}") for p in left))

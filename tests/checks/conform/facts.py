# SPDX-License-Identifier: GPL-2.0-only
"""What Linux 6.18 on x86_64 was seen to do, row by row, as scripts (checks/conform/script.py).

Each row is run on the kernel at hand and, as far as it goes, on the reference MM.  Where kernels
are known to differ, the row needs a capability that is probed; no row asks for a version.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from model.reference.programs.observation import Capability

from .facts_files import FILES_SETTING, UFFD_FILES
from .facts_huge import COLLAPSE, HUGE_PAGES, HUGE_SETTING, MOVE_HUGE, MOVE_HUGE_PINNED
from .facts_hugetlb import HUGETLB, HUGETLB_SETTING
from .facts_move import MOVE, MOVE_SETTING, filled
from .facts_tables import HUGE_MREMAP, PUD_MREMAP, PUD_SETTING


@dataclass(frozen=True)
class Fact:
    """A row: what was seen, as a script; a kernel that has not what it needs is not asked."""

    name: str
    text: str
    needs: frozenset[Capability]


MREMAP = {
    "a move": filled(0, 4) + """
        see p0 3: anon frame D
        p0 mremap 0+4 -> 8+4 maymove fixed
        p0 read 0 => EFAULT
        see p0 0: unmapped
        see p0 11: anon exclusive value 4 frame D
    """,
    "DONTUNMAP": filled(0, 2) + """
        see p0 1: anon frame B
        p0 mremap 0+2 -> 8+2 maymove fixed dontunmap
        see p0 1: none
        p0 read 1
        see p0 1: zero
        see p0 9: anon value 2 frame B
    """,
    "DONTUNMAP of a locked VMA unlocks all of it, and leaves pages mlocked": filled(0, 4) + """
        p0 mlock 0+8
        p0 mremap 0+2 -> 8+2 maymove fixed dontunmap
        p0 pageout 8+1 => EINVAL
        p0 pageout 2+1
        see p0 2: anon value 3
        p0 mlock 2+1
        p0 munlock 2+1
        p0 pageout 2+1
        see p0 2: swap
    """,
    "DONTUNMAP of shared memory": """
        p0 mmap 0+2 rw shared
        p0 write 0 = 7
        p0 mremap 0+2 -> 8+2 maymove fixed dontunmap
        p0 read 0
        p0 read 8
        see p0 0: file value 7 frame A
        see p0 8: file value 7 frame A
    """,
    "bad arguments": filled(0, 2) + """
        p0 mremap 0+2 -> 8+2 maymove fixed odd_address => EINVAL
        p0 mremap 0+2 -> 8+2 maymove fixed odd_target => EINVAL
        p0 mremap 0+2 -> 8+0 maymove fixed => EINVAL
        p0 mremap 0+2 -> 8+2 fixed => EINVAL
        p0 mremap 0+2 -> 8+1 maymove fixed dontunmap => EINVAL
        p0 mremap 0+2 -> 1+2 maymove fixed => EINVAL
        see p0 1: anon value 2
    """,
    "old length 0, private": filled(0, 2) + "p0 mremap 0+0 -> 8+2 maymove fixed => EINVAL",
    "old length 0, shared": """
        p0 mmap 0+2 rw shared
        p0 write 0 = 7
        p0 mremap 0+0 -> 8+2 maymove fixed
        p0 read 8
        see p0 0: file frame A
        see p0 8: file frame A
    """,
    "nothing there": "p0 munmap 0+8\n p0 mremap 0+2 -> 8+2 maymove fixed => EFAULT",
    "no room to grow": "p0 mprotect 4+4 r\n p0 mremap 0+4 -> 0+6 => ENOMEM",
    "grow in place": filled(0, 2) + """
        p0 munmap 4+4
        p0 mremap 0+4 -> 0+6
        see p0 5: none
        see p0 6: unmapped
    """,
    "shrink in place": filled(0, 4) + """
        p0 mremap 0+4 -> 0+2
        see p0 1: anon value 2
        see p0 2: unmapped
    """,
    "several VMAs, same size": filled(0, 8) + """
        p0 mprotect 4+4 r
        p0 mremap 0+8 -> 8+8 maymove fixed
        vmas p0: 8-12:rw 12-16:r
        see p0 15: anon value 8
    """,
    "several VMAs, growing": "p0 mprotect 2+2 r\n p0 mremap 0+4 -> 8+5 maymove fixed => EFAULT",
    "a registered range forgets its registration": """
        p0 register 0+4 missing
        p0 read 0 => EFAULT
        p0 mremap 0+4 -> 8+4 maymove fixed
        p0 read 8
    """,
    "a forked child of a moved range": filled(0, 2) + """
        p0 mremap 0+2 -> 8+2 maymove fixed
        p0 fork -> p1
        see p1 9: anon value 2 shared
        p1 write 9 = 7
        see p0 9: anon value 2
    """,
    "swapped pages": filled(0, 1) + """
        p0 pageout 0+1
        p0 mremap 0+1 -> 8+1 maymove fixed
        see p0 8: swap
        p0 read 8
        see p0 8: anon value 1
    """,
}  # fmt: skip
"""mremap, with pages 0 to 7 mapped: mm/mremap.c."""

COW = {
    "a VMA that has had a guard region is copied": """
        p0 mprotect 6+2 r
        p0 guard 7+1
        p0 mremap 6+2 -> 10+2 maymove fixed dontunmap
        p0 read 6
        p0 fork -> p1
        see p1 6: zero
    """,
    "a guard region in a file needs no anon_vma": """
        p0 munmap 0+8
        p0 mmap 4+4 rw shared @ 0
        p0 guard 4+1
        p0 register 7+1 missing
        p0 fork -> p1
        vmas p1: 4-7:rw 7-8:rw
        p1 mlock 4+4 => ENOMEM
        vmas p1: 4-8:rw
    """,
    "fork": filled(0, 1) + """
        see p0 0: anon exclusive mapcount 1 frame A
        p0 fork -> p1
        see p0 0: anon shared mapcount 2 frame A
        p1 write 0 = 7
        see p1 0: anon exclusive mapcount 1 frame B value 7
        p0 write 0 = 8
        see p0 0: anon exclusive mapcount 1 frame A value 8
    """,
    "the parent writes first": filled(0, 1) + """
        see p0 0: anon frame A
        p0 fork -> p1
        p0 write 0 = 8
        see p0 0: anon exclusive frame B value 8
        see p1 0: anon shared mapcount 1 frame A value 1
    """,
    "the child ended, a grandchild lives": filled(0, 1) + """
        p0 fork -> p1
        p1 fork -> p2
        see p0 0: anon mapcount 3 frame A
        p1 exit
        see p0 0: anon mapcount 2 frame A
        p0 write 0 = 8
        see p0 0: anon exclusive mapcount 1 frame B
        see p2 0: anon value 1 mapcount 1 frame A
    """,
    "mprotect of a shared page and back": filled(0, 1) + """
        p0 fork -> p1
        p0 mprotect 0+1 r
        p0 mprotect 0+1 rw
        see p0 0: anon shared mapcount 2
        p0 write 0 = 8
        see p0 0: anon exclusive mapcount 1
    """,
    "VMAs split and merge": """
        p0 mprotect 2+2 r
        vmas p0: 0-2:rw 2-4:r 4-8:rw
        p0 mprotect 2+2 rw
        vmas p0: 0-8:rw
        p0 mprotect 1+1 r
        p0 mprotect 3+1 r
        vmas p0: 0-1:rw 1-2:r 2-3:rw 3-4:r 4-8:rw
        p0 mprotect 0+8 r
        vmas p0: 0-8:r
    """,
    "no access is still present": filled(0, 1) + """
        p0 mprotect 0+1 none
        see p0 0: anon exclusive
        p0 read 0 => EFAULT
    """,
    "bad arguments of mprotect": """
        p0 mprotect 0+1 r odd_address => EINVAL
        p0 mprotect 0+0 r
        p0 munmap 2+2
        p0 mprotect 0+6 r => ENOMEM
        vmas p0: 0-2:r 4-8:rw
    """,
    "a private write over a file": """
        p0 mmap 0+1 rw shared
        p0 write 0 = 5
        p0 mmap 1+1 rw file
        p0 read 1
        see p0 0: file value 5 frame A
        see p0 1: file value 5 frame A
        p0 write 1 = 6
        see p0 1: anon exclusive value 6 frame B
        see p0 0: file value 5 frame A
    """,
    "a page of a file that is written goes to swap and comes back": """
        p0 mmap 0+2 rw shared
        p0 write 0 = 5
        p0 read 1
        p0 pageout 0+2
        see p0 0: none
        see p0 1: none
        p0 mmap 4+2 rw file
        p0 read 5
        p0 read 4
        see p0 4: file value 5 mapcount 1
        see p0 5: file value 0 mapcount 1
    """,
    "what a child maps too is not paged out": filled(0, 1) + """
        p0 fork -> p1
        p0 pageout 0+1
        see p0 0: anon shared mapcount 2
        p1 exit
        p0 pageout 0+1
        see p0 0: swap
    """,
    "a page of a file that others map too stays": """
        p0 mmap 0+1 rw shared
        p0 mmap 4+1 rw shared
        p0 write 0 = 5
        p0 read 4
        p0 pageout 0+1
        see p0 0: file value 5 mapcount 2
    """,
    "what a zap takes from a shared mapping is dirty in the file": """
        p0 mmap 0+1 rw shared
        p0 write 0 = 5
        p0 dontneed 0+1
        p0 mmap 4+1 rw file
        p0 read 4
        p0 pageout 4+1
        see p0 4: none
        p0 read 0
        see p0 0: file value 5
    """,
    "the zero page": "p0 read 0\n see p0 0: zero\n p0 write 0 = 1\n see p0 0: anon exclusive",
    "MADV_DONTNEED": filled(0, 2) + """
        p0 dontneed 0+1
        see p0 0: none
        p0 read 0
        see p0 0: zero
        see p0 1: anon value 2
    """,
    "MADV_DONTNEED of a private file": """
        p0 mmap 0+1 rw file
        p0 write 0 = 3
        p0 dontneed 0+1
        p0 read 0
        see p0 0: file value 0
    """,
    "MADV_POPULATE_WRITE dirties what MADV_FREE has cleaned": filled(0, 1) + """
        p0 mmap 8+1 rw anon
        p0 register 8+1 missing
        p0 free 0+1
        p0 move 0+1 -> 8
        p0 populate_write 8+1
        p0 pageout 8+1
        see p0 8: anon value 1
    """,
    "what is written after MADV_FREE is kept, and swapped out the second time": filled(0, 1) + """
        p0 free 0+1
        p0 write 0 = 5
        p0 pageout 0+1
        see p0 0: anon value 5
        p0 pageout 0+1
        see p0 0: swap
    """,
    "what MADV_FREE has cleaned is thrown away": filled(0, 1) + """
        p0 free 0+1
        p0 pageout 0+1
        see p0 0: none
    """,
    "populate": """
        p0 populate_read 0+1
        see p0 0: zero
        p0 populate_write 0+2
        see p0 0: anon exclusive value 0
        see p0 1: anon exclusive value 0
        p0 mprotect 4+1 r
        p0 populate_write 4+1 => EINVAL
        p0 populate_read 4+1
        see p0 4: zero
    """,
}  # fmt: skip
"""fork, copy on write, mprotect and madvise, with pages 0 to 7 mapped."""

_CAPABILITY = {
    "register": Capability.UFFD,
    "move": Capability.MOVE,
    "guard": Capability.GUARD,
    "poison": Capability.POISON,
    "pageout": Capability.SWAP,
    "pin": Capability.PIN,
    "hugetlb": Capability.HUGETLB,
    "frame": Capability.SEES_FRAMES,
    "exclusive": Capability.SEES_EXCLUSIVE,
    "shared": Capability.SEES_EXCLUSIVE,
    "mapcount": Capability.SEES_MAPCOUNT,
    "value": Capability.SEES_VALUES,
    "wp": Capability.SEES_UFFD_WP,
    "zero": Capability.SEES_ZERO,
    "vmas": Capability.SEES_VMAS,
    "several": Capability.MREMAP_MANY,
    "huge_write": Capability.HUGE,
    "collapse": Capability.HUGE,
    "huge_read": Capability.HUGE_ZERO,
    "freed": Capability.TABLE_RECLAIM,
    "large": Capability.SEES_LARGE,
    "small": Capability.SEES_LARGE,
    "leaf": Capability.SEES_LEAVES,
    "split": Capability.SEES_LEAVES,
}


def _rows() -> Iterator[Fact]:
    tables = (
        ("MOVE", MOVE_SETTING, MOVE), ("mremap", _SETTING, MREMAP), ("COW", _SETTING, COW),
        ("MOVE of huge pages", HUGE_SETTING, {**MOVE_HUGE, **MOVE_HUGE_PINNED}),
        ("huge pages", HUGE_SETTING, HUGE_PAGES),
        ("MADV_COLLAPSE", HUGE_SETTING, COLLAPSE),
        ("mremap of PUDs", PUD_SETTING, PUD_MREMAP),
        ("mremap of huge pages", HUGE_SETTING, HUGE_MREMAP),
        ("uffd of files", FILES_SETTING, UFFD_FILES), ("hugetlb", HUGETLB_SETTING, HUGETLB),
    )  # fmt: skip
    for section, setting, rows in tables:
        for name, text in rows.items():
            words = {*text.split(), *setting.split(), *name.split()}
            needs = frozenset(c for word, c in _CAPABILITY.items() if word in words)
            yield Fact(f"{section}: {name}", setting + text, needs)


_SETTING = "p0 mmap 0+8 rw anon\n"
FACTS = tuple(_rows())

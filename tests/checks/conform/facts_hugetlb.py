# SPDX-License-Identifier: GPL-2.0-only
"""What hugetlb was seen to do: rows of facts.py.  A PMD table maps pages 0 to 3, 4 to 7, 8 to 11.

Not among them: HugetlbPages of /proc/PID/status, which is no part of what a program sees, and two
moves that harm a kernel (model/reference/calls/hugetlb.py says which).
"""

from __future__ import annotations

HUGETLB_SETTING = "arena 12 hugetlb\n"

_TWO = """
    p0 fork -> p1
    p0 mmap 0+4 rw shared @ 0
    p1 mmap 0+4 rw shared @ 0
    p0 write 0 = 1
    p1 write 2 = 3
"""
"""Two processes that share a table."""

_APART = """
    p0 fork -> p1
    p0 mmap 0+4 rw shared @ 0
    p1 mmap 1+4 rw shared @ 0
    p0 write 0 = 1
    p1 write 3 = 3
"""
"""The same pages of the file, at addresses that are off by one page."""

_COUNTED = _TWO + "see p1 0: file value 1 mapcount 1 frame A\n"


HUGETLB = {
    "what one process touches appears in the other": _COUNTED + """
        p0 write 1 = 2
        see p1 1: file value 2 mapcount 1
        see p0 2: file value 3 mapcount 1
    """,
    "off by one page nothing is shared": _APART + """
        see p1 1: none
        p1 read 1
        see p1 1: file value 1 mapcount 2
    """,
    "a table is shared as well where the file is mapped twice": """
        p0 mmap 0+4 rw shared @ 0
        p0 mmap 4+4 rw shared @ 0
        p0 write 0 = 1
        p0 write 5 = 2
        see p0 4: file value 1 mapcount 1
        see p0 1: file value 2 mapcount 1
    """,
    "of several VMAs the first in the tree is shared with": """
        p0 fork -> p1
        p0 fork -> p2
        p1 mmap 0+4 rw shared @ 0
        p2 mmap 0+4 r shared @ 0
        p1 read 0
        p2 read 1
        p2 mprotect 0+4 rw
        p0 mmap 0+4 rw shared @ 0
        p0 read 2
        see p0 0: file mapcount 1
        see p0 1: none
    """,
    "who has other rights shares nothing": """
        p0 fork -> p1
        p0 mmap 0+4 rw shared @ 0
        p1 mmap 0+4 r shared @ 0
        p0 write 0 = 1
        p1 read 2
        see p1 0: none
    """,
    "mprotect leaves a table that is shared": _COUNTED + """
        p0 mprotect 0+4 r
        see p0 0: none
        see p0 2: none
        see p1 0: file value 1 mapcount 1 frame A
        see p1 2: file value 3 mapcount 1
        p0 read 0
        see p0 0: file value 1 mapcount 2 frame A
        see p0 2: none
        p0 write 0 = 5 => EFAULT
    """,
    "mprotect of a table of one's own keeps its pages": _APART + """
        p0 mprotect 0+4 r
        see p0 0: file value 1
        p0 write 0 = 5 => EFAULT
    """,
    "mprotect of a part leaves the whole table": _COUNTED + """
        p0 mprotect 1+1 r
        see p0 0: none
        see p0 2: none
        see p1 0: file value 1 frame A
        vmas p0: 0-1:rw 1-2:r 2-4:rw
        p0 read 0
        see p0 2: none
    """,
    "munmap of a part leaves the whole table": _COUNTED + """
        p0 munmap 3+1
        see p0 0: none
        see p0 3: unmapped
        see p1 0: file value 1 frame A
    """,
    "munmap leaves the other's pages": _COUNTED + """
        p0 munmap 0+4
        see p1 0: file value 1 mapcount 1 frame A
    """,
    "MADV_DONTNEED of a page leaves the whole table": _COUNTED + """
        p0 dontneed 1+1
        see p0 0: none
        see p1 0: file value 1 frame A
        p0 read 1
        see p0 0: file value 1 mapcount 1 frame A
    """,
    "mremap leaves a table that is shared": _COUNTED + """
        p0 mremap 0+4 -> 5+4 maymove fixed
        see p0 5: none
        see p1 0: file value 1 mapcount 1 frame A
        p0 read 5
        see p0 5: file value 1 mapcount 2 frame A
    """,
    "mremap moves the pages of a table of one's own": """
        p0 mmap 0+4 rw shared @ 0
        p0 write 0 = 1
        see p0 0: file frame A
        p0 mremap 0+4 -> 5+4 maymove fixed
        see p0 0: unmapped
        see p0 5: file value 1 mapcount 1 frame A
    """,
    "mremap of a private mapping": """
        p0 mmap 0+4 rw file @ 0
        p0 write 1 = 2
        see p0 1: anon frame A
        p0 mremap 0+4 -> 4+4 maymove fixed
        see p0 5: anon exclusive value 2 frame A
        p0 read 0 => EFAULT
    """,
    "exit leaves the other's pages": _COUNTED + "p1 exit\n" + """
        see p0 2: file value 3 mapcount 1
        p0 mprotect 0+4 r
        see p0 0: file value 1 mapcount 1 frame A
    """,
    "fork copies no shared mapping": """
        p0 mmap 0+4 rw shared @ 0
        p0 write 0 = 1
        p0 fork -> p1
        see p1 0: none
        p1 read 1
        see p1 0: file value 1 mapcount 1
    """,
    "private: fork, and copies on write": """
        p0 mmap 0+4 rw file @ 0
        p0 write 0 = 1
        see p0 0: anon exclusive mapcount 1 frame A
        p0 fork -> p1
        see p0 0: anon shared mapcount 2 frame A
        see p1 0: anon shared mapcount 2 frame A
        p1 write 0 = 2
        see p1 0: anon exclusive mapcount 1 value 2 frame B
        p0 write 0 = 3
        see p0 0: anon exclusive mapcount 1 value 3 frame A
    """,
    "private: a hole that is read is a page of one's own": """
        p0 mmap 0+4 rw file @ 0
        p0 mmap 4+4 rw shared @ 0
        p0 read 0
        see p0 0: anon exclusive value 0
        p0 write 4 = 7
        p0 read 0
        see p0 0: anon exclusive value 0
    """,
    "private: a page of the file is copied when it is written": """
        p0 mmap 0+4 rw file @ 0
        p0 mmap 4+4 rw shared @ 0
        p0 write 4 = 7
        p0 read 0
        see p0 0: file value 7 mapcount 2 frame A
        p0 write 0 = 8
        see p0 0: anon exclusive value 8 frame B
        see p0 4: file value 7 mapcount 1 frame A
    """,
    "4 KiB inside of a huge page": """
        p0 mmap 0+4 rw file @ 0
        p0 write 0 = 1
        p0 mprotect 0+1 r odd_address => EINVAL
        p0 munmap 0+1 odd_address => EINVAL
        p0 dontneed 0+1 odd_address => EINVAL
        p0 mremap 0+2 -> 8+2 maymove fixed odd_address => EINVAL
        p0 mremap 0+2 -> 8+2 maymove fixed odd_target => EINVAL
        see p0 0: anon value 1
    """,
    "mremap neither grows nor leaves the old mapping": """
        p0 mmap 0+4 rw shared @ 0
        p0 mremap 0+3 -> 5+4 maymove fixed => EINVAL
        p0 mremap 0+3 -> 5+3 maymove fixed dontunmap => EINVAL
        p0 mremap 0+4 -> 0+5 => EINVAL
        p0 mremap 0+4 -> 0+3
        see p0 3: unmapped
    """,
    "VMAs do not merge": """
        p0 mmap 0+8 rw shared @ 0
        p0 mprotect 4+4 r
        p0 mprotect 4+4 rw
        vmas p0: 0-4:rw 4-8:rw
    """,
    "UFFDIO_MOVE": """
        p0 mmap 0+4 rw file @ 0
        p0 mmap 4+4 rw file @ 4
        p0 write 0 = 1
        p0 move 0+1 -> 4 => EINVAL (-22)
        p0 munmap 4+4
        p0 move 0+1 -> 4 => ENOENT (-2)
        see p0 0: anon value 1
    """,
    "advice that is not for huge pages": """
        p0 mmap 0+4 rw file @ 0
        p0 write 0 = 1
        p0 free 0+1 => EINVAL
        p0 pageout 0+1 => EINVAL
        p0 guard 0+1 => EINVAL
        p0 dontneed 0+1
        see p0 0: none
    """,
}  # fmt: skip
"""mm/hugetlb.c."""

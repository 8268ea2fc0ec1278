# SPDX-License-Identifier: GPL-2.0-only
"""What was seen of huge pages: rows of facts.py, in an arena of whole PMDs.

A page of such an arena stands for 64 base pages (Arena.scale), so that "one page" here is one
page of 8 of a PMD, and 4096 in a result is one such page.
"""

from __future__ import annotations

HUGE_SETTING = """
    arena 24 huge 8
    p0 mmap 0+16 rw anon
    p0 mmap 16+8 rw anon
    p0 register 16+8 missing
"""
"""A source of two PMDs, and a registered destination of one."""

FILLED = """
    p0 huge_write 0+1
    p0 write 0 = 1
    p0 write 3 = 4
    see p0 0: anon leaf large exclusive mapcount 1 frame A
    see p0 3: anon leaf large exclusive mapcount 1 value 4 frame D
"""
"""A huge page at 0, of which two pages hold something."""

SPLIT = FILLED + "p0 mprotect 0+1 r\n p0 mprotect 0+1 rw\n see p0 3: anon split large\n"
"""The same, mapped by page-table entries."""

MOVE_HUGE = {
    "two huge pages, aligned": """
        p0 munmap 8+16
        p0 mmap 8+8 rw anon
        p0 mmap 16+8 rw anon
        p0 register 16+8 missing
        p0 huge_write 0+16
        p0 write 5 = 9
        p0 write 13 = 8
        see p0 5: anon leaf large frame A
        see p0 13: anon leaf large frame B
        p0 move 0+8 -> 16 => OK (32768)
        p0 register 0+8 missing
        p0 move 8+8 -> 0 => OK (32768)
        see p0 5: anon leaf large exclusive value 8 frame B
        see p0 21: anon leaf large exclusive value 9 frame A
    """,
    "a whole huge page": FILLED
    + """
        p0 move 0+8 -> 16 => OK (32768)
        see p0 3: none
        see p0 16: anon leaf large exclusive frame A
        see p0 19: anon leaf large exclusive value 4 frame D
    """,
    "the destination's table was emptied and freed": FILLED
    + """
        p0 copy 16+8 = 5
        p0 dontneed 16+8
        p0 move 0+8 -> 16 => OK (32768)
        see p0 19: anon leaf large value 4 frame D
    """,
    "the destination has a table, although an empty one": FILLED
    + """
        p0 copy 16+2 = 5
        p0 dontneed 16+2
        p0 move 0+8 -> 16 => OK (32768)
        see p0 19: anon split small value 4 frame D
        see p0 18: zero
    """,
    "one page is there already": FILLED
    + """
        p0 copy 19+1 = 9
        p0 move 0+8 -> 16 => EAGAIN (12288)
        see p0 3: anon split small value 4 frame D
        see p0 16: anon split small value 1 frame A
        see p0 19: anon value 9
    """,
    "the destination is a leaf": """
        p0 unregister 16+8
        p0 huge_write 16+1
        p0 register 16+8 missing
    """
    + FILLED
    + """
        p0 move 0+8 -> 16 => EEXIST (-17)
        p0 move 0+1 -> 16 => EEXIST (-17)
        see p0 0: anon leaf large
        see p0 16: anon leaf large
    """,
    "one page": FILLED
    + """
        p0 move 3+1 -> 19 => OK (4096)
        see p0 0: anon split small exclusive frame A
        see p0 19: anon split small exclusive value 4 frame D
        see p0 2: zero split
    """,
    "to another offset": FILLED
    + """
        p0 move 0+4 -> 17 => OK (16384)
        see p0 17: anon split small exclusive frame A
        see p0 20: anon split small exclusive value 4 frame D
        see p0 18: zero
    """,
    "shared with a child": FILLED
    + """
        p0 fork -> p1
        see p0 3: anon leaf large shared mapcount 2
        p0 move 0+8 -> 16 => EBUSY (-16)
        p0 move 3+1 -> 19 => EBUSY (-16)
        see p0 3: anon leaf large shared mapcount 2
        p1 exit
        p0 move 0+8 -> 16 => EBUSY (-16)
        p0 write 3 = 5
        p0 move 0+8 -> 16 => OK (32768)
        see p0 19: anon leaf large exclusive mapcount 1 value 5 frame D
    """,
    "the huge zero page, whole": """
        p0 huge_read 0+1
        see p0 7: zero leaf
        p0 move 0+8 -> 16 => OK (32768)
        see p0 7: none
        see p0 23: zero leaf
    """,
    "one page of the huge zero page": """
        p0 huge_read 0+1
        p0 move 7+1 -> 16 => OK (4096)
        see p0 6: zero split
        see p0 7: none
        see p0 16: zero split
    """,
    "a head that is not exclusive, and a page that is": SPLIT
    + """
        p0 fork -> p1
        p1 exit
        p0 write 3 = 5
        see p0 3: anon split large shared
        p0 move 3+1 -> 19 => EBUSY (-16)
        see p0 3: anon split large mapcount 1 value 5 frame D
    """,
    "a head that is exclusive, and a page that is not": SPLIT
    + """
        p0 fork -> p1
        p1 exit
        p0 write 0 = 5
        see p0 3: anon split large exclusive
        p0 move 3+1 -> 19 => EBUSY (-16)
        see p0 0: anon split small exclusive frame A
        see p0 3: anon split small shared value 4 frame D
    """,
    "the head was zapped, and stays exclusive in name": SPLIT
    + """
        p0 dontneed 0+1
        p0 fork -> p1
        see p0 3: anon split large exclusive mapcount 2
        p0 move 3+1 -> 19 => EBUSY (-16)
        see p0 3: anon split small shared mapcount 2 frame D
        see p1 3: anon split small shared mapcount 2 frame D
        see p1 5: zero
    """,
}

MOVE_HUGE_PINNED = {
    "a pinned page of a huge page": FILLED
    + """
        p0 pin 3+1 slot 0
        p0 move 0+8 -> 16 => EBUSY (-16)
        see p0 3: anon leaf large
        p0 move 5+1 -> 16 => EBUSY (-16)
        see p0 3: anon split large frame D
        p0 unpin slot 0
        p0 move 5+1 -> 16 => OK (4096)
        see p0 3: anon split small frame D
    """,
    "a pinned huge page is split by fork, and its pages are copied": FILLED
    + """
        p0 pin 3+1 slot 0
        p0 fork -> p1
        see p0 3: anon split large exclusive mapcount 1 value 4 frame D
        see p1 3: anon split small exclusive mapcount 1 value 4 frame E
    """,
}

HUGE_PAGES = {
    "a fault": """
        p0 huge_write 10+1
        see p0 8: anon leaf large exclusive mapcount 1 value 0
        see p0 15: anon leaf large exclusive mapcount 1 value 0
        see p0 7: none
    """,
    "not where the VMA is too small, or a table is there": """
        p0 write 8 = 5
        p0 huge_write 8+8
        see p0 9: anon split small
        p0 mprotect 0+1 r
        p0 huge_write 1+1
        see p0 1: anon split small
        see p0 2: none
    """,
    "a userfaultfd is told": """
        p0 huge_write 16+1 => EFAULT
        p0 huge_read 16+1 => EFAULT
        see p0 16: none
    """,
    "mprotect of a half": FILLED
    + """
        p0 mprotect 0+4 r
        see p0 3: anon split large exclusive mapcount 1 frame D
        see p0 7: anon split large
        p0 mprotect 0+4 rw
        see p0 3: anon split large value 4 frame D
        vmas p0: 0-16:rw 16-24:rw
    """,
    "mprotect of the whole": FILLED
    + """
        p0 mprotect 0+8 r
        see p0 3: anon leaf large exclusive frame D
        p0 write 3 = 9 => EFAULT
        p0 mprotect 0+8 rw
        p0 write 3 = 9
        see p0 3: anon leaf large exclusive value 9 frame D
    """,
    "fork, and a write of one page": FILLED
    + """
        p0 fork -> p1
        see p1 3: anon leaf large shared mapcount 2 frame D
        p0 write 3 = 9
        see p0 3: anon split small exclusive mapcount 1 value 9 frame E
        see p0 0: anon split large shared mapcount 2 frame A
        see p1 0: anon leaf large shared mapcount 2 frame A
        see p1 3: anon leaf large shared mapcount 1 value 4 frame D
    """,
    "fork, and a write when the child is gone": FILLED
    + """
        p0 fork -> p1
        p1 exit
        see p0 3: anon leaf large shared mapcount 1 frame D
        p0 write 3 = 9
        see p0 3: anon leaf large exclusive mapcount 1 value 9 frame D
    """,
    "entries of a folio that nobody else maps are written in place": SPLIT
    + """
        p0 fork -> p1
        p0 munmap 4+2
        p1 exit
        p0 write 3 = 9
        see p0 3: anon split large mapcount 1 value 9 frame D
        see p0 4: unmapped
    """,
    "once three processes have mapped it, that is not known any more": SPLIT
    + """
        p0 fork -> p1
        p0 fork -> p2
        p0 dontneed 0+8
        p1 exit
        see p2 3: anon split large mapcount 1 value 4 frame D
        p2 write 3 = 9
        see p2 3: anon split small mapcount 1 value 9 frame E
    """,
    "a write to the huge zero page": """
        p0 huge_read 0+1
        p0 write 3 = 5
        see p0 0: anon leaf large exclusive value 0
        see p0 3: anon leaf large exclusive value 5
    """,
    "the huge zero page in a child": """
        p0 huge_read 0+1
        p0 fork -> p1
        see p1 3: zero leaf
        p1 write 3 = 5
        see p1 2: anon leaf large exclusive
        see p0 3: zero leaf
    """,
    "MADV_DONTNEED of a part": FILLED
    + """
        p0 dontneed 3+1
        see p0 3: none
        see p0 0: anon split large exclusive frame A
        p0 read 3
        see p0 3: zero split
    """,
    "MADV_DONTNEED of the whole": FILLED
    + """
        p0 dontneed 0+8
        see p0 3: none
        p0 huge_write 3+1
        see p0 3: anon leaf large value 0
    """,
    "guards take the place of a leaf": FILLED
    + """
        p0 guard 2+2
        see p0 3: guard
        see p0 0: anon split large frame A
    """,
}

COLLAPSE = {
    "entries that one folio has": FILLED
    + """
        p0 mprotect 0+4 r
        p0 mprotect 0+4 rw
        see p0 3: anon split large frame D
        p0 collapse 0+8
        see p0 3: anon leaf large exclusive mapcount 1 value 4 frame E
    """,
    "small pages, zero pages and holes": """
        p0 write 1 = 2
        p0 read 2
        p0 collapse 0+8
        see p0 1: anon leaf large exclusive value 2
        see p0 2: anon leaf large value 0
        see p0 7: anon leaf large value 0
    """,
    "a leaf is that already": FILLED
    + """
        p0 collapse 0+8
        see p0 3: anon leaf large value 4 frame D
    """,
    "nothing": "p0 write 8 = 1\n p0 collapse 0+8 => EINVAL\n see p0 0: none",
    "pages that a child maps too are copied": """
        p0 write 1 = 2
        p0 fork -> p1
        see p1 1: anon shared mapcount 2 frame B
        p0 collapse 0+8
        see p0 1: anon leaf large exclusive mapcount 1 value 2
        see p1 1: anon split small shared mapcount 1 value 2 frame B
    """,
    "a hole where a userfaultfd waits": """
        p0 copy 16+4 = 3
        p0 collapse 16+8 => EBUSY
        p0 copy 20+4 = 3
        p0 collapse 16+8
        see p0 20: anon leaf large exclusive value 3
    """,
    "a marker, which cannot be read in": """
        p0 poison 16+1
        p0 collapse 16+8 => EBUSY
        p0 copy 17+7 = 3
        p0 collapse 16+8 => EINVAL
        see p0 17: anon split small value 3
    """,
    "a pinned page": """
        p0 write 1 = 2
        p0 pin 1+1 slot 0
        p0 collapse 0+8 => EAGAIN
        see p0 1: anon split small value 2
    """,
}

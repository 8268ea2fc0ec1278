# SPDX-License-Identifier: GPL-2.0-only
"""What was seen of mremap where whole page tables, leaves or PUDs can move: rows of facts.py."""

from __future__ import annotations

from .facts_huge import FILLED

PUD_SETTING = """
    arena 12 pud 4
    p0 mmap 0+8 rw anon
"""

PUD_MREMAP = {
    "a whole PUD": """
        p0 write 0 = 1
        p0 write 3 = 4
        see p0 3: anon frame D
        p0 mremap 0+4 -> 8+4 maymove fixed
        p0 read 3 => EFAULT
        see p0 3: unmapped
        see p0 8: anon exclusive mapcount 1 value 1
        see p0 11: anon exclusive mapcount 1 value 4 frame D
    """,
    "a whole PUD of a child, which its parent maps too": """
        p0 write 3 = 4
        p0 fork -> p1
        p1 mremap 0+4 -> 8+4 maymove fixed dontunmap
        see p1 3: none
        see p1 11: anon shared mapcount 2 value 4 frame D
        see p0 3: anon shared mapcount 2 value 4 frame D
        p1 write 3 = 7
        p1 write 11 = 8
        see p0 3: anon mapcount 1 value 4 frame D
    """,
    "a part of a PUD": """
        p0 write 1 = 2
        p0 write 3 = 4
        p0 mremap 1+3 -> 9+3 maymove fixed
        see p0 0: none
        see p0 9: anon exclusive value 2
        see p0 11: anon exclusive value 4
    """,
    "to another offset": """
        p0 write 1 = 2
        p0 mremap 0+4 -> 7+4 maymove fixed
        see p0 8: anon exclusive value 2
        see p0 1: unmapped
    """,
}

HUGE_MREMAP = {
    "a huge page moves as a leaf": FILLED
    + """
        p0 mremap 0+8 -> 16+8 maymove fixed
        see p0 0: unmapped
        see p0 19: anon leaf large exclusive value 4 frame D
    """,
    "a huge page moves to another offset": FILLED
    + """
        p0 munmap 8+16
        p0 mremap 0+8 -> 9+8 maymove fixed
        see p0 12: anon split large exclusive value 4 frame D
    """,
    "a part of a huge page moves": FILLED
    + """
        p0 mremap 2+2 -> 18+2 maymove fixed
        see p0 0: anon split large frame A
        see p0 19: anon split large exclusive value 4 frame D
    """,
    "a page table moves, and none is left": """
        p0 write 1 = 2
        p0 write 7 = 8
        see p0 7: anon split small frame H
        p0 mremap 0+8 -> 16+8 maymove fixed dontunmap
        see p0 7: none
        see p0 23: anon split small exclusive value 8 frame H
        p0 huge_write 7+1
        see p0 0: anon leaf large
    """,
    "entries move, and an empty table is left": """
        p0 write 1 = 2
        see p0 1: anon split small frame B
        p0 mremap 0+7 -> 16+7 maymove fixed dontunmap
        see p0 1: none
        see p0 17: anon split small exclusive value 2 frame B
        p0 huge_write 7+1
        see p0 0: none
        see p0 7: anon split small
    """,
    "from the same offset on, a table moves where nothing is before it": """
        p0 munmap 0+2
        p0 write 4 = 5
        see p0 4: anon split small frame E
        p0 munmap 16+8
        p0 mremap 2+6 -> 18+6 maymove fixed dontunmap
        see p0 4: none
        see p0 20: anon split small value 5 frame E
        p0 mmap 0+2 rw anon
        p0 huge_write 3+1
        see p0 0: anon leaf large
    """,
}

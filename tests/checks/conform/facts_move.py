# SPDX-License-Identifier: GPL-2.0-only
"""What UFFDIO_MOVE was seen to do: rows of facts.py."""

from __future__ import annotations


def filled(first: int, length: int) -> str:
    """Lines that store into so many pages, each its number plus 1."""
    return "".join(f"p0 write {n} = {n + 1}\n" for n in range(first, first + length))


MOVE_SETTING = """
    p0 mmap 0+8 rw anon
    p0 mprotect 0+8 r
    p0 mprotect 0+8 rw
    p0 mmap 8+8 rw anon
    p0 register 8+8 missing
"""
"""A source of 8 pages, and a registered destination of 8."""


MOVE = {
    "1 page": filled(0, 1) + """
        see p0 0: anon exclusive value 1 frame A
        p0 move 0+1 -> 8 => OK (4096)
        see p0 0: none
        see p0 8: anon exclusive value 1 frame A
        p0 read 0
        see p0 0: zero
    """,
    "8 pages": filled(0, 8) + """
        see p0 0: anon frame A
        see p0 7: anon frame H
        p0 move 0+8 -> 8 => OK (32768)
        see p0 0: none
        see p0 8: anon frame A exclusive
        see p0 15: anon frame H exclusive value 8
    """,
    "a hole at 3 of 8": filled(0, 3) + filled(4, 4) + """
        p0 move 0+8 -> 8 => EAGAIN (12288)
        see p0 2: none
        see p0 4: anon value 5
        see p0 10: anon value 3
        see p0 11: none
    """,
    "a hole at 0": filled(1, 1) + "p0 move 0+2 -> 8 => ENOENT (-2)\n see p0 1: anon value 2",
    "holes allowed": filled(1, 1) + filled(3, 1) + """
        p0 move 0+4 -> 8 holes => OK (16384)
        see p0 8: none
        see p0 9: anon value 2
        see p0 10: none
        see p0 11: anon value 4
    """,
    "nothing but holes, allowed": "p0 move 0+4 -> 8 holes => OK (16384)\n see p0 8: none",
    "destination taken at 0": filled(0, 4) + "p0 copy 8+1 = 99" + """
        p0 move 0+4 -> 8 => EEXIST (-17)
        see p0 8: anon value 99
        see p0 0: anon value 1
    """,
    "destination taken at 2 of 4": filled(0, 4) + "p0 copy 10+1 = 99" + """
        p0 move 0+4 -> 8 => EAGAIN (8192)
        see p0 10: anon value 99
        see p0 2: anon value 3
        see p0 9: anon value 2
    """,
    "destination is the zero page": filled(0, 1) + "p0 zeropage 8+1" + """
        see p0 8: zero
        p0 move 0+1 -> 8 => EEXIST (-17)
    """,
    "destination is a guard": filled(0, 1) + """
        p0 guard 8+1
        p0 move 0+1 -> 8 => EEXIST (-17)
        see p0 8: guard
    """,
    "destination is poisoned": filled(0, 1) + """
        p0 poison 8+1
        p0 move 0+1 -> 8 => EEXIST (-17)
        see p0 8: marker
    """,
    "source is the zero page": """
        p0 read 0
        see p0 0: zero
        p0 move 0+1 -> 8 => OK (4096)
        see p0 0: none
        see p0 8: zero
    """,
    "source is a guard": """
        p0 guard 0+1
        p0 move 0+1 -> 8 => EFAULT (-14)
        p0 move 0+1 -> 8 holes => EFAULT (-14)
        see p0 0: guard
    """,
    "source is poisoned": """
        p0 register 0+8 missing
        p0 poison 0+1
        p0 move 0+1 -> 8 => EFAULT (-14)
        p0 move 0+1 -> 8 holes => EFAULT (-14)
    """,
    "source shared with a living child": filled(0, 1) + """
        p0 fork -> p1
        see p0 0: anon shared mapcount 2 frame A
        see p1 0: anon shared mapcount 2 frame A
        p0 move 0+1 -> 8 => EBUSY (-16)
    """,
    "the child ended, the parent did not write": filled(0, 1) + """
        p0 fork -> p1
        p1 exit
        see p0 0: anon shared mapcount 1 frame A
        p0 move 0+1 -> 8 => EBUSY (-16)
        p0 write 0 = 9
        see p0 0: anon exclusive mapcount 1 frame A
        p0 move 0+1 -> 8 => OK (4096)
    """,
    "the child copied, the parent did not write": filled(0, 1) + """
        p0 fork -> p1
        see p0 0: anon frame A
        p1 write 0 = 5
        see p1 0: anon exclusive frame B
        p0 move 0+1 -> 8 => EBUSY (-16)
        p0 pin 0+1 slot 0
        p0 unpin slot 0
        see p0 0: anon exclusive frame A
        p0 move 0+1 -> 8 => OK (4096)
    """,
    "a page that is not exclusive at 3 of 8": filled(3, 1) + """
        p0 fork -> p1
        p0 write 0 = 1
        p0 write 1 = 1
        p0 write 2 = 1
        p0 write 4 = 1
        p0 move 0+8 -> 8 => EAGAIN (12288)
        see p0 3: anon shared
    """,
    "a pinned page": filled(0, 1) + """
        p0 pin 0+1 slot 0
        p0 move 0+1 -> 8 => EBUSY (-16)
        p0 unpin slot 0
        p0 move 0+1 -> 8 => OK (4096)
    """,
    "a pinned page at 2 of 8": filled(0, 8) + """
        p0 pin 2+1 slot 0
        p0 move 0+8 -> 8 => EAGAIN (8192)
        p0 unpin slot 0
    """,
    "a pinned page and a fork": filled(0, 1) + """
        see p0 0: anon frame A
        p0 pin 0+1 slot 0
        p0 fork -> p1
        see p0 0: anon exclusive frame A
        see p1 0: anon exclusive frame B value 1
        p0 unpin slot 0
    """,
    "odd arguments": filled(0, 1) + """
        p0 move 0+1 -> 8 odd_address => EINVAL
        p0 move 0+1 -> 8 odd_target => EINVAL
        p0 move 0+1 -> 8 odd_length => EINVAL
        p0 move 0+0 -> 8 => EINVAL
        see p0 0: anon value 1
    """,
    "source is shared memory": """
        p0 mmap 0+8 rw shared
        p0 write 0 = 1
        p0 move 0+1 -> 8 => EINVAL (-22)
    """,
    "source is a private file": """
        p0 mmap 0+8 rw file
        p0 write 0 = 1
        p0 move 0+1 -> 8 => EINVAL (-22)
    """,
    "source is read-only": filled(0, 1) + """
        p0 mprotect 0+8 r
        p0 move 0+1 -> 8 => EINVAL (-22)
    """,
    "both are read-only": filled(0, 1) + """
        p0 mprotect 0+16 r
        p0 move 0+1 -> 8 => EINVAL (-22)
    """,
    "both have no access": filled(0, 1) + """
        p0 mprotect 0+16 none
        p0 move 0+1 -> 8 => EINVAL (-22)
    """,
    "one is locked": filled(0, 1) + """
        p0 mlock 0+8
        p0 move 0+1 -> 8 => EINVAL (-22)
    """,
    "both are locked": filled(0, 1) + """
        p0 mlock 0+8
        p0 mmap 8+8 rw anon
        p0 register 8+8 missing
        p0 mlock 8+8 => ENOMEM
        p0 move 0+1 -> 8 => OK (4096)
    """,
    "destination is not registered": filled(0, 1) + """
        p0 unregister 8+8
        p0 move 0+1 -> 8 => EINVAL (-22)
    """,
    "over two VMAs": filled(0, 8) + """
        p0 mprotect 4+4 r
        p0 move 0+8 -> 8 => EINVAL (-22)
        p0 mprotect 4+4 rw
        p0 move 0+8 -> 8 => OK (32768)
    """,
    "source is not mapped": "p0 munmap 0+8\n p0 move 0+1 -> 8 => ENOENT (-2)",
    "destination is not mapped": filled(0, 1) + "p0 munmap 8+8\n p0 move 0+1 -> 8 => ENOENT (-2)",
    "a child registers and moves for itself": filled(0, 1) + """
        p0 fork -> p1
        p1 register 8+8 missing
        p1 write 0 = 3
        p1 move 0+1 -> 8 => OK (4096)
        see p1 8: anon exclusive value 3
        see p0 8: none
        see p0 0: anon shared value 1
    """,
    "overlap forwards": """
        p0 register 0+16 missing
        p0 copy 0+6 = 5
        p0 move 0+4 -> 2 => EEXIST (-17)
    """,
    "overlap backwards": """
        p0 register 0+16 missing
        p0 copy 4+4 = 5
        see p0 7: anon frame D
        p0 move 4+4 -> 2 => OK (16384)
        see p0 2: anon value 5
        see p0 5: anon value 5 frame D
        see p0 6: none
    """,
    "uffd-wp is dropped": """
        p0 register 0+8 missing wp
        p0 copy 0+1 = 5
        p0 wp 0+1
        see p0 0: anon wp
        p0 move 0+1 -> 8 => OK (4096)
        see p0 8: anon no-wp
        p0 write 8 = 6
    """,
    "destination is registered for wp too": filled(0, 1) + """
        p0 register 8+8 missing wp
        p0 move 0+1 -> 8 => OK (4096)
        see p0 8: anon no-wp
        p0 write 8 = 6
    """,
    "registered anew without wp": """
        p0 register 0+8 wp
        p0 copy 3+1 = 5 wp
        p0 register 0+8 missing
        see p0 3: anon wp
        p0 write 3 = 6
        see p0 3: anon wp value 6
        p0 move 3+1 -> 8 => OK (4096)
        see p0 8: anon no-wp value 6
    """,
    "an exclusive swap entry": filled(0, 1) + """
        p0 pageout 0+1
        see p0 0: swap
        p0 move 0+1 -> 8 => OK (4096)
        see p0 0: none
        see p0 8: swap
        p0 write 8 = 9
        see p0 8: anon exclusive value 9
    """,
    "a swap entry that is shared": filled(0, 1) + """
        p0 pageout 0+1
        p0 fork -> p1
        see p1 0: swap
        p0 move 0+1 -> 8 => EBUSY (-16)
    """,
    "swapped in again": filled(0, 1) + """
        p0 pageout 0+1
        p0 read 0
        see p0 0: anon exclusive value 1
        p0 move 0+1 -> 8 => OK (4096)
        see p0 8: anon value 1
    """,
}  # fmt: skip
"""UFFDIO_MOVE, after MOVE_SETTING: mm/userfaultfd.c:move_pages and what it calls."""

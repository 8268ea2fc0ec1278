# SPDX-License-Identifier: GPL-2.0-only
"""What a userfaultfd was seen to do with mappings of a memfd: rows of facts.py.

Not among them: UFFDIO_CONTINUE and registration for minor faults, which programs have not; and
guards where a marker for write protection is, which a kernel tries to install for ever.
"""

from __future__ import annotations

FILES_SETTING = """
    p0 mmap 0+4 rw shared
    p0 mmap 4+4 rw file
"""
"""The memfd, shared and private; page 4 is page 0 of it."""

UFFD_FILES = {
    "a page that the file has not faults, one that it has does not": """
        p0 write 0 = 5
        p0 register 0+8 missing
        p0 read 1 => EFAULT
        p0 write 5 = 6 => EFAULT
        p0 read 4
        see p0 4: file value 5
    """,
    "a page in swap is not missing": """
        p0 write 0 = 5
        p0 pageout 0+1
        p0 register 0+8 missing
        p0 read 4
        see p0 4: file value 5
    """,
    "UFFDIO_COPY into a shared mapping is in the file": """
        p0 register 0+4 missing
        p0 copy 0+2 = 7 => OK (8192)
        see p0 0: file value 7 mapcount 1 frame A
        p0 copy 0+1 = 8 => EEXIST (-17)
        p0 read 4
        see p0 4: file value 7 mapcount 2 frame A
        p0 dontneed 0+1
        p0 copy 0+1 = 8 => EEXIST (-17)
    """,
    "UFFDIO_COPY into a private mapping is not": """
        p0 register 4+4 missing
        p0 copy 4+1 = 7 => OK (4096)
        see p0 4: anon exclusive value 7
        p0 read 0
        see p0 0: file value 0
    """,
    "UFFDIO_ZEROPAGE": """
        p0 register 0+8 missing
        p0 zeropage 0+1 => OK (4096)
        see p0 0: file value 0
        p0 zeropage 5+1 => OK (4096)
        see p0 5: zero
    """,
    "write protection of what is not there is a marker": """
        p0 register 0+4 wp
        p0 wp 0+2
        see p0 0: marker wp
        p0 read 0
        see p0 0: file wp value 0
        p0 write 0 = 5 => EFAULT
        p0 write 1 = 5 => EFAULT
        see p0 1: file wp
        p0 wp 0+2 off
        see p0 1: file no-wp
        p0 write 0 = 5
        see p0 0: file no-wp value 5
    """,
    "a zap leaves the marker, unmapping does not": """
        p0 register 0+4 wp
        p0 write 0 = 5
        p0 wp 0+1
        p0 dontneed 0+1
        see p0 0: marker wp
        p0 dontneed 0+1
        see p0 0: marker wp
        p0 mmap 0+1 rw shared
        see p0 0: none
    """,
    "so does reclaim": """
        p0 register 0+4 wp
        p0 write 0 = 5
        p0 wp 0+1
        p0 pageout 0+1
        see p0 0: marker wp
        p0 write 0 = 6 => EFAULT
        see p0 0: file wp value 5
    """,
    "a marker is not inherited, nor moved": """
        p0 register 0+8 wp
        p0 write 5 = 6
        p0 wp 0+8
        p0 fork -> p1
        see p1 0: none
        see p1 4: none
        see p1 5: anon no-wp
        p0 mremap 0+1 -> 8+1 maymove fixed
        see p0 8: none
    """,
    "UFFDIO_COPY takes the place of a marker": """
        p0 register 0+8 missing wp
        p0 wp 0+8
        p0 copy 0+1 = 5 => OK (4096)
        see p0 0: file value 5 no-wp
        p0 copy 4+1 = 5 wp => OK (4096)
        see p0 4: anon wp value 5
    """,
    "a marker that is left over goes with the fault": """
        p0 register 0+4 wp
        p0 wp 0+1
        p0 register 0+4 missing
        see p0 0: marker wp
        p0 read 0 => EFAULT
        see p0 0: none
    """,
    "what is registered for write protection is written by a fault": """
        p0 register 0+4 wp
        p0 read 0
        p0 write 0 = 5
        p0 wp 0+1
        p0 wp 0+1 off
        see p0 0: file value 5 no-wp
        p0 write 0 = 6
    """,
    "UFFDIO_MOVE": """
        p0 register 0+8 missing
        p0 write 8 = 1 => EFAULT
        p0 copy 4+1 = 5
        p0 move 4+1 -> 5 => EINVAL (-22)
        p0 move 0+1 -> 5 => EINVAL (-22)
        p0 mmap 8+1 rw anon
        p0 write 8 = 1
        p0 move 8+1 -> 5 => EINVAL (-22)
    """,
}  # fmt: skip
"""mm/userfaultfd.c, mm/shmem.c."""

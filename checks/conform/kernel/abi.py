# SPDX-License-Identifier: GPL-2.0-only
"""Numbers of the kernel's interface that Python's library does not have.

Sources: include/uapi/asm-generic/mman-common.h, include/uapi/linux/{mman,userfaultfd,io_uring,
kernel-page-flags,prctl,fs}.h and Documentation/admin-guide/mm/pagemap.rst of 6.18.  Headers of
distributions are often older than the kernel, so that what is newer is defined here by hand.
"""

from __future__ import annotations

import platform

PROT_NONE, PROT_READ, PROT_WRITE = 0, 1, 2
MAP_SHARED, MAP_PRIVATE = 0x01, 0x02
MAP_FIXED, MAP_ANONYMOUS, MAP_NORESERVE = 0x10, 0x20, 0x4000
MAP_FIXED_NOREPLACE = 0x100000

MREMAP_MAYMOVE, MREMAP_FIXED, MREMAP_DONTUNMAP = 1, 2, 4

MADV_DONTNEED, MADV_FREE, MADV_DONTFORK, MADV_DOFORK = 4, 8, 10, 11
MADV_HUGEPAGE, MADV_NOHUGEPAGE = 14, 15
MADV_COLD, MADV_PAGEOUT = 20, 21
MADV_POPULATE_READ, MADV_POPULATE_WRITE = 22, 23
MADV_COLLAPSE = 25
MADV_GUARD_INSTALL, MADV_GUARD_REMOVE = 102, 103

MFD_CLOEXEC, MFD_HUGETLB = 1, 4

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER, PR_SET_THP_DISABLE = 1, 36, 41

# userfaultfd: ioctls are _IOWR(0xAA, number, size) and so on.
_UFFD_NUMBERS = {"x86_64": 323, "s390x": 355}
SYS_USERFAULTFD = _UFFD_NUMBERS.get(platform.machine(), 282)
UFFD_USER_MODE_ONLY = 1
UFFD_API = 0xAA
UFFD_FEATURE_PAGEFAULT_FLAG_WP = 1 << 0
UFFD_FEATURE_SIGBUS = 1 << 7
UFFD_FEATURE_POISON = 1 << 14
UFFD_FEATURE_MOVE = 1 << 16
UFFDIO_REGISTER_MODE_MISSING, UFFDIO_REGISTER_MODE_WP = 1, 2
UFFDIO_COPY_MODE_DONTWAKE, UFFDIO_COPY_MODE_WP = 1, 2
UFFDIO_WRITEPROTECT_MODE_WP = 1
UFFDIO_MOVE_MODE_DONTWAKE, UFFDIO_MOVE_MODE_ALLOW_SRC_HOLES = 1, 2


def _ioctl(direction: int, number: int, size: int) -> int:
    return direction << 30 | size << 16 | UFFD_API << 8 | number


_READ, _WRITE = 2, 1
IOC_API = _ioctl(_READ | _WRITE, 0x3F, 24)
IOC_REGISTER = _ioctl(_READ | _WRITE, 0x00, 32)
IOC_UNREGISTER = _ioctl(_READ, 0x01, 16)
IOC_COPY = _ioctl(_READ | _WRITE, 0x03, 40)
IOC_ZEROPAGE = _ioctl(_READ | _WRITE, 0x04, 32)
IOC_MOVE = _ioctl(_READ | _WRITE, 0x05, 40)
IOC_WRITEPROTECT = _ioctl(_READ | _WRITE, 0x06, 24)
IOC_POISON = _ioctl(_READ | _WRITE, 0x08, 32)
IOC_NEW = _ioctl(0, 0x00, 0)
"""Of /dev/userfaultfd: a new file descriptor."""

# io_uring, of which only registered buffers are used: a lasting pin (FOLL_LONGTERM).
SYS_IO_URING_SETUP, SYS_IO_URING_REGISTER = 425, 427
IO_URING_PARAMS_SIZE = 120
IORING_REGISTER_BUFFERS, IORING_UNREGISTER_BUFFERS = 0, 1

# /proc/PID/maps, asked for one VMA (struct procmap_query, from 6.11 on).
PROCMAP_QUERY = (2 | 1) << 30 | 104 << 16 | ord("f") << 8 | 17
PROCMAP_QUERY_COVERING_OR_NEXT_VMA = 0x10
PROCMAP_READABLE, PROCMAP_WRITABLE = 1, 2

# /proc/PID/pagemap: a word of 64 bits a page.
PM_PFN = (1 << 55) - 1
PM_SOFT_DIRTY, PM_EXCLUSIVE, PM_UFFD_WP, PM_GUARD = 1 << 55, 1 << 56, 1 << 57, 1 << 58
PM_FILE, PM_SWAP, PM_PRESENT = 1 << 61, 1 << 62, 1 << 63
PM_SWAP_TYPE = 31
"""The low bits of what is no present page: where it is swapped to, or"""
SWP_PTE_MARKER = 31
"""the last type, which is no swap: a marker (include/linux/swap.h)."""

PAGEMAP_SCAN = (2 | 1) << 30 | 96 << 16 | ord("f") << 8 | 16
"""An ioctl of pagemap, from 6.7 on."""
PAGE_IS_HUGE = 1 << 6

# /proc/kpageflags: a word a frame.
KPF_ANON, KPF_HUGE, KPF_KSM = 1 << 12, 1 << 17, 1 << 21
KPF_THP, KPF_ZERO_PAGE = 1 << 22, 1 << 24
KPF_OWNER_2 = 1 << 34
"""PG_owner_2, which is PG_anon_exclusive for an anonymous page (fs/proc/page.c, page-flags.h)."""

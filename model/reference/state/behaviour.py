# SPDX-License-Identifier: GPL-2.0-only
"""Which kernel the reference MM is: where versions differ in what a program can see."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Behaviour:
    """What differs between versions; the defaults are 6.18."""

    move: str = "merged"
    """The variant of UFFDIO_MOVE, by its name in model/patches/uffd_move_batching."""
    over_markers: bool = True
    """UFFDIO_COPY takes the place of any marker; 7.3.4: EEXIST."""
    mremap_many: bool = True
    """mremap moves a range of several VMAs; since 6.17."""
    swap: bool = True
    """There is a swap device.  It never fills up."""
    huge_zero: bool = True
    """A read fault may map the huge zero page (use_zero_page)."""
    table_reclaim: bool = True
    """MADV_DONTNEED frees a table of which it zapped all; since 6.14, where configured."""
    collapse_of_nothing: bool = False
    """MADV_COLLAPSE of a part of a PMD is no error; 7.3.4."""
    pmd_sharing: bool = True
    """VMAs of hugetlb share PMD tables (HUGETLB_PMD_PAGE_TABLE_SHARING)."""
    arch: str = "x86_64"
    """How TLBs are flushed (model/hw/arch.py); a program can tell if a flush is missing only."""

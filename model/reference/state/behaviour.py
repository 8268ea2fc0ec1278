# SPDX-License-Identifier: GPL-2.0-only
"""Which kernel the reference MM is: where versions differ in what a program can see."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Behaviour:
    """What differs between versions; the defaults are 6.18."""

    versions: Mapping[str, str] = field(default_factory=dict)
    """Of families, by name, another version than that after the patch."""
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

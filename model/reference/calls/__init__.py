# SPDX-License-Identifier: GPL-2.0-only
"""System calls: what is around the models' routines, by the kernel's names.

The modules register what carries out each (`routines`).
"""

from . import advice, faults, huge, hugetlb, maps, processes, routines, uffd

__all__ = ["advice", "faults", "huge", "hugetlb", "maps", "processes", "routines", "uffd"]

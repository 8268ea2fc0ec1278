# SPDX-License-Identifier: GPL-2.0-only
"""Invariants: sentences about every patch.  None names a patch."""

from . import lifetime, locking, ordering, pins, pte_bits, results, rmap, tlb
from .registry import GROUPS, NOT_BUILT, REGISTRY, Invariant, every, find

__all__ = [
    "GROUPS", "NOT_BUILT", "REGISTRY", "Invariant", "every", "find", "lifetime", "locking",
    "ordering", "pins", "pte_bits", "results", "rmap", "tlb",
]  # fmt: skip

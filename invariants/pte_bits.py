# SPDX-License-Identifier: GPL-2.0-only
"""Bits of page-table entries: dirty, write permission, soft-dirty, userfaultfd."""

from __future__ import annotations

from model.hw.machine import Addr, Pte, PteKind, PteVal, Thread
from model.kernel.view import View

from .registry import at_step


@at_step(
    "set_pte_at",
    "no dirty bit is lost: a page that was written to is dirty in its entry or in its folio",
    relied_on="mm/vmscan.c: a clean page is dropped without being written",
    mutants=("dirty bit of the value read before",),
)
def no_dirty_bit_is_lost(s: View, thread: Thread, val: PteVal) -> bool:
    return (
        val.kind != PteKind.PRESENT
        or val.frame is None
        or val.frame.folio is None
        or not val.frame.modified
        or val.dirty
        or val.frame.folio.dirty
    )


@at_step(
    "set_pte_at ptep_set_access_flags",
    "no permission is gained that the VMA does not give",
    relied_on="user space: mprotect",
    mutants=("migration entries all writable",),
)
def no_permission_is_gained(s: View, thread: Thread, addr: Addr, val: PteVal) -> bool:
    """Of the VMAs of a cast, that of a forked child is read-only."""
    return (
        val.kind != PteKind.PRESENT
        or not val.write
        or all(addr != at or s.vma_at(at).writable for at in s.addresses)
    )


@at_step(
    "set_pte_at",
    "a write protection by userfaultfd stays until it is resolved or the page is gone",
    relied_on="Documentation/admin-guide/mm/userfaultfd.rst: write-protect notifications",
    mutants=("uffd bit not carried over",),
)
def userfaultfd_protection_stays(
    s: View, thread: Thread, addr: Addr, pte: Pte, val: PteVal
) -> bool:
    old = thread.took[addr] if thread.took[addr].kind != PteKind.NONE else pte.val
    return not old.uffd_wp or val.kind == PteKind.NONE or (val.uffd_wp and not val.write)


@at_step(
    "set_pte_at",
    "a page that appears at an address is soft-dirty there, and stays so",
    relied_on="Documentation/admin-guide/mm/soft-dirty.rst: incremental dumps",
    mutants=("soft-dirty not set",),
)
def soft_dirty_is_kept(s: View, thread: Thread, addr: Addr, pte: Pte, val: PteVal) -> bool:
    old = thread.took[addr] if thread.took[addr].kind != PteKind.NONE else pte.val
    appears = old.kind == PteKind.NONE and val.frame is not None and not val.frame.zero
    return val.kind != PteKind.PRESENT or val.soft_dirty or (not appears and not old.soft_dirty)

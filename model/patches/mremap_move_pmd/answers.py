# SPDX-License-Identifier: GPL-2.0-only
"""Questions of the reviews of the patch and its fixes, and the command that answers each."""

from __future__ import annotations

from ..family import Asked

_NAME = "mremap_move_pmd"
_TLB = "--invariant tlb --invariant no_null_pointer_is_followed"
"""With the invariant that v2 and 5.0 break beside retract_page_tables(), which came later: nothing
else is decided of those casts where it is not asked for."""

QUESTIONS = (
    Asked(
        "Is one flush at the end of move_page_tables() enough for tables that have moved?",
        f"{_NAME} --variant v2 {_TLB}",
        "no: the locks of the PMD entries are dropped before it, and whoever unmaps a page at the "
        "new address then flushes that address alone",
    ),
    Asked(
        "Does the order of the two PMD locks matter, while mmap_lock is held for writing?",
        f"{_NAME} --mutant 'no mmap_lock' --arch x86_64 --invariant no_deadlock",
        "no; without mmap_lock a second mremap of the same mm can wait for the first, and the "
        "first for it",
    ),
    Asked(
        "Is need_rmap_locks, which is for entries, enough for a table?",
        f"{_NAME} --variant merged --arch x86_64 --invariant rmap {_TLB}",
        "no: a walk that has the table's lock does not wait for the locks of PMD entries, and "
        "flushes the old address; and one that comes between pmd_clear() and set_pmd_at() finds "
        "the table at neither place",
    ),
    Asked(
        "Can the old PMD entry change between the first look at it and its lock?",
        f"{_NAME} --variant rmap_locked --arch x86_64 --invariant a_pmd_points_to_a_table",
        "yes, of a file since 6.6 (1d65b771bc08): retract_page_tables() takes no mmap_lock",
    ),
    Asked(
        "Is GUP-fast safe while a table moves?",
        f"{_NAME} --variant rechecked --scenario 'mremap+gup_fast*'",
        "nothing is VIOLATED: a pin is of the page, which stays in its entry; the entry is where "
        "user space will look for it",
    ),
    Asked(
        "Architectures do not all look at the address that set_pmd_at() is given.  Does it matter?",
        f"{_NAME} --variant v2 --arch s390 {_TLB}",
        "not for where the table is.  v2 moves tables on every architecture, and on s390 its plain "
        "pmd_clear() leaves what CPUs remember; since 5.0 an architecture selects HAVE_MOVE_PMD: "
        "x86, arm64 and riscv in 7.2.13.  MIPS and UML are not modelled",
    ),
    Asked(
        "Is move_pte() of sparc needed for each entry, and D-cache aliasing?",
        "",
        "not decided: caches are not modelled; sparc does not select HAVE_MOVE_PMD",
    ),
    Asked(
        "What guarantees that new_addr is aligned?",
        "",
        "no question about interleavings: move_normal_pmd() of v2 looks at both addresses; in "
        "6.12.117 get_extent() is a table's only if both are aligned",
    ),
)

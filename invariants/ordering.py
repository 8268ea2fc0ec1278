# SPDX-License-Identifier: GPL-2.0-only
"""Memory ordering: whether what is decided for sequential consistency is decided for hardware.

It is about the text of routines that run together and not about a state, so that no search of
states and no mutant of the table is about it.
"""

from .registry import by_text

by_text(
    "sequential_consistency_is_enough", "ordering",
    "no thread can tell that the architecture took accesses of another one in another order",
    "every other verdict, for each is for sequential consistency", "checks/reduce/ordering.py",
    "two accesses that the architecture may exchange, and two of others that could tell",
)  # fmt: skip

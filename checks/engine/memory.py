# SPDX-License-Identifier: GPL-2.0-only
"""How much memory a search may take."""

from __future__ import annotations

import os
import re
from pathlib import Path

from model.lang.errors import ModelError

_UNITS = {"K": 10, "M": 20, "G": 30, "T": 40}


def memory_limit(text: str, jobs: int) -> int:
    """Bytes for the states of one search, from what a user wrote, as 500M or 4G.

    If that is nothing: half of what the machine has free, shared by as many processes as there
    are jobs.  ModelError if it is not a size.
    """
    if not text:
        return _free() // 2 // (jobs or len(os.sched_getaffinity(0)))
    match = re.fullmatch(r"([1-9][0-9]{0,11})([KMGT])(i?B)?", text, re.IGNORECASE)
    if match is None:
        raise ModelError(f"--max-memory {text}", why="it is not a size", instead="write 500M or 4G")
    return int(match[1]) << _UNITS[match[2].upper()]


def _free() -> int:
    """Bytes that new processes could have without swapping."""
    try:
        found = re.search(r"^MemAvailable:\s+(\d+) kB", Path("/proc/meminfo").read_text(), re.M)
    except OSError:
        found = None
    if found is not None:
        return int(found[1]) << 10
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2

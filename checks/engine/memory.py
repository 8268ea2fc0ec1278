# SPDX-License-Identifier: GPL-2.0-only
"""How much memory a search may take."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from model.lang.errors import ModelError

_UNITS = {"K": 10, "M": 20, "G": 30, "T": 40}


def memory_limit(text: str, jobs: int) -> int:
    """Bytes for the states of one search, from what a user wrote, as 500M or 4G.

    If that is nothing: half of what is free, shared by as many processes as there are
    jobs.  ModelError if it is not a size.
    """
    if not text:
        return free() // 2 // (jobs or len(os.sched_getaffinity(0)))
    match = re.fullmatch(r"([1-9][0-9]{0,11})([KMGT])(i?B)?", text, re.IGNORECASE)
    if match is None:
        raise ModelError(f"--max-memory {text}", why="it is not a size", instead="write 500M or 4G")
    return int(match[1]) << _UNITS[match[2].upper()]


def free(root: Path = Path("/")) -> int:
    """Bytes that new processes could have without swapping: of the machine, and of the control
    groups that this process is in, if that is less."""
    try:
        text = (root / "proc/meminfo").read_text()
    except OSError:
        text = ""
    found = re.search(r"^MemAvailable:\s+(\d+) kB", text, re.M)
    if found is not None:
        machine = int(found[1]) << 10
    else:
        machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
    return min([machine, *_left_in_groups(root)])


@dataclass(frozen=True)
class _Files:
    """Names that a version of control groups has for limits, for use, and in `memory.stat` for how
    much of that is page cache which is given up when it is needed."""

    limits: tuple[str, ...]
    usage: str
    cache: str


_V1 = _Files(("memory.limit_in_bytes",), "memory.usage_in_bytes", "total_inactive_file")
_V2 = _Files(("memory.max", "memory.high"), "memory.current", "inactive_file")


def _left_in_groups(root: Path) -> Iterator[int]:
    """Bytes that each group with a limit has left: that of this process, and those that it is in.

    Documentation/admin-guide/cgroup-v2.rst, cgroup-v1/memory.rst; proc_pid_cgroup(5) and
    proc_pid_mountinfo(5) for where they are.
    """
    try:
        groups = (root / "proc/self/cgroup").read_text().splitlines()
        mounts = (root / "proc/self/mountinfo").read_text().splitlines()
    except OSError:
        return
    for line in groups:
        _, controllers, path = line.split(":", 2)
        if controllers and "memory" not in controllers.split(","):
            continue
        files = _V1 if controllers else _V2
        for top, mounted in _mounted(mounts, v2=not controllers):
            inside = os.path.relpath(path, top)
            if inside.startswith(".."):
                continue
            first = root / mounted.lstrip("/")
            here = first / inside
            for group in (here, *here.parents):
                left = _left(group, files)
                if left is not None:
                    yield left
                if group == first:
                    break


def _mounted(mounts: Iterable[str], *, v2: bool) -> Iterator[tuple[str, str]]:
    """Which group is mounted where."""
    for line in mounts:
        what, _, how = line.partition(" - ")
        fields, kind = what.split(), how.split()
        is_v1 = kind[:1] == ["cgroup"] and "memory" in kind[-1].split(",")
        if kind[:1] == ["cgroup2"] if v2 else is_v1:
            yield fields[3], fields[4]


def _left(group: Path, files: _Files) -> int | None:
    """Bytes below the limit of one group; None if it has none."""
    try:
        limits = [(group / name).read_text().strip() for name in files.limits]
        used = int((group / files.usage).read_text())
        cache = re.search(rf"^{files.cache} (\d+)$", (group / "memory.stat").read_text(), re.M)
    except (OSError, ValueError):
        return None  # the topmost group of version 2 has no such files
    numbers = [int(limit) for limit in limits if limit.isdecimal()]  # or "max"
    if not numbers:
        return None
    return max(min(numbers) - used + (int(cache[1]) if cache else 0), 0)

# SPDX-License-Identifier: GPL-2.0-only
"""The text of this tool, models and invariants included, as it was when it was started.

The files are noted when the package is imported, before any other of them is, and modules and
models are read from them one by one, some late.  While none has changed since, what runs is what
they say; once one has, nobody knows what it was that ran.
"""

from __future__ import annotations

import functools
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

PACKAGES = ("model", "invariants", "checks")
ROOT = Path(__file__).parents[2]

Noted = tuple[tuple[str, int, int], ...]
"""Files by path, with the time of the last change and the size."""


def _files(directory: str) -> Iterator[tuple[str, int, int]]:
    for entry in os.scandir(directory):
        if entry.is_dir(follow_symlinks=False):
            if entry.name != "__pycache__":
                yield from _files(entry.path)
        elif entry.name.endswith((".py", ".c", ".h", ".json")):
            about = entry.stat()
            yield entry.path, about.st_mtime_ns, about.st_size


def noted(root: Path = ROOT) -> Noted:
    """The state of the files now."""
    return tuple(sorted(f for package in PACKAGES for f in _files(str(root / package))))


STARTED = noted()


def unchanged() -> bool:
    """True if the files are what they were."""
    return noted() == STARTED


@functools.cache
def digest() -> str:
    """A digest of their text, which is that of what runs if they are `unchanged` afterwards."""
    found = hashlib.sha256()
    for name, _, size in STARTED:
        path = Path(name)
        found.update(f"{path.relative_to(ROOT)}\0{size}\0".encode())
        found.update(path.read_bytes())
    return found.hexdigest()

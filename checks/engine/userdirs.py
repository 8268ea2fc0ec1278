# SPDX-License-Identifier: GPL-2.0-only
"""Where what can be made again is kept for a user."""

from __future__ import annotations

import os
from pathlib import Path


def cache_directory() -> Path:
    """The directory of this tool in the user's cache (XDG Base Directory Specification)."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    root = Path(base) if os.path.isabs(base) else Path.home() / ".cache"
    return root / "check-invariants"

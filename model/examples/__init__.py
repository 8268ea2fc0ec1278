# SPDX-License-Identifier: GPL-2.0-only
"""Systems that are not patches, by name."""

from __future__ import annotations

from . import mover, shoot
from .example import Example

EXAMPLES: dict[str, Example] = {e.name: e for e in (shoot.SHOOT, mover.MOVER)}

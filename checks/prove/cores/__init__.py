# SPDX-License-Identifier: GPL-2.0-only
"""The cores that there are."""

from . import shoot

EXAMPLES = {"shoot": (shoot.core, shoot.abstraction)}
"""The core of an example by its name, and what it is of the example at a size."""

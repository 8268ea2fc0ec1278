# SPDX-License-Identifier: GPL-2.0-only
from .play import sources as sources  # before all else: it notes what all else is read from

# SPDX-License-Identifier: GPL-2.0-only
"""From a cast on an architecture to a system that an engine can decide."""

from __future__ import annotations

# SPDX-License-Identifier: GPL-2.0-only
"""From a violation to a trace: shortest path, replay in the meaning, rows that a reader follows."""

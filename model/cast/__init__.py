# SPDX-License-Identifier: GPL-2.0-only
"""Casts: worlds, who runs in them, and what they begin with."""

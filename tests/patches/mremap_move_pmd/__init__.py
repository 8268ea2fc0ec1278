# SPDX-License-Identifier: GPL-2.0-only
"""Tests of what is true of rmap walks on locked folios."""

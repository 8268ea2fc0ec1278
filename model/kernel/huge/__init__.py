# SPDX-License-Identifier: GPL-2.0-only
"""Transparent huge pages: PMD entries that are leaves, and large folios."""

# SPDX-License-Identifier: GPL-2.0-only
"""Showing what was found: as text, as JSON, as a table for a changelog."""

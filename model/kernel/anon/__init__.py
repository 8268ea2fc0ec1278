# SPDX-License-Identifier: GPL-2.0-only
"""Routines of anonymous memory, page-table entry by entry."""

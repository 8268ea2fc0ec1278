# SPDX-License-Identifier: GPL-2.0-only
"""Callers of a function in a kernel tree."""

# SPDX-License-Identifier: GPL-2.0-only
"""A program on the reference MM, one operation after the other."""

# SPDX-License-Identifier: GPL-2.0-only
"""System calls and faults of the reference MM."""

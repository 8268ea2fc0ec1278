# SPDX-License-Identifier: GPL-2.0-only
"""The reference MM held against the kernel that runs."""

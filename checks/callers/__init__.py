# SPDX-License-Identifier: GPL-2.0-only
"""Who calls a function in a kernel tree."""

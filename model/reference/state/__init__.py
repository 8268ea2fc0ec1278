# SPDX-License-Identifier: GPL-2.0-only
"""State of the reference MM: processes, VMAs, objects."""

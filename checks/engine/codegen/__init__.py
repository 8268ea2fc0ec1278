# SPDX-License-Identifier: GPL-2.0-only
"""Text made from a system: Python and C over packed states, and Promela."""

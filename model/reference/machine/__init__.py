# SPDX-License-Identifier: GPL-2.0-only
"""The reference MM as a machine that runs programs, and what must hold of it."""

# SPDX-License-Identifier: GPL-2.0-only
"""Programs: operations, random ones, and what of a machine can be seen."""

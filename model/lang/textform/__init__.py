# SPDX-License-Identifier: GPL-2.0-only
"""The text form of a system, to write and to read."""

# SPDX-License-Identifier: GPL-2.0-only
"""The kernel: its primitives, and the routines that may run beside the one under test."""

# SPDX-License-Identifier: GPL-2.0-only
"""The running kernel through system calls, and what can be seen of it without disturbing it."""

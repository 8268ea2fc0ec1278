# SPDX-License-Identifier: GPL-2.0-only
"""Tests of plays: decided, kept, and shared out to processes."""

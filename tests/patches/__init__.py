# SPDX-License-Identifier: GPL-2.0-only
"""Tests of what every family must have, and of one family each."""

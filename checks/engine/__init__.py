# SPDX-License-Identifier: GPL-2.0-only
"""Engines: they decide a system, and nothing else."""

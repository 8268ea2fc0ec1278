# SPDX-License-Identifier: GPL-2.0-only
"""Plays: one cast, one variant, one architecture, decided; many of them at a time, and kept."""

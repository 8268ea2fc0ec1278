# SPDX-License-Identifier: GPL-2.0-only
"""Mutants: variants with a planted bug, which say of each invariant what it is good for."""

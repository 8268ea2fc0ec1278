# SPDX-License-Identifier: GPL-2.0-only
"""Finite systems as Z3 terms: every path of so many steps at once, and proofs by induction."""

# SPDX-License-Identifier: GPL-2.0-only
"""Proofs for any number of objects: quantified cores with their inductive invariants, and that
the models which are enumerated refine them."""

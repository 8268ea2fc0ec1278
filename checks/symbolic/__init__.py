# SPDX-License-Identifier: GPL-2.0-only
"""Proofs for any number of objects (Z3): quantified cores, their inductive invariants, and what
they have to do with the models that are enumerated.  Nothing else imports Z3."""

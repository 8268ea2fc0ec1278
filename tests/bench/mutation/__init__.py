# SPDX-License-Identifier: GPL-2.0-only
"""How many mutants of the models and of the invariants are found out."""

# SPDX-License-Identifier: GPL-2.0-only
"""Mutants: variants with a planted bug, which say of each invariant what it is good for."""

from model.patches.patch import Patch

from .mutant import SHOWN, Mutant, cast_of, mutant, require_edited, role
from .table import MUTANTS


def mutants_of(patch: Patch) -> tuple[Mutant, ...]:
    """The mutants of a patch and of what runs beside it, in the order of the table."""
    return MUTANTS.get(patch.name, ())


__all__ = [
    "SHOWN", "Mutant", "cast_of", "mutant", "mutants_of", "require_edited", "role",
]  # fmt: skip

# SPDX-License-Identifier: GPL-2.0-only
"""The mutants by patch."""

from __future__ import annotations

from collections.abc import Mapping

from .mutant import Mutant
from .neighbours import NEIGHBOURS
from .uffd_move import MOVERS

MUTANTS: Mapping[str, tuple[Mutant, ...]] = {"uffd_move_batching": (*MOVERS, *NEIGHBOURS)}

# SPDX-License-Identifier: GPL-2.0-only
"""Random systems, reduced: every pass set leaves what the oracle finds."""

from __future__ import annotations

import pytest

from .compare import compare
from .generate import program

PROGRAMS = 400


@pytest.mark.parametrize("first", range(0, PROGRAMS, 100))
def test_random_programs(first: int) -> None:
    for seed in range(first, first + 100):
        assert compare(program(seed)).differences == (), seed

# SPDX-License-Identifier: GPL-2.0-only
"""Tests keep what they compile and decide in a directory of their own."""

from __future__ import annotations

import pytest

from checks.engine import interrupts


@pytest.fixture(autouse=True, scope="session")
def _cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    pytest.MonkeyPatch().setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))


@pytest.fixture(autouse=True)
def _nobody_interrupts() -> None:
    """An interrupt that one test makes is none to the next."""
    interrupts.begin()

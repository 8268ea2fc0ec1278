# SPDX-License-Identifier: GPL-2.0-only
"""Tests keep what they compile and decide in a directory of their own."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True, scope="session")
def _cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    pytest.MonkeyPatch().setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))

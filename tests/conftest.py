# SPDX-License-Identifier: GPL-2.0-only
"""Tests keep what they compile and decide in a directory of their own; a file has one worker."""

from __future__ import annotations

import gc

import pytest

from checks.engine import interrupts

gc.set_threshold(
    2_000_000, 50
)  # much is made and kept, all of it trees, as in `checks.play.workers`

SHARING = {
    "tests/checks/trace/test_mutants.py",
    "tests/model/test_traces.py",
    "tests/oracle/test_traces.py",
}
"""Files whose tests look at the same traces."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give the tests of a file, or of files that share something, to one worker."""
    for item in items:
        file = item.nodeid.partition("::")[0]
        item.add_marker(pytest.mark.xdist_group("traces" if file in SHARING else file))


@pytest.fixture(autouse=True, scope="session")
def _cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    pytest.MonkeyPatch().setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))


@pytest.fixture(autouse=True)
def _nobody_interrupts() -> None:
    """An interrupt that one test makes is none to the next."""
    interrupts.begin()

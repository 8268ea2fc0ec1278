# SPDX-License-Identifier: GPL-2.0-only
"""Tests keep what they compile and decide in a directory of their own; a file has one worker."""

from __future__ import annotations

import gc
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

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


class _ByFile(LoadScopeScheduling):  # type: ignore[misc]  # xdist comes without types
    """The tests of a file, or of files that share something, go to one worker.

    Not by `--dist loadgroup`: the groups that xdist writes into names of tests are lost with
    pytest 9.2, and nothing says so.
    """

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return "traces" if file in SHARING else file


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> _ByFile:
    return _ByFile(config, log)


@pytest.fixture(autouse=True, scope="session")
def _cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    pytest.MonkeyPatch().setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))


@pytest.fixture(autouse=True)
def _nobody_interrupts() -> None:
    """An interrupt that one test makes is none to the next."""
    interrupts.begin()

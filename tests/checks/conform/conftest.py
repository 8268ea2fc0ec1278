# SPDX-License-Identifier: GPL-2.0-only
"""Tests that ask the running kernel run only if CHECK_INVARIANTS_KERNEL says so.

1: what needs nothing of the system but what its children do to themselves.  borrow: a swap file and
a few huge pages as well, for as long as the tests need them.

Those tests run one after the other, whichever process has them: `conform` refuses a second run.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator

import pytest

from checks.conform.kernel.grants import huge_pages, some_swap, swap_areas
from checks.conform.kernel.probes import Probed, probe_kernel

WANTED = os.environ.get("CHECK_INVARIANTS_KERNEL", "")
BORROWS = WANTED == "borrow"


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Waits for what other processes of this test run ask of the kernel."""
    mine = tmp_path_factory.getbasetemp()
    common = mine.parent if "PYTEST_XDIST_WORKER" in os.environ else mine
    with (common / "kernel.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@pytest.fixture(scope="module")
def probed() -> Iterator[tuple[Probed, ...]]:
    """What this kernel can do, with swap and huge pages if they may be borrowed, which they then
    are."""
    if not WANTED:
        pytest.skip("CHECK_INVARIANTS_KERNEL is not set")
    if not BORROWS:
        yield probe_kernel()
        return
    with swap_areas(change=True), some_swap(), huge_pages():
        yield probe_kernel(hugetlb=True)

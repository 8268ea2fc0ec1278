# SPDX-License-Identifier: GPL-2.0-only
"""Tests that ask the running kernel run only if CHECK_INVARIANTS_KERNEL says so.

1: what needs nothing of the system but what its children do to themselves.  borrow: a swap file and
a few huge pages as well, for as long as the tests need them.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from checks.conform.kernel.grants import huge_pages, some_swap
from checks.conform.kernel.probes import Probed, probe_kernel

WANTED = os.environ.get("CHECK_INVARIANTS_KERNEL", "")
BORROWS = WANTED == "borrow"


@pytest.fixture(scope="module")
def probed() -> Iterator[tuple[Probed, ...]]:
    """What this kernel can do, with swap and huge pages if they may be borrowed, which they then
    are."""
    if not WANTED:
        pytest.skip("CHECK_INVARIANTS_KERNEL is not set")
    if not BORROWS:
        yield probe_kernel()
        return
    with some_swap(), huge_pages():
        yield probe_kernel(hugetlb=True)

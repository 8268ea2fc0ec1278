# SPDX-License-Identifier: GPL-2.0-only
"""Kernels: named bundles of routine versions that existed together.

A stable kernel is the mainline release that it branched from, with what was backported to it: it
is older than a later release by what it has, not by its number.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from model.lang.errors import ModelError

_NAME = re.compile(r"\d+\.\d+(\.\d+)?")


@dataclass(frozen=True)
class Kernel:
    """A kernel; `backports` are the mainline commits, 12 digits, that it has besides those of the
    release that it branched from."""

    name: str
    mainline: tuple[int, int]
    backports: frozenset[str] = frozenset()

    def has(self, since: str, commit: str = "") -> bool:
        """True if it has what mainline has since a release, by a commit."""
        major, minor = since.split(".")[:2]
        return (int(major), int(minor)) <= self.mainline or commit in self.backports


_UNSHARE_BY_GATHER = "8ce720d5bd91"

STABLE: dict[str, frozenset[str]] = {
    "6.12.107": frozenset({_UNSHARE_BY_GATHER}),
    "6.12.117": frozenset({_UNSHARE_BY_GATHER}),
}
"""Backports of stable kernels that were read, among the commits that routines and architectures
name."""


def kernel_named(name: str) -> Kernel:
    """The kernel of a name, ``6.19`` or ``6.12.107``; ModelError for anything else."""
    if not _NAME.fullmatch(name):
        raise ModelError(f"no kernel '{name}'", instead="a release, as 6.19 or 6.12.107")
    major, minor = name.split(".")[:2]
    return Kernel(name, (int(major), int(minor)), STABLE.get(name, frozenset()))

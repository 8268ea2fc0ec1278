# SPDX-License-Identifier: GPL-2.0-only
"""Which modelled functions differ in a kernel tree from the version that was modelled.

A verdict is about the kernel that was read.  Each model names the functions that it follows and
the version; the hashes of their tokens are stored, so that the question can be asked of any tree.
A function with the same text is the same, whatever version it was read in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from .store import Citation, Sources, is_release, modelled, stored

SAME = "same"
DIFFERS = "differs"
NOT_FOUND = "not found"
NOT_STORED = "not stored"


@dataclass(frozen=True)
class Entry:
    """One kernel function at one version.

    `state` is one of `same`, `differs`, `not found` (the tree has no such file or function) and
    ``not stored: reason`` (nothing to compare with).  `models` are the places of the models.
    """

    cite: str
    version: str
    state: str
    models: tuple[str, ...]


@dataclass(frozen=True)
class Report:
    """What was found in a tree of `version`."""

    version: str
    entries: tuple[Entry, ...]

    @property
    def differing(self) -> tuple[Entry, ...]:
        """The functions to read again: they differ, or are not where they were."""
        return tuple(e for e in self.entries if e.state in (DIFFERS, NOT_FOUND))


def drift(tree: Path) -> Report:
    """Compare a kernel tree with what was modelled; ModelError if the path is no kernel tree."""
    return compare(Sources(tree), modelled(), stored())


def compare(
    sources: Sources, cited: Mapping[Citation, list[str]], known: Mapping[Citation, str]
) -> Report:
    """The same, given what is modelled and the stored hashes."""
    entries = []
    for (cite, version), models in cited.items():
        state = _state(sources, cite, version, known)
        entries.append(Entry(cite, version, state, tuple(models)))
    return Report(sources.version, tuple(entries))


def _state(sources: Sources, cite: str, version: str, known: Mapping[Citation, str]) -> str:
    if not is_release(version):
        return f"{NOT_STORED}: {version} was posted on a mailing list and is in no kernel tree"
    if (cite, version) not in known:
        return f"{NOT_STORED}: the text of {version} was not at hand"
    here = sources.hash_of(cite)
    if here is None:
        return NOT_FOUND
    return SAME if here == known[cite, version] else DIFFERS

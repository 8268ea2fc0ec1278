# SPDX-License-Identifier: GPL-2.0-only
"""Findings as text: what the cache keeps, and what comes back from another process."""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from typing import Any

from ..stage.ends import End
from .play import Finding, UnderTest


def written(finding: Finding) -> str:
    """A finding as a line of JSON."""
    return json.dumps(_fields(finding))


def read(text: str) -> Finding:
    """The finding that was written so."""
    return _finding(json.loads(text))


def packed(findings: Sequence[Finding]) -> bytes:
    """Findings of plays that were decided together, which have mostly the same words: about 300
    bytes for each play of UFFDIO_MOVE, of 4 kB by itself."""
    return zlib.compress(json.dumps([_fields(f) for f in findings]).encode())


def unpacked(data: bytes) -> list[Finding]:
    """The findings that were packed so."""
    return [_finding(fields) for fields in json.loads(zlib.decompress(data))]


def _fields(finding: Finding) -> list[Any]:
    return [
        finding.states, finding.transitions, finding.violated, finding.why, finding.broken,
        sorted(finding.present), sorted(finding.seen), finding.stuck,
        sorted(finding.branches), sorted(finding.fired),
        [[t.routine, sorted(t.present), sorted(t.seen), int(t.end)] for t in finding.tested],
        finding.depth, finding.contradicts, finding.again,
    ]  # fmt: skip


def _finding(fields: Sequence[Any]) -> Finding:
    (
        states, transitions, violated, why, broken, present, seen, stuck, branches, fired, tested,
        depth, contradicts, again,
    ) = fields  # fmt: skip
    return Finding(
        states, transitions, violated, why, tuple(broken), frozenset(present), frozenset(seen),
        tuple(stuck), frozenset(map(tuple, branches)), frozenset(map(tuple, fired)),
        tuple(UnderTest(who, frozenset(p), frozenset(s), End(end)) for who, p, s, end in tested),
        depth, contradicts, again,
    )  # fmt: skip

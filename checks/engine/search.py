# SPDX-License-Identifier: GPL-2.0-only
"""A search: what it is asked for, where it stops, and what it found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

DEADLOCK = "no_deadlock"
"""The invariant that a search itself decides."""

DEPTH = 20
"""Steps of a symbolic search, if nobody says how many."""


@dataclass(frozen=True)
class Limits:
    """Bounds of a search, which stops there with less than everything.

    `states` is a number of them; `until` a reading of `time.monotonic`; `bytes` are of memory for
    states, which the reference explorer estimates.  `depth` are steps of a symbolic search.
    """

    states: int = 50_000_000
    until: float = float("inf")
    bytes: int = 1 << 40
    depth: int = DEPTH

    def too_many_states(self) -> str:
        """The reason of a search that stopped for it."""
        return f"stopped at --max-states {self.states}"

    def too_many_bytes(self) -> str:
        """The reason of one that stopped for memory."""
        return f"stopped at --max-memory {self.bytes >> 20}M"


@dataclass(frozen=True)
class Violation:
    """The first state in which an invariant fails: in itself, or as an operation with a failing
    check is about to be carried out there (`at_step`)."""

    invariant: str
    state: int
    depth: int
    at_step: bool


@dataclass
class Search:
    """Findings of a search.  `why` is empty when every reachable state was visited; `bytes` is the
    memory that its states took.

    Of a symbolic search `depth` is how many steps the longest paths have that it knows all about,
    and only states that lead to a violation are among `parents`.
    """

    states: int = 0
    transitions: int = 0
    levels: int = 0
    why: str = ""
    violations: dict[str, Violation] = field(default_factory=dict)
    fired: tuple[bytes, ...] = ()
    parents: dict[int, int] = field(default_factory=dict, repr=False)
    bytes: int = 0
    depth: int | None = None

    def path(self, state: int) -> list[int]:
        """The states from an initial one to this one."""
        found = [state]
        while self.parents[found[-1]] != found[-1]:
            found.append(self.parents[found[-1]])
        return found[::-1]


Progress = Callable[[int], None]
"""Told the number of states so far, now and then."""

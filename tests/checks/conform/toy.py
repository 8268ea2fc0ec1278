# SPDX-License-Identifier: GPL-2.0-only
"""A machine that knows read, write and fork, for tests of what compares machines."""

from __future__ import annotations

from model.reference.programs.observation import Capability, Kind, Observation, Page
from model.reference.programs.program import Arena, Operation, Refused, Result

CAN = frozenset({Capability.SEES_VALUES})


class Toy:
    """Every page is there, and holds a byte.  `forgets` is a store that is lost: after one to
    the page before it, a store to this page does nothing."""

    name = "toy"
    can = CAN

    def __init__(self, arena: Arena, forgets: int = -1) -> None:
        self._bytes = {0: [0] * arena.pages}
        self._forgets, self._last = forgets, -1

    def run(self, op: Operation) -> Result:
        if op.name == "read":
            return Result(value=self._bytes[op.proc][op.page])
        if op.name == "write":
            if not (op.page == self._forgets and self._last == op.page - 1):
                self._bytes[op.proc][op.page] = op.token
            self._last = op.page
            return Result()
        if op.name == "fork":
            self._bytes[op.target] = list(self._bytes[op.proc])
            return Result()
        if op.name == "exit":
            del self._bytes[op.proc]
            return Result()
        raise Refused("a toy does not")

    def observe(self) -> Observation:
        return Observation(
            {p: tuple(Page(Kind.ANON, value=v) for v in b) for p, b in self._bytes.items()}
        )

    def close(self) -> None:
        self._bytes.clear()

# SPDX-License-Identifier: GPL-2.0-only
"""The shortest way to a violation: fewest statements of threads, then fewest switches of CPU.

The search is that of Dijkstra over the reduced system, with the successor functions of the
reference explorer; a merged step costs as many statements as it was made of.
"""

from __future__ import annotations

import heapq
import itertools
from dataclasses import dataclass, field

from model.lang.ir import Edge, State

from ..engine.prepared import Prepared
from ..engine.search import DEADLOCK, Search
from .visible import count


@dataclass(frozen=True)
class Move:
    """A thread's edges, unmerged; or, with no thread, a rule by name."""

    thread: int
    edges: tuple[Edge, ...] = ()
    rule: str = ""


RULE = -1


@dataclass
class Path:
    """Moves that lead to a violation, the last of which fails if it is about a step."""

    moves: list[Move] = field(default_factory=list)
    states: int = 0
    found: bool = True
    """`states` were visited to find it, or, if not `found`, to know that there is none."""
    fewest: bool = True


Node = tuple[int, int]
"""A packed state and the thread that moved last."""


class Shortest:
    """Looks for the cheapest violation of one invariant."""

    def __init__(self, explorer: Prepared, invariant: str) -> None:
        self._explorer, self._invariant = explorer, invariant
        self._weights = [
            [count(edge.origin()) for edge in thread.edges] for thread in explorer.system.threads
        ]

    def find(self, initial: State, most: int) -> Path | None:
        """The path, or None if more than `most` states would have to be visited."""
        return self._run(self._explorer.pack(initial), most)

    def along(self, search: Search) -> Path:
        """The moves along the states that lead to the violation that a search found."""
        violation = search.violations.get(self._invariant)
        if violation is None:
            return Path(states=search.states, found=False)
        states = search.path(violation.state)
        moves = [
            next(move for move, _, new, _ in self._moves(before) if new == after)
            for before, after in itertools.pairwise(states)
        ]
        if violation.at_step:
            moves.append(next(move for move, _, _, failed in self._moves(states[-1]) if failed))
        return Path(moves, search.states, fewest=False)

    def _run(self, start: int, most: int) -> Path | None:
        first: Node = (start, RULE)
        came: dict[Node, tuple[Node, Move]] = {}
        best: dict[Node, tuple[int, int]] = {first: (0, 0)}
        queue: list[tuple[int, int, int, Node]] = [(0, 0, 0, first)]
        made = 0
        done: set[Node] = set()
        while queue:
            statements, switches, _, node = heapq.heappop(queue)
            if node in done:
                continue
            done.add(node)
            if len(done) > most:
                return None
            state, last = node
            if self._explorer.fails(state, self._invariant):
                return self._path(came, node, None, len(done))
            moved = False
            for move, weight, new, failed in self._moves(state):
                moved = moved or move.thread != RULE
                if failed:
                    return self._path(came, node, move, len(done))
                who = last if move.thread == RULE else move.thread
                cost = (statements + weight, switches + (last not in (RULE, who)))
                after = (new, who)
                if after not in best or cost < best[after]:
                    best[after] = cost
                    came[after] = (node, move)
                    made += 1
                    heapq.heappush(queue, (*cost, made, after))
            if not moved and self._ends_badly(state):
                return self._path(came, node, None, len(done))
        return Path(states=len(done), found=False)

    def _ends_badly(self, state: int) -> bool:
        if not self._explorer.ended(state):
            return self._invariant == DEADLOCK
        return self._invariant in self._explorer.failing_finals(state)

    def _moves(self, state: int) -> list[tuple[Move, int, int, bool]]:
        """Each move with its weight, the state after it, and whether it fails as it is made."""
        found = []
        layout, threads = self._explorer.layout, self._explorer.system.threads
        for n, code in enumerate(self._explorer.codes):
            moves = code.moves(state, layout.value(state, code.seat.pc))
            bad = {
                number for number, k in moves.failed
                if code.ops[number].checks[k].invariant == self._invariant
            }  # fmt: skip
            for number, new in moves.taken:
                move = Move(n, threads[n].edges[number].origin())
                found.append((move, self._weights[n][number], new, number in bad))
            for number in sorted(bad - {number for number, _ in moves.taken}):  # nothing after it
                move = Move(n, threads[n].edges[number].origin())
                found.append((move, self._weights[n][number], state, True))
        rules = self._explorer.rules
        if rules is not None:
            for number, new in rules.moves(state).taken:
                name = self._explorer.system.rules[number].name
                found.append((Move(RULE, rule=name), 0, new, False))
        return found

    def _path(
        self, came: dict[Node, tuple[Node, Move]], node: Node, last: Move | None, states: int
    ) -> Path:
        moves = [] if last is None else [last]
        while node in came:
            node, move = came[node]
            moves.append(move)
        return Path(moves[::-1], states)


def rule_between(explorer: Prepared, before: int, after: int) -> int:
    """The number of a rule that leads from one packed state to the next."""
    assert explorer.rules is not None
    return next(n for n, new in explorer.rules.moves(before).taken if new == after)


def concrete(explorer: Prepared, initial: State, path: list[int]) -> list[int]:
    """A path of states that are really reached, from one of states that stand for their orbits."""
    orbits = explorer.orbits(initial)
    if orbits is None:
        return path
    assert explorer.rules is not None
    found = [explorer.pack(initial)]
    for wanted in path[1:]:
        after = (new for _, new in explorer.rules.moves(found[-1]).taken)
        found.append(next(new for new in after if orbits.stands_for(new) == wanted))
    return found

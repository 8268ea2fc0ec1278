# SPDX-License-Identifier: GPL-2.0-only
"""The answer of `ordering`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from ..ordering import Answer, Place, Undecided
from ..scenario import Role


@dataclass
class _Seen:
    """A pair, and in how many worlds it is, by scenario and architecture."""

    pair: Undecided
    worlds: dict[str, int] = field(default_factory=dict)


def ordering_lines(role: Role, answers: Sequence[Answer]) -> list[str]:
    """One line for each set of routines and architecture, then the pairs, each once with where it
    is.

    Who can tell is said of the first play that has it.
    """
    lines = [
        f"ordering   {role.source}, {role.variant.name}: {role.variant.doc}",
        "           HOLDS: sequential consistency is enough.  UNKNOWN: there are accesses that the",
        "           architecture may take in another order, and others that could tell.  A world:",
        "           how many pages, which page-table locks, what there is besides",
        "",
    ]
    places: dict[str, list[Answer]] = {}
    for answer in answers:
        where = f"{answer.play.cast.name.partition('/')[0]}@{answer.play.arch}"
        places.setdefault(where, []).append(answer)
    blocks: dict[tuple[str, Place], dict[Place, _Seen]] = {}
    for where, found in places.items():
        lines.append(f"{where:<52} {_verdict(found)}")
        for pair in (pair for answer in found for pair in answer.pairs):
            block = blocks.setdefault((pair.routine, pair.first), {})
            worlds = block.setdefault(pair.second, _Seen(pair)).worlds
            worlds[where] = worlds.get(where, 0) + 1
    for (routine, first), block in blocks.items():
        lines += ["", f"{routine}(): order not decided", f"  first   {first}"]
        for second, seen in block.items():
            where, some = next(iter(seen.worlds.items()))
            place = f"{where}{_of(some, len(places[where]))}"
            more = f", and {len(seen.worlds) - 1} more" if len(seen.worlds) > 1 else ""
            lines += [
                f"  then    {second}",
                f"          seen after   {seen.pair.after}",
                f"               before  {seen.pair.before}",
                f"               in      {place}{more}",
            ]
    return lines


def _verdict(found: Sequence[Answer]) -> str:
    """What is said of one set of routines on one architecture, in all its worlds."""
    some = sum(bool(answer.pairs) for answer in found)
    if not some:
        return "HOLDS"
    count = len({(p.routine, p.first, p.second) for answer in found for p in answer.pairs})
    pairs = "1 pair" if count == 1 else f"{count} pairs"
    return f"UNKNOWN, {pairs}{_of(some, len(found))}"


def _of(some: int, every: int) -> str:
    return f", {some} of {every} worlds" if every > 1 else ""

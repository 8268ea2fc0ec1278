# SPDX-License-Identifier: GPL-2.0-only
"""The answer of `ordering`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from ..memory_order.ordering import Answer, Place, Undecided
from ..stage.stage import Role

_SHOWN = 2
"""How many barriers on other ways are named."""


@dataclass
class _Seen:
    """A pair, and in how many worlds it is, by scenario and architecture; and in how many of all of
    them the version before has it too."""

    pair: Undecided
    worlds: dict[str, int] = field(default_factory=dict)
    too: int = 0


def ordering_lines(role: Role, answers: Sequence[Answer], before: Role | None) -> list[str]:
    """One line for each set of routines and architecture, then the pairs, each once with where it
    is.

    Who can tell is said of the first play that has it.
    """
    earlier = before.variant.name if before is not None else ""
    lines = [
        f"ordering   {role.source}, {role.variant.name}: {role.variant.doc}",
        "           HOLDS: sequential consistency is enough.  UNKNOWN: there are accesses that the",
        "           architecture may take in another order, and others that could tell.  A world:",
        "           how many pages, which page-table locks, what there is besides",
    ]
    if earlier:
        lines.append(f"           too: the version before, {earlier}, has the pair as well")
    lines.append("")
    places: dict[str, list[Answer]] = {}
    for answer in answers:
        where = f"{answer.play.cast.name.partition('/')[0]}@{answer.play.arch}"
        places.setdefault(where, []).append(answer)
    blocks: dict[tuple[str, Place], dict[Place, _Seen]] = {}
    for where, found in places.items():
        lines.append(f"{where:<52} {_verdict(found, earlier)}")
        for pair in (pair for answer in found for pair in answer.pairs):
            block = blocks.setdefault((pair.routine, pair.first), {})
            seen = block.setdefault(pair.second, _Seen(pair))
            seen.worlds[where] = seen.worlds.get(where, 0) + 1
            seen.too += bool(pair.too)
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
                *_unless(seen.pair),
                f"               in      {place}{more}",
                *_too(seen, earlier),
            ]
    return lines


def _verdict(found: Sequence[Answer], earlier: str) -> str:
    """What is said of one set of routines on one architecture, in all its worlds."""
    some = sum(bool(answer.pairs) for answer in found)
    if not some:
        return "HOLDS"
    every = [p for answer in found for p in answer.pairs]
    count = len({(p.routine, p.first, p.second) for p in every})
    new = len({(p.routine, p.first, p.second) for p in every if not p.too})
    pairs = "1 pair" if count == 1 else f"{count} pairs"
    known = f", {count - new} in {earlier} too" if new < count else ""
    return f"UNKNOWN, {pairs}{known}{_of(some, len(found))}"


def _unless(pair: Undecided) -> list[str]:
    """The nearest barriers that come between on other ways."""
    left = len(pair.unless) - _SHOWN
    lines = [f"               unless  {barrier}" for barrier in pair.unless[:_SHOWN]]
    if left > 0:
        lines.append(f"                       {left} more, on longer ways")
    return lines


def _too(seen: _Seen, earlier: str) -> list[str]:
    """The mark of a pair that the version before has as well."""
    if not seen.too:
        return []
    every = sum(seen.worlds.values())
    where = "" if seen.too == every else f", in {seen.too} of {every} of these"
    return [f"               too     in {earlier}{where}"]


def _of(some: int, every: int) -> str:
    return f", {some} of {every} worlds" if every > 1 else ""

# SPDX-License-Identifier: GPL-2.0-only
"""The answer of `ordering`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..ordering import Answer, Place, Undecided
from ..scenario import Role


@dataclass(frozen=True)
class _Seen:
    pair: Undecided
    plays: list[str]


def ordering_lines(role: Role, answers: Sequence[Answer]) -> list[str]:
    """One line for each scenario and architecture, then the pairs, each once with where it is.

    Who can tell is said of the first play that has it.
    """
    lines = [
        f"ordering   {role.source}, {role.variant.name}: {role.variant.doc}",
        "           HOLDS: sequential consistency is enough.  UNKNOWN: there are accesses that the",
        "           architecture may take in another order, and others that could tell",
        "",
    ]
    blocks: dict[tuple[str, Place], dict[Place, _Seen]] = {}
    for answer in answers:
        count = len(answer.pairs)
        pairs = "1 pair" if count == 1 else f"{count} pairs"
        where = f"{answer.play.cast.name.partition('/')[0]}@{answer.play.arch}"
        lines.append(f"{where:<52} {f'UNKNOWN, {pairs}' if count else 'HOLDS'}")
        for pair in answer.pairs:
            block = blocks.setdefault((pair.routine, pair.first), {})
            block.setdefault(pair.second, _Seen(pair, [])).plays.append(where)
    for (routine, first), block in blocks.items():
        lines += ["", f"{routine}(): order not decided", f"  first   {first}"]
        for second, seen in block.items():
            more = f" and {len(seen.plays) - 1} more" if len(seen.plays) > 1 else ""
            lines += [
                f"  then    {second}",
                f"          seen after   {seen.pair.after}",
                f"               before  {seen.pair.before}",
                f"               in      {seen.plays[0]}{more}",
            ]
    return lines

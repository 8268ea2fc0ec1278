# SPDX-License-Identifier: GPL-2.0-only
"""The answer of `ordering`."""

from __future__ import annotations

from collections.abc import Sequence

from ..ordering import Answer, Place, Undecided
from ..scenario import Role


def ordering_lines(role: Role, answers: Sequence[Answer]) -> list[str]:
    """One line for each scenario and architecture, then the pairs, each once with where it is."""
    lines = [
        f"ordering   {role.source}, {role.variant.name}: {role.variant.doc}",
        "           HOLDS: sequential consistency is enough.  UNKNOWN: there are accesses that the",
        "           architecture may take in another order, and others that could tell",
        "",
    ]
    where: dict[Undecided, list[str]] = {}
    for answer in answers:
        count = len(answer.pairs)
        verdict = f"UNKNOWN, {count} pairs" if count else "HOLDS"
        who = answer.play.cast.name.partition("/")[0]
        lines.append(f"{who + '@' + answer.play.arch:<52} {verdict}")
        for pair in answer.pairs:
            where.setdefault(pair, []).append(f"{who}@{answer.play.arch}")
    for pair, plays in where.items():
        lines += ["", f"{pair.routine}(): order not decided"]
        lines += [
            f"  {'first':8}{_place(pair.first)}", f"  {'then':8}{_place(pair.second)}",
            f"  {'seen':8}after {_place(pair.after)}", f"  {'':8}before {_place(pair.before)}",
            f"  {'in':8}{plays[0]}" + (f" and {len(plays) - 1} more" if len(plays) > 1 else ""),
        ]  # fmt: skip
    return lines


def _place(place: Place) -> str:
    return f"{place.function} {place.line}  {place.call}, {place.field}"

# SPDX-License-Identifier: GPL-2.0-only
"""The answer of `locks`: a tree with lines, what is documented, and cycles as lockdep has them; or
a graph for Graphviz."""

from __future__ import annotations

import subprocess
import textwrap
from collections.abc import Iterable, Sequence

from ..lock_order.documented import NOT_TAKEN, said_of
from ..lock_order.graph import by_kind, tree, waiting
from ..lock_order.observed import Order, Taken
from ..lock_order.orders import Answer, Asked, Decided, names
from .page import counted, width

SHOWN = 2
"""Lines that are given for an order; of the others, the number."""


def lock_lines(asked: Asked, answer: Answer) -> list[str]:
    """All of it."""
    seen, role = answer.observed, asked.role
    kinds = by_kind(seen.orders)
    mutant = f"; MUTANT: {role.mutant}" if role.mutant else ""
    lines = [
        f"locks      {role.source}, {role.variant.name}: {role.variant.doc}{mutant}",
        f"           {counted(len(seen.taken), 'step')} of"
        f" {counted(len(seen.routines), 'routine')} take a lock; "
        f"{len(seen.orders)} orders, of {len(kinds)} pairs of kinds",
        f"           seen in {counted(seen.casts, 'scenario')} on {asked.arch},"
        f" {counted(seen.states, 'state')}",
        "", "held, and what is waited for below it (routine: held since > taken there)",
    ]  # fmt: skip
    made = tree(seen.orders)
    if made is None:
        lines.append("  no tree: there is a cycle of kinds")
    else:
        for root in sorted(n for n in made if not made.in_degree(n)):
            lines += _below(root, made, kinds, 1, set())
    nested = [pair for pair in by_kind(waiting(seen.orders)) if pair[0] == pair[1]]
    if nested:
        lines += ["", "two of a kind"]
        for pair in nested:
            lines += [f"  {pair[0]}", *_examples(waiting(kinds[pair]), 4)]
    lines += ["", "only tried, which makes no order"]
    for pair, orders in kinds.items():
        tried = [o for o in orders if o.then.tried]
        if tried:
            lines += [f"  {pair[0]} > {pair[1]}", *_examples(tried, 4)]
    lines += ["", "against what is documented"]
    for first, then in by_kind(waiting(seen.orders)):
        said = said_of(first, then) or "not documented"
        wrapped = textwrap.wrap(said, width() - 40)
        lines.append(f"  {f'{first} > {then}':<38}{wrapped[0]}")
        lines += [f"{'':40}{more}" for more in wrapped[1:]]
    lines += ["", "documented as well, and not taken here"]
    for order, why in NOT_TAKEN:
        lines += textwrap.wrap(f"{order}: {why}", width(), initial_indent="  ",
                               subsequent_indent="    ")  # fmt: skip
    for place in sorted(seen.unseen):
        lines.append(_cut(f"  never taken in these scenarios: {place}"))
    for name in seen.stopped:
        lines.append(_cut(f"  not visited to its end: {name}"))
    lines.append("")
    if not answer.cycles:
        return [*lines, "no cycle"]
    for decided in answer.cycles:
        lines += _cycle(decided)
    return lines


def _below(
    kind: str, made: Iterable[str], kinds: dict[tuple[str, str], list[Order]], depth: int,
    told: set[str],
) -> list[str]:  # fmt: skip
    indent = "  " * depth
    if kind in told:
        return [f"{indent}{kind} (as above)"]
    told.add(kind)
    lines = [f"{indent}{kind}"]
    for child in sorted(made[kind]):  # type: ignore[index]
        below = _below(child, made, kinds, depth + 1, told)
        lines += [below[0], *_examples(waiting(kinds[kind, child]), 2 * depth + 4), *below[1:]]
    return lines


def _examples(orders: Sequence[Order], indent: int) -> list[str]:
    """A line for each of a few orders that differ for a reader."""
    texts = dict.fromkeys(
        f"{o.first.routine}: {o.first.function} {o.first.line}{_mode(o.first)} > "
        f"{o.then.function} {o.then.line} {o.then.call}{_mode(o.then)}"
        for o in orders
    )
    shown = [_cut(" " * indent + text) for text in list(texts)[:SHOWN]]
    if len(texts) > SHOWN:
        shown.append(" " * indent + f"and {len(texts) - SHOWN} more")
    return shown


def _mode(taken: Taken) -> str:
    """How a lock is held, if it can be held in two ways."""
    return f" ({taken.mode})" if taken.mode else ""


def _cycle(decided: Decided) -> list[str]:
    cycle = decided.cycle
    chain = " -> ".join(
        [*(o.first.lock.name for o in cycle.orders), cycle.orders[0].first.lock.name]
    )
    lines = [f"cycle      {chain}"]
    for n, order in enumerate(cycle.orders):
        first, then = order.first, order.then
        lines.append(f"  CPU{n}  {first.routine}()")
        for word, taken in (("holds", first), ("waits", then)):
            name = taken.lock.name + _mode(taken)
            lines.append(_cut(f"    {word}  {name:<24}{taken.where}"))
    if decided.blocks is not None:
        role = decided.blocks.role
        mutant = f" --mutant '{role.mutant}'" if role.mutant else f" --variant {role.variant.name}"
        return [
            *lines,
            f"  it blocks, in {decided.blocks.cast.name}",
            f"  trace  check-invariants {role.source}{mutant} --invariant no_deadlock"
            f" --arch {decided.blocks.arch} --scenario {decided.blocks.cast.name}",
        ]
    if decided.why:
        return [*lines, f"  whether it blocks is not known: {decided.why}"]
    return [*lines, _cut(f"  no run of these scenarios blocks: {names(decided.plays)}")]


def _cut(line: str) -> str:
    return line if len(line) <= width() else line[: width() - 3] + "..."


def lock_dot(answer: Answer) -> list[str]:
    """The kinds as a graph for Graphviz; orders that are only tried are dashed."""
    lines = ["digraph locks {", "\trankdir=TB;", "\tnode [shape=box];"]
    for (first, then), orders in by_kind(answer.observed.orders).items():
        real = waiting(orders)
        places = list(dict.fromkeys(f"{o.then.function} {o.then.line}" for o in real or orders))
        label = "\\n".join(places[:SHOWN] + ([f"and {len(places) - SHOWN} more"]
                                             if len(places) > SHOWN else []))  # fmt: skip
        style = "" if real else ", style=dashed"
        lines.append(f'\t"{first}" -> "{then}" [label="{label}"{style}];')
    return [*lines, "}"]


def drawn(lines: Sequence[str]) -> str:
    """A graph as SVG, by Graphviz."""
    words = ["dot", "-Tsvg"]
    return subprocess.run(words, input="\n".join(lines), capture_output=True, text=True,
                          check=True).stdout  # fmt: skip

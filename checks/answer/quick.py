# SPDX-License-Identifier: GPL-2.0-only
"""Quick: the smallest casts that most likely decide, and what is left out by them."""

from __future__ import annotations

import shlex
from dataclasses import replace

from model.hw.archs import DEFAULT

from ..target.selection import one_of_each_kind
from .report import Question


def quickly(question: Question, *, every_kind: bool) -> Question:
    """The question asked of each neighbour alone from the main states, of the selected side; with
    `every_kind` on one architecture of each kind; of the order of accesses only by name."""
    target = replace(question.target, sides=(question.target.selected,))
    chosen = [i for i in question.chosen if i.kind != "text" or i.name in question.named]
    archs = one_of_each_kind(question.archs) if every_kind else question.archs
    return replace(question, target=target, chosen=tuple(chosen), archs=archs, quick=True)


def omitted(question: Question) -> str:
    """The part that a quick question leaves out, and the command that asks all of it."""
    target, role = question.target, question.target.selected.role
    family, kernel = target.family, role.variant.neighbours_from
    casts, every = len(family.casts.quick(kernel)), len(family.casts.default(kernel))
    archs = [a for a in DEFAULT if a not in question.archs and a not in family.without]
    parts = [f"{every - casts} of {every} casts (pairs of neighbours, other states)"]
    parts += [", ".join(archs)] if archs else []
    parts += ["the version before"] if role.variant.name != family.before else []
    parts += ["memory order"] if all(i.kind != "text" for i in question.chosen) else []
    words = ["check-invariants", target.origin.patch]
    words += ["--variant", target.origin.variant] if target.origin.variant else []
    words += ["--mutant", role.mutant] if role.mutant else []
    return f"left out: {'; '.join(parts)}; with these: {shlex.join(words)}"

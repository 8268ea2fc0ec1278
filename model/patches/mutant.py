# SPDX-License-Identifier: GPL-2.0-only
"""Mutants: routines with a step removed, moved or weakened, which must be found out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from model.lang.edits import FunctionEdit, together
from model.lang.frontend.source import Edit

SHOWN = ("x86_64",)


@dataclass(frozen=True)
class Mutant:
    """A mutant.

    `name` is as invariants name it; `doc` says what is changed in the text.  `edits` are by
    function name, neighbours included.  Made from `variant`, it breaks the invariants `breaks`,
    and no other, in the cast of that name, on `archs`; `why_not` says for other architectures
    why it breaks none of them there.
    """

    name: str
    doc: str
    edits: tuple[tuple[str, Edit], ...]
    variant: str
    breaks: tuple[str, ...]
    cast: str
    archs: tuple[str, ...] = SHOWN
    why_not: Mapping[str, str] = field(default_factory=dict)


def mutant(
    name: str, doc: str, *edits: FunctionEdit, breaks: str, cast: str, variant: str = "merged",
    archs: tuple[str, ...] = SHOWN, why_not: Mapping[str, str] | None = None,
) -> Mutant:  # fmt: skip
    """A mutant from edits in their order; `breaks` are names separated by spaces."""
    return Mutant(
        name, doc, together(edits), variant, tuple(breaks.split()), cast, archs, why_not or {}
    )

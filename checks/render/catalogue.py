# SPDX-License-Identifier: GPL-2.0-only
"""All that there is: patches, variants, invariants, architectures, scenarios; and one of them."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence

from invariants import every
from invariants.registry import GROUPS, NOT_BUILT, Invariant
from model.hw.archs import ARCHS
from model.patches.family import Family, Variant

from ..target.target import EXAMPLES
from .page import width

KINDS = ("patches", "variants", "invariants", "archs", "mutants", "scenarios")


def listed(kind: str, patches: Sequence[Family]) -> list[str]:
    """The lines of `list KIND`, for these patches."""
    match kind:
        case "patches":
            return [*_pairs((p.name, p.title) for p in patches), *EXAMPLES]
        case "variants":
            return _pairs((f"{p.name} {v.name}", v.doc) for p in patches for v in p.variants)
        case "archs":
            return _pairs(
                (a.name, f"{a.doc}{'' if a.by_default else ', by name only'}; {', '.join(a.cites)}")
                for a in ARCHS.values()
            )
        case "mutants":
            return _pairs((m.name, m.doc) for p in patches for m in p.mutants)
        case "scenarios":
            return _scenarios(patches)
    return _invariants()


def _scenarios(patches: Sequence[Family]) -> list[str]:
    lines = []
    for patch in patches:
        kernel = patch.variant(patch.after).neighbours_from
        names = [c.name for c in patch.casts.default(kernel)]
        assumed = [
            f"{c.name}  (assumed state: only by name)" for c in patch.casts.counterfactual(kernel)
        ]
        lines += [f"{patch.name}, beside kernel {kernel}:", *names, *assumed]
    return lines


def _invariants() -> list[str]:
    lines = []
    for group, doc in GROUPS.items():
        lines.append(f"{group}: {doc}" + ("  (not checked yet)" if group in NOT_BUILT else ""))
        mine = [i for i in every() if i.group == group]
        lines += ["  " + line for line in _pairs((i.name, i.sentence) for i in mine)]
    return lines


def _pairs(pairs: Iterable[tuple[str, str]]) -> list[str]:
    lines = []
    for name, doc in pairs:
        lines += textwrap.wrap(f"{name}  {doc}", width() - 2, subsequent_indent="    ")
    return lines


def explained_invariant(invariant: Invariant) -> list[str]:
    """An invariant: sentence, who relies on it, where, witness, mutants."""
    rows = [
        ("sentence", invariant.sentence), ("group", invariant.group),
        ("relied on", invariant.relied_on), ("source", invariant.where),
        *(("witness", p.text + (", by a routine under test" if p.own else ""))
          for p in invariant.premises),
    ]  # fmt: skip
    if invariant.mutants:
        rows.append(("mutants", ", ".join(invariant.mutants)))
    if invariant.steps:
        rows.insert(2, ("judged at", ", ".join(sorted(invariant.steps))))
    return [invariant.name, *_rows(rows)]


def explained_patch(patch: Family) -> list[str]:
    """A patch: what it asks, its variants, what is left out."""
    rows = [("title", patch.title), ("asks", patch.asks), ("left out", patch.left_out)]
    rows += [("variant", f"{v.name}: {v.doc} ({_text(v)})") for v in patch.variants]
    rows += [("neighbour", f"{n.name}: {patch.casts.told(n)}") for n in patch.casts.beside]
    rows += [("initial", f"{i.name}: {i.doc}") for i in patch.casts.initial]
    rows += [("assumed", f"{i.name}: {i.doc}; {i.assumption}") for i in patch.casts.assumed]
    rows += [("not on", f"{arch}: {why}") for arch, why in patch.without.items()]
    for asked in patch.questions:
        shown = f"check-invariants {asked.arguments}: " if asked.arguments else ""
        rows.append(("asked", f"{asked.text} {shown}{asked.answer}"))
    rows += [("observed", f"{o.variant}: {o.text}") for o in patch.observations]
    return [patch.name, *_rows(rows)]


def _text(variant: Variant) -> str:
    """The file of a version, and what it has otherwise."""
    names = ", ".join(variant.edited_names)
    return f"{variant.file}; edited: {names}" if names else variant.file


def _rows(rows: Iterable[tuple[str, str]]) -> list[str]:
    lines = []
    for word, text in rows:
        lines += textwrap.wrap(
            text, width(), initial_indent=f"  {word:<10}", subsequent_indent=" " * 12
        )
    return lines

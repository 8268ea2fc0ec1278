# SPDX-License-Identifier: GPL-2.0-only
"""What the reference MM is after an operation, as tables; and the machine form.

Version 1 of the latter: version, arena, boundary, hugetlb, exit, and
steps[]  number, op, errno (null: refused), value, field, why, steps[], broken, and
         vmas[]    process, start, length, prot, of, anon_vma, notes[]
         pages[]   process, page, entry, tlb, holds
         folios[]  folio, references, pins, maps, exclusive, mapping, index, holds, notes[]
         slots[]   slot, entries, holds, folio
         tables[]  table, ranges[] (of huge pages: PMD tables, and what they map)
"""

from __future__ import annotations

import dataclasses
import json
import textwrap
from collections.abc import Iterable, Sequence

from model.reference.programs.program import Arena

from ..step.step import Step
from .page import width

INDENT = "     "
VERSION = 1


def step_lines(step: Step, *, steps: bool) -> list[str]:
    """One operation, its result, and the tables; `steps`: what it did in the models, too."""
    lines = [f"{step.number:3}  {step.op}", f"{INDENT}=> {_result(step)}"]
    if steps and step.steps:
        lines += textwrap.wrap(
            " ".join(step.steps), width(), initial_indent=INDENT, subsequent_indent=INDENT
        )
    if step.broken:
        lines.append(f"{INDENT}BROKEN  {step.broken}")
    lines += _table(
        ("VMA", "prot", "of", "anon_vma", ""),
        ((f"p{v.process} {v.start}+{v.length}", v.prot, v.of, v.anon_vma, " ".join(v.notes))
         for v in step.vmas),
    )  # fmt: skip
    lines += _table(
        ("page", "entry", "TLB", "holds"),
        ((f"p{p.process} {p.page}", p.entry, p.tlb, "" if p.holds is None else str(p.holds))
         for p in step.pages),
    )  # fmt: skip
    lines += _table(("PMD table", "maps"), ((t.table, ", ".join(t.ranges)) for t in step.tables))
    lines += _table(
        ("folio", "refs", "maps", "exclusive", "mapping", "index", "holds", ""),
        ((f.folio, f"{f.references}{f' +{f.pins} pinned' if f.pins else ''}", str(f.maps),
          "yes" if f.exclusive else "", f.mapping, str(f.index) if f.mapping else "",
          str(f.holds), ", ".join(f.notes)) for f in step.folios),
    )  # fmt: skip
    lines += _table(
        ("slot", "entries", "holds", "folio"),
        ((s.slot, str(s.entries), str(s.holds), s.folio) for s in step.slots),
    )
    return lines


def _result(step: Step) -> str:
    result = step.result
    if result is None:
        return f"refused: {step.why}"
    words = [result.errno or "OK"]
    if not result.errno and step.op.name in ("read", "mremap"):
        words.append(str(result.value))
    if result.field is not None:
        words.append(f"({result.field})")
    return " ".join(words)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Columns as wide as what they hold; nothing at all without rows."""
    body = list(rows)
    if not body:
        return []
    widths = [max(map(len, column)) for column in zip(head, *body, strict=True)]
    lines = []
    for row in (head, *body):
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        lines.append((INDENT + "  ".join(cells)).rstrip()[: width()])
    return [INDENT.rstrip(), *lines]


def steps_json(arena: Arena, steps: Sequence[Step], exit_code: int) -> str:
    """The whole run as one JSON document."""
    document = {
        "version": VERSION, "arena": arena.pages, "boundary": arena.boundary, "huge": arena.huge,
        "pud": arena.pud, "hugetlb": arena.hugetlb, "exit": exit_code,
        "steps": [_step(s) for s in steps],
    }  # fmt: skip
    return json.dumps(document, indent=2)


def _step(step: Step) -> dict[str, object]:
    result = step.result
    head = {
        "number": step.number, "op": str(step.op),
        "errno": None if result is None else result.errno,
        "value": None if result is None else result.value,
        "field": None if result is None else result.field,
        "why": step.why, "steps": list(step.steps), "broken": step.broken,
    }  # fmt: skip
    tables = ("vmas", "pages", "folios", "slots", "tables")
    return head | {t: [dataclasses.asdict(row) for row in getattr(step, t)] for t in tables}

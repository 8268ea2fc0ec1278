# SPDX-License-Identifier: GPL-2.0-only
"""A legend of the signs that a trace has: printed once, below the first one."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from .page import labelled, width

_SIGNS = (
    (r"\bF\d", "F0: a folio"),
    (r"\.anon_vma", "src.anon_vma: it or its rwsem"),
    (r"\(read\)", "(read): read lock"),
    (r"\bTLB\d", "TLB3: the TLB of CPU3"),
    (r" => ", "=>: becomes, or maps to"),
    (r"(=> -|- =>)", "-: none"),
    (r"F\d w\b", "w: writable"),
    (r"(?m)^ *\d+ +\[", "[...]: hardware"),
    (r" model: ", "model: no kernel code"),
    (r"\bline in ", "48 f(): line 48 of the .py file"),
    (r"\.\. \d+ row", "... 9 rows: hidden"),
    (r"(?m)\.{40}$", "dotted line: another CPU"),
)
"""Signs that occur in a trace, and what they mean."""


def legend_lines(trace: Sequence[str]) -> list[str]:
    """The legend of these lines, in three lines at most on a page of the usual width."""
    return labelled("legend", "; ".join(_meanings("\n".join(trace))), width())


def _meanings(text: str) -> Iterator[str]:
    page = re.search(r"\b([a-z]\w*)\+(\d+)", text)
    if page is not None:
        yield f"{page[0]}: page {page[2]} of the VMA {page[1]}"
    for sign, meaning in _SIGNS:
        if re.search(sign, text):
            yield meaning

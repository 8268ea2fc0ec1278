# SPDX-License-Identifier: GPL-2.0-only
"""What a model compiles to, beside its source; and its source, to start a variant from."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path

from model.lang.errors import ModelError, shown_path
from model.lang.expr import show
from model.lang.frontend.source import text_of
from model.lang.ir import Edge, Thread
from model.patches import FAMILIES
from model.patches.family import Family, Variant

from ..stage.stage import Role
from .listing import text_lines

ROOT = Path(inspect.getfile(Family)).parents[2]


def step_lines(thread: Thread) -> list[str]:
    """One line for each edge: from, to, what it is, the model's line, the guard and the updates."""
    lines = [f"{thread.routine}: {thread.locations} locations, {len(thread.edges)} steps"]
    here = ""
    for edge in thread.edges:
        if edge.site is not None and (at := f"{edge.site.function}()  {edge.site.file}") != here:
            here = at
            lines.append(f"{at}  {edge.site.cite}".rstrip())
        lines.append(_edge(edge))
    return lines


def _edge(edge: Edge) -> str:
    line = f"{edge.site.line:5}" if edge.site is not None else "    -"
    what = edge.call.name if edge.call is not None else ""
    way = f" {{{edge.choice}}}" if edge.choice else ""
    order = f" {edge.op.access.order}" if edge.op.access is not None else ""
    text = [
        f"{line}  {edge.source:4} -> {edge.target:<4} {edge.op.kind}{order}{way} {what}".rstrip()
    ]
    if show(edge.op.guard) != "true":
        text.append(f"when {show(edge.op.guard)}")
    text += [f"{show(u.place)} := {show(u.value)}" for u in edge.op.updates]
    return "; ".join(text)


def python_source(patch: Family, role: Role) -> str:
    """The file of a version, ready to be saved, changed and decided; a user's own as it is."""
    variant = role.variant
    if role.source not in FAMILIES:
        return Path(role.source).read_text().rstrip("\n")
    path = ROOT / variant.file
    if not path.exists():
        raise ModelError(f"the source of {variant.name} is not there", where=variant.file)
    text = path.read_text()
    package = shown_path(str(path.parent)).replace("/", ".")
    lines = text.splitlines()
    for node in ast.parse(text).body:
        if isinstance(node, ast.ImportFrom) and node.level:
            parts = package.split(".")
            base = ".".join(parts[: len(parts) - node.level + 1])
            whole = f"{base}.{node.module}" if node.module else base
            old = f"from {'.' * node.level}{node.module or ''} import"
            lines[node.lineno - 1] = lines[node.lineno - 1].replace(old, f"from {whole} import")
    body = "\n".join(_with_edits(lines, variant))
    marker = "from model.lang import"
    body = body.replace(marker, f"from model.patches.own_variant import variant_of\n{marker}", 1)
    return f'{body}\n\nVARIANT = variant_of("{patch.name}", "{variant.name}", __name__)'


def _with_edits(lines: list[str], variant: Variant) -> list[str]:
    """The lines of its file, with the functions that it edits as they are then."""
    called = variant.called_by(variant.routines.values())
    edited = [fn for fns in called.values() for fn in fns
              if fn.text is not None and fn.text[0] == variant.file]  # fmt: skip
    for fn in sorted(edited, key=lambda fn: -fn.fn.__code__.co_firstlineno):
        before, begin = inspect.getsourcelines((fn.of or fn).fn)
        text = [line for _, line in text_lines(fn, text_of(fn)[1])]
        lines[begin - 1 : begin - 1 + len(before)] = text
    return lines

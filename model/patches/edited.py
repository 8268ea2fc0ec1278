# SPDX-License-Identifier: GPL-2.0-only
"""Versions that are an edit of another one, by the parts that mutants are made of.

    V2 = edited(V3, "v2", "any anon_vma in a batch",
                drop_condition("folio_anon_vma", in_="check_ptes_for_batched_move"))

The edited functions are those of the version alone: another version, and a neighbour that calls one
of them, have it as it is in its file.
"""

from __future__ import annotations

import ast
from dataclasses import replace

from model.lang.edits import FunctionEdit, together
from model.lang.errors import ModelError, near
from model.lang.frontend import source
from model.lang.frontend.source import Edit

from .family import Function, Variant


def edited(of: Variant, name: str, doc: str, *edits: FunctionEdit, kernel: str = "") -> Variant:
    """Another version with edits, in their order, of functions that its routines call.

    ModelError if they call none of a name, or an edit does not find what it changes.
    """
    runs = of.called_by(of.routines.values())
    made: dict[Function, Function] = {}
    for in_, edit in together(edits):
        if in_ not in runs:
            raise ModelError(
                f"{name} edits {in_}", why=f"{of.name} calls no function of that name",
                instead=near(in_, runs),
            )  # fmt: skip
        made.update({fn: _with(fn, edit, name) for fn in runs[in_]})
    return replace(
        of, name=name, doc=doc, kernel=kernel or of.kernel,
        routines={subject: _own(of.swap.get(fn, fn), made) for subject, fn in of.routines.items()},
        edited={**made, **{old: made.get(new, new) for old, new in of.edited.items()}},
    )  # fmt: skip


def _own(routine: Function, made: dict[Function, Function]) -> Function:
    """A routine of the version's own: a neighbour that is the same one has none of its edits."""
    return made[routine] if routine in made else source.edited(routine, None, "")


def _with(fn: Function, edit: Edit, name: str) -> Function:
    file, tree = source.text_of(fn)
    where = f"{file}:{tree.lineno}:{tree.col_offset}"
    try:
        found = source.edited(fn, edit, f"{fn.version}, edited by {name}")
    except ModelError as error:
        raise ModelError(
            f"{name}: {error.what}", where=error.where or where, why=error.why,
            instead=error.instead,
        ) from error  # fmt: skip
    if ast.dump(source.text_of(found)[1]) == ast.dump(tree):
        raise ModelError(f"{name}: the edits of {fn.name} change nothing", where=where)
    return found

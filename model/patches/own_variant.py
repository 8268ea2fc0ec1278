# SPDX-License-Identifier: GPL-2.0-only
"""A variant of one's own, made from a stored one.

    from model.patches.own_variant import variant_of
    VARIANT = variant_of("uffd_move_batching", "v3", __name__)

Every function of the file that has the name of one that the stored variant runs takes its place;
`edits` are of those that it does not write out.
"""

from __future__ import annotations

import ast
import inspect
import sys
import textwrap
from collections.abc import Collection, Iterable
from dataclasses import replace
from types import ModuleType
from typing import Any

from model.cast.casts import Initial
from model.cast.neighbour import Neighbour
from model.lang.declare import ModelFunction
from model.lang.edits import FunctionEdit, together
from model.lang.errors import ModelError, near, shown_path

from . import find_family
from .edited import edited
from .family import Family, Variant

Function = ModelFunction[..., Any]


def variant_of(
    patch: str, variant: str, module: str, name: str = "", *, replaces: Iterable[Function] = (),
    edits: Iterable[FunctionEdit] = (),
) -> Variant:  # fmt: skip
    """The variant of `patch` in which the functions of a module replace those of their names.

    `module` is the module's ``__name__``, by which the variant is called if it has no `name`.
    `replaces` are functions of the kernel around the patch that it replaces as well, wherever they
    are called, by neighbours too.  `edits` are then made, as in `edited`.  ModelError if nothing is
    replaced and nothing edited, or one of those by nothing.
    """
    whole = find_family(patch)
    base = whole.variant(variant)
    file = sys.modules[module]
    mine = {n: f for n, f in vars(file).items() if _is_defined_in(f, module)}
    around = tuple(replaces)
    for fn in around:
        if fn.name not in mine:
            raise ModelError(
                f"{file.__file__} has no function '{fn.name}'",
                why="`replaces` has one of the name", instead=near(fn.name, mine),
            )  # fmt: skip
    theirs = [*_functions_of(whole, base), *around]
    swap: dict[Function, Function] = {
        old: mine.get(new.name, new) for old, new in base.swap.items()
    }
    swap.update({f: mine[f.name] for f in theirs if f.name in mine and f not in base.swap})
    changes = tuple(edits)
    if not changes and not any(new in mine.values() for new in swap.values()):
        names = sorted({f.name for f in theirs})
        wanted = next(iter(mine), "")
        raise ModelError(
            f"{file.__file__} replaces no function of {patch} {variant}",
            why=f"it defines {', '.join(mine) or 'no model function'}", instead=near(wanted, names),
        )  # fmt: skip

    shown = name or module.rpartition(".")[2]
    parts = [f"{', '.join(sorted(mine))} of {shown}"] if mine else []
    parts += [f"an edited {in_}" for in_, _ in together(changes)]
    made = replace(
        base, name=shown, doc=f"{base.name} with {' and '.join(parts)}",
        routines={subject: swap.get(fn.of or fn, fn) for subject, fn in base.routines.items()},
        file=shown_path(file.__file__ or module), swap=swap, base=patch, base_variant=variant,
    )  # fmt: skip
    return edited(made, made.name, made.doc, *changes) if changes else made


def _is_defined_in(value: Any, module: str) -> bool:
    return isinstance(value, ModelFunction) and value.fn.__module__ == module


def _functions_of(patch: Family, base: Variant) -> list[Function]:
    """The model functions of the patch's own modules."""
    package = f"model.patches.{patch.name}"
    modules = [
        m for n, m in sorted(sys.modules.items()) if n == package or n.startswith(package + ".")
    ]
    return [f for m in modules if isinstance(m, ModuleType) for f in vars(m).values()
            if isinstance(f, ModelFunction) and f.fn.__module__ == m.__name__]  # fmt: skip


def with_more(family: Family, module: ModuleType) -> Family:
    """The family with the NEIGHBOURS and the INITIAL states of a user's file besides its own;
    ModelError for a name that there is already."""
    casts = family.casts
    neighbours: tuple[Neighbour, ...] = tuple(getattr(module, "NEIGHBOURS", ()))
    initial: tuple[Initial, ...] = tuple(getattr(module, "INITIAL", ()))
    for kind, more, there in (
        ("neighbour", neighbours, casts.beside), ("initial state", initial, casts.initial),
    ):  # fmt: skip
        names = [one.name for one in (*there, *more)]
        for one in more:
            if names.count(one.name) > 1:
                raise ModelError(
                    f"there is a {kind} '{one.name}' already",
                    where=shown_path(module.__file__ or ""), instead="give it another name",
                )  # fmt: skip
    if not neighbours and not initial:
        return family
    return replace(
        family,
        casts=replace(
            casts, neighbours=(*casts.neighbours, *neighbours),
            initial=(*casts.initial, *initial),
        ),
    )  # fmt: skip


def require_used(
    variant: Variant, family: Family, module: ModuleType, judges: Collection[object]
) -> None:
    """ModelError if something of a user's file would never run though it looks as if it did: a
    function that nothing calls, but for one that is as it is stored; a stored function's name for
    what is no function of the file, or is not decorated.  `judges` are its invariants."""
    whole = find_family(variant.base)
    stored: dict[str, list[Function]] = {}
    for f in _functions_of(whole, variant):
        stored.setdefault(f.name, []).append(f)
    routines = [*variant.routines.values()]
    for neighbour in family.casts.beside:
        routines += [fn for fn in neighbour.since.values() if fn is not None]
    used = {f for group in variant.called_by(routines).values() for f in group}
    mine = [
        f for f in vars(module).values() if _is_defined_in(f, module.__name__) and f not in judges
    ]
    dead = [f for f in mine if f not in used]
    changed = [f for f in dead if _text(f) not in map(_text, stored.get(f.name, ()))]
    if changed or (mine and len(dead) == len(mine)):
        raise ModelError(
            f"{(changed or dead)[0].name} of {module.__file__} would never run",
            why=f"{variant.base} {variant.base_variant} calls no function of that name",
            instead="call it, or give it the name of one that is called, or delete it",
        )  # fmt: skip
    known = [*mine, *used]
    for name, value in vars(module).items():
        called_so = value in known and value.name == name
        if name in stored and value not in stored[name] and not called_so:
            raise ModelError(
                f"'{name}' of {module.__file__} takes no function's place",
                why="it is none that the file defines with a decorator of model.lang",
                instead=f"write `@kernel(...)` and `def {name}(...)` there",
            )  # fmt: skip


def _text(fn: Function) -> str:
    """The text of a function without what does not matter to Python."""
    return ast.dump(ast.parse(textwrap.dedent(inspect.getsource(fn.fn))))

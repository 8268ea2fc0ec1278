# SPDX-License-Identifier: GPL-2.0-only
"""A variant of one's own, made from a stored one.

    from model.patches.yours import variant_of
    VARIANT = variant_of("uffd_move_batching", "v3", __name__)

Every function of the file that has the name of one that the stored variant runs takes its place.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from types import ModuleType
from typing import Any

from model.kernel.casts import Routine
from model.kernel.setup import Setup
from model.lang.declare import ModelFunction
from model.lang.errors import ModelError, near, shown_path

from . import find_patch
from .patch import Patch, Variant

Function = ModelFunction[..., Any]


def variant_of(patch: str, variant: str, module: str, name: str = "") -> Variant:
    """The variant of `patch` in which the functions of a module replace those of their names.

    `module` is the module's ``__name__``, by which the variant is called if it has no `name`.
    ModelError if nothing is replaced.
    """
    whole = find_patch(patch)
    base = whole.variant(variant)
    file = sys.modules[module]
    mine = {n: f for n, f in vars(file).items() if _is_defined_in(f, module)}
    theirs = _functions_of(whole, base)
    swap: dict[Function, Function] = {
        old: mine.get(new.name, new) for old, new in base.swap.items()
    }
    swap.update({f: mine[f.name] for f in theirs if f.name in mine and f not in base.swap})
    if not any(new in mine.values() for new in swap.values()):
        names = sorted({f.name for f in theirs})
        wanted = next(iter(mine), "")
        raise ModelError(
            f"{file.__file__} replaces no function of {patch} {variant}",
            why=f"it defines {', '.join(mine) or 'no model function'}", instead=near(wanted, names),
        )  # fmt: skip

    made = replace(base, swap=swap)
    used = {f for group in made.called_by(swap.values()).values() for f in group}
    unused = [f.name for f in mine.values() if f not in used]
    if unused:
        raise ModelError(
            f"{unused[0]} of {file.__file__} would never run",
            why=f"{patch} {variant} has no function of that name to replace, and no function of "
            "the file that does replace one calls it",
            instead="call it under a name of its own, or delete it",
        )  # fmt: skip

    def call(setup: Setup) -> Routine:
        fn, args = base.call(setup)
        return swap.get(fn, fn), args

    shown = name or module.rpartition(".")[2]
    return replace(
        base, name=shown, doc=f"{base.name} with {', '.join(sorted(mine))} of {shown}", call=call,
        file=shown_path(file.__file__ or module), swap=swap, base=patch, base_variant=variant,
    )  # fmt: skip


def _is_defined_in(value: Any, module: str) -> bool:
    return isinstance(value, ModelFunction) and value.fn.__module__ == module


def _functions_of(patch: Patch, base: Variant) -> list[Function]:
    """The model functions of the patch's own modules."""
    package = f"model.patches.{patch.name}"
    modules = [
        m for n, m in sorted(sys.modules.items()) if n == package or n.startswith(package + ".")
    ]
    return [f for m in modules if isinstance(m, ModuleType) for f in vars(m).values()
            if isinstance(f, ModelFunction) and f.fn.__module__ == m.__name__]  # fmt: skip

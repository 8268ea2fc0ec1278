# SPDX-License-Identifier: GPL-2.0-only
"""What a mutant is: a routine with a step removed, moved or weakened, which must be found out.

An invariant that no mutant breaks says nothing.  The table of mutants says of each what it breaks,
in which cast and on which architectures; a test makes each of them and holds the table.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from checks.stage.stage import Role
from model.cast.casts import Cast, invocations, world_of
from model.cast.parts import Setup
from model.lang.declare import ModelFunction
from model.lang.errors import ModelError, near
from model.lang.frontend.source import Context, Edit
from model.patches.patch import Patch, Variant

from .edits import FunctionEdit, together

SHOWN = ("x86_64",)


@dataclass(frozen=True)
class Mutant:
    """One mutant.

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


def cast_of(patch: Patch, mutant: Mutant) -> Cast:
    """The cast in which a mutant is shown; ModelError if the patch has none of that name."""
    kernel = patch.variant(mutant.variant).neighbours_from
    cast = patch.casts.named(mutant.cast, kernel)
    if cast is None:
        known = [c.name for c in patch.casts.full(kernel)]
        raise ModelError(
            f"mutant '{mutant.name}': no cast '{mutant.cast}'", instead=near(mutant.cast, known)
        )
    return cast


def role(patch: Patch, mutant: Mutant) -> Role:
    """A mutant as it is played.

    ModelError if the cast has no function of a name that is edited, or an edit finds nothing.
    """
    variant = patch.variant(mutant.variant)
    cast = cast_of(patch, mutant)
    setup = world_of(cast)
    called = _called_in(cast, variant, setup)
    ctx = Context(setup.world, swap=variant.swap, edits=dict(mutant.edits))
    for name, _ in mutant.edits:
        if name not in called:
            raise ModelError(
                f"mutant '{mutant.name}': nothing in {cast.name} calls {name}",
                instead=near(name, called),
            )
        for function in called[name]:
            ctx.tree(function)
    return Role(variant, mutant.edits, mutant.name)


def require_edited(role: Role, casts: Iterable[Cast]) -> None:
    """ModelError if no cast runs every function that a mutant edits: it would be no mutant."""
    names = [name for name, _ in role.edits]
    for cast in casts:
        if set(names) <= set(_called_in(cast, role.variant, world_of(cast))):
            return
    raise ModelError(
        f"mutant '{role.mutant}': no chosen cast calls {' and '.join(names)}",
        why="so this would be the variant without the mutation",
        instead="choose a scenario with a neighbour that calls it",
    )


def _called_in(
    cast: Cast, variant: Variant, setup: Setup
) -> dict[str, list[ModelFunction[..., object]]]:
    """What the routines of a cast call, by name."""
    subject = variant.call(cast, setup)
    calls = invocations(setup, subject, cast, variant.neighbours_from)
    return variant.called_by(c.fn for c in calls)
